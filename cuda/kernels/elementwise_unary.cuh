// SPDX-License-Identifier: Apache-2.0
// Computes    y = f(x) of one argument; isnan, isinf, isfinite and logical_not give bool
// Layout      function objects for elementwise_map
// Method      f is a run-time number, the same for all threads: one kernel a group of functions instead of
//             one a function. Groups keep the cheap functions from paying the registers of the dear ones
// Limits      any input; NaN stays NaN; gelu and silu of -inf are NaN, as their formulas have it. Integers
//             wrap around. sin and cos of |x| > 105615 keep words of 2/pi in local memory (the CUDA library's
//             reduction)
// Ran on      no GPU yet; passes on simt
#pragma once

#include <type_traits>

#include "kernels/activation.cuh"
#include "kernels/elementwise.cuh"

namespace TW_BACKEND {

enum class UnaryGroup { plain, smooth, wave };

constexpr bool is_test(Unary f) { return f >= Unary::logical_not; }

constexpr UnaryGroup group_of(Unary f) {
  switch (f) {
    case Unary::sin:
    case Unary::cos:
      return UnaryGroup::wave;
    case Unary::relu:
    case Unary::relu6:
    case Unary::leaky_relu:
    case Unary::sqrt:
    case Unary::rsqrt:
    case Unary::neg:
    case Unary::abs:
    case Unary::sign:
    case Unary::square:
    case Unary::clip:
    case Unary::reciprocal:
    case Unary::floor:
    case Unary::ceil:
    case Unary::round:
      return UnaryGroup::plain;
    default:
      return UnaryGroup::smooth;
  }
}

// -1, 0, 1 or NaN.
template <class W>
TW_DEVICE W sign_of(W x) {
  return x == W(0) ? W(0) : x != x ? x : copysign(W(1), x);
}

template <class W>
TW_DEVICE W plain_unary(Unary f, W x, W p, W q) {
  switch (f) {
    case Unary::relu:
      return max_nan(x, W(0));
    case Unary::relu6:
      return min_nan(max_nan(x, W(0)), W(6));
    case Unary::leaky_relu:
      return x > W(0) ? x : x * p;
    case Unary::sqrt:
      return sqrt(x);
    case Unary::rsqrt:
      return W(1) / sqrt(x);
    case Unary::neg:
      return -x;
    case Unary::abs:
      return fabs(x);
    case Unary::sign:
      return sign_of(x);
    case Unary::square:
      return x * x;
    case Unary::clip:
      return min_nan(max_nan(x, p), q);
    case Unary::reciprocal:
      return W(1) / x;
    case Unary::floor:
      return floor(x);
    case Unary::ceil:
      return ceil(x);
    case Unary::round:
      return rint(x);
    default:
      return x;
  }
}

template <class W>
TW_DEVICE W smooth_unary(Unary f, W x, W p) {
  switch (f) {
    case Unary::elu:
      return x > W(0) ? x : p * expm1(min_nan(x, W(0)));
    case Unary::sigmoid:
      return sigmoid(x);
    case Unary::tanh:
      return tanh(x);
    case Unary::gelu:
      return x * normal_cdf(x);
    case Unary::gelu_tanh:
      return x * sigmoid(W(2) * gelu_tanh_argument(x));
    case Unary::silu:
      return x * sigmoid(x);
    case Unary::softplus:
      return softplus(x);
    case Unary::exp:
      return exp(x);
    case Unary::log:
      return log(x);
    case Unary::erf:
      return erf(x);
    case Unary::expm1:
      return expm1(x);
    case Unary::log1p:
      return log1p(x);
    default:
      return x;
  }
}

template <UnaryGroup kOf, class W>
TW_DEVICE W apply_unary(Unary f, W x, W p, W q) {
  if constexpr (kOf == UnaryGroup::plain) return plain_unary(f, x, p, q);
  if constexpr (kOf == UnaryGroup::smooth) return smooth_unary(f, x, p);
  if constexpr (kOf == UnaryGroup::wave) return f == Unary::sin ? W(sin(x)) : W(cos(x));
}

template <class T, UnaryGroup kOf>
struct UnaryFunction {
  static constexpr int kInputs = 1;
  using Y = T;
  using A = T;
  using B = NoArgument;
  using C = NoArgument;

  Unary f;
  Wide<T> p, q;

  TW_DEVICE T operator()(T x) const { return narrow<T>(apply_unary<kOf>(f, widen(x), p, q)); }
};

// y is a bool.
template <class T>
struct UnaryTest {
  static constexpr int kInputs = 1;
  using Y = uint8_t;
  using A = T;
  using B = NoArgument;
  using C = NoArgument;

  Unary f;

  TW_DEVICE uint8_t operator()(T element) const {
    const auto x = widen(element);
    using W = Wide<T>;
    if constexpr (std::is_floating_point_v<W>) {
      const W size = fabs(x);
      if (f == Unary::isnan) return x != x;
      if (f == Unary::isinf) return size == W(INFINITY);
      if (f == Unary::isfinite) return size < W(INFINITY);
    }
    return x == W(0);
  }
};

// neg, abs, sign, square and relu of integers, on the unsigned bits where overflow wraps around.
template <class T>
struct IntegerUnary {
  static constexpr int kInputs = 1;
  using Y = T;
  using A = T;
  using B = NoArgument;
  using C = NoArgument;

  Unary f;

  static TW_DEVICE bool is_negative(T x) {
    if constexpr (std::is_signed_v<T>) return x < T(0);
    return false;
  }

  TW_DEVICE T operator()(T x) const {
    using U = std::make_unsigned_t<T>;
    const uint64_t bits = static_cast<U>(x);
    switch (f) {
      case Unary::neg:
        return static_cast<T>(0 - bits);
      case Unary::abs:
        return is_negative(x) ? static_cast<T>(0 - bits) : x;
      case Unary::sign:
        return static_cast<T>((x > T(0)) - is_negative(x));
      case Unary::square:
        return static_cast<T>(bits * bits);
      default:
        return x > T(0) ? x : T(0);
    }
  }
};

}  // namespace TW_BACKEND
