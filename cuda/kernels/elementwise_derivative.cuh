// SPDX-License-Identifier: Apache-2.0
// Computes    dx = dy * f'(x);  dx = dy * f''(x)
// Layout      function objects for elementwise_map; the first may be given y = f(x) as a third argument
// Method      as kernels/elementwise_unary.cuh; f' by y where that saves the function, y is computed again
//             when it was not kept
// Limits      at a corner the derivative is 0 for relu, relu6 and abs, slope for leaky_relu, alpha for elu, 1
//             for clip. Where a bounded derivative has infinite terms, x is first brought to where it has
//             reached its limit
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/elementwise_unary.cuh"

namespace TW_BACKEND {

inline constexpr double kTwoOverSqrtPi = 1.12837916709551257390;

// Whether the derivative is written in terms of y.
constexpr bool derivative_uses_y(Unary f) {
  return f == Unary::elu || f == Unary::sigmoid || f == Unary::tanh || f == Unary::exp || f == Unary::sqrt ||
         f == Unary::rsqrt || f == Unary::expm1 || f == Unary::reciprocal;
}

template <class W>
TW_DEVICE W plain_derivative(Unary f, W x, W y, W p, W q) {
  switch (f) {
    case Unary::relu:
      return x > W(0) ? W(1) : W(0);
    case Unary::relu6:
      return x > W(0) && x < W(6) ? W(1) : W(0);
    case Unary::leaky_relu:
      return x > W(0) ? W(1) : p;
    case Unary::sqrt:
      return W(0.5) / y;
    case Unary::rsqrt:
      return W(-0.5) * y / x;
    case Unary::neg:
      return W(-1);
    case Unary::abs:
      return sign_of(x);
    case Unary::square:
      return x + x;
    case Unary::clip:
      return x >= p && x <= q ? W(1) : W(0);
    case Unary::reciprocal:
      return -(y * y);
    default:
      return W(0);
  }
}

template <class W>
TW_DEVICE W smooth_derivative(Unary f, W x, W y, W p) {
  switch (f) {
    case Unary::elu:
      return x > W(0) ? W(1) : y + p;
    case Unary::sigmoid:
      return y * (W(1) - y);
    case Unary::tanh:
      return (W(1) - y) * (W(1) + y);
    case Unary::gelu:
      return gelu_slope(x);
    case Unary::gelu_tanh:
      return gelu_tanh_slope(x);
    case Unary::silu:
      return silu_slope(x);
    case Unary::softplus:
      return sigmoid(x);
    case Unary::exp:
      return y;
    case Unary::log:
      return W(1) / x;
    case Unary::erf:
      return W(kTwoOverSqrtPi) * exp(-x * x);
    case Unary::expm1:
      return y + W(1);
    case Unary::log1p:
      return W(1) / (W(1) + x);
    default:
      return W(0);
  }
}

template <UnaryGroup kOf, class W>
TW_DEVICE W derivative(Unary f, W x, W y, W p, W q) {
  if constexpr (kOf == UnaryGroup::plain) return plain_derivative(f, x, y, p, q);
  if constexpr (kOf == UnaryGroup::smooth) return smooth_derivative(f, x, y, p);
  if constexpr (kOf == UnaryGroup::wave) return f == Unary::sin ? W(cos(x)) : W(-sin(x));
}

template <class W>
TW_DEVICE W plain_second_derivative(Unary f, W x) {
  switch (f) {
    case Unary::sqrt:
      return W(-0.25) / (x * sqrt(x));
    case Unary::rsqrt:
      return W(0.75) / sqrt(x) / (x * x);
    case Unary::square:
      return W(2);
    case Unary::reciprocal:
      return W(2) / (x * x * x);
    default:
      return x != x ? x : W(0);
  }
}

template <class W>
TW_DEVICE W smooth_second_derivative(Unary f, W x, W p) {
  switch (f) {
    case Unary::elu:
      return x > W(0) ? W(0) : p * exp(x);
    case Unary::sigmoid: {
      const Sigmoid<W> s(x);
      return s.bell * s.tilt;
    }
    case Unary::tanh: {
      const W t = tanh(x);
      return W(-2) * t * (W(1) - t) * (W(1) + t);
    }
    case Unary::gelu: {
      x = within_reach(x, kGeluReach);
      return normal_density(x) * fma(-x, x, W(2));
    }
    case Unary::gelu_tanh: {
      const GeluTanh<W> g(x);
      return fma(g.x, g.s2, W(2) * g.s1);
    }
    case Unary::silu: {
      x = within_reach(x, kSiluReach<W>);
      const Sigmoid<W> s(x);
      return s.bell * fma(x, s.tilt, W(2));
    }
    case Unary::softplus:
      return Sigmoid<W>(x).bell;
    case Unary::exp:
    case Unary::expm1:
      return exp(x);
    case Unary::log:
      return W(-1) / (x * x);
    case Unary::erf:
      return W(-2 * kTwoOverSqrtPi) * x * exp(-x * x);
    case Unary::log1p:
      return W(-1) / ((W(1) + x) * (W(1) + x));
    default:
      return x != x ? x : W(0);
  }
}

template <UnaryGroup kOf, class W>
TW_DEVICE W second_derivative(Unary f, W x, W p) {
  if constexpr (kOf == UnaryGroup::plain) return plain_second_derivative(f, x);
  if constexpr (kOf == UnaryGroup::smooth) return smooth_second_derivative(f, x, p);
  if constexpr (kOf == UnaryGroup::wave) return f == Unary::sin ? W(-sin(x)) : W(-cos(x));
}

// kGiven: y = f(x) comes as the third argument.
template <class T, UnaryGroup kOf, bool kGiven>
struct UnaryDerivative {
  static constexpr int kInputs = kGiven ? 3 : 2;
  using Y = T;
  using A = T;
  using B = T;
  using C = T;

  Unary f;
  Wide<T> p, q;
  bool uses_y;  // derivative_uses_y(f)

  TW_DEVICE T operator()(T dy, T x, T y) const {
    return narrow<T>(widen(dy) * derivative<kOf>(f, widen(x), widen(y), p, q));
  }
  TW_DEVICE T operator()(T dy, T x) const {
    const Wide<T> at = widen(x);
    const Wide<T> y = uses_y ? apply_unary<kOf>(f, at, p, q) : at;
    return narrow<T>(widen(dy) * derivative<kOf>(f, at, y, p, q));
  }
};

template <class T, UnaryGroup kOf>
struct UnarySecondDerivative {
  static constexpr int kInputs = 2;
  using Y = T;
  using A = T;
  using B = T;
  using C = NoArgument;

  Unary f;
  Wide<T> p;

  TW_DEVICE T operator()(T dy, T x) const {
    return narrow<T>(widen(dy) * second_derivative<kOf>(f, widen(x), p));
  }
};

}  // namespace TW_BACKEND
