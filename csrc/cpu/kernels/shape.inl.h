// SPDX-License-Identifier: Apache-2.0
// Rows of an image resized or warped.
// Computes    y[q, c] = (1-v) ((1-u) a[i, c] + u a[j, c]) + v ((1-u) b[i, c] + u b[j, c]); and its transpose;
//             y[q, c] = sum of share * x[offset + c] over the taps of q; and its transpose
// Layout      rows contiguous: (Q, C) and (W, C), channels innermost
// Method      columns one after another, channels in registers: the weights are scalars of the column
// Work split  one call per row of the image; drivers spread rows over threads
// Limits      any n; columns' indices are in range
#include "cpu/kernels/shape.h"
#include "cpu/kernels/shape_take.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// y[c] += weight * x[c]
template <class T>
TW_INLINE void add_scaled(T* y, const T* x, T weight, int64_t n) {
  using V = Vec<T>;
  const V w = V::set1(weight);
  int64_t c = 0;
  for (; c + V::kLanes <= n; c += V::kLanes) store(y + c, fma(w, V::load(x + c), V::load(y + c)));
  if (c < n) store_n(y + c, fma(w, V::load_n(x + c, int(n - c)), V::load_n(y + c, int(n - c))), int(n - c));
}

template <class T>
void resize_row(T* y, const T* upper, const T* lower, double share, const ResizeColumns& columns, int64_t channels) {
  using V = Vec<T>;
  const V below = V::set1(T(share)), above = V::set1(T(1 - share));
  for (int64_t q = 0; q < columns.count; ++q) {
    const int64_t i = columns.first[q] * channels, j = columns.second[q] * channels;
    const double beside = columns.share[q];
    const V right = V::set1(T(beside)), left = V::set1(T(1 - beside));
    for (int64_t c = 0; c < channels; c += V::kLanes) {
      const int n = channels - c < V::kLanes ? int(channels - c) : V::kLanes;
      // A neighbour with no share is not looked at: zero times infinity would be NaN.
      V value = V::load_n(upper + i + c, n);
      if (beside != 0) value = fma(left, value, right * V::load_n(upper + j + c, n));
      if (share != 0) {
        V bottom = V::load_n(lower + i + c, n);
        if (beside != 0) bottom = fma(left, bottom, right * V::load_n(lower + j + c, n));
        value = fma(above, value, below * bottom);
      }
      store_n(y + q * channels + c, value, n);
    }
  }
}

template <class T>
void spread_row(T* dx, const T* dy, double weight, const ResizeColumns& columns, int64_t channels) {
  for (int64_t q = 0; q < columns.count; ++q) {
    const double right = columns.share[q];
    add_scaled(dx + columns.first[q] * channels, dy + q * channels, T(weight * (1 - right)), channels);
    if (right != 0) add_scaled(dx + columns.second[q] * channels, dy + q * channels, T(weight * right), channels);
  }
}

TW_INLINE VecF load_pixel(const uint8_t* x, int n) { return load_u8_n(x, n); }
template <class T>
TW_INLINE Vec<T> load_pixel(const T* x, int n) {
  return Vec<T>::load_n(x, n);
}

// kTaps of 0: as many as there are. Four is the usual case, and worth its own unrolled loop.
template <int kTaps, class T, class X>
TW_INLINE void warp_pixel(T* y, const X* x, const WarpTaps<T>& t, Vec<T> outside, int64_t channels) {
  using V = Vec<T>;
  for (int64_t c = 0; c < channels; c += V::kLanes) {
    const int n = channels - c < V::kLanes ? int(channels - c) : V::kLanes;
    V sum = outside;
    for (int i = 0; i < (kTaps ? kTaps : t.count); ++i)
      sum = fma(V::set1(t.share[i]), load_pixel(x + t.offset[i] + c, n), sum);
    store_n(y + c, sum, n);
  }
}

template <class T, class X>
void warp_row(T* y, const X* x, const WarpTaps<T>* taps, T fill, int64_t pixels, int64_t channels) {
  for (int64_t q = 0; q < pixels; ++q, y += channels) {
    const WarpTaps<T>& t = taps[q];
    // No share, no look: zero times an infinite fill would be NaN.
    const Vec<T> outside = Vec<T>::set1(t.fill_share != T(0) ? t.fill_share * fill : T(0));
    if (t.count == 4)
      warp_pixel<4>(y, x, t, outside, channels);
    else
      warp_pixel<0>(y, x, t, outside, channels);
  }
}

template <class T>
void spread_warp_row(T* dx, const T* dy, const WarpTaps<T>* taps, int64_t pixels, int64_t channels) {
  for (int64_t q = 0; q < pixels; ++q)
    for (int i = 0; i < taps[q].count; ++i)
      add_scaled(dx + taps[q].offset[i], dy + q * channels, taps[q].share[i], channels);
}

template <class T>
constexpr ShapeTable<T> table() {
  return {resize_row<T>, spread_row<T>, warp_row<T, T>, spread_warp_row<T>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(ShapeKernels& kernels) {
  kernels.f32 = table<float>();
  kernels.f64 = table<double>();
  kernels.s32 = pick_table<int32_t>();
  kernels.s64 = pick_table<int64_t>();
  kernels.warp_row_u8 = warp_row<float, uint8_t>;
}

}  // namespace tilewright::cpu::TW_ISA
