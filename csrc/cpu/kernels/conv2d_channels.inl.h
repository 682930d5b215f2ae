// SPDX-License-Identifier: Apache-2.0
// Convolution tile with output channels in the lanes.
// Computes    y[i, k] = max(low, start + sum over runs and steps t of x[i; run.x + t] * w[run.w + t; k]),
//             start = bias[k]; for a further block of input channels y[i, k] is added at the end
// Layout      x where it lies: pixels x_pixel apart (of a row, or one place of several images), the steps of
//             a run contiguous; w: panels of (steps, vectors * lanes), padded with zeros; y: pixels y_pixel
//             apart, channels contiguous
// Method      outer products in registers (Goto & van de Geijn, "Anatomy of high-performance matrix
//             multiplication", TOMS 2008, section 4) over a list of runs instead of packed patches. What a
//             tap reads outside the image is skipped: a run holds for pixels [low, high) of the tile
// Work split  one call per block of equal tiles of kPixels pixels by kVectors registers of channels
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

// With 32 registers 14 x 2 would fit, but broadcasts then take a quarter more of the loads of 8 x 2: on
// packed operands 113.9 GFLOP/s against 115.3 (12), 117.0 (8).
inline constexpr int kTwoVectorPixels = 10;

inline constexpr int64_t kLine = 16;  // elements, at least

// A run for pixels [kLow, kHigh) of the tile. Four pixels share a pointer: their addresses are base + {0, 1,
// 2, 3} pixels, which an instruction can form by itself.
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

// All runs of a tile. Which pixels a run holds for is a compile-time choice for filters that reach up to two
// pixels over an edge.
template <class T, int kPixels, int kVectors>
TW_INLINE void add_runs(Vec<T> (&sums)[kPixels][kVectors], const ChannelTileArgs<T>& args, const T* first) {
  const int64_t x_pixel = args.x_pixel, steps = args.steps;
  for (const ChannelRun *run = args.runs, *end = run + args.run_count; run < end; ++run) {
    const T *x = first + run->x, *w = args.w + run->w;
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
}

// The same without runs: one loop over all steps, each with its own place in x. A loop per run costs few
// channels 6-10 %.
template <class T, int kPixels, int kVectors>
TW_INLINE void add_steps(Vec<T> (&sums)[kPixels][kVectors], const ChannelTileArgs<T>& args, const T* first) {
  using V = Vec<T>;
  const int64_t x_pixel = args.x_pixel;
  const T* w = args.w;
  for (int64_t t = 0; t < args.steps; ++t, w += kVectors * V::kLanes) {
    const T* x = first + args.offsets[t];
    V weights[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) weights[j] = V::load(w + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i) {
      if (i > 0 && i % 4 == 0) x += 4 * x_pixel;
      const V pixel = V::set1(x[i % 4 * x_pixel]);
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(pixel, weights[j], sums[i][j]);
    }
  }
}

template <class T, int kPixels, int kVectors, bool kSteps>
void channel_tiles(const ChannelTileArgs<T>& args) {
  using V = Vec<T>;
  const V low = V::set1(args.low);
  const int64_t y_pixel = args.y_pixel;
  const int last = args.last;
  const bool full = last == V::kLanes;  // AVX2's masked stores take a dozen cycles
  const bool accumulate = args.accumulate;
  int64_t tile = 0, row = 0;
  const T* x = args.x;
  T* y = args.y;
  while (row < args.rows) {
    // y arrives while the sums are made: 3-6 % of a 3x3 layer. With few steps it comes too late, and costs
    // 5-10 %.
    if constexpr (!kSteps)
#pragma GCC unroll 16
      for (int i = 0; i < kPixels; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) prefetch_l1(y + i * y_pixel + j * V::kLanes);
    if constexpr (!kSteps)
      for (int64_t i = 0; i < kPixels * args.ahead_pixels; ++i)
        for (int64_t t = 0; t < args.ahead_channels; t += kLine)
          prefetch_l2(x + args.ahead + i * args.ahead_pixel + t);
    V sums[kPixels][kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const V start = V::load(args.bias + j * V::kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kPixels; ++i) sums[i][j] = start;
    }
    if constexpr (kSteps)
      add_steps(sums, args, x);
    else
      add_runs(sums, args, x);
    if (accumulate)
#pragma GCC unroll 16
      for (int i = 0; i < kPixels; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
          const T* from = y + i * y_pixel + j * V::kLanes;
          sums[i][j] = sums[i][j] + (j + 1 < kVectors || full ? V::load(from) : V::load_n(from, last));
        }
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) {
        T* to = y + i * y_pixel + j * V::kLanes;
        const V value = max_fast(low, sums[i][j]);  // a NaN is the second operand and stays
        if (j + 1 < kVectors || full)
          store(to, value);
        else
          store_n(to, value, last);
      }
    x += kPixels * args.x_pixel;
    y += kPixels * y_pixel;
    if (++tile == args.tiles) {
      tile = 0;
      ++row;
      x = args.x + row * args.x_row;
      y = args.y + row * args.y_row;
    }
  }
}

template <class T, int kVectors, int kPixels = kMaxTilePixels>
constexpr void fill_channel_tiles(Conv2dTable<T>& table) {
  if constexpr (kPixels <= tile_pixels(kVectors)) {
    table.channel_tiles[0][kVectors - 1][kPixels - 1] = channel_tiles<T, kPixels, kVectors, false>;
    table.channel_tiles[1][kVectors - 1][kPixels - 1] = channel_tiles<T, kPixels, kVectors, true>;
  }
  if constexpr (kPixels > 1) fill_channel_tiles<T, kVectors, kPixels - 1>(table);
}

template <class T>
void fill_channels(Conv2dTable<T>& table) {
  table.lanes = Vec<T>::kLanes;
  // By offsets, with few steps, a tile's start and end count: the most accumulators, and weights that fit
  // level 1.
  table.tile_vectors[0] = kTileVectors;
  table.tile_vectors[1] = 2;
  for (int v = 1; v <= kTileVectors; ++v)
    for (int i = 0; i < 2; ++i) table.max_pixels[i][v - 1] = tile_pixels(v);
  if (kRegisters == 32) table.max_pixels[0][1] = kTwoVectorPixels;
  fill_channel_tiles<T, 1>(table);
  fill_channel_tiles<T, 2>(table);
  fill_channel_tiles<T, 3>(table);
  if constexpr (kTileVectors > 3) fill_channel_tiles<T, 4>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
