// SPDX-License-Identifier: Apache-2.0
// The loop under every elementwise operation: several Views of one shape, seen as few axes as their strides
// allow and walked in two-dimensional tiles. Operand 0 is the destination.
#pragma once

#include <initializer_list>

#include "core/parallel.h"
#include "core/view.h"

namespace tilewright::cpu {

inline constexpr int kMaxOperands = 6;

// Axes of length 1 are gone, neighbours that step alike are one axis, negative destination strides are
// turned around, and the destination's strides descend: the last axis is the inner one. Strides count bytes.
struct StridedLoop {
  int operands = 0;
  int ndim = 0;  // at least 1
  int64_t shape[kMaxDims];
  int64_t strides[kMaxOperands][kMaxDims];
  char* data[kMaxOperands];
  int64_t item[kMaxOperands];  // bytes per element
  bool empty = false;

  explicit StridedLoop(std::initializer_list<const View*> views);
  bool contiguous(int operand) const { return ndim == 1 && strides[operand][0] == item[operand]; }
  bool dense(int operand) const { return strides[operand][ndim - 1] == item[operand]; }
  bool constant_inside(int operand) const { return strides[operand][ndim - 1] == 0; }
};

struct Tile {
  int64_t rows, cols;
  char* data[kMaxOperands];
  int64_t row_stride[kMaxOperands];  // bytes
  int64_t col_stride[kMaxOperands];
};

// The cut of a loop into tiles. Rows run along the axis where an operand that jumps along the inner axis
// steps least (so that a transposed operand is read in blocks), else along the next outer axis.
class TileGrid {
 public:
  TileGrid(const StridedLoop& loop, int64_t tile_elements);
  int64_t tiles() const { return outer_ * row_tiles_ * col_tiles_; }
  int64_t tile_elements() const { return tile_rows_ * tile_cols_; }
  Tile tile(int64_t index) const;

 private:
  const StridedLoop& loop_;
  int row_axis_ = -1;  // -1: one axis only
  int64_t outer_ = 1, row_tiles_ = 1, col_tiles_ = 1, tile_rows_ = 1, tile_cols_ = 1;
};

// Elements one task works on: long enough to outweigh handing it out, short enough to share evenly.
inline constexpr int64_t kElementsPerTask = 1 << 14;

// Calls body(tile) for every tile, on several threads. The cut depends on the shape alone.
template <class Body>
void for_tiles(const TileGrid& grid, Body&& body) {
  const int64_t per_task = kElementsPerTask / grid.tile_elements() + 1;
  parallel_ranges(grid.tiles(), per_task, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(grid.tile(i));
  });
}

}  // namespace tilewright::cpu
