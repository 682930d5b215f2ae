// SPDX-License-Identifier: Apache-2.0
// Computes    the k largest of each row, descending, NaN first, equal values by position, and their positions
// Layout      x (rows, cols), values and indices (rows, k), rows contiguous with any row stride
// Method      values become whole numbers of the same order, with their position as the tie-break: a total
//             order, so the result has no choice. k up to kSelectMost: a block keeps the best kKept in shared
//             memory and sorts them with the next kKept (kernels/sort.cuh); chunks without anything better
//             are passed over. Above that the whole row is sorted in global memory
// Work split  a block per row; select_fill and select_write: threads stride over entries
// Limits      -0 equals 0
// Ran on      no GPU yet; passes on simt
#pragma once

#include <type_traits>

#include "device/axes.cuh"
#include "device/element.cuh"
#include "device/team.cuh"
#include "kernels/sort.cuh"

namespace TW_BACKEND {

inline constexpr int kSelectMost = 1024;

// A number whose order is that of the values, NaN the largest.
TW_DEVICE uint64_t order_key(float x) {
  const uint32_t bits = bits_of(x == 0.0f ? 0.0f : x);
  if (x != x) return 0xffffffffu;
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
TW_DEVICE uint64_t order_key(double x) {
  const uint64_t bits = bits_of(x == 0.0 ? 0.0 : x);
  if (x != x) return ~uint64_t{0};
  return bits >> 63 ? ~bits : bits | uint64_t{1} << 63;
}
TW_DEVICE uint64_t order_key(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000u; }
TW_DEVICE uint64_t order_key(int64_t x) {
  return static_cast<uint64_t>(x) ^ uint64_t { 1 } << 63;
}

struct Candidate {
  uint64_t key;
  int64_t index;
};

struct LargestFirst {
  using Entry = Candidate;
  static TW_DEVICE bool before(const Candidate& a, const Candidate& b) {
    return a.key != b.key ? a.key > b.key : a.index < b.index;
  }
};

TW_DEVICE Candidate no_candidate() { return {0, INT64_MAX}; }

struct SelectShape {
  int64_t rows, cols, k, x_stride, values_stride, indices_stride;
  Divisor by_k;
};

template <int kKept>
struct SelectSmem {
  SharedArray<Candidate, 2 * kKept> entries;  // the best so far, in order, then a chunk
  SharedArray<int, 2 * kMaxWarps> better;     // whether a warp's part of the chunk has something better
};

// kKept >= k, as many threads.
template <class T, int kKept>
TW_KERNEL void TW_LAUNCH_BOUNDS(kKept)
    select_rows(GlobalPtr<T> values, GlobalPtr<int64_t> indices, GlobalPtr<const T> x, SelectShape shape) {
  auto& smem = block_shared<SelectSmem<kKept>>();
  const int t = static_cast<int>(threadIdx.x);
  constexpr int kWarps = kKept / kWarpSize;
  const int64_t row = blockIdx.x;
  const GlobalPtr<const T> from = x + row * shape.x_stride;
  int slot = 0;
  Candidate worst = no_candidate();
  smem.entries[t] = no_candidate();
  for (int64_t first = 0; first < shape.cols; first += kKept) {
    const int64_t col = first + t;
    Candidate mine = no_candidate();
    if (col < shape.cols) mine = {order_key(T(from[col])), col};
    const bool better = any(LargestFirst::before(mine, worst));
    if (lane_index() == 0) smem.better[slot * kMaxWarps + warp_index()] = better;
    smem.entries[kKept + t] = mine;
    block_sync();
    bool needed = false;
    for (int w = 0; w < kWarps; ++w) {
      const int of_warp = smem.better[slot * kMaxWarps + w];
      needed = needed || of_warp != 0;
    }
    slot ^= 1;
    if (!needed) continue;
    sort_shared<LargestFirst>(smem.entries, 0, 2, 2 * kKept);
    worst = smem.entries[kKept - 1];
  }
  if (t < shape.k) {
    const Candidate mine = smem.entries[t];
    values[row * shape.values_stride + t] = from[mine.index];
    indices[row * shape.indices_stride + t] = mine.index;
  }
}

// entries (rows, length)
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kSortThreads)
    select_fill(GlobalPtr<Candidate> entries, GlobalPtr<const T> x, SelectShape shape, Divisor by_length) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x, count = shape.rows * by_length.size();
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    int64_t col;
    const int64_t row = by_length.divide(i, col);
    Candidate mine = no_candidate();
    if (col < shape.cols) mine = {order_key(T(x[row * shape.x_stride + col])), col};
    entries[i] = mine;
  }
}

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kSortThreads)
    select_write(GlobalPtr<T> values, GlobalPtr<int64_t> indices, GlobalPtr<const Candidate> entries,
                 GlobalPtr<const T> x, SelectShape shape, int64_t length) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x, count = shape.rows * shape.k;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    int64_t place;
    const int64_t row = shape.by_k.divide(i, place);
    const Candidate mine = entries[row * length + place];
    values[row * shape.values_stride + place] = x[row * shape.x_stride + mine.index];
    indices[row * shape.indices_stride + place] = mine.index;
  }
}

}  // namespace TW_BACKEND
