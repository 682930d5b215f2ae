// SPDX-License-Identifier: Apache-2.0
// Convolution tile with output channels in the lanes.
// Computes    y[i, k] = max(low, start + sum over runs and steps t of x[i; run.x + t] * w[run.w + t; k]),
//             start = bias[k], or, for a further block of input channels, y[i, k]
// Layout      x is read where it lies: pixels x_pixel apart (neighbours of a row, or one place of several images),
//             a run's steps (input channels) contiguous; w: panels of (steps, vectors * lanes), padded with zeros;
//             y: pixels y_pixel apart, channels contiguous
// Method      outer products in registers (Goto & van de Geijn, "Anatomy of high-performance matrix
//             multiplication", TOMS 2008, section 4) over a list of runs instead of packed patches; what a tap
//             reads outside the image is skipped: a run holds for pixels [low, high) of the tile
// Work split  one call per tile of kPixels pixels by kVectors registers of channels
// Limits      (kPixels + 1) * kVectors + 1 registers must exist; runs and steps may be 0
// Measured    docs/kernels/conv2d.md
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kRegisters = 32, kTileVectors = 4;
#else
inline constexpr int kRegisters = 16, kTileVectors = 3;
#endif

// Pixels of one tile: accumulators, `vectors` weights and one broadcast stay in registers.
constexpr int tile_pixels(int vectors) {
  const int most = (kRegisters - vectors - 1) / vectors;
  return most < kMaxTilePixels ? most : kMaxTilePixels;
}

// A run for pixels [kLow, kHigh) of the tile. Four pixels share a pointer: their addresses are base + {0, 1, 2, 3}
// pixels, which an instruction can form by itself.
template <int kLow, int kHigh, class T, int kPixels, int kVectors>
TW_INLINE void add_run(Vec<T> (&sums)[kPixels][kVectors], const T* x, int64_t x_pixel, const T* w,
                       int64_t steps) {
  using V = Vec<T>;
  constexpr int kPointers = (kPixels + 3) / 4;
  const T* from[kPointers];
#pragma GCC unroll 4
  for (int i = 0; i < kPointers; ++i) from[i] = x + 4 * i * x_pixel;
  for (int64_t t = 0; t < steps; ++t, w += kVectors * V::kLanes) {
    V weights[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = kLow; i < kHigh; ++i) {
      const V pixel = V::set1(from[i / 4][i % 4 * x_pixel]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(pixel, weights[j], sums[i][j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kPointers; ++i) ++from[i];
  }
}

// Any [low, high), pixel by pixel: filters that reach more than two pixels over the edge.
template <int kPixel = 0, class T, int kPixels, int kVectors>
TW_INLINE void add_run_of(int low, int high, Vec<T> (&sums)[kPixels][kVectors], const T* x, int64_t x_pixel,
                          const T* w, int64_t steps) {
  if (kPixel >= low && kPixel < high) add_run<kPixel, kPixel + 1>(sums, x, x_pixel, w, steps);
  if constexpr (kPixel + 1 < kPixels) add_run_of<kPixel + 1>(low, high, sums, x, x_pixel, w, steps);
}

template <class T, int kPixels, int kVectors>
void channel_tile(const ChannelTileArgs<T>& args) {
  using V = Vec<T>;
  V sums[kPixels][kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) {
    const V start = V::load(args.bias + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i) sums[i][j] = start;
  }
  const int64_t x_pixel = args.x_pixel, steps = args.steps;
  for (const ChannelRun *run = args.runs, *end = run + args.run_count; run < end; ++run) {
    const T *x = args.x + run->x, *w = args.w + run->w;
    const int low = run->low, above = kPixels - run->high;
    if (low == 0 && above == 0)
      add_run<0, kPixels>(sums, x, x_pixel, w, steps);
    else if (kPixels > 1 && low == 1 && above == 0)
      add_run<1, kPixels>(sums, x, x_pixel, w, steps);
    else if (kPixels > 1 && low == 0 && above == 1)
      add_run<0, kPixels - 1>(sums, x, x_pixel, w, steps);
    else if (kPixels > 2 && low == 2 && above == 0)
      add_run<2, kPixels>(sums, x, x_pixel, w, steps);
    else if (kPixels > 2 && low == 0 && above == 2)
      add_run<0, kPixels - 2>(sums, x, x_pixel, w, steps);
    else
      add_run_of(low, run->high, sums, x, x_pixel, w, steps);
  }
  const V low = V::set1(args.low);
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i) {
    T* to = args.y + i * args.y_pixel;
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const bool masked = j + 1 == kVectors;
      V y = sums[i][j];
      if (args.accumulate) y = y + (masked ? V::load_n(to + j * V::kLanes, args.last) : V::load(to + j * V::kLanes));
      y = max_fast(low, y);  // a NaN is the second operand and stays
      if (masked)
        store_n(to + j * V::kLanes, y, args.last);
      else
        store(to + j * V::kLanes, y);
    }
  }
}

template <class T, int kVectors, int kPixels = kMaxTilePixels>
constexpr void fill_channel_tiles(Conv2dTable<T>& table) {
  if constexpr (kPixels <= tile_pixels(kVectors))
    table.channel_tile[kVectors - 1][kPixels - 1] = channel_tile<T, kPixels, kVectors>;
  if constexpr (kPixels > 1) fill_channel_tiles<T, kVectors, kPixels - 1>(table);
}

template <class T>
void fill_channels(Conv2dTable<T>& table) {
  table.lanes = Vec<T>::kLanes;
  table.tile_vectors = kTileVectors;
  for (int v = 1; v <= kTileVectors; ++v) table.max_pixels[v - 1] = tile_pixels(v);
  fill_channel_tiles<T, 1>(table);
  fill_channel_tiles<T, 2>(table);
  fill_channel_tiles<T, 3>(table);
  if constexpr (kTileVectors > 3) fill_channel_tiles<T, 4>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
