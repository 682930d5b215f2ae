// SPDX-License-Identifier: Apache-2.0
// Kernels of the conv2d family: register tiles over packed strips of the input, and what packs them.
// Letters: a "step" is one product per output (one tap and channel); offsets[t] says where step t finds its
// input, relative to the output pixel's place in the strip. docs/kernels/conv2d.md draws the strips.
#pragma once

#include <stdint.h>

#include "core/params.h"
#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// Steps that share a place of the filter: step t reads input run.x + t of each of the tile's pixels and row
// run.w + t of the weights. Pixels outside [low, high) would read beyond the image, and take no part.
struct ChannelRun {
  int64_t x, w;
  int low, high;
};

// In each of `rows`, `tiles` neighbouring tiles of `pixels` outputs by `vectors` registers of output channels
// (conv2d_channels.inl.h).
template <class T>
struct ChannelTileArgs {
  int64_t rows, tiles;
  const T* x;              // what the first pixel reads at run.x = 0
  int64_t x_pixel, x_row;  // from one pixel and one row of them to the next
  const ChannelRun* runs;
  int64_t run_count, steps;  // of each run, or, without runs, of all the filter
  const int64_t* offsets;    // without runs: step t reads x + offsets[t]
  const T* w;                // (steps of all runs, vectors * lanes)
  const T* bias;             // (vectors * lanes): what sums start from
  // With runs: what lies `ahead` of x is brought into level 2 for a later row: `ahead_pixels` pixels for each of
  // the tile's, ahead_pixel apart, `ahead_channels` of each; 0 nothing.
  int64_t ahead, ahead_pixels, ahead_pixel, ahead_channels;
  T* y;
  int64_t y_pixel, y_row;
  int last;         // channels that exist in the last register
  bool accumulate;  // y is added to the sums
  T low;            // results below are raised to it: 0 is relu, -inf nothing
};

// `outputs` channels by `vectors` registers of neighbouring pixels (conv2d_pixels.inl.h).
template <class T>
struct PixelTileArgs {
  const T* x;
  const int32_t* offsets;
  int64_t steps;
  const T* w;  // (steps, outputs)
  T* y;        // (outputs, pixels): sums are added to it
  int64_t y_output;
};

// `outputs` per group by `pixels`, one group in each lane (conv2d_lanes.inl.h).
template <class T>
struct LaneTileArgs {
  const T* x;  // strip of registers: pixel i lies lanes * i further
  const int32_t* offsets;
  int64_t steps;
  const T* w;  // (steps, w_step): outputs * lanes of them used
  int64_t w_step;
  const T* bias;  // (outputs, lanes)
  T* y;
  int64_t y_pixel, y_output;
  int last;  // groups that exist
  T low;
};

// out (m, n) = (accumulate ? out : 0) + sum over images x rows x cols pixels of a (m values) times b (vectors *
// lanes); m in groups: rows of the filter, each with neighbouring values of a and rows of out
// (conv2d_weight.inl.h).
template <class T>
struct WeightTileArgs {
  const T* a;
  int64_t a_pixel, a_row, a_image, a_group;
  const T* b;
  int64_t b_pixel, b_row, b_image;
  int64_t images, rows, cols;
  T* out;
  int64_t out_row, out_group;
  int last;
  bool accumulate;
};

// out (steps, outputs, lanes) += sum over rows x cols pixels of x[offset] * dy, lane by lane.
template <class T>
struct LaneWeightArgs {
  const T* x;
  int64_t x_row;
  const int32_t* offsets;  // (steps)
  const T* dy;             // strip of registers
  int64_t dy_row;
  int64_t rows, cols;
  T* out;
  int64_t out_step;
};

// A tile of neighbouring pixels of a depthwise convolution, all channels (conv2d_depthwise.inl.h).
template <class T>
struct DepthwiseArgs {
  int64_t channels;
  const T* x;              // what the first pixel reads at the first row and column of the filter
  int64_t x_pixel, x_row;  // to the next input of a row, and to the next row of the filter
  int64_t rows, cols;      // of the filter
  int64_t stride, dilation;
  int64_t first, end;  // inputs of the tile that lie in the image, counted from x: an edge tile's
  const T* w;          // [block of lanes][rows][cols][lane]
  int64_t w_block;
  const T* bias;              // [block of lanes][lane]
  int64_t ahead, ahead_rows;  // from x to the rows of inputs that are brought into the cache for later calls
  T* y;
  int64_t y_pixel;
  int64_t y_first, y_end;  // outputs of the tile that exist: an edge tile's that spreads
  T low;
};

// sums[block of lanes][rows][cols][lane] += sum over `pixels` neighbours of a row of x * dy.
template <class T>
struct DepthwiseWeightArgs {
  int64_t channels, pixels;
  const T* x;                    // what the first pixel reads at the first row and column of the filter
  int64_t x_step, x_col, x_row;  // to the next pixel, column and row of the filter
  const T* dy;
  int64_t dy_pixel;
  int64_t x_ahead, dy_ahead;  // from the place in use to one that is brought into the cache
  T* sums;
  int64_t sums_row, sums_block;
};

// The last pass over a tile of y where an epilogue has more than bias and relu to do.
template <class T>
struct EpilogueArgs {
  T* y;
  T* z;               // or null
  const T* residual;  // or null
  int64_t y_pixel, z_pixel, residual_pixel;
  int64_t pixels, channels;
  Activation activation;
  T slope;
};

inline constexpr int kMaxTilePixels = 14;
inline constexpr int kMaxTileVectors = 4;
inline constexpr int kMaxWeightGroups = 3;
inline constexpr int kMaxPixelTileOutputs = 4, kMaxPixelTileVectors = 4;
inline constexpr int kMaxLaneOutputs = 4, kMaxLanePixels = 12;
inline constexpr int kMaxWeightSteps = 6, kMaxWeightOutputs = 3;

// Filter columns and strides with a depthwise kernel of their own (dilation 1); the last serves all others.
struct DepthwiseKind {
  int cols, stride;
};
inline constexpr DepthwiseKind kDepthwiseKinds[] = {{1, 1}, {2, 1}, {3, 1}, {5, 1},
                                                    {7, 1}, {3, 2}, {5, 2}, {0, 1}};
inline constexpr int kDepthwiseKindCount = 8, kMaxDepthwiseLogPixels = 3;
// Those of the data gradient of a stride, whose tiles hold all phases; any other goes phase by phase.
inline constexpr DepthwiseKind kDepthwiseSpreadKinds[] = {{3, 2}, {5, 2}, {7, 2}};
inline constexpr int kDepthwiseSpreadKindCount = 3, kMaxDepthwiseLogInputs = 2;
// The same of the weight gradient; any other filter goes column by column.
inline constexpr int kDepthwiseWeightCols[] = {1, 3, 5, 7};
inline constexpr int kDepthwiseWeightKinds = 4, kMaxDepthwiseRows = 5;

template <class T>
struct Conv2dTable {
  int lanes;
  // Most vectors of a tile, by runs and by offsets, and most pixels with 1, 2, ... of them; other entries of
  // the tables are null.
  int tile_vectors[2], max_pixels[2][kMaxTileVectors];
  using ChannelTiles = void (*)(const ChannelTileArgs<T>&);
  ChannelTiles channel_tiles[2][kMaxTileVectors][kMaxTilePixels];  // [by offsets][vectors - 1][pixels - 1]
  using PixelTile = void (*)(const PixelTileArgs<T>&);
  PixelTile pixel_tile[kMaxPixelTileOutputs][kMaxPixelTileVectors];
  int max_pixel_vectors[kMaxPixelTileOutputs];
  using LaneTile = void (*)(const LaneTileArgs<T>&);
  LaneTile lane_tile[kMaxLaneOutputs][kMaxLanePixels];
  int max_lane_pixels[kMaxLaneOutputs];
  using WeightTile = void (*)(const WeightTileArgs<T>&);
  WeightTile weight_tile[kMaxWeightGroups][kMaxTileVectors]
                        [kMaxTilePixels];  // [groups - 1][vectors - 1][m - 1]
  using LaneWeight = void (*)(const LaneWeightArgs<T>&);
  LaneWeight lane_weight[kMaxWeightSteps][kMaxWeightOutputs];

  using DepthwiseTile = void (*)(const DepthwiseArgs<T>&);
  DepthwiseTile depthwise_tile[kDepthwiseKindCount][2]
                              [kMaxDepthwiseLogPixels + 1];  // [kind][edge][log2 pixels]
  DepthwiseTile depthwise_spread[kDepthwiseSpreadKindCount][2]
                                [kMaxDepthwiseLogInputs + 1];  // [kind][edge][log2 inputs]
  using DepthwiseWeight = void (*)(const DepthwiseWeightArgs<T>&);
  DepthwiseWeight depthwise_weight[kDepthwiseWeightKinds][kMaxDepthwiseRows];  // [kind][rows - 1]
  int max_depthwise_rows[kDepthwiseWeightKinds];

  void (*epilogue)(const EpilogueArgs<T>&);
  // dst[c * dst_pitch + r] = src[r * src_pitch + c]
  void (*transpose)(T* dst, int64_t dst_pitch, const T* src, int64_t src_pitch, int64_t rows, int64_t cols);
  // dst[r * dst_pitch + c] = src[r * src_pitch + c]
  void (*copy_rows)(T* dst, int64_t dst_pitch, const T* src, int64_t src_pitch, int64_t rows, int64_t cols);
  // sums[c] += sum over rows of x[r * pitch + c]
  void (*add_rows)(T* sums, const T* x, int64_t pitch, int64_t rows, int64_t cols);
  // y[pixel * y_pixel + k] = max(planes[k * pitch + pixel], low)
  void (*planes_to_pixels)(T* y, int64_t y_pixel, const T* planes, int64_t pitch, int64_t pixels,
                           int64_t channels, T low);
};

using Conv2dKernels = FloatTables<Conv2dTable>;

}  // namespace tilewright::cpu
