// SPDX-License-Identifier: Apache-2.0
// Computes    y = f(a, b) of two arguments; comparisons and logic give bool
// Layout      function objects for elementwise_map
// Method      f is a run-time number, the same for all threads; pow, which takes the most registers, is apart
// Limits      integers wrap around; integer powers by squaring, negative exponents are the caller's to refuse
// Ran on      no GPU yet; passes on simt
#pragma once

#include <type_traits>

#include "core/params.h"
#include "kernels/elementwise.cuh"

namespace TW_BACKEND {

constexpr bool gives_truth(Binary f) { return f >= Binary::equal; }

template <class T>
struct BinaryTypes {
  static constexpr int kInputs = 2;
  using Y = T;
  using A = T;
  using B = T;
  using C = NoArgument;
};

template <class T>
struct FloatBinary : BinaryTypes<T> {
  Binary f;

  TW_DEVICE T operator()(T x, T y) const {
    const Wide<T> a = widen(x), b = widen(y);
    switch (f) {
      case Binary::add: return narrow<T>(a + b);
      case Binary::sub: return narrow<T>(a - b);
      case Binary::mul: return narrow<T>(a * b);
      case Binary::div: return narrow<T>(a / b);
      case Binary::maximum: return narrow<T>(max_nan(a, b));
      default: return narrow<T>(min_nan(a, b));
    }
  }
};

// A kernel of its own: it takes more registers than all others together.
template <class T>
struct FloatPower : BinaryTypes<T> {
  TW_DEVICE T operator()(T a, T b) const { return narrow<T>(pow(widen(a), widen(b))); }
};

template <class T>
struct IntegerBinary : BinaryTypes<T> {
  Binary f;

  TW_DEVICE T operator()(T a, T b) const {
    using U = std::make_unsigned_t<T>;
    const uint64_t u = static_cast<U>(a), v = static_cast<U>(b);
    switch (f) {
      case Binary::add: return static_cast<T>(u + v);
      case Binary::sub: return static_cast<T>(u - v);
      case Binary::mul: return static_cast<T>(u * v);
      case Binary::maximum: return a > b ? a : b;
      case Binary::minimum: return a < b ? a : b;
      default: break;
    }
    uint64_t power = 1, square = u;
    for (uint64_t rest = v; rest != 0; rest >>= 1) {
      if (rest & 1) power *= square;
      square *= square;
    }
    return static_cast<T>(power);
  }
};

template <class T>
struct BinaryTest {
  static constexpr int kInputs = 2;
  using Y = uint8_t;
  using A = T;
  using B = T;
  using C = NoArgument;

  Binary f;

  TW_DEVICE uint8_t operator()(T x, T y) const {
    using W = Wide<T>;
    const W a = widen(x), b = widen(y);
    switch (f) {
      case Binary::equal: return a == b;
      case Binary::not_equal: return a != b;
      case Binary::less: return a < b;
      case Binary::less_equal: return a <= b;
      case Binary::greater: return a > b;
      case Binary::greater_equal: return a >= b;
      case Binary::logical_and: return a != W(0) && b != W(0);
      case Binary::logical_or: return a != W(0) || b != W(0);
      default: return (a != W(0)) != (b != W(0));
    }
  }
};

}  // namespace TW_BACKEND
