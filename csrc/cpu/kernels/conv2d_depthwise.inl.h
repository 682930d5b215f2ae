// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution: one filter per channel, channels in the lanes.
// Computes    y[i, c] = max(low, bias[c] + sum_{r,s} x[i * stride + s * dilation; r; c] * w[r, s, c]);
//             spread, y[i * stride + s, c] from x[i; r; c] w[r, s, c], the data gradient of a stride; and
//             the weight gradient sums[r, s, c] += sum_i x[i * stride + s; r; c] * dy[i, c]
// Layout      x, y, dy where they lie: pixels a pitch apart, channels contiguous; w, bias, sums packed by
//             registers, [block of lanes][r][s][lane]; the last block ends with the last channel and may
//             overlap the one before it
// Method      a register of x serves every output it belongs to: kCols multiply-adds for one load
// Work split  one call per tile of neighbouring pixels (weights: a run of them), all channels
// Limits      at least one register of channels; inputs outside [first, end) lie beyond the image: zeros
// Measured    docs/kernels/conv2d.md: 93 GFLOP/s for 5x5 in the caches, bandwidth of memory else
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// kCols 0: any number of columns, stride and dilation; then each product loads its own x.
template <class T, int kCols, int kStride, int kPixels, bool kEdge>
void depthwise_tile(const DepthwiseArgs<T>& args) {
  using V = Vec<T>;
  const V low = V::set1(args.low);
  const int64_t x_pixel = args.x_pixel, y_pixel = args.y_pixel;
  const T *w = args.w, *bias = args.bias;
  for (int64_t c = 0; c < args.channels; c += V::kLanes, w += args.w_block, bias += V::kLanes) {
    const int64_t at = c + V::kLanes <= args.channels ? c : args.channels - V::kLanes;
    V sums[kPixels];
    const V start = V::load(bias);
#pragma GCC unroll 8
    for (int i = 0; i < kPixels; ++i) sums[i] = start;
    const T* ahead = args.x + args.ahead + at;
    for (int64_t r = 0; r < args.ahead_rows; ++r, ahead += args.x_row)
#pragma GCC unroll 16
      for (int i = 0; i < kPixels * kStride; ++i) prefetch_l2(ahead + i * x_pixel);
        // Of y the lines of the next tile: stores a pixel apart are nothing the prefetchers see. Into level 2: the
        // few misses that level 1 keeps track of would be the bound (3.6 MB of y: 285 us without, 300 into level 1,
        // 175 into level 2; written in order 130).
#pragma GCC unroll 8
    for (int i = 0; i < kPixels; ++i) prefetch_l2(args.y + (kPixels + i) * y_pixel + at);
    const T *x = args.x + at, *row_w = w;
    for (int64_t r = 0; r < args.rows; ++r, x += args.x_row, row_w += args.cols * V::kLanes) {
      if constexpr (kCols > 0) {
        V weights[kCols];
#pragma GCC unroll 8
        for (int s = 0; s < kCols; ++s) weights[s] = V::load(row_w + s * V::kLanes);
#pragma GCC unroll 32
        for (int j = 0; j < (kPixels - 1) * kStride + kCols; ++j) {
          const bool there = !kEdge || (j >= args.first && j < args.end);
          const V value = there ? V::load(x + j * x_pixel) : V::zero();
#pragma GCC unroll 8
          for (int s = 0; s < kCols; ++s)
            if ((j - s) % kStride == 0 && j >= s && (j - s) / kStride < kPixels)
              sums[(j - s) / kStride] = fma(value, weights[s], sums[(j - s) / kStride]);
        }
      } else {
        for (int64_t s = 0; s < args.cols; ++s) {
          const V weight = V::load(row_w + s * V::kLanes);
#pragma GCC unroll 8
          for (int i = 0; i < kPixels; ++i) {
            const int64_t j = i * args.stride + s * args.dilation;
            const bool there = !kEdge || (j >= args.first && j < args.end);
            sums[i] = fma(there ? V::load(x + j * x_pixel) : V::zero(), weight, sums[i]);
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kPixels; ++i) store(args.y + i * y_pixel + at, max_fast(low, sums[i]));
  }
}

// The data gradient of a stride: a tile of all kStride phases, kStride << kLogInputs outputs y. A register of x
// goes to the outputs that it lies under, and nothing is multiplied by zero. x is the first input that output 0
// reads; an edge tile leaves out inputs outside [first, end) and outputs outside [y_first, y_end).
template <class T, int kCols, int kStride, int kLogInputs, bool kEdge>
void depthwise_spread(const DepthwiseArgs<T>& args) {
  using V = Vec<T>;
  constexpr int kBefore = (kCols - 1) / kStride, kInputs = 1 << kLogInputs, kOutputs = kStride * kInputs;
  const V low = V::set1(args.low);
  const int64_t x_pixel = args.x_pixel, y_pixel = args.y_pixel;
  const T *w = args.w, *bias = args.bias;
  for (int64_t c = 0; c < args.channels; c += V::kLanes, w += args.w_block, bias += V::kLanes) {
    const int64_t at = c + V::kLanes <= args.channels ? c : args.channels - V::kLanes;
    V sums[kOutputs];
    const V start = V::load(bias);
#pragma GCC unroll 8
    for (int i = 0; i < kOutputs; ++i) sums[i] = start;
    const T* ahead = args.x + args.ahead + at;
    for (int64_t r = 0; r < args.ahead_rows; ++r, ahead += args.x_row)
#pragma GCC unroll 8
      for (int i = 0; i < kInputs; ++i) prefetch_l2(ahead + (kBefore + i) * x_pixel);
#pragma GCC unroll 8
    for (int i = 0; i < kOutputs; ++i) prefetch_l2(args.y + (kOutputs + i) * y_pixel + at);
    const T *x = args.x + at, *row_w = w;
    for (int64_t r = 0; r < args.rows; ++r, x += args.x_row, row_w += kCols * V::kLanes) {
      V weights[kCols];
#pragma GCC unroll 8
      for (int s = 0; s < kCols; ++s) weights[s] = V::load(row_w + s * V::kLanes);
#pragma GCC unroll 16
      for (int j = 0; j < kBefore + kInputs; ++j) {
        if (kEdge && (j < args.first || j >= args.end)) continue;
        const V value = V::load(x + j * x_pixel);
#pragma GCC unroll 8
        for (int s = 0; s < kCols; ++s) {
          const int i = (j - kBefore) * kStride + s;
          if (i >= 0 && i < kOutputs) sums[i] = fma(value, weights[s], sums[i]);
        }
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kOutputs; ++i)
      if (!kEdge || (i >= args.y_first && i < args.y_end))
        store(args.y + i * y_pixel + at, max_fast(low, sums[i]));
  }
}

// Sums over a run of pixels for kRows x kCols places of the filter, in registers.
template <class T, int kRows, int kCols>
void depthwise_weight(const DepthwiseWeightArgs<T>& args) {
  using V = Vec<T>;
  const int64_t x_col = args.x_col, x_row = args.x_row, x_step = args.x_step, dy_pixel = args.dy_pixel;
  T* out = args.sums;
  for (int64_t c = 0; c < args.channels; c += V::kLanes, out += args.sums_block) {
    const int64_t at = c + V::kLanes <= args.channels ? c : args.channels - V::kLanes;
    V sums[kRows][kCols];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
      for (int s = 0; s < kCols; ++s) sums[r][s] = V::load(out + r * args.sums_row + s * V::kLanes);
    const T *x = args.x + at, *dy = args.dy + at;
    for (int64_t i = 0; i < args.pixels; ++i, x += x_step, dy += dy_pixel) {
      prefetch_l2(dy + args.dy_ahead);
      prefetch_l2(x + args.x_ahead);
      prefetch_l2(x + args.x_ahead + x_col);
      const V d = V::load(dy);
      const T* from = x;
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r, from += x_row)
#pragma GCC unroll 8
        for (int s = 0; s < kCols; ++s) sums[r][s] = fma(V::load(from + s * x_col), d, sums[r][s]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
      for (int s = 0; s < kCols; ++s) store(out + r * args.sums_row + s * V::kLanes, sums[r][s]);
  }
}

template <class T, int kKind, int kCols, int kStride, int kLogPixels = kMaxDepthwiseLogPixels>
constexpr void fill_depthwise_tiles(Conv2dTable<T>& table) {
  table.depthwise_tile[kKind][0][kLogPixels] = depthwise_tile<T, kCols, kStride, 1 << kLogPixels, false>;
  table.depthwise_tile[kKind][1][kLogPixels] = depthwise_tile<T, kCols, kStride, 1 << kLogPixels, true>;
  if constexpr (kLogPixels > 0) fill_depthwise_tiles<T, kKind, kCols, kStride, kLogPixels - 1>(table);
}

template <class T, int kKind, int kLogInputs = kMaxDepthwiseLogInputs>
constexpr void fill_depthwise_spreads(Conv2dTable<T>& table) {
  constexpr DepthwiseKind kKinds = kDepthwiseSpreadKinds[kKind];
  table.depthwise_spread[kKind][0][kLogInputs] =
      depthwise_spread<T, kKinds.cols, kKinds.stride, kLogInputs, false>;
  table.depthwise_spread[kKind][1][kLogInputs] =
      depthwise_spread<T, kKinds.cols, kKinds.stride, kLogInputs, true>;
  if constexpr (kLogInputs > 0) fill_depthwise_spreads<T, kKind, kLogInputs - 1>(table);
}

// As many rows as leave registers for the pixel.
constexpr int depthwise_weight_rows(int cols) {
  const int most = (kRegisters - 3) / cols;
  return most < kMaxDepthwiseRows ? most : kMaxDepthwiseRows;
}

template <class T, int kKind, int kCols, int kRows = depthwise_weight_rows(kCols)>
constexpr void fill_depthwise_weights(Conv2dTable<T>& table) {
  table.depthwise_weight[kKind][kRows - 1] = depthwise_weight<T, kRows, kCols>;
  if constexpr (kRows == depthwise_weight_rows(kCols)) table.max_depthwise_rows[kKind] = kRows;
  if constexpr (kRows > 1) fill_depthwise_weights<T, kKind, kCols, kRows - 1>(table);
}

template <class T>
void fill_depthwise(Conv2dTable<T>& table) {
  fill_depthwise_tiles<T, 0, kDepthwiseKinds[0].cols, kDepthwiseKinds[0].stride>(table);
  fill_depthwise_tiles<T, 1, kDepthwiseKinds[1].cols, kDepthwiseKinds[1].stride>(table);
  fill_depthwise_tiles<T, 2, kDepthwiseKinds[2].cols, kDepthwiseKinds[2].stride>(table);
  fill_depthwise_tiles<T, 3, kDepthwiseKinds[3].cols, kDepthwiseKinds[3].stride>(table);
  fill_depthwise_tiles<T, 4, kDepthwiseKinds[4].cols, kDepthwiseKinds[4].stride>(table);
  fill_depthwise_tiles<T, 5, kDepthwiseKinds[5].cols, kDepthwiseKinds[5].stride>(table);
  fill_depthwise_tiles<T, 6, kDepthwiseKinds[6].cols, kDepthwiseKinds[6].stride>(table);
  fill_depthwise_tiles<T, 7, kDepthwiseKinds[7].cols, kDepthwiseKinds[7].stride>(table);
  fill_depthwise_spreads<T, 0>(table);
  fill_depthwise_spreads<T, 1>(table);
  fill_depthwise_spreads<T, 2>(table);
  fill_depthwise_weights<T, 0, kDepthwiseWeightCols[0]>(table);
  fill_depthwise_weights<T, 1, kDepthwiseWeightCols[1]>(table);
  fill_depthwise_weights<T, 2, kDepthwiseWeightCols[2]>(table);
  fill_depthwise_weights<T, 3, kDepthwiseWeightCols[3]>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
