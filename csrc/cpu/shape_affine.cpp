// SPDX-License-Identifier: Apache-2.0
// Images read through affine maps, on the CPU. The driver finds where each pixel comes from, in float64; a kernel
// call then makes one row. Forward: rows go to threads; backward: images do, because a pixel of dx may be reached
// from any row of dy.
#include <string.h>

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/shape.h"
#include "cpu/shape_parts.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

// The place at which an axis of n pixels is read for `at`: within [-1, n] unless the border keeps places outside.
// The formulas are scipy.ndimage's, ties included.
double folded(double at, double n, Border border) {
  if (at >= 0 && at <= n - 1) return at;
  if (n == 1 && border != Border::constant && border != Border::grid_constant) return 0;
  const bool below = at < 0;
  switch (border) {
    case Border::nearest: return below ? 0 : n - 1;
    case Border::reflect: {
      const double period = 2 * n;
      at += below ? period * std::trunc(-at / period) : -period * std::trunc(at / period);
      if (below) return at < -n ? at + period : -at - 1;
      return at >= n ? period - at - 1 : at;
    }
    case Border::mirror: {
      const double period = 2 * n - 2;
      at += below ? period * std::trunc(-at / period) : -period * std::trunc(at / period);
      if (below) return at <= 1 - n ? at + period : -at;
      return at >= n ? period - at : at;
    }
    case Border::wrap: return below ? at + (n - 1) * (std::trunc(-at / (n - 1)) + 1) : at - (n - 1) * std::trunc(at / (n - 1));
    case Border::grid_wrap: return below ? at + n * (std::trunc((-1 - at) / n) + 1) : at - n * std::trunc(at / n);
    case Border::constant:
    case Border::grid_constant: break;
  }
  return at;
}

// The pixel that index i, at most one place outside, stands for; -1 for none.
int64_t inside(int64_t i, int64_t n, Border border) {
  if (i >= 0 && i < n) return i;
  switch (border) {
    case Border::grid_constant: return -1;
    case Border::reflect: i = i < 0 ? -1 - i : 2 * n - 1 - i; break;
    case Border::grid_wrap: i = i < 0 ? i + n : i - n; break;
    default: i = i < 0 ? -i : 2 * n - 2 - i; break;
  }
  return std::clamp<int64_t>(i, 0, n - 1);
}

// One axis of a place: up to two pixels (-1: outside) and their shares.
struct AxisTaps {
  int64_t index[2];
  double share[2];
  int count = 0;  // 0: the place is outside
};

AxisTaps axis_taps(double at, int64_t n, const AffineParams& params) {
  AxisTaps taps;
  const bool constant = params.border == Border::constant;
  if (!std::isfinite(at) || (constant && !(at >= 0 && at <= double(n - 1)))) return taps;
  at = folded(at, double(n), params.border);
  if (!(at > -2 && at < double(n) + 1)) return taps;
  const double first = std::floor(params.bilinear ? at : at + 0.5), share = params.bilinear ? at - first : 0;
  taps.index[0] = inside(int64_t(first), n, params.border);
  taps.share[0] = 1 - share;
  taps.count = 1;
  if (share > 0) {
    taps.index[1] = inside(int64_t(first) + 1, n, params.border);
    taps.share[1] = share;
    taps.count = 2;
  }
  return taps;
}

struct Image {
  int64_t rows, cols, channels;
};

// A 2x3 matrix of `matrices`; one of several, or the only one.
struct Map {
  Map(const View& matrices, int64_t n) {
    const int64_t at = matrices.dim(0) == 1 ? 0 : n * matrices.stride(0);
    for (int i = 0; i < 6; ++i) {
      const int64_t place = at + i / 3 * matrices.stride(1) + i % 3 * matrices.stride(2);
      m[i] = matrices.dtype == Dtype::f64 ? matrices.as<double>()[place] : double(matrices.as<float>()[place]);
    }
  }
  double m[6];
};

// Four neighbours well inside the image, which is the usual case; false where the place is not such.
template <class T>
bool four_taps(WarpTaps<T>& tap, double row, double col, const Image& image) {
  if (!(row > 0 && row < double(image.rows - 1) && col > 0 && col < double(image.cols - 1))) return false;
  const int64_t i = int64_t(row), j = int64_t(col);
  const double u = row - double(i), v = col - double(j);
  if (u == 0 || v == 0) return false;  // fewer neighbours
  const int64_t first = (i * image.cols + j) * image.channels, below = first + image.cols * image.channels;
  tap = {{first, first + image.channels, below, below + image.channels},
         {T((1 - u) * (1 - v)), T((1 - u) * v), T(u * (1 - v)), T(u * v)}, 0, 4};
  return true;
}

template <class T>
void any_taps(WarpTaps<T>& tap, double row, double col, const Image& image, const AffineParams& params) {
  tap.count = 0;
  tap.fill_share = 1;
  const AxisTaps rows = axis_taps(row, image.rows, params), cols = axis_taps(col, image.cols, params);
  if (rows.count == 0 || cols.count == 0) return;
  double outside = 0;
  for (int i = 0; i < rows.count; ++i) {
    for (int j = 0; j < cols.count; ++j) {
      const double share = rows.share[i] * cols.share[j];
      if (rows.index[i] < 0 || cols.index[j] < 0) {
        outside += share;
        continue;
      }
      tap.offset[tap.count] = (rows.index[i] * image.cols + cols.index[j]) * image.channels;
      tap.share[tap.count++] = T(share);
    }
  }
  tap.fill_share = T(outside);
}

// Where the pixels of output row p come from.
template <class T>
void find_taps(WarpTaps<T>* taps, int64_t count, const Map& map, double p, const Image& image,
               const AffineParams& params) {
  for (int64_t q = 0; q < count; ++q) {
    const double row = map.m[0] * p + map.m[1] * double(q) + map.m[2];
    const double col = map.m[3] * p + map.m[4] * double(q) + map.m[5];
    if (!params.bilinear || !four_taps(taps[q], row, col, image)) any_taps(taps[q], row, col, image, params);
  }
}

template <class T, class X, class Kernel>
void forward(const View& y, const View& x, const View& matrices, const AffineParams& params, Kernel warp_row) {
  const int64_t P = y.dim(1), Q = y.dim(2);
  const Image image{x.dim(1), x.dim(2), x.dim(3)};
  parallel_ranges(y.dim(0) * P, kElementsPerTask / (Q * image.channels + 1) + 1, [&](int64_t begin, int64_t end) {
    const Scratch<WarpTaps<T>> taps(Q);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / P, p = r % P;
      find_taps(taps.data(), Q, Map(matrices, n), double(p), image, params);
      warp_row(y.as<T>() + r * y.stride(1), x.as<X>() + n * x.stride(0), taps.data(), T(params.fill_value), Q,
               image.channels);
    }
  });
}

template <class T>
void backward(const View& dx, const View& dy, const View& matrices, const AffineParams& params) {
  const int64_t P = dy.dim(1), Q = dy.dim(2);
  const Image image{dx.dim(1), dx.dim(2), dx.dim(3)};
  const auto spread = kernels<ShapeKernels>().of<T>().spread_warp_row;
  parallel_for(dx.dim(0), [&](int64_t n) {
    const Scratch<WarpTaps<T>> taps(Q);
    T* to = dx.as<T>() + n * dx.stride(0);
    memset(to, 0, static_cast<size_t>(image.rows * image.cols * image.channels) * sizeof(T));
    for (int64_t p = 0; p < P; ++p) {
      find_taps(taps.data(), Q, Map(matrices, n), double(p), image, params);
      spread(to, dy.as<T>() + n * dy.stride(0) + p * dy.stride(1), taps.data(), Q, image.channels);
    }
  });
}

}  // namespace

void affine_transform_forward(const View& y, const View& x, const View& matrices, const AffineParams& params, Stream) {
  if (y.size() == 0) return;
  if (x.dtype == Dtype::u8) return forward<float, uint8_t>(y, x, matrices, params, kernels<ShapeKernels>().warp_row_u8);
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    forward<T, T>(y, x, matrices, params, kernels<ShapeKernels>().of<T>().warp_row);
  });
}

void affine_transform_backward(const View& dx, const View& dy, const View& matrices, const AffineParams& params,
                               Stream) {
  if (dx.size() == 0) return;
  for_float(dx.dtype, [&](auto type) { backward<type_t<decltype(type)>>(dx, dy, matrices, params); });
}

}  // namespace tilewright::cpu
