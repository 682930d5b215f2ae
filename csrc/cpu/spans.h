// SPDX-License-Identifier: Apache-2.0
// From arrays of any strides to kernels on contiguous spans: for_spans walks the tiles of a StridedLoop and
// copies what is not contiguous into small buffers first (and a destination back afterwards).
#pragma once

#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/streaming.h"
#include "cpu/strided_loop.h"

namespace tilewright::cpu {

// Operand 0 is the destination; a `single` operand is one value for the whole span.
struct Span {
  char* data[kMaxOperands];
  bool single[kMaxOperands];
  int64_t n;
  bool past_caches;  // the destination is best written by streaming stores
};

inline int log2_item(int64_t bytes) { return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3; }

// Copies one operand of a tile to or from a buffer of rows x cols elements without gaps.
class TileBuffer {
 public:
  TileBuffer(const Tile& tile, int operand, int64_t item, char* buffer)
      : tile_(tile), k_(operand), item_(item), buffer_(buffer) {}
  void read() const {
    move(buffer_, tile_.data[k_],
         {tile_.rows, tile_.cols, tile_.cols * item_, item_, tile_.row_stride[k_], tile_.col_stride[k_]});
  }
  void write() const {
    move(tile_.data[k_], buffer_,
         {tile_.rows, tile_.cols, tile_.row_stride[k_], tile_.col_stride[k_], tile_.cols * item_, item_});
  }

 private:
  void move(void* to, const void* from, const CopyShape& shape) const {
    kernels<ElementwiseKernels>().copy_rows[log2_item(item_)](to, from, shape);
  }

  const Tile& tile_;
  int k_;
  int64_t item_;
  char* buffer_;
};

namespace detail {

// Rows shorter than this are joined into one span, at the price of copies where operands lie apart.
inline constexpr int64_t kNarrow = 32;
inline constexpr int64_t kStagedTile = 4096;

// What a loop needs: which operands may be singles, which must go through a buffer.
struct SpanPlan {
  bool single[kMaxOperands] = {}, staged[kMaxOperands] = {};
  bool any_staged = false;

  SpanPlan(const StridedLoop& loop, int most_singles) {
    for (int k = 0; k < loop.operands; ++k) {
      if (loop.dense(k)) continue;
      single[k] = k > 0 && most_singles > 0 && loop.constant_inside(k);
      if (single[k]) --most_singles;
      staged[k] = !single[k];
      any_staged |= staged[k];
    }
  }
};

template <class Body>
void run_tile(const Tile& tile, const StridedLoop& loop, const SpanPlan& plan, bool past_caches, Body& body) {
  bool joined = true;  // every operand's rows follow each other: the tile is one span
  bool lone[kMaxOperands], staged[kMaxOperands];
  const bool narrow = tile.rows > 1 && tile.cols < kNarrow;
  int64_t bytes = 0;
  for (int k = 0; k < loop.operands; ++k) {
    const int64_t row = tile.cols * loop.item[k];
    const bool follows = tile.rows == 1 || tile.row_stride[k] == (plan.single[k] ? 0 : row);
    staged[k] = plan.staged[k] || (narrow && !follows);
    lone[k] = plan.single[k] && !staged[k];
    joined &= staged[k] || follows;
    if (staged[k]) bytes += (tile.rows * row + 63) & -64;
  }
  Scratch<char> buffers(bytes);
  char* next = buffers.data();
  Span span;
  span.past_caches = past_caches;
  int64_t row_stride[kMaxOperands];
  for (int k = 0; k < loop.operands; ++k) {
    span.single[k] = lone[k];
    span.data[k] = staged[k] ? next : tile.data[k];
    row_stride[k] = staged[k] ? tile.cols * loop.item[k] : tile.row_stride[k];
    if (!staged[k]) continue;
    if (k > 0) TileBuffer(tile, k, loop.item[k], next).read();
    next += (tile.rows * tile.cols * loop.item[k] + 63) & -64;
  }
  span.n = joined ? tile.rows * tile.cols : tile.cols;
  for (int64_t r = 0; r < (joined ? 1 : tile.rows); ++r) {
    body(span);
    for (int k = 0; k < loop.operands; ++k) span.data[k] += row_stride[k];
  }
  if (staged[0]) TileBuffer(tile, 0, loop.item[0], buffers.data()).write();
}

// Whether the operands are large stretches together, and no input shares the destination.
inline bool streams(const StridedLoop& loop) {
  if (!loop.contiguous(0)) return false;
  int64_t bytes = loop.shape[0] * loop.item[0];
  for (int k = 1; k < loop.operands; ++k) {
    if (loop.data[k] == loop.data[0] || !(loop.contiguous(k) || loop.constant_inside(k))) return false;
    if (loop.contiguous(k)) bytes += loop.shape[0] * loop.item[k];
  }
  return bytes >= streaming_bytes();
}

}  // namespace detail

// Calls body(span) until all elements are done; at most `most_singles` inputs come as single values.
template <class Body>
void for_spans(std::initializer_list<const View*> views, int most_singles, Body&& body) {
  const StridedLoop loop(views);
  if (loop.empty) return;
  const detail::SpanPlan plan(loop, most_singles);
  const bool past_caches = !plan.any_staged && detail::streams(loop);
  const bool narrow = loop.ndim > 1 && loop.shape[loop.ndim - 1] < detail::kNarrow;
  const TileGrid grid(loop, plan.any_staged || narrow ? detail::kStagedTile : kElementsPerTask);
  for_tiles(grid, [&](const Tile& tile) { detail::run_tile(tile, loop, plan, past_caches, body); });
}

}  // namespace tilewright::cpu
