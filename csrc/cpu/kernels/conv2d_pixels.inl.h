// SPDX-License-Identifier: Apache-2.0
// Convolution tile with pixels in the lanes, for fewer output channels than a register has lanes.
// Computes    y[k, pixel] += sum_t x[pixel + offsets[t]] * w[t, k]
// Layout      x: a strip whose neighbouring pixels are neighbours in memory; w: (steps, kOutputs);
//             y: planes of kVectors * lanes pixels, y_output apart. Reads and writes whole registers: strip
//             and planes are padded by one
// Method      the transposed tile: registers of pixels times broadcast weights
// Work split  one call per tile; the last channel of a network or the data gradient of its first layer would
//             leave most lanes of conv2d_channels.inl.h empty
// Limits      kOutputs * kVectors + kVectors + 1 registers must exist
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr int pixel_tile_vectors(int outputs) {
  const int most = (kRegisters - 1) / (outputs + 1);
  return most < kMaxPixelTileVectors ? most : kMaxPixelTileVectors;
}

template <class T, int kOutputs, int kVectors>
void pixel_tile(const PixelTileArgs<T>& args) {
  using V = Vec<T>;
  V sums[kOutputs][kVectors];
#pragma GCC unroll 4
  for (int k = 0; k < kOutputs; ++k)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[k][j] = V::load(args.y + k * args.y_output + j * V::kLanes);
  const T* w = args.w;
  for (int64_t t = 0; t < args.steps; ++t, w += kOutputs) {
    const T* x = args.x + args.offsets[t];
    V pixels[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) pixels[j] = V::load(x + j * V::kLanes);
#pragma GCC unroll 4
    for (int k = 0; k < kOutputs; ++k) {
      const V weight = V::set1(w[k]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[k][j] = fma(pixels[j], weight, sums[k][j]);
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < kOutputs; ++k)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) store(args.y + k * args.y_output + j * V::kLanes, sums[k][j]);
}

template <class T, int kOutputs, int kVectors = kMaxPixelTileVectors>
constexpr void fill_pixel_tiles(Conv2dTable<T>& table) {
  if constexpr (kVectors <= pixel_tile_vectors(kOutputs))
    table.pixel_tile[kOutputs - 1][kVectors - 1] = pixel_tile<T, kOutputs, kVectors>;
  if constexpr (kVectors > 1) fill_pixel_tiles<T, kOutputs, kVectors - 1>(table);
}

// y[pixel, k] from planes: at most a few channels, so the scattered stores are scalar.
template <class T>
void planes_to_pixels(T* y, int64_t y_pixel, const T* planes, int64_t pitch, int64_t pixels, int64_t channels,
                      T low) {
  for (int64_t k = 0; k < channels; ++k)
    for (int64_t i = 0; i < pixels; ++i) {
      const T value = planes[k * pitch + i];
      y[i * y_pixel + k] = value < low ? low : value;
    }
}

template <class T>
void fill_pixels(Conv2dTable<T>& table) {
  for (int k = 1; k <= kMaxPixelTileOutputs; ++k) table.max_pixel_vectors[k - 1] = pixel_tile_vectors(k);
  fill_pixel_tiles<T, 1>(table);
  fill_pixel_tiles<T, 2>(table);
  fill_pixel_tiles<T, 3>(table);
  fill_pixel_tiles<T, 4>(table);
  table.planes_to_pixels = planes_to_pixels<T>;
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
