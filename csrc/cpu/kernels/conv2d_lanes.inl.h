// SPDX-License-Identifier: Apache-2.0
// Convolution tile with groups in the lanes: groups of few channels.
// Computes    y[j, pixel, g] = max(low, bias[j, g] + sum_t x[pixel; offsets[t]; g] * w[t, j, g]) and the
//             weight gradient out[t, j, g] += sum over pixels of x[pixel; offsets[t]; g] * dy[j, pixel, g]
// Layout      strips of registers: one register holds one value of kLanes groups, the next pixel follows
// Method      every lane is a convolution of its own; steps run over taps and the group's input channels
// Work split  one call per tile of kPixels pixels by kOutputs outputs of each group
// Limits      kOutputs * kPixels + kOutputs registers (weights) must exist; one output means one
//             multiply-add per load, and loads are the bound
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr int lane_tile_pixels(int outputs) {
  const int most = (kRegisters - outputs - 1) / outputs;
  return most < kMaxLanePixels ? most : kMaxLanePixels;
}

template <class T, int kOutputs, int kPixels>
void lane_tile(const LaneTileArgs<T>& args) {
  using V = Vec<T>;
  V sums[kPixels][kOutputs];
#pragma GCC unroll 4
  for (int j = 0; j < kOutputs; ++j)
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i) sums[i][j] = V::load(args.bias + j * V::kLanes);
  const T* w = args.w;
  for (int64_t t = 0; t < args.steps; ++t, w += args.w_step) {
    const T* x = args.x + args.offsets[t];
    V weights[kOutputs];
#pragma GCC unroll 4
    for (int j = 0; j < kOutputs; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i) {
      const V pixel = V::load(x + i * V::kLanes);
#pragma GCC unroll 4
      for (int j = 0; j < kOutputs; ++j) sums[i][j] = fma(pixel, weights[j], sums[i][j]);
    }
  }
  const V low = V::set1(args.low);
  const bool full = args.last == V::kLanes;
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kOutputs; ++j) {
      T* to = args.y + i * args.y_pixel + j * args.y_output;
      if (full)
        store(to, max_fast(low, sums[i][j]));
      else
        store_n(to, max_fast(low, sums[i][j]), args.last);
    }
}

template <class T, int kSteps, int kOutputs>
void lane_weight(const LaneWeightArgs<T>& args) {
  using V = Vec<T>;
  V sums[kSteps][kOutputs];
#pragma GCC unroll 8
  for (int t = 0; t < kSteps; ++t)
#pragma GCC unroll 4
    for (int j = 0; j < kOutputs; ++j) sums[t][j] = V::load(args.out + t * args.out_step + j * V::kLanes);
  // dy of the outputs: planes of registers, one after the other.
  const int64_t plane = args.rows * args.dy_row;
  for (int64_t p = 0; p < args.rows; ++p) {
    const T* x = args.x + p * args.x_row;
    const T* dy = args.dy + p * args.dy_row;
    for (int64_t q = 0; q < args.cols; ++q, x += V::kLanes, dy += V::kLanes) {
      V d[kOutputs];
#pragma GCC unroll 4
      for (int j = 0; j < kOutputs; ++j) d[j] = V::load(dy + j * plane);
#pragma GCC unroll 8
      for (int t = 0; t < kSteps; ++t) {
        const V value = V::load(x + args.offsets[t]);
#pragma GCC unroll 4
        for (int j = 0; j < kOutputs; ++j) sums[t][j] = fma(value, d[j], sums[t][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < kSteps; ++t)
#pragma GCC unroll 4
    for (int j = 0; j < kOutputs; ++j) store(args.out + t * args.out_step + j * V::kLanes, sums[t][j]);
}

template <class T, int kOutputs, int kPixels = kMaxLanePixels>
constexpr void fill_lane_tiles(Conv2dTable<T>& table) {
  if constexpr (kPixels <= lane_tile_pixels(kOutputs))
    table.lane_tile[kOutputs - 1][kPixels - 1] = lane_tile<T, kOutputs, kPixels>;
  if constexpr (kPixels > 1) fill_lane_tiles<T, kOutputs, kPixels - 1>(table);
}

template <class T, int kOutputs, int kSteps = kMaxWeightSteps>
constexpr void fill_lane_weights(Conv2dTable<T>& table) {
  table.lane_weight[kSteps - 1][kOutputs - 1] = lane_weight<T, kSteps, kOutputs>;
  if constexpr (kSteps > 1) fill_lane_weights<T, kOutputs, kSteps - 1>(table);
}

template <class T>
void fill_lanes(Conv2dTable<T>& table) {
  for (int j = 1; j <= kMaxLaneOutputs; ++j) table.max_lane_pixels[j - 1] = lane_tile_pixels(j);
  fill_lane_tiles<T, 1>(table);
  fill_lane_tiles<T, 2>(table);
  fill_lane_tiles<T, 3>(table);
  fill_lane_tiles<T, 4>(table);
  fill_lane_weights<T, 1>(table);
  fill_lane_weights<T, 2>(table);
  fill_lane_weights<T, 3>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
