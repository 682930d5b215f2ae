// SPDX-License-Identifier: Apache-2.0
// Weight-gradient tile: a sum of outer products over pixels.
// Computes    out[m, n] = start + sum over pixels of a[pixel; m] * b[pixel; n], start = out[m, n] or 0
// Layout      a, b: kGroups runs of kRows contiguous values, and kVectors * lanes contiguous values, per
//             pixel; pixels and rows any distance apart; out: rows out_row apart. a is x (a run goes over
//             filter columns and channels, side by side in NHWC; groups are filter rows) and b is dy, or the
//             other way round where K is small
// Method      the accumulators of a whole block of pixels stay in registers
// Work split  one call per tile and block of pixels
// Limits      as conv2d_channels.inl.h, with kGroups * kRows for kPixels
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T, int kGroups, int kRows, int kVectors>
void weight_tile(const WeightTileArgs<T>& args) {
  using V = Vec<T>;
  constexpr int kTail = kVectors - 1, kSums = kGroups * kRows;
  V sums[kSums][kVectors];
  const int old = args.accumulate ? args.last : 0, full = args.accumulate ? V::kLanes : 0;
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) {
    const T* from = args.out + i / kRows * args.out_group + i % kRows * args.out_row;
#pragma GCC unroll 4
    for (int j = 0; j < kTail; ++j) sums[i][j] = V::load_n(from + j * V::kLanes, full);
    sums[i][kTail] = V::load_n(from + kTail * V::kLanes, old);
  }
  const int64_t a_pixel = args.a_pixel, a_group = args.a_group, b_pixel = args.b_pixel;
  const int last = args.last;
  for (int64_t p = 0; p < args.rows; ++p) {
    const T* a = args.a + p * args.a_row;
    const T* b = args.b + p * args.b_row;
    for (int64_t q = 0; q < args.cols; ++q, a += a_pixel, b += b_pixel) {
      V values[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kTail; ++j) values[j] = V::load(b + j * V::kLanes);
      values[kTail] =
          last == V::kLanes ? V::load(b + kTail * V::kLanes) : V::load_n(b + kTail * V::kLanes, last);
#pragma GCC unroll 16
      for (int i = 0; i < kSums; ++i) {
        const V factor = V::set1(a[i / kRows * a_group + i % kRows]);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(factor, values[j], sums[i][j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) {
    T* to = args.out + i / kRows * args.out_group + i % kRows * args.out_row;
#pragma GCC unroll 4
    for (int j = 0; j < kTail; ++j) store(to + j * V::kLanes, sums[i][j]);
    store_n(to + kTail * V::kLanes, sums[i][kTail], last);
  }
}

template <class T, int kGroups, int kVectors, int kRows = kMaxTilePixels / kGroups>
constexpr void fill_weight_tiles(Conv2dTable<T>& table) {
  if constexpr (kGroups * kRows <= tile_pixels(kVectors))
    table.weight_tile[kGroups - 1][kVectors - 1][kRows - 1] = weight_tile<T, kGroups, kRows, kVectors>;
  if constexpr (kRows > 1) fill_weight_tiles<T, kGroups, kVectors, kRows - 1>(table);
}

// sums[c] += sum over rows: eight rows at a time first, so that long sums lose less.
template <class T>
void add_rows(T* sums, const T* x, int64_t pitch, int64_t rows, int64_t cols) {
  using V = Vec<T>;
  for (int64_t c = 0; c < cols; c += V::kLanes) {
    const int n = cols - c < V::kLanes ? int(cols - c) : V::kLanes;
    V total = V::load_n(sums + c, n);
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8) {
      const T* p = x + r * pitch + c;
      V part[8];
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) part[i] = V::load_n(p + i * pitch, n);
      total =
          total + (((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7])));
    }
    for (; r < rows; ++r) total = total + V::load_n(x + r * pitch + c, n);
    store_n(sums + c, total, n);
  }
}

template <class T>
void fill_weights(Conv2dTable<T>& table) {
  fill_weight_tiles<T, 1, 1>(table);
  fill_weight_tiles<T, 1, 2>(table);
  fill_weight_tiles<T, 1, 3>(table);
  if constexpr (kTileVectors > 3) fill_weight_tiles<T, 1, 4>(table);
  fill_weight_tiles<T, 2, 1>(table);
  fill_weight_tiles<T, 2, 2>(table);
  fill_weight_tiles<T, 3, 1>(table);
  fill_weight_tiles<T, 3, 2>(table);
  table.add_rows = add_rows<T>;
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
