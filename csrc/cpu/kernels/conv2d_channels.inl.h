// SPDX-License-Identifier: Apache-2.0
// Convolution tile with output channels in the lanes.
// Computes    y[p, q, k] = max(low, start + sum_t x[p, q; offsets[t]] * w[t, k]), start = bias[k] or y[p, q,
// k] Layout      x: a strip whose neighbouring pixels are neighbours in memory, one channel after the other;
//             w: (steps, vectors * lanes), padded with zeros; y: pixels y_pixel apart, channels contiguous
// Method      outer products in registers (Goto & van de Geijn, "Anatomy of high-performance matrix
//             multiplication", TOMS 2008, section 4) over an indirection of steps instead of packed patches
// Work split  one call per tile; kRows * kPixels pixels by kVectors registers of channels
// Limits      (kRows * kPixels + 1) * kVectors + 1 registers must exist; steps may be 0
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr int kRegisters = Vec<float>::kLanes == 16 ? 32 : 16;

// Pixels of one tile: accumulators, `vectors` weights and one broadcast stay in registers.
constexpr int tile_pixels(int vectors) {
  const int most = (kRegisters - vectors - 1) / vectors;
  return most < kMaxTilePixels ? most : kMaxTilePixels;
}

template <class T, int kRows, int kPixels, int kVectors>
void channel_tile(const ChannelTileArgs<T>& args) {
  using V = Vec<T>;
  constexpr int kTile = kRows * kPixels;
  V sums[kTile][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kTile; ++i) {
    const T* from =
        args.accumulate ? args.y + i / kPixels * args.y_row + i % kPixels * args.y_pixel : args.bias;
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j)
      sums[i][j] =
          j + 1 < kVectors ? V::load(from + j * V::kLanes) : V::load_n(from + j * V::kLanes, args.last);
  }
  const T* w = args.w;
  for (int64_t t = 0; t < args.steps; ++t, w += kVectors * V::kLanes) {
    const T* x = args.x + args.offsets[t];
    V weights[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kTile; ++i) {
      const V pixel = V::set1(x[i / kPixels * args.x_row + i % kPixels]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(pixel, weights[j], sums[i][j]);
    }
  }
  const V low = V::set1(args.low);
#pragma GCC unroll 16
  for (int i = 0; i < kTile; ++i) {
    T* to = args.y + i / kPixels * args.y_row + i % kPixels * args.y_pixel;
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const V y = max_fast(low, sums[i][j]);  // a NaN is the second operand and stays
      if (j + 1 < kVectors)
        store(to + j * V::kLanes, y);
      else
        store_n(to + j * V::kLanes, y, args.last);
    }
  }
}

template <class T, int kRows, int kPixels, int kVectors>
constexpr typename Conv2dTable<T>::ChannelTile channel_tile_if_it_fits() {
  if constexpr (kRows * kPixels <= tile_pixels(kVectors))
    return channel_tile<T, kRows, kPixels, kVectors>;
  else
    return nullptr;
}

template <class T, int kLogRows, int kVectors, int kPixels = kMaxTilePixels>
constexpr void fill_channel_tiles(Conv2dTable<T>& table) {
  table.channel_tile[kLogRows][kVectors - 1][kPixels - 1] =
      channel_tile_if_it_fits<T, 1 << kLogRows, kPixels, kVectors>();
  if constexpr (kPixels > 1) fill_channel_tiles<T, kLogRows, kVectors, kPixels - 1>(table);
}

template <class T>
void fill_channels(Conv2dTable<T>& table) {
  table.lanes = Vec<T>::kLanes;
  for (int v = 1; v <= kMaxTileVectors; ++v) table.max_pixels[v - 1] = tile_pixels(v);
  fill_channel_tiles<T, 0, 1>(table);
  fill_channel_tiles<T, 0, 2>(table);
  fill_channel_tiles<T, 0, 3>(table);
  fill_channel_tiles<T, 1, 1>(table);
  fill_channel_tiles<T, 1, 2>(table);
  fill_channel_tiles<T, 1, 3>(table);
  fill_channel_tiles<T, 2, 1>(table);
  fill_channel_tiles<T, 2, 2>(table);
  fill_channel_tiles<T, 2, 3>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
