// SPDX-License-Identifier: Apache-2.0
#include "cpu/strided_loop.h"

#include <algorithm>

namespace tilewright::cpu {
namespace {

int64_t magnitude(int64_t value) { return value < 0 ? -value : value; }

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void swap_axes(StridedLoop& loop, int i, int j) {
  std::swap(loop.shape[i], loop.shape[j]);
  for (int k = 0; k < loop.operands; ++k) std::swap(loop.strides[k][i], loop.strides[k][j]);
}

// Walks an axis from its other end, so that the destination ascends in memory.
void reverse_axis(StridedLoop& loop, int axis) {
  for (int k = 0; k < loop.operands; ++k) {
    loop.data[k] += (loop.shape[axis] - 1) * loop.strides[k][axis];
    loop.strides[k][axis] = -loop.strides[k][axis];
  }
}

bool mergeable(const StridedLoop& loop, int outer, int inner) {
  for (int k = 0; k < loop.operands; ++k)
    if (loop.strides[k][outer] != loop.strides[k][inner] * loop.shape[inner]) return false;
  return true;
}

}  // namespace

StridedLoop::StridedLoop(std::initializer_list<const View*> views) {
  const View& y = **views.begin();
  for (const View* view : views) {
    data[operands] = static_cast<char*>(view->data);
    item[operands++] = dtype_size(view->dtype);
  }
  for (int axis = 0; axis < y.ndim; ++axis) {
    empty |= y.shape[axis] == 0;
    if (y.shape[axis] == 1) continue;
    shape[ndim] = y.shape[axis];
    for (int k = 0; k < operands; ++k) strides[k][ndim] = views.begin()[k]->strides[axis] * item[k];
    ++ndim;
  }
  if (empty) return;
  for (int axis = 0; axis < ndim; ++axis)
    if (strides[0][axis] < 0) reverse_axis(*this, axis);
  for (int i = 1; i < ndim; ++i)
    for (int j = i; j > 0 && strides[0][j - 1] < strides[0][j]; --j) swap_axes(*this, j - 1, j);
  int kept = 0;
  for (int axis = 1; axis < ndim; ++axis) {
    if (mergeable(*this, kept, axis)) {
      shape[kept] *= shape[axis];
      for (int k = 0; k < operands; ++k) strides[k][kept] = strides[k][axis];
    } else {
      if (++kept != axis) swap_axes(*this, kept, axis);
    }
  }
  if (ndim > 0) {
    ndim = kept + 1;
    return;
  }
  ndim = 1;
  shape[0] = 1;
  for (int k = 0; k < operands; ++k) strides[k][0] = item[k];
}

TileGrid::TileGrid(const StridedLoop& loop, int64_t tile_elements) : loop_(loop) {
  const int inner = loop.ndim - 1;
  bool blocked = false;  // an operand steps less along the rows than along the columns
  if (loop.ndim > 1) {
    row_axis_ = inner - 1;
    int64_t least = INT64_MAX;
    for (int k = 0; k < loop.operands; ++k) {
      if (loop.dense(k) || loop.constant_inside(k)) continue;
      for (int axis = 0; axis < inner; ++axis) {
        const int64_t step = magnitude(loop.strides[k][axis]);
        if (step == 0 || step >= magnitude(loop.strides[k][inner]) || step >= least) continue;
        least = step;
        row_axis_ = axis;
        blocked = true;
      }
    }
  }
  // 64 rows: a square block of float32 then spans whole cache lines on both sides.
  const int64_t widest = blocked ? tile_elements / 64 : tile_elements;
  tile_cols_ = std::min(loop.shape[inner], widest);
  if (row_axis_ >= 0)
    tile_rows_ = std::min(loop.shape[row_axis_], std::max<int64_t>(1, tile_elements / tile_cols_));
  col_tiles_ = ceil_div(loop.shape[inner], tile_cols_);
  if (row_axis_ >= 0) row_tiles_ = ceil_div(loop.shape[row_axis_], tile_rows_);
  for (int axis = 0; axis < inner; ++axis)
    if (axis != row_axis_) outer_ *= loop.shape[axis];
}

Tile TileGrid::tile(int64_t index) const {
  const int inner = loop_.ndim - 1;
  const int64_t col = index % col_tiles_ * tile_cols_;
  index /= col_tiles_;
  const int64_t row = index % row_tiles_ * tile_rows_;
  index /= row_tiles_;
  Tile tile;
  tile.cols = std::min(tile_cols_, loop_.shape[inner] - col);
  tile.rows = row_axis_ < 0 ? 1 : std::min(tile_rows_, loop_.shape[row_axis_] - row);
  for (int k = 0; k < loop_.operands; ++k) {
    tile.col_stride[k] = loop_.strides[k][inner];
    tile.row_stride[k] = row_axis_ < 0 ? 0 : loop_.strides[k][row_axis_];
    tile.data[k] = loop_.data[k] + col * tile.col_stride[k] + row * tile.row_stride[k];
  }
  for (int axis = inner - 1; axis >= 0; --axis) {
    if (axis == row_axis_) continue;
    const int64_t position = index % loop_.shape[axis];
    index /= loop_.shape[axis];
    for (int k = 0; k < loop_.operands; ++k) tile.data[k] += position * loop_.strides[k][axis];
  }
  return tile;
}

}  // namespace tilewright::cpu
