// SPDX-License-Identifier: Apache-2.0
// Computes    y[n, p, q] = x[n] at row m00 p + m01 q + m02, column m10 p + m11 q + m12: the nearest pixel or four
//             with their shares; outside, pixels by the border or a fill value; and its transpose dx
// Layout      images (N, H, W, C) and (N, P, Q, C) in C order, kVector channels a thread; matrices (N or 1, 2, 3)
// Method      places and shares in double, the formulas and ties scipy.ndimage's. Backward: a map may send any
//             place to any pixel, so the taps of an image are sorted by the pixels they read (kernels/sort.cuh)
//             and each pixel finds its run by bisection: no atomics, and the order of additions is fixed
// Work split  threads stride over groups of channels of the pixels that are written, or over taps
// Limits      H, W >= 1, fewer than 2^32 taps an image. A pixel that all places read is summed by one thread.
//             What has no share is not read: zero times infinity would be NaN
// Ran on      no GPU yet; passes on simt
#pragma once

#include "core/params.h"
#include "kernels/elementwise.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

inline constexpr int kPlaceTaps = 4;

// The 2x3 matrices of the images; the one not given is null.
struct AffineMaps {
  GlobalPtr<const float> narrow;
  GlobalPtr<const double> wide;
  int64_t image, row, col;  // strides; image is 0 where one matrix serves all

  TW_DEVICE double at(int64_t n, int i, int j) const {
    const int64_t offset = n * image + i * row + j * col;
    if (narrow) return static_cast<double>(float(narrow[offset]));
    return wide[offset];
  }
};

// The place at which an axis of n pixels is read for `at`: within [-1, n] unless the border keeps places
// outside.
TW_DEVICE double folded(double at, double n, Border border) {
  if (at >= 0 && at <= n - 1) return at;
  if (border == Border::constant || border == Border::grid_constant) return at;
  if (n == 1) return 0;
  const bool below = at < 0;
  switch (border) {
    case Border::reflect: {
      const double period = 2 * n;
      at += below ? period * trunc(-at / period) : -period * trunc(at / period);
      if (below) return at < -n ? at + period : -at - 1;
      return at >= n ? period - at - 1 : at;
    }
    case Border::mirror: {
      const double period = 2 * n - 2;
      at += below ? period * trunc(-at / period) : -period * trunc(at / period);
      if (below) return at <= 1 - n ? at + period : -at;
      return at >= n ? period - at : at;
    }
    case Border::wrap:
      return below ? at + (n - 1) * (trunc(-at / (n - 1)) + 1) : at - (n - 1) * trunc(at / (n - 1));
    case Border::grid_wrap:
      return below ? at + n * (trunc((-1 - at) / n) + 1) : at - n * trunc(at / n);
    default:
      return below ? 0 : n - 1;
  }
}

// The pixel that index i, at most one place outside, stands for; -1 for none.
TW_DEVICE int64_t pixel_inside(int64_t i, int64_t n, Border border) {
  if (i >= 0 && i < n) return i;
  switch (border) {
    case Border::grid_constant:
      return -1;
    case Border::reflect:
      i = i < 0 ? -1 - i : 2 * n - 1 - i;
      break;
    case Border::grid_wrap:
      i = i < 0 ? i + n : i - n;
      break;
    default:
      i = i < 0 ? -i : 2 * n - 2 - i;
  }
  return i < 0 ? 0 : i > n - 1 ? n - 1 : i;
}

// One axis of a place: two pixels (-1: outside) and the share of the second, which is not read where that is
// 0.
struct AffineAxis {
  int64_t first = 0, second = 0;
  double share = 0;
  bool reached = false;  // false: the place is outside

  TW_DEVICE AffineAxis(double at, int64_t size, Border border, bool bilinear) {
    const double n = static_cast<double>(size);
    if (!(fabs(at) < static_cast<double>(INFINITY))) return;
    if (border == Border::constant && !(at >= 0 && at <= n - 1)) return;
    at = folded(at, n, border);
    if (!(at > -2 && at < n + 1)) return;
    const double below = floor(bilinear ? at : at + 0.5);
    reached = true;
    share = bilinear ? at - below : 0.0;
    first = pixel_inside(static_cast<int64_t>(below), size, border);
    second = pixel_inside(static_cast<int64_t>(below) + 1, size, border);
  }
  TW_DEVICE int64_t pixel(int k) const { return k == 0 ? first : second; }
  TW_DEVICE double part(int k) const { return k == 0 ? 1 - share : share; }
};

struct AffineShape {
  int64_t H, W;                           // of the images that are read
  Divisor by_channels, by_cols, by_rows;  // of the array that is written; by_channels counts groups
  int64_t items, channels;
  Border border;
  bool bilinear;
};

// Where place (p, q) of image n is read: tap k is row k / 2 and column k % 2 of four.
struct AffinePlace {
  AffineAxis rows, cols;
  int64_t width;

  TW_DEVICE AffinePlace(const AffineMaps& maps, const AffineShape& shape, int64_t n, int64_t p, int64_t q)
      : rows(coordinate(maps, n, 0, p, q), shape.H, shape.border, shape.bilinear),
        cols(coordinate(maps, n, 1, p, q), shape.W, shape.border, shape.bilinear),
        width(shape.W) {}

  TW_DEVICE bool reached() const { return rows.reached && cols.reached; }
  TW_DEVICE double share(int tap) const { return rows.part(tap / 2) * cols.part(tap % 2); }
  // row * W + column, or -1.
  TW_DEVICE int64_t pixel(int tap) const {
    const int64_t h = rows.pixel(tap / 2), w = cols.pixel(tap % 2);
    return h < 0 || w < 0 ? -1 : h * width + w;
  }

 private:
  static TW_DEVICE double coordinate(const AffineMaps& maps, int64_t n, int axis, int64_t p, int64_t q) {
    return maps.at(n, axis, 0) * static_cast<double>(p) + maps.at(n, axis, 1) * static_cast<double>(q) +
           maps.at(n, axis, 2);
  }
};

// X is T or a byte.
template <class T, class X, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    affine_pixels(GlobalPtr<T> y, GlobalPtr<const X> x, AffineMaps maps, AffineShape shape, double fill) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items; i += step) {
    int64_t group, q, p;
    const int64_t n = shape.by_rows.divide(shape.by_cols.divide(shape.by_channels.divide(i, group), q), p);
    const AffinePlace place(maps, shape, n, p, q);
    const int64_t image = n * shape.H * shape.W;
    T values[kVector] = {};
    double outside = place.reached() ? 0.0 : 1.0;
    TW_UNROLL
    for (int tap = 0; tap < kPlaceTaps; ++tap) {
      const double share = place.share(tap);
      if (!place.reached() || share == 0) continue;
      const int64_t pixel = place.pixel(tap);
      if (pixel < 0) {
        outside += share;
        continue;
      }
      Wide<X> read[kVector];
      load_wide<kVector, X>(read, x, (image + pixel) * shape.channels + group * kVector);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v)
        values[v] = fma(static_cast<T>(share), static_cast<T>(read[v]), values[v]);
    }
    if (outside != 0) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v)
        values[v] = fma(static_cast<T>(outside), static_cast<T>(fill), values[v]);
    }
    store_narrow<kVector, T>(y, i * kVector, values);
  }
}

// ---- backward: `images` images from `first` on, their taps sorted
// --------------------------------------------

// Pixel, place and tap in one number; taps that reach no pixel come last.
TW_DEVICE uint64_t tap_entry(int64_t pixel, int64_t place, int tap) {
  return static_cast<uint64_t>(pixel) << 32 | static_cast<uint64_t>(place * kPlaceTaps + tap);
}
TW_DEVICE int64_t pixel_of(uint64_t entry) { return static_cast<int64_t>(entry >> 32); }
TW_DEVICE int64_t place_of(uint64_t entry) { return static_cast<int64_t>(entry & 0xffffffffu) / kPlaceTaps; }
TW_DEVICE int tap_of(uint64_t entry) { return static_cast<int>(entry % kPlaceTaps); }

struct TapOrder {
  using Entry = uint64_t;
  static TW_DEVICE bool before(uint64_t a, uint64_t b) { return a < b; }
};
inline constexpr uint64_t kNoTap = ~uint64_t{0};

struct AffineTaps {
  int64_t first, images;       // of the batch
  int64_t places, length;      // P * Q, and the entries of an image
  Divisor by_length, by_cols;  // entries of an image, and columns Q of dy
};

TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    affine_taps(GlobalPtr<uint64_t> entries, AffineMaps maps, AffineShape shape, AffineTaps taps) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x, count = taps.images * taps.length;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    int64_t entry, q;
    const int64_t n = taps.first + taps.by_length.divide(i, entry);
    const int64_t at = entry / kPlaceTaps;
    const int tap = static_cast<int>(entry % kPlaceTaps);
    uint64_t made = kNoTap;
    if (at < taps.places) {
      const int64_t p = taps.by_cols.divide(at, q);
      const AffinePlace place(maps, shape, n, p, q);
      const int64_t pixel = place.pixel(tap);
      if (place.reached() && place.share(tap) != 0 && pixel >= 0) made = tap_entry(pixel, at, tap);
    }
    entries[i] = made;
  }
}

// The first of an image's entries that is not of a pixel before this one.
TW_DEVICE int64_t first_tap(const GlobalPtr<const uint64_t>& entries, int64_t length, int64_t pixel) {
  int64_t low = 0, high = length;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (pixel_of(entries[middle]) < pixel) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    affine_gradient(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const uint64_t> entries,
                    AffineMaps maps, AffineShape shape, AffineTaps taps) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items; i += step) {
    int64_t group, w, h;
    const int64_t image =
        shape.by_rows.divide(shape.by_cols.divide(shape.by_channels.divide(i, group), w), h);
    const int64_t n = taps.first + image, pixel = h * shape.W + w;
    const GlobalPtr<const uint64_t> own = entries + image * taps.length;
    T sums[kVector] = {};
    for (int64_t j = first_tap(own, taps.length, pixel); j < taps.length; ++j) {
      const uint64_t entry = own[j];
      if (entry == kNoTap || pixel_of(entry) != pixel) break;
      const int64_t at = place_of(entry);
      int64_t q;
      const int64_t p = taps.by_cols.divide(at, q);
      const T share = static_cast<T>(AffinePlace(maps, shape, n, p, q).share(tap_of(entry)));
      T values[kVector];
      load_wide<kVector, T>(values, dy, (n * taps.places + at) * shape.channels + group * kVector);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sums[v] = fma(share, values[v], sums[v]);
    }
    store_narrow<kVector, T>(dx, ((n * shape.H + h) * shape.W + w) * shape.channels + group * kVector, sums);
  }
}

}  // namespace TW_BACKEND
