// SPDX-License-Identifier: Apache-2.0
// A block over a tile of columns: `lanes` threads side by side, each with kVector neighbouring columns, and
// the block's other threads below them, on every downs()-th row. What they have gathered is joined downwards,
// always in the same tree. Slices of rows go to different blocks; their results meet in a later kernel, in
// order.
//
//              lanes * kVector columns
//   row 0      down 0: thread 0 .. lanes - 1
//   row 1      down 1: thread lanes .. 2 lanes - 1          rows r, r + downs(), ... of the slice
//   ...
#pragma once

#include "device/axes.cuh"
#include "device/smem.cuh"

namespace TW_BACKEND {

inline constexpr int kColumnThreads = 256;
inline constexpr int kMinDowns = kColumnThreads / kWarpSize;

// Which block has which tile and rows; made by launch/columns.h.
struct ColumnSplit {
  int64_t rows = 0, cols = 0, rows_per_slice = 0;
  int lanes = kWarpSize;  // a power of two, at most 32
  int tiles = 1, slices = 1;
};

template <class Total, int kValues>
struct ColumnSmem {
  SharedArray<Total, kColumnThreads * kValues> totals;  // value by value: neighbours' lie side by side
};

// kValues totals a thread joins with those of the threads below it.
template <class Total, int kValues>
class ColumnTeam {
 public:
  using Smem = ColumnSmem<Total, kValues>;

  TW_DEVICE explicit ColumnTeam(const ColumnSplit& split)
      : lanes_(split.lanes),
        tile_(static_cast<int>(blockIdx.x) % split.tiles),
        slice_(static_cast<int>(blockIdx.x) / split.tiles),
        smem_(block_shared<Smem>()) {
    first_row_ = slice_ * split.rows_per_slice;
    const int64_t end = first_row_ + split.rows_per_slice;
    end_row_ = end < split.rows ? end : split.rows;
  }

  TW_DEVICE int down() const { return static_cast<int>(threadIdx.x) / lanes_; }
  TW_DEVICE int downs() const { return kColumnThreads / lanes_; }
  TW_DEVICE int64_t slice() const { return slice_; }
  // The thread's group of columns, counted from the first.
  TW_DEVICE int64_t group() const { return int64_t{tile_} * lanes_ + static_cast<int>(threadIdx.x) % lanes_; }
  TW_DEVICE int64_t first_row() const { return first_row_ + down(); }
  TW_DEVICE int64_t end_row() const { return end_row_; }

  // Leaves in the threads with down() == 0 what all threads of their columns gathered. One barrier a level:
  // the places a level writes are read at that level only.
  template <class Merge>
  TW_DEVICE void join(Total (&totals)[kValues], Merge merge, Site site = Site::here()) {
    for (int half = downs() / 2; half > 0; half /= 2) {
      const int mine = static_cast<int>(threadIdx.x);
      if (down() >= half && down() < 2 * half) {
        TW_UNROLL
        for (int v = 0; v < kValues; ++v) smem_.totals[v * kColumnThreads + mine] = totals[v];
      }
      block_sync(site);
      if (down() < half) {
        TW_UNROLL
        for (int v = 0; v < kValues; ++v) {
          const Total below = smem_.totals[v * kColumnThreads + mine + half * lanes_];
          totals[v] = merge(totals[v], below);
        }
      }
    }
  }

 private:
  int lanes_, tile_, slice_;
  int64_t first_row_, end_row_;
  Smem& smem_;
};

}  // namespace TW_BACKEND
