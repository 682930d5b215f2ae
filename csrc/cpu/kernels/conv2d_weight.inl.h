// SPDX-License-Identifier: Apache-2.0
// Weight-gradient tile: a sum of outer products over pixels.
// Computes    out[m, n] = start + sum over pixels of a[pixel; m] * b[pixel; n], start = out[m, n] or 0
// Layout      a, b: kGroups runs of kRows contiguous values, and kVectors * lanes contiguous values, per
//             pixel; pixels, rows and images any distance apart; out: rows out_row apart. a is x (a run goes over
//             filter columns and channels, side by side in NHWC; groups are filter rows) and b is dy, or the
//             other way round where K is small
// Method      the accumulators of a whole block of pixels stay in registers
// Work split  one call per tile and block of pixels
// Limits      as conv2d_channels.inl.h, with kGroups * kRows for kPixels
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// A tile with so many products goes over row ends by sums instead of a branch: 1 % with rows of 16 pixels. With
// fewer the sums take longer than the products (3 channels with AVX2: 70 GFLOP/s to 54).
inline constexpr int kBranchlessProducts = 20;

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
  // What is written first is on its way while the sums are made: rows of dw lie far apart.
  if (!args.accumulate)
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j)
        prefetch_l1(args.out + i / kRows * args.out_group + i % kRows * args.out_row + j * V::kLanes);
  const int64_t a_pixel = args.a_pixel, a_group = args.a_group, b_pixel = args.b_pixel;
  const int last = args.last;
  const auto add_pixel = [&](const T* a, const T* b) __attribute__((always_inline)) {
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
  };
  const int64_t cols = args.cols;
  for (int64_t image = 0; image < args.images; ++image) {
    const T *a = args.a + image * args.a_image, *b = args.b + image * args.b_image;
    if constexpr (kSums * kVectors < kBranchlessProducts) {
      for (int64_t p = 0; p < args.rows; ++p)
        for (int64_t q = 0; q < cols; ++q)
          add_pixel(a + p * args.a_row + q * a_pixel, b + p * args.b_row + q * b_pixel);
    } else {
      const int64_t a_skip = args.a_row - cols * a_pixel, b_skip = args.b_row - cols * b_pixel;
      int64_t left = cols;
      for (int64_t pixels = args.rows * cols; pixels > 0; --pixels) {
        add_pixel(a, b);
        const int64_t ends = -int64_t(--left == 0);
        a += a_pixel + (a_skip & ends);
        b += b_pixel + (b_skip & ends);
        left += cols & ends;
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

// kVectors registers of columns, `last` of them in the last: eight rows at a time first, so that long sums lose
// less.
template <int kVectors, class T>
TW_INLINE void add_rows_of(T* sums, const T* x, int64_t pitch, int64_t rows, int last) {
  using V = Vec<T>;
  const auto load = [last](const T* p, int j) {
    return j + 1 < kVectors || last == V::kLanes ? V::load(p + j * V::kLanes)
                                                 : V::load_n(p + j * V::kLanes, last);
  };
  V totals[kVectors];
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) totals[j] = load(sums, j);
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8, x += 8 * pitch)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      V part[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) part[i] = load(x + 2 * i * pitch, j) + load(x + (2 * i + 1) * pitch, j);
      totals[j] = totals[j] + ((part[0] + part[1]) + (part[2] + part[3]));
    }
  for (; r < rows; ++r, x += pitch)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) totals[j] = totals[j] + load(x, j);
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j)
    store_n(sums + j * V::kLanes, totals[j], j + 1 < kVectors ? V::kLanes : last);
}

// sums[c] += sum over rows; columns that are neighbours in memory are read together.
template <class T>
void add_rows(T* sums, const T* x, int64_t pitch, int64_t rows, int64_t cols) {
  constexpr int kLanes = Vec<T>::kLanes;
  int64_t c = 0;
  for (; cols - c > 3 * kLanes; c += 4 * kLanes)
    add_rows_of<4>(sums + c, x + c, pitch, rows, cols - c < 4 * kLanes ? int(cols - c - 3 * kLanes) : kLanes);
  for (; cols - c > kLanes; c += 2 * kLanes)
    add_rows_of<2>(sums + c, x + c, pitch, rows, cols - c < 2 * kLanes ? int(cols - c - kLanes) : kLanes);
  if (c < cols) add_rows_of<1>(sums + c, x + c, pitch, rows, int(cols - c));
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
