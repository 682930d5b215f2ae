// SPDX-License-Identifier: Apache-2.0
// Kernels of the pool2d family: rows of pixels with channels in the lanes, or with pixels side by side where the
// channels are few.
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

// Positions beside values: integers of the same width.
template <class T>
struct PoolPosition {
  using Type = int32_t;
};
template <>
struct PoolPosition<double> {
  using Type = int64_t;
};

// Images of few channels, all of whose rows are (columns, channels) without gaps, a row in pieces. A step is
// cols.stride pixels of the image, and one pixel of the smaller one.
template <class T>
struct PoolNarrow {
  PoolAxis rows, cols;
  int64_t channels;
  int64_t piece;  // steps at once
  // cols.stride times the step of each number of a piece, with a register more
  const typename PoolPosition<T>::Type* steps;
  // Of scratch memory: numbers in a line of the image as a piece needs it, and in every stride-th pixel of it
  int64_t line, phase;
  void* scratch;  // (line + cols.stride * phase) numbers and as many positions
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
  // Rows [begin, end) of dx.
  void (*max_scatter)(PoolImage<T> dx, PoolImage<const T> dy, PoolImage<const int32_t> indices, const PoolAxis& rows,
                      const PoolAxis& cols, int64_t begin, int64_t end, int64_t channels);
  // The same for rows [begin, end) of images of few channels.
  void (*narrow_max)(PoolImage<T> y, PoolImage<int32_t> indices, PoolImage<const T> x, const PoolNarrow<T>& narrow,
                     int64_t begin, int64_t end);
  void (*narrow_avg)(PoolImage<T> y, PoolImage<const T> x, const PoolNarrow<T>& narrow, int64_t begin, int64_t end);
  void (*narrow_avg_backward)(PoolImage<T> dx, PoolImage<const T> dy, const PoolNarrow<T>& narrow, int64_t begin,
                              int64_t end);
};

using Pool2dKernels = FloatTables<Pool2dTable>;

}  // namespace tilewright::cpu
