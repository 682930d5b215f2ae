// SPDX-License-Identifier: Apache-2.0
// Computes    y[p, q] = (1-v) ((1-u) x[i, j] + u x[i, j']) + v ((1-u) x[i', j] + u x[i', j']), or the nearest
//             pixel; and its transpose dx
// Layout      images (N, H, W, C) and (N, P, Q, C), channels contiguous, other strides any; kVector channels
//             a thread
// Method      source places in double, from whole numbers where a floor follows, as on the CPU. Backward
//             gathers: the destinations made from a source row are a run, whose beginning is found by
//             bisection, so nothing is added to memory twice
// Work split  threads stride over groups of channels of pixels
// Limits      H, W >= 1. A neighbour with no share is not read: zero times infinity would be NaN
// Ran on      no GPU yet; passes on simt
#pragma once

#include "core/params.h"
#include "kernels/elementwise.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

// One axis: `count` places made from `size`.
struct ResizeAxis {
  int64_t count, size;
  Resize method;
  bool align_corners;

  TW_DEVICE double place(int64_t i) const {
    if (align_corners) {
      const double at =
          count > 1 ? static_cast<double>(i) * static_cast<double>(size - 1) / static_cast<double>(count - 1)
                    : 0.0;
      return method == Resize::bilinear ? at : floor(at + 0.5);
    }
    if (method == Resize::nearest) return static_cast<double>((2 * i + 1) * size / (2 * count));
    if (method == Resize::nearest_floor) return static_cast<double>(i * size / count);
    const double at =
        (static_cast<double>(i) + 0.5) * static_cast<double>(size) / static_cast<double>(count) - 0.5;
    const double last = static_cast<double>(size - 1);
    return at < 0.0 ? 0.0 : at > last ? last : at;
  }
};

// The two sources of place i and the share of the second.
struct ResizeSource {
  int64_t first, second;
  double share;

  TW_DEVICE ResizeSource(const ResizeAxis& axis, int64_t i) {
    const double at = axis.place(i);
    first = static_cast<int64_t>(at);
    share = at - static_cast<double>(first);
    second = first + (share > 0.0);
  }
  // The share of source h.
  TW_DEVICE double weight(int64_t h) const {
    return (first == h ? 1 - share : 0.0) + (second == h ? share : 0.0);
  }
};

// The first place that has source h, or a later one, as its second.
TW_DEVICE int64_t first_use(const ResizeAxis& axis, int64_t h) {
  int64_t low = 0, high = axis.count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (ResizeSource(axis, middle).second < h) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

struct ResizeShape {
  ResizeAxis rows, cols;
  Divisor by_channels, by_cols, by_rows;  // of the array that is written; by_channels counts groups
  int64_t items;
  int64_t y_image, y_row, y_pixel;  // strides of the array of P x Q
  int64_t x_image, x_row, x_pixel;  // and of H x W
};

template <class W, int kVector>
TW_DEVICE void blend(W (&values)[kVector], double share, const W (&others)[kVector]) {
  TW_UNROLL
  for (int v = 0; v < kVector; ++v)
    values[v] = fma(static_cast<W>(1 - share), values[v], static_cast<W>(share) * others[v]);
}

template <class T, int kVector>
TW_DEVICE void blend_columns(Wide<T> (&values)[kVector], GlobalPtr<const T> x, int64_t row,
                             const ResizeSource& col, int64_t pixel) {
  load_wide<kVector, T>(values, x, row + col.first * pixel);
  if (col.share == 0) return;
  Wide<T> beside[kVector];
  load_wide<kVector, T>(beside, x, row + col.second * pixel);
  blend(values, col.share, beside);
}

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    resize_pixels(GlobalPtr<T> y, GlobalPtr<const T> x, ResizeShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items; i += step) {
    int64_t group, q, p;
    const int64_t n = shape.by_rows.divide(shape.by_cols.divide(shape.by_channels.divide(i, group), q), p);
    const ResizeSource row(shape.rows, p), col(shape.cols, q);
    const int64_t image = n * shape.x_image + group * kVector;
    Wide<T> values[kVector];
    blend_columns<T, kVector>(values, x, image + row.first * shape.x_row, col, shape.x_pixel);
    if (row.share != 0) {
      Wide<T> below[kVector];
      blend_columns<T, kVector>(below, x, image + row.second * shape.x_row, col, shape.x_pixel);
      blend(values, row.share, below);
    }
    store_narrow<kVector, T>(y, n * shape.y_image + p * shape.y_row + q * shape.y_pixel + group * kVector,
                             values);
  }
}

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    resize_gradient(GlobalPtr<T> dx, GlobalPtr<const T> dy, ResizeShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items; i += step) {
    int64_t group, w, h;
    const int64_t n = shape.by_rows.divide(shape.by_cols.divide(shape.by_channels.divide(i, group), w), h);
    const int64_t first_col = first_use(shape.cols, w);
    Wide<T> sums[kVector] = {};
    for (int64_t p = first_use(shape.rows, h); p < shape.rows.count; ++p) {
      const ResizeSource row(shape.rows, p);
      if (row.first > h) break;
      const double of_row = row.weight(h);
      for (int64_t q = first_col; q < shape.cols.count && of_row != 0; ++q) {
        const ResizeSource col(shape.cols, q);
        if (col.first > w) break;
        const double of_col = col.weight(w);
        if (of_col == 0) continue;
        Wide<T> values[kVector];
        load_wide<kVector, T>(values, dy,
                              n * shape.y_image + p * shape.y_row + q * shape.y_pixel + group * kVector);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v)
          sums[v] = fma(static_cast<Wide<T>>(of_row * of_col), values[v], sums[v]);
      }
    }
    store_narrow<kVector, T>(dx, n * shape.x_image + h * shape.x_row + w * shape.x_pixel + group * kVector,
                             sums);
  }
}

}  // namespace TW_BACKEND
