// SPDX-License-Identifier: Apache-2.0
// Optimizer steps over one span.
// Computes    Adam: m += (g - m)(1 - b1), v += (g^2 - v)(1 - b2), p -= rate * m / (sqrt(v) * root_scale + epsilon);
//             SGD and RMSprop as optimizer.h writes them
// Layout      all arrays n contiguous elements, updated in place
// Method      Kingma & Ba, arXiv:1412.6980; Loshchilov & Hutter, arXiv:1711.05101 (decay); Reddi et al.,
//             arXiv:1904.09237 (amsgrad); Sutskever et al. 2013 (Nesterov); Tieleman & Hinton 2012 (RMSprop)
// Work split  one call per span; the driver cuts all arrays of a list into spans
// Limits      bound by memory: Adam moves 28 bytes a float32 parameter, so each array is touched once
#include "cpu/kernels/optimizer.h"
#include "cpu/kernels/optimizer_adaptive.inl.h"
#include "cpu/kernels/optimizer_span.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void adam(T* p, const T* g, T* m, T* v, T* v_max, int64_t n, const AdamSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V gain_1 = V::set1(span.one_minus_beta_1), gain_2 = V::set1(span.one_minus_beta_2);
  const V rate = V::set1(span.rate), root_scale = V::set1(span.root_scale);
  const V epsilon = V::set1(span.epsilon), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    V pi = lanes.load(p + i), mi = lanes.load(m + i), vi = lanes.load(v + i);
    const V gi = gradient(lanes.load(g + i), pi);
    mi = fma(gi - mi, gain_1, mi);
    vi = fma(fma(gi, gi, -vi), gain_2, vi);
    lanes.store_to(m + i, mi);
    lanes.store_to(v + i, vi);
    if (v_max) {
      vi = max_nan(lanes.load(v_max + i), vi);
      lanes.store_to(v_max + i, vi);
    }
    const V step = rate * mi / fma(sqrt(vi), root_scale, epsilon);
    lanes.store_to(p + i, fma(pi, shrink, -step));
  });
}

template <class T>
void sgd(T* p, const T* g, T* velocity, int64_t n, const SgdSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V momentum = V::set1(span.momentum), gain = V::set1(span.gain), shrink = V::set1(span.shrink);
  const V velocity_rate = V::set1(span.velocity_rate), gradient_rate = V::set1(span.gradient_rate);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i);
    const V gi = gradient(lanes.load(g + i), pi);
    V moved = fma(gradient_rate, gi, pi * shrink);
    if (velocity) {
      const V vi = fma(momentum, lanes.load(velocity + i), gain * gi);
      lanes.store_to(velocity + i, vi);
      moved = fma(velocity_rate, vi, moved);
    }
    lanes.store_to(p + i, moved);
  });
}

template <class T>
void rmsprop(T* p, const T* g, T* velocity, T* mean_square, T* mean_gradient, int64_t n, const RmspropSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V rho = V::set1(span.rho), rest = V::set1(T(1) - span.rho), momentum = V::set1(span.momentum);
  const V inside = V::set1(span.epsilon_inside), outside = V::set1(span.epsilon_outside);
  const V gain = V::set1(span.gain), rate = V::set1(span.rate), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i);
    const V gi = gradient(lanes.load(g + i), pi);
    const V square = fma(rho, lanes.load(mean_square + i), rest * gi * gi);
    lanes.store_to(mean_square + i, square);
    V spread = square;
    if (mean_gradient) {
      const V mean = fma(rho, lanes.load(mean_gradient + i), rest * gi);
      lanes.store_to(mean_gradient + i, mean);
      spread = fnma(mean, mean, square);
    }
    V step = gain * gi / (sqrt(spread + inside) + outside);
    if (velocity) {
      step = fma(momentum, lanes.load(velocity + i), step);
      lanes.store_to(velocity + i, step);
    }
    lanes.store_to(p + i, fnma(rate, step, pi * shrink));
  });
}

double sum_squares(const float* g, int64_t n) {
  VecD low = VecD::zero(), high = VecD::zero();
  sweep<float>(n, [&](int64_t i, auto lanes) {
    const VecF x = lanes.load(g + i);
    const VecD a = widen_lo(x), b = widen_hi(x);
    low = fma(a, a, low);
    high = fma(b, b, high);
  });
  return reduce_add(low + high);
}

double sum_squares(const double* g, int64_t n) {
  VecD sum = VecD::zero();
  sweep<double>(n, [&](int64_t i, auto lanes) {
    const VecD x = lanes.load(g + i);
    sum = fma(x, x, sum);
  });
  return reduce_add(sum);
}

template <class T>
constexpr OptimizerTable<T> table() {
  return {adam<T>,
          sgd<T>,
          rmsprop<T>,
          {adagrad<T>, adadelta<T>, adamax<T>, nadam<T>, lion<T>, ftrl<T>},
          sum_squares};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(OptimizerKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
