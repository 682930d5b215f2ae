// SPDX-License-Identifier: Apache-2.0
// Softmax of one row.
// Computes    y[c] = exp(x[c] - m) / s,  m = max_c x[c],  s = sum_c exp(x[c] - m); log_softmax: x[c] - m - log(s)
// Layout      x, y: cols contiguous elements; y may be x
// Method      three sweeps over a row that stays in the cache: maximum, exp and sum, scale. The online form
//             (Milakov & Gimelshein, arXiv:1805.02867) saves a read but costs a second exp, which is dearer here
// Work split  one call per row; drivers spread rows over threads
// Limits      cols >= 1; a row of -inf, or with +inf or NaN, gives NaN as the formula does
#include "cpu/kernels/softmax.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// max of the row; NaN if any element is, so that NaN reaches the whole row through x - m.
template <class T>
T row_max(const T* x, int64_t cols) {
  using V = Vec<T>;
  int64_t c = 0;
  V m = V::set1(x[0]);
  for (; c + V::kLanes <= cols; c += V::kLanes) m = max_nan(m, V::load(x + c));
  if (c < cols) m = max_nan(m, V::load_n(x + c, int(cols - c), x[0]));
  return reduce_max_nan(m);
}

// y = exp(x - m) where y is given; returns the sum.
template <class T, bool kStore>
T exp_and_sum(T* y, const T* x, int64_t cols, T max) {
  using V = Vec<T>;
  const V m = V::set1(max);
  V sum = V::zero();
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) {
    const V e = exp_nonpositive(V::load(x + c) - m);
    if (kStore) store(y + c, e);
    sum = sum + e;
  }
  if (c < cols) {
    const int n = int(cols - c);
    const V e = select(mask_first<T>(n), exp_nonpositive(V::load_n(x + c, n, max) - m), V::zero());
    if (kStore) store_n(y + c, e, n);
    sum = sum + e;
  }
  return reduce_add(sum);
}

template <class T>
void softmax(T* y, const T* x, int64_t cols) {
  using V = Vec<T>;
  const T sum = exp_and_sum<T, true>(y, x, cols, row_max(x, cols));
  const V scale = V::set1(T(1) / sum);
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) store(y + c, V::load(y + c) * scale);
  if (c < cols) store_n(y + c, V::load_n(y + c, int(cols - c)) * scale, int(cols - c));
}

template <class T>
void log_softmax(T* y, const T* x, int64_t cols) {
  using V = Vec<T>;
  const T max = row_max(x, cols);
  const T sum = exp_and_sum<T, false>(nullptr, x, cols, max);
  T log_sum[V::kLanes];
  store(log_sum, log(V::set1(sum)));
  const V m = V::set1(max), l = V::set1(log_sum[0]);
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) store(y + c, V::load(x + c) - m - l);
  if (c < cols) store_n(y + c, V::load_n(x + c, int(cols - c)) - m - l, int(cols - c));
}

template <class T>
void softmax_backward(T* dx, const T* dy, const T* y, int64_t cols) {
  using V = Vec<T>;
  V dots = V::zero();
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) dots = fma(V::load(dy + c), V::load(y + c), dots);
  if (c < cols) dots = fma(V::load_n(dy + c, int(cols - c)), V::load_n(y + c, int(cols - c)), dots);
  const V dot = V::set1(reduce_add(dots));
  for (c = 0; c + V::kLanes <= cols; c += V::kLanes) store(dx + c, (V::load(dy + c) - dot) * V::load(y + c));
  if (c < cols) {
    const int n = int(cols - c);
    store_n(dx + c, (V::load_n(dy + c, n) - dot) * V::load_n(y + c, n), n);
  }
}

template <class T>
void log_softmax_backward(T* dx, const T* dy, const T* y, int64_t cols) {
  using V = Vec<T>;
  V sums = V::zero();
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) sums = sums + V::load(dy + c);
  if (c < cols) sums = sums + V::load_n(dy + c, int(cols - c));
  const V sum = V::set1(reduce_add(sums));
  for (c = 0; c + V::kLanes <= cols; c += V::kLanes)
    store(dx + c, fnma(exp(V::load(y + c)), sum, V::load(dy + c)));
  if (c < cols) {
    const int n = int(cols - c);
    store_n(dx + c, fnma(exp(V::load_n(y + c, n)), sum, V::load_n(dy + c, n)), n);
  }
}

template <class T>
constexpr SoftmaxRow<T> table() {
  return {softmax<T>, log_softmax<T>, softmax_backward<T>, log_softmax_backward<T>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(SoftmaxKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
