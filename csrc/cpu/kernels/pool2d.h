// SPDX-License-Identifier: Apache-2.0
// Kernels of the pool2d family; each makes one row of pixels, channels in the lanes.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// One axis of the windows: output o covers inputs [o * stride - pad, o * stride - pad + window) inside [0, in).
struct PoolAxis {
  int64_t in, out, window, stride, pad;
  bool count_padding;

  int64_t begin(int64_t o) const { return o * stride > pad ? o * stride - pad : 0; }
  int64_t end(int64_t o) const {
    const int64_t e = o * stride - pad + window;
    return e < in ? e : in;
  }
  // What an average divides by: the inputs inside, or the padding too.
  int64_t count(int64_t o) const { return count_padding ? window : end(o) - begin(o); }
  // Outputs [first, last) whose windows hold input i.
  int64_t first(int64_t i) const { return i + pad < window ? 0 : (i + pad - window) / stride + 1; }
  int64_t last(int64_t i) const {
    const int64_t l = (i + pad) / stride + 1;
    return l < out ? l : out;
  }
};

// (H, W, C) of one image by strides; channels contiguous.
template <class P>
struct PoolImage {
  P* data;
  int64_t row, pixel;
  P* at(int64_t h, int64_t w) const { return data + h * row + w * pixel; }
};

template <class T>
struct Pool2dTable {
  // Row p of y, and of the positions row * W + column where indices.data is given.
  void (*max_row)(PoolImage<T> y, PoolImage<int32_t> indices, PoolImage<const T> x, const PoolAxis& rows,
                  const PoolAxis& cols, int64_t p, int64_t channels);
  // Row h of dx.
  void (*max_row_backward)(PoolImage<T> dx, PoolImage<const T> dy, PoolImage<const int32_t> indices,
                           const PoolAxis& rows, const PoolAxis& cols, int64_t h, int64_t channels);
  // Row p of y = x[indices].
  void (*gather_row)(PoolImage<T> y, PoolImage<const T> x, PoolImage<const int32_t> indices, int64_t width,
                     int64_t p, int64_t cols, int64_t channels);
  void (*avg_row)(PoolImage<T> y, PoolImage<const T> x, const PoolAxis& rows, const PoolAxis& cols, int64_t p,
                  int64_t channels);
  void (*avg_row_backward)(PoolImage<T> dx, PoolImage<const T> dy, const PoolAxis& rows, const PoolAxis& cols,
                           int64_t h, int64_t channels);
};

using Pool2dKernels = FloatTables<Pool2dTable>;

}  // namespace tilewright::cpu
