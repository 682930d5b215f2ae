// SPDX-License-Identifier: Apache-2.0
// Losses of one row, with their gradient in the same sweep.
// Computes    softmax: -sum_c q[c] * log p[c],  p = softmax(x),  gradient p * sum(q) - q
//             sigmoid: max(x, 0) - x * q + log(1 + exp(-|x|)),  gradient sigmoid(x) - q
//             square: mean_c (a[c] - b[c])^2,  gradient 2 (a - b) / cols
//             q = (1 - smoothing) * label + smoothing / cols (sigmoid: smoothing / 2)
// Layout      cols contiguous elements; null for a gradient that is not wanted
// Method      softmax: maximum, then exp(x - max) kept in the gradient while it is summed, then p - q; with z
// = x - max
//             the loss is log(sum exp z) * sum(q) - sum(q z), which neither overflows nor takes log of a tiny
//             p. Sums are made in blocks that are joined in double
// Work split  one call per row (sigmoid: per span); drivers spread them over threads
// Limits      cols >= 1; 0 <= label < cols. A class with q = 0 adds nothing, even at a logit of -inf
#include "cpu/kernels/loss.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
T log_of(double x) {
  T lanes[Vec<T>::kLanes];
  store(lanes, log(Vec<T>::set1(T(x))));
  return lanes[0];
}

// NaN if any element is, so that NaN reaches the whole row.
template <class T>
T largest(const T* x, int64_t cols) {
  using V = Vec<T>;
  V m = V::set1(x[0]);
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) m = max_nan(m, V::load(x + c));
  if (c < cols) m = max_nan(m, V::load_n(x + c, int(cols - c), x[0]));
  return reduce_max_nan(m);
}

template <class T>
T softmax_sparse(T* dlogits, const T* x, int64_t label, int64_t cols, double smoothing) {
  using V = Vec<T>;
  const T max = largest(x, cols);
  const V m = V::set1(max);
  const bool smooth = smoothing > 0;
  const double z_label = double(x[label] - max);
  double totals[2] = {};  // of exp(z), z
  sum_blocks<T>(totals, cols, [&](auto access, int64_t c, auto& sums) {
    const V z = access.load(x + c) - m;
    const V e = access.keep(exp(z));
    if (dlogits) access.store(dlogits + c, e);
    sums.of[0] += e;
    if (smooth) sums.of[1] += access.keep(z);
  });
  const double even = smoothing / double(cols);
  if (dlogits) {
    const V scale = V::set1(T(1 / totals[0])), shift = V::set1(T(-even));
    for_vectors<T>(cols, [&](auto access, int64_t c) {
      access.store(dlogits + c, fma(access.load(dlogits + c), scale, shift));
    });
    dlogits[label] -= T(1 - smoothing);
  }
  const double loss = double(log_of<T>(totals[0])) - (1 - smoothing) * z_label;
  return T(smooth ? loss - even * totals[1] : loss);
}

template <class T>
struct Smoothed {
  Vec<T> scale, shift;
  TW_INLINE Vec<T> operator()(Vec<T> label) const { return fma(label, scale, shift); }
};

template <class T>
T softmax_dense(T* dlogits, const T* x, const T* labels, int64_t cols, double smoothing) {
  using V = Vec<T>;
  const V m = V::set1(largest(x, cols));
  const Smoothed<T> smoothed{V::set1(T(1 - smoothing)), V::set1(T(smoothing / double(cols)))};
  double totals[3] = {};  // of exp(z), q, q * z
  sum_blocks<T>(totals, cols, [&](auto access, int64_t c, auto& sums) {
    const V z = access.load(x + c) - m, q = access.keep(smoothed(access.load(labels + c)));
    const V e = access.keep(exp(z));
    if (dlogits) access.store(dlogits + c, e);
    sums.of[0] += e;
    sums.of[1] += q;
    sums.of[2] += select(q == V::zero(), V::zero(), q * z);
  });
  if (dlogits) {
    const V scale = V::set1(T(totals[1] / totals[0]));
    for_vectors<T>(cols, [&](auto access, int64_t c) {
      access.store(dlogits + c, fma(access.load(dlogits + c), scale, -smoothed(access.load(labels + c))));
    });
  }
  return T(double(log_of<T>(totals[0])) * totals[1] - totals[2]);
}

template <class T>
void sigmoid_span(T* loss, T* dlogits, const T* logits, const T* labels, int64_t n, double smoothing) {
  using V = Vec<T>;
  const Smoothed<T> smoothed{V::set1(T(1 - smoothing)), V::set1(T(0.5 * smoothing))};
  for_vectors<T>(n, [&](auto access, int64_t i) {
    const V x = access.load(logits + i), q = smoothed(access.load(labels + i));
    access.store(loss + i, max_nan(x, V::zero()) - x * q + log1p(exp(-abs(x))));
    if (dlogits) access.store(dlogits + i, sigmoid(x) - q);
  });
}

template <class T>
T square_row(T* dprediction, const T* prediction, const T* target, int64_t cols) {
  using V = Vec<T>;
  const V scale = V::set1(T(2 / double(cols)));
  double totals[1] = {};
  sum_blocks<T>(totals, cols, [&](auto access, int64_t c, auto& sums) {
    const V d = access.load(prediction + c) - access.load(target + c);
    sums.of[0] = fma(d, d, sums.of[0]);
    if (dprediction) access.store(dprediction + c, d * scale);
  });
  return T(totals[0] / double(cols));
}

template <class T>
constexpr LossRow<T> table() {
  return {softmax_sparse<T>, softmax_dense<T>, sigmoid_span<T>, square_row<T>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(LossKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
