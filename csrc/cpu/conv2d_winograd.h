// SPDX-License-Identifier: Apache-2.0
// Winograd's minimal filtering for 3 x 3 convolutions of stride 1: a tile of 4 x 4 outputs takes 36 products
// per pair of channels instead of 144, at errors some ten times those of the direct way. Only where
// conv2d_method() asks for it; docs/kernels/conv2d.md states errors and speed.
//
//   planes[point][tile][channel] = transformed tiles of the input      y tile = transform back of
//   filter[point][channel][output]                                      planes[point] @ filter[point]
#pragma once

#include "cpu/conv2d_plan.h"
#include "cpu/kernels/conv2d_winograd.h"
#include "cpu/kernels/matmul.h"

namespace tilewright::cpu {

// How a pass is cut into tiles of the output, and these into blocks; by shape alone. Tiles are counted along
// columns, then rows, then images.
struct WinogradPlan {
  int kind = -1;  // of kWinogradOutputs; -1: the direct way is faster, or the only one
  int64_t outputs, points;
  int64_t row_tiles, col_tiles, tiles;
  int64_t block = 0, blocks = 0;  // most tiles of a block, whose planes stay in the level-2 cache

  explicit operator bool() const { return kind >= 0; }
  // Into a multiple of `pieces` blocks, of `least` tiles or what the cache holds with so many channels.
  void cut(int64_t channels, int64_t least, int64_t pieces);
  // First tile of a block; blocks differ by one tile at most.
  int64_t begin(int64_t block_index) const { return block_index * tiles / blocks; }
};

constexpr int64_t kWinogradLine = 16;  // floats of a cache line
constexpr int64_t winograd_pitch(int64_t channels) {
  return ceil_div(channels, kWinogradLine) * kWinogradLine;
}

// Columns of the panels that a matrix product's right factor is cut into: equal, and whole registers.
inline int64_t winograd_panel_width(int64_t columns, const MatmulTable<float>& matmul) {
  const int64_t lanes = std::max<int64_t>(matmul.lanes, kernels<WinogradKernels>().of[0].lanes);
  const int64_t registers = ceil_div(columns, lanes), most = std::max<int64_t>(1, matmul.tile_cols / lanes);
  return ceil_div(registers, ceil_div(registers, most)) * lanes;
}

// False where the method is direct or cannot serve the problem, or the direct way is faster; else the problem
// is solved.
bool correlate_winograd(const Correlation<float>& problem);
bool weight_gradient_winograd(const WeightGradient<float>& problem);
inline bool correlate_winograd(const Correlation<double>&) { return false; }
inline bool weight_gradient_winograd(const WeightGradient<double>&) { return false; }

// Both axes have three neighbouring taps that read filter positions by turns, forwards or backwards.
bool winograd_suits(const Axis& rows, const Axis& cols, int64_t groups);
// How large the tiles are where that is faster than the direct way, which may skip taps outside the image.
WinogradPlan plan_winograd(const Axis& rows, const Axis& cols, int64_t images, int64_t in_channels,
                           int64_t out_channels, bool direct_skips_padding);

// Where a tile lies.
struct WinogradPlace {
  int64_t n, p, q;     // image, first output
  int64_t rows, cols;  // outputs that exist
};
inline WinogradPlace winograd_place(const WinogradPlan& plan, const Axis& rows, const Axis& cols,
                                    int64_t tile) {
  WinogradPlace at;
  at.q = tile % plan.col_tiles * plan.outputs;
  at.p = tile / plan.col_tiles % plan.row_tiles * plan.outputs;
  at.n = tile / plan.col_tiles / plan.row_tiles;
  at.rows = std::min(plan.outputs, rows.out - at.p);
  at.cols = std::min(plan.outputs, cols.out - at.q);
  return at;
}

// Rows [h, h + size) and columns [w, w + size) of an image of height x width: in place, or with zeros
// outside the image in `border` (size, size, channels).
struct WinogradWindow {
  const float* data;
  int64_t row, pixel;
};
WinogradWindow winograd_window(const Image<const float>& image, int64_t n, int64_t h, int64_t w,
                               int64_t height, int64_t width, int64_t size, int64_t channels, float* border);

}  // namespace tilewright::cpu
