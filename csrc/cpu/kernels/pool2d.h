// SPDX-License-Identifier: Apache-2.0
// Kernels of the pool2d family; each makes one row of pixels, channels in the lanes.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// One axis of the windows: output o covers inputs [o * stride - pad, o * stride - pad + window) inside [0,
// in).
struct PoolAxis {
  int64_t in, out, window, stride, pad;
  bool count_padding;
};

// (H, W, C) of one image by strides; channels contiguous.
template <class P>
struct PoolImage {
  P* data;
  int64_t row, pixel;
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
