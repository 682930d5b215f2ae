// SPDX-License-Identifier: Apache-2.0
// Computes    y[o, i, :] = x[o, ids[i], :];  y[o, ids[i], :] += dy[o, i, :], in the order of i for every row
// Layout      x, y (outer, rows, inner) with contiguous last axis; ids (n,) of any stride, int32 or int64
// Method      rows are copied in groups of 16 bytes, whatever they hold. Additions use no atomics: one warp
//             owns all ids of equal value for 32 columns. For few ids the warp of the first of them finds the
//             others by reading the ids 32 at a time (add_rows); for many, ids are sorted with their
//             positions first, and equal ones are neighbours (add_sorted_rows)
// Work split  take_rows: threads stride over groups; the others: a warp per id and 32 columns
// Limits      an id out of range is brought into it and reported (device/error_cell.cuh). One warp adds all
//             rows of an id, four loads in flight: an id that fills the batch is as slow as its rows one
//             after another
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/axes.cuh"
#include "device/element.cuh"
#include "device/error_cell.cuh"
#include "device/vector.cuh"
#include "device/warp.cuh"
#include "kernels/elementwise.cuh"

namespace TW_BACKEND {

inline constexpr int kRowsThreads = 128;

// Whole numbers of either type; the one not given is null.
struct IdList {
  GlobalPtr<const int32_t> narrow;
  GlobalPtr<const int64_t> wide;

  TW_DEVICE int64_t at(int64_t offset) const {
    if (narrow) return narrow[offset];
    return wide[offset];
  }
};

// ids[i] in range; where negative ones count from the end (check.lowest < 0), counted from the front.
struct RowIds {
  IdList ids;
  int64_t stride, rows;
  IndexCheck check;

  TW_DEVICE int64_t row(int64_t i) const {
    const int64_t id = check.checked(ids.at(i * stride), i);
    return id < 0 ? id + rows : id;
  }
};

// Strides of (outer, rows) of the long array and of (outer, n) of the other one.
struct RowsShape {
  int64_t outer, n, inner;
  int64_t long_outer, long_row, short_outer, short_row;
  Divisor by_n, by_inner;  // by_inner: groups, or columns, of a row
  Divisor by_tiles;        // of 32 columns
};

template <class U, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    take_rows(GlobalPtr<U> y, GlobalPtr<const U> x, RowIds ids, RowsShape shape) {
  const int64_t items = shape.outer * shape.n * shape.by_inner.size();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t item = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; item < items; item += step) {
    int64_t group, i;
    const int64_t o = shape.by_n.divide(shape.by_inner.divide(item, group), i);
    const int64_t from = o * shape.long_outer + ids.row(i) * shape.long_row + group * kVector;
    const int64_t to = o * shape.short_outer + i * shape.short_row + group * kVector;
    store_vector(y + to, load_vector<kVector>(x + from));
  }
}

// The lanes' columns of the long and the short array, or nothing to do.
struct AddColumns {
  int64_t y_at, dy_at;
  bool inside;

  TW_DEVICE AddColumns(const RowsShape& shape, int64_t tile) {
    const int64_t column = tile * kWarpSize + lane_index();
    inside = column < shape.outer * shape.inner;
    int64_t c;
    const int64_t o = shape.by_inner.divide(inside ? column : 0, c);
    y_at = o * shape.long_outer + c;
    dy_at = o * shape.short_outer + c;
  }
};

// Adds rows of dy to a sum, four loads at a time, always in the order they are pushed.
template <class T>
class RowSum {
 public:
  TW_DEVICE RowSum(Wide<T> start, GlobalPtr<const T> dy, int64_t at, int64_t row_stride)
      : sum_(start), dy_(dy), at_(at), row_stride_(row_stride) {}

  TW_DEVICE void push(int64_t i) {
    TW_UNROLL
    for (int u = kInFlight - 1; u > 0; --u) waiting_[u] = waiting_[u - 1];
    waiting_[0] = i;
    if (++count_ == kInFlight) flush();
  }
  TW_DEVICE Wide<T> total() {
    flush();
    return sum_;
  }

 private:
  static constexpr int kInFlight = 4;

  TW_DEVICE void flush() {
    Wide<T> values[kInFlight];
    TW_UNROLL
    for (int u = 0; u < kInFlight; ++u)
      values[u] = u < count_ ? widen(T(dy_[at_ + waiting_[u] * row_stride_])) : Wide<T>(0);
    TW_UNROLL
    for (int u = kInFlight - 1; u >= 0; --u) {
      if (u < count_) sum_ += values[u];
    }
    count_ = 0;
  }

  Wide<T> sum_;
  GlobalPtr<const T> dy_;
  int64_t at_, row_stride_;
  int64_t waiting_[kInFlight] = {};  // the latest first
  int count_ = 0;
};

// Warp (i, tile): whether id i is the first of its value, then all of that value from i on.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRowsThreads)
    add_rows(GlobalPtr<T> y, GlobalPtr<const T> dy, RowIds ids, RowsShape shape) {
  const int64_t warp = int64_t{blockIdx.x} * (kRowsThreads / kWarpSize) + warp_index();
  int64_t tile;
  const int64_t i = shape.by_tiles.divide(warp, tile);
  if (i >= shape.n) return;
  const int64_t row = ids.row(i);
  for (int64_t first = 0; first < i; first += kWarpSize) {
    const int64_t j = first + lane_index();
    if (any(j < i && ids.row(j) == row)) return;
  }
  const AddColumns columns(shape, tile);
  const int64_t place = columns.y_at + row * shape.long_row;
  RowSum<T> sum(columns.inside ? widen(T(y[place])) : Wide<T>(0), dy, columns.dy_at, shape.short_row);
  for (int64_t first = i; first < shape.n; first += kWarpSize) {
    const int64_t j = first + lane_index();
    unsigned equal = ballot(j < shape.n && ids.row(j) == row);
    for (int lane = 0; equal != 0; ++lane, equal >>= 1) {
      if (equal & 1) sum.push(first + lane);
    }
  }
  const T total = narrow<T>(sum.total());
  if (columns.inside) y[place] = total;
}

// ---- many ids -------------------------------------------------------------------------------------------

// Row and position in one number, ascending.
struct RowOrder {
  using Entry = uint64_t;
  static TW_DEVICE bool before(uint64_t a, uint64_t b) { return a < b; }
};
inline constexpr uint64_t kNoRow = ~uint64_t{0};

TW_DEVICE int64_t row_of(uint64_t entry) { return static_cast<int64_t>(entry >> 32); }
TW_DEVICE int64_t position_of(uint64_t entry) { return static_cast<int64_t>(entry & 0xffffffffu); }

TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    fill_row_order(GlobalPtr<uint64_t> entries, RowIds ids, int64_t n, int64_t length) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < length; i += step) {
    entries[i] = i < n ? static_cast<uint64_t>(ids.row(i)) << 32 | static_cast<uint64_t>(i) : kNoRow;
  }
}

// Warp (s, tile): if entry s begins a run of equal rows, all of the run. Entries end with at least one
// kNoRow, or at n.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRowsThreads)
    add_sorted_rows(GlobalPtr<T> y, GlobalPtr<const T> dy, GlobalPtr<const uint64_t> entries,
                    RowsShape shape) {
  const int64_t warp = int64_t{blockIdx.x} * (kRowsThreads / kWarpSize) + warp_index();
  int64_t tile;
  const int64_t s = shape.by_tiles.divide(warp, tile);
  if (s >= shape.n) return;
  const int64_t row = row_of(entries[s]);
  if (s > 0 && row_of(entries[s - 1]) == row) return;
  const AddColumns columns(shape, tile);
  if (!columns.inside) return;
  const int64_t place = columns.y_at + row * shape.long_row;
  RowSum<T> sum(widen(T(y[place])), dy, columns.dy_at, shape.short_row);
  for (int64_t j = s; j < shape.n; ++j) {
    const uint64_t entry = entries[j];
    if (row_of(entry) != row) break;
    sum.push(position_of(entry));
  }
  y[place] = narrow<T>(sum.total());
}

}  // namespace TW_BACKEND
