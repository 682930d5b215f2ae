// SPDX-License-Identifier: Apache-2.0
// Computes    y[p, q] = max or mean of x over the window at (p, q), cut to the image; the position row * W +
//             column of the
//             maximum; dx[h, w] = sum over the windows that hold (h, w) of their dy, where (h, w) was the
//             maximum, or divided by the window's count;  y[p, q] = x[position]
// Layout      (N, H, W, C) and (N, P, Q, C), channels contiguous, other strides any; kVector channels a
//             thread, aligned
// Method      backward gathers: every dx looks up its windows, so nothing is added to memory twice and no
//             atomics are needed
// Work split  threads stride over groups of channels of the pixels that are written
// Limits      every window holds at least one pixel of the image. The first of equal maxima wins; NaN counts
//             as largest, the first NaN wins. A position out of range is reported (device/error_cell.cuh)
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/axes.cuh"
#include "device/error_cell.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

inline constexpr int kPoolThreads = 256;

// Output o covers inputs [o * stride - pad, o * stride - pad + window) inside [0, in).
struct PoolAxis {
  int64_t in, out, window, stride, pad;
  Divisor by_stride;
  bool count_padding;

  TW_DEVICE int64_t begin(int64_t o) const { return o * stride > pad ? o * stride - pad : 0; }
  TW_DEVICE int64_t end(int64_t o) const {
    const int64_t last = o * stride - pad + window;
    return last < in ? last : in;
  }
  // What an average divides by: the inputs inside, or the padding too.
  TW_DEVICE int64_t count(int64_t o) const { return count_padding ? window : end(o) - begin(o); }
  // Outputs [first_window, last_window) hold input i.
  TW_DEVICE int64_t first_window(int64_t i) const {
    int64_t rest;
    return i + pad < window ? 0 : by_stride.divide(i + pad - window, rest) + 1;
  }
  TW_DEVICE int64_t last_window(int64_t i) const {
    int64_t rest;
    const int64_t last = by_stride.divide(i + pad, rest) + 1;
    return last < out ? last : out;
  }
};

struct PoolStrides {
  int64_t image, row, pixel;
};

// Group `item` of the array that is written, as image, row, column and first channel.
struct PoolItems {
  int64_t count;
  Divisor by_groups, by_cols, by_rows;
};
struct PoolPlace {
  int64_t n, row, col, channel;

  TW_DEVICE PoolPlace(const PoolItems& items, int64_t item, int vector) {
    n = items.by_rows.divide(items.by_cols.divide(items.by_groups.divide(item, channel), col), row);
    channel *= vector;
  }
  TW_DEVICE int64_t in(const PoolStrides& s) const {
    return n * s.image + row * s.row + col * s.pixel + channel;
  }
  // The same image and channels at another pixel.
  TW_DEVICE int64_t in(const PoolStrides& s, int64_t r, int64_t c) const {
    return n * s.image + r * s.row + c * s.pixel + channel;
  }
};

struct PoolShape {
  PoolAxis rows, cols;
  PoolItems items;
  PoolStrides x, y, indices;  // of H x W, of P x Q, and of the positions
};

// indices may be null.
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kPoolThreads)
    max_pool_pixels(GlobalPtr<T> y, GlobalPtr<int32_t> indices, GlobalPtr<const T> x, PoolShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items.count; i += step) {
    const PoolPlace at(shape.items, i, kVector);
    const int64_t h0 = shape.rows.begin(at.row), h1 = shape.rows.end(at.row);
    const int64_t w0 = shape.cols.begin(at.col), w1 = shape.cols.end(at.col);
    Wide<T> best[kVector];
    int32_t position[kVector];
    load_wide<kVector, T>(best, x, at.in(shape.x, h0, w0));
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) position[v] = static_cast<int32_t>(h0 * shape.cols.in + w0);
    for (int64_t h = h0; h < h1; ++h) {
      int64_t from = at.in(shape.x, h, w0);
      for (int64_t w = w0; w < w1; ++w, from += shape.x.pixel) {
        Wide<T> values[kVector];
        load_wide<kVector, T>(values, x, from);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) {
          const bool larger = !(values[v] <= best[v]) && best[v] == best[v];
          best[v] = larger ? values[v] : best[v];
          position[v] = larger ? static_cast<int32_t>(h * shape.cols.in + w) : position[v];
        }
      }
    }
    store_narrow<kVector, T>(y, at.in(shape.y), best);
    if (indices) store_narrow<kVector, int32_t>(indices, at.in(shape.indices), position);
  }
}

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kPoolThreads)
    max_pool_gradient(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const int32_t> indices,
                      PoolShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items.count; i += step) {
    const PoolPlace at(shape.items, i, kVector);
    const int64_t p1 = shape.rows.last_window(at.row), q1 = shape.cols.last_window(at.col);
    const int32_t here = static_cast<int32_t>(at.row * shape.cols.in + at.col);
    Wide<T> sums[kVector] = {};
    for (int64_t p = shape.rows.first_window(at.row); p < p1; ++p) {
      for (int64_t q = shape.cols.first_window(at.col); q < q1; ++q) {
        Wide<T> values[kVector];
        int32_t position[kVector];
        load_wide<kVector, int32_t>(position, indices, at.in(shape.indices, p, q));
        load_wide<kVector, T>(values, dy, at.in(shape.y, p, q));
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) sums[v] += position[v] == here ? values[v] : Wide<T>(0);
      }
    }
    store_narrow<kVector, T>(dx, at.in(shape.x), sums);
  }
}

// One channel a thread: the positions of neighbours differ.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kPoolThreads)
    max_pool_take(GlobalPtr<T> y, GlobalPtr<const T> x, GlobalPtr<const int32_t> indices, PoolShape shape,
                  Divisor width, IndexCheck check) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items.count; i += step) {
    const PoolPlace at(shape.items, i, 1);
    int64_t w;
    const int64_t h = width.divide(check.checked(indices[at.in(shape.indices)], i), w);
    const T value = x[at.in(shape.x, h, w)];
    y[at.in(shape.y)] = value;
  }
}

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kPoolThreads)
    avg_pool_pixels(GlobalPtr<T> y, GlobalPtr<const T> x, PoolShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items.count; i += step) {
    const PoolPlace at(shape.items, i, kVector);
    const int64_t h1 = shape.rows.end(at.row), w0 = shape.cols.begin(at.col);
    const int width = static_cast<int>(shape.cols.end(at.col) - w0);
    const Wide<T> count = static_cast<Wide<T>>(shape.rows.count(at.row) * shape.cols.count(at.col));
    Wide<T> total[kVector] = {};
    for (int64_t h = shape.rows.begin(at.row); h < h1; ++h) {
      Wide<T> sum[kVector] = {};  // row by row: long sums lose less
      const GlobalPtr<const T> from = x + at.in(shape.x, h, w0);
      for (int w = 0; w < width; ++w) {
        Wide<T> values[kVector];
        load_wide<kVector, T>(values, from, w * shape.x.pixel);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) sum[v] += values[v];
      }
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) total[v] += sum[v];
    }
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) total[v] /= count;
    store_narrow<kVector, T>(y, at.in(shape.y), total);
  }
}

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kPoolThreads)
    avg_pool_gradient(GlobalPtr<T> dx, GlobalPtr<const T> dy, PoolShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.items.count; i += step) {
    const PoolPlace at(shape.items, i, kVector);
    const int64_t p1 = shape.rows.last_window(at.row), q1 = shape.cols.last_window(at.col);
    Wide<T> sums[kVector] = {};
    for (int64_t p = shape.rows.first_window(at.row); p < p1; ++p) {
      for (int64_t q = shape.cols.first_window(at.col); q < q1; ++q) {
        Wide<T> values[kVector];
        load_wide<kVector, T>(values, dy, at.in(shape.y, p, q));
        const Wide<T> count = static_cast<Wide<T>>(shape.rows.count(p) * shape.cols.count(q));
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) sums[v] += values[v] / count;
      }
    }
    store_narrow<kVector, T>(dx, at.in(shape.x), sums);
  }
}

}  // namespace TW_BACKEND
