// SPDX-License-Identifier: Apache-2.0
// First and second derivatives of the functions of one argument.
// Computes    dx[i] = dy[i] * f'(x[i]);  dx[i] = dy[i] * f''(x[i])
// Layout      contiguous spans
// Method      f' by y = f(x) where that saves the function; y is computed again when it was not kept
// Limits      at a corner the derivative is PyTorch's: 0 for relu, relu6 and abs, slope for leaky_relu, alpha
//             for elu, 1 for clip. Where a bounded derivative has infinite terms, x is first brought to where
//             it has reached its limit
#pragma once

#include "cpu/kernels/elementwise_unary.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

inline constexpr double kTwoOverSqrtPi = 1.12837916709551257390;
inline constexpr double kOneOverSqrtTwoPi = 0.39894228040143267794;

// Past these points gelu, gelu_tanh and silu are x or 0 to the last digit.
template <class T>
TW_INLINE Vec<T> within_reach(Vec<T> x, double reach) {
  return clamp_keep_nan(x, T(-reach), T(reach));
}
template <class T>
inline constexpr double kSiluReach = sizeof(T) == 4 ? 110 : 760;
inline constexpr double kGeluReach = 40;

template <class T>
TW_INLINE Vec<T> normal_density(Vec<T> x) {
  return Vec<T>::set1(T(kOneOverSqrtTwoPi)) * exp(Vec<T>::set1(T(-0.5)) * x * x);
}

// The sigmoid s of z with what its derivatives need, all from e = exp(-|z|): 1 - s has no digits where s is
// near 1.
template <class T>
struct Sigmoid {
  Vec<T> value, bell, tilt;  // s, s (1 - s), 1 - 2 s

  TW_INLINE explicit Sigmoid(Vec<T> z) {
    using V = Vec<T>;
    const V one = V::set1(T(1)), e = exp(-abs(z)), r = one / (one + e);
    const Mask<T> negative = z < V::zero();
    value = select(negative, e * r, r);
    bell = e * r * r;
    tilt = select(negative, (one - e) * r, (e - one) * r);
  }
};

// y = x s with s = sigmoid(2 u(x)); s1 and s2 are the derivatives of s by x.
template <class T>
struct GeluTanh {
  Vec<T> x, s, s1, s2;

  TW_INLINE explicit GeluTanh(Vec<T> at) : x(within_reach(at, kGeluReach)) {
    using V = Vec<T>;
    const V one = V::set1(T(1)), two = V::set1(T(2)), scale = V::set1(T(kGeluScale));
    const Sigmoid<T> sigmoid(two * gelu_tanh_argument(x));
    const V bell = two * sigmoid.bell;
    const V u1 = scale * fma(V::set1(T(3 * kGeluCubic)) * x, x, one),
            u2 = scale * V::set1(T(6 * kGeluCubic)) * x;
    s = sigmoid.value;
    s1 = u1 * bell;
    s2 = fma(u2, bell, two * u1 * s1 * sigmoid.tilt);
  }
};

template <Unary kF, class T>
TW_INLINE Vec<T> derivative(Vec<T> x, Vec<T> y, Vec<T> p, Vec<T> q) {
  using V = Vec<T>;
  const V zero = V::zero(), one = V::set1(T(1)), half = V::set1(T(0.5));
  if constexpr (kF == Unary::relu) return select(x > zero, one, zero);
  if constexpr (kF == Unary::relu6) return select((x > zero) & (x < V::set1(T(6))), one, zero);
  if constexpr (kF == Unary::leaky_relu) return select(x > zero, one, p);
  if constexpr (kF == Unary::elu) return select(x > zero, one, y + p);
  if constexpr (kF == Unary::sigmoid) return y * (one - y);
  if constexpr (kF == Unary::tanh) return (one - y) * (one + y);
  if constexpr (kF == Unary::gelu) {
    x = within_reach(x, kGeluReach);
    if constexpr (sizeof(T) == 4) {
      const NormalTail t = normal_tail(x);
      const V lower = ldexp(t.tail, t.n), density = ldexp(t.density * V::set1(T(kOneOverSqrtTwoPi)), t.n);
      return fma(x, density, select(x > zero, one - lower, lower));
    } else {
      return fma(x, normal_density(x), normal_cdf(x));
    }
  }
  if constexpr (kF == Unary::gelu_tanh) {
    const GeluTanh<T> g(x);
    return fma(g.x, g.s1, g.s);
  }
  if constexpr (kF == Unary::silu) {
    x = within_reach(x, kSiluReach<T>);
    const Sigmoid<T> s(x);
    return fma(x, s.bell, s.value);
  }
  if constexpr (kF == Unary::softplus) return sigmoid(x);
  if constexpr (kF == Unary::exp) return y;
  if constexpr (kF == Unary::log) return one / x;
  if constexpr (kF == Unary::sqrt) return half / y;
  if constexpr (kF == Unary::rsqrt) return -half * y / x;
  if constexpr (kF == Unary::neg) return -one;
  if constexpr (kF == Unary::abs) return sign_of(x);
  if constexpr (kF == Unary::square) return x + x;
  if constexpr (kF == Unary::clip) return select((x >= p) & (x <= q), one, zero);
  if constexpr (kF == Unary::erf) return V::set1(T(kTwoOverSqrtPi)) * exp(-x * x);
  if constexpr (kF == Unary::sin) return cos(x);
  if constexpr (kF == Unary::cos) return -sin(x);
  if constexpr (kF == Unary::expm1) return y + one;
  if constexpr (kF == Unary::log1p) return one / (one + x);
  if constexpr (kF == Unary::reciprocal) return -(y * y);
  return zero;
}

// Whether the derivative is written in terms of y, which the caller then may save.
constexpr bool derivative_uses_y(Unary f) {
  return f == Unary::elu || f == Unary::sigmoid || f == Unary::tanh || f == Unary::exp || f == Unary::sqrt ||
         f == Unary::rsqrt || f == Unary::expm1 || f == Unary::reciprocal;
}

template <Unary kF, class T>
TW_INLINE Vec<T> second_derivative(Vec<T> x, Vec<T> p) {
  using V = Vec<T>;
  const V zero = V::zero(), one = V::set1(T(1)), two = V::set1(T(2));
  if constexpr (kF == Unary::elu) return select(x > zero, zero, p * exp(x));
  if constexpr (kF == Unary::sigmoid) {
    const Sigmoid<T> s(x);
    return s.bell * s.tilt;
  }
  if constexpr (kF == Unary::tanh) {
    const V t = tanh(x);
    return -two * t * (one - t) * (one + t);
  }
  if constexpr (kF == Unary::gelu) {
    x = within_reach(x, kGeluReach);
    return normal_density(x) * fnma(x, x, two);
  }
  if constexpr (kF == Unary::gelu_tanh) {
    const GeluTanh<T> g(x);
    return fma(g.x, g.s2, two * g.s1);
  }
  if constexpr (kF == Unary::silu) {
    x = within_reach(x, kSiluReach<T>);
    const Sigmoid<T> s(x);
    return s.bell * fma(x, s.tilt, two);
  }
  if constexpr (kF == Unary::softplus) return Sigmoid<T>(x).bell;
  if constexpr (kF == Unary::exp || kF == Unary::expm1) return exp(x);
  if constexpr (kF == Unary::log) return -one / (x * x);
  if constexpr (kF == Unary::sqrt) return V::set1(T(-0.25)) / (x * sqrt(x));
  if constexpr (kF == Unary::rsqrt) return V::set1(T(0.75)) * rsqrt(x) / (x * x);
  if constexpr (kF == Unary::square) return two;
  if constexpr (kF == Unary::erf) return V::set1(T(-2 * kTwoOverSqrtPi)) * x * exp(-x * x);
  if constexpr (kF == Unary::sin) return -sin(x);
  if constexpr (kF == Unary::cos) return -cos(x);
  if constexpr (kF == Unary::log1p) return -one / ((one + x) * (one + x));
  if constexpr (kF == Unary::reciprocal) return two / (x * x * x);
  return select(isnan(x), x, zero);
}

template <Unary kF, class T>
void unary_backward_span(void* dx_raw, const void* dy_raw, const void* x_raw, const void* y_raw, int64_t n,
                         double p, double q, bool past_caches) {
  using V = Vec<T>;
  T* dx = static_cast<T*>(dx_raw);
  const T* dy = static_cast<const T*>(dy_raw);
  const T* x = static_cast<const T*>(x_raw);
  const T* y = static_cast<const T*>(y_raw);
  const V pv = V::set1(T(p)), qv = V::set1(T(q));
  if (derivative_uses_y(kF) && y && kF != Unary::elu && kF != Unary::rsqrt) {  // x is not read
    write_span(dx, n, past_caches, [&](auto access, int64_t i) {
      const V yv = access.load(y + i);
      return access.load(dy + i) * derivative<kF>(yv, yv, pv, qv);
    });
    return;
  }
  write_span(dx, n, past_caches, [&](auto access, int64_t i) {
    const V xv = access.load(x + i);
    V yv = xv;
    if constexpr (derivative_uses_y(kF)) yv = y ? access.load(y + i) : apply<kF>(xv, pv, qv);
    return access.load(dy + i) * derivative<kF>(xv, yv, pv, qv);
  });
}

template <Unary kF, class T>
void unary_backward2_span(void* dx_raw, const void* dy_raw, const void* x_raw, const void*, int64_t n,
                          double p, double, bool past_caches) {
  const T* dy = static_cast<const T*>(dy_raw);
  const T* x = static_cast<const T*>(x_raw);
  const Vec<T> pv = Vec<T>::set1(T(p));
  write_span(static_cast<T*>(dx_raw), n, past_caches, [&](auto access, int64_t i) {
    return access.load(dy + i) * second_derivative<kF>(access.load(x + i), pv);
  });
}

template <int kF>
void fill_derivatives(ElementwiseKernels& kernels) {
  constexpr Unary f = Unary(kF);
  if constexpr (!is_test(f)) {
    kernels.unary_backward[kF] = {unary_backward_span<f, float>, unary_backward_span<f, double>};
    kernels.unary_backward2[kF] = {unary_backward2_span<f, float>, unary_backward2_span<f, double>};
  }
  if constexpr (kF + 1 < kUnaryCount) fill_derivatives<kF + 1>(kernels);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
