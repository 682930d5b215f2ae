// SPDX-License-Identifier: Apache-2.0
// Functions of one argument.
// Computes    y[i] = f(x[i]); isnan, isinf, isfinite and logical_not give bool
// Layout      contiguous spans
// Method      floats through Vec and its functions (simd/vec_math.h); integers and bool as plain loops, which
//             the compiler vectorises
// Limits      any input; NaN stays NaN; gelu and silu of -inf are NaN, as their formulas have it
#pragma once

#include "cpu/kernels/activation.inl.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/integer_types.inl.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr bool is_test(Unary f) {
  return f == Unary::isnan || f == Unary::isinf || f == Unary::isfinite || f == Unary::logical_not;
}

// -1, 0, 1 or NaN; zeros keep their sign bit out of it.
template <class T>
TW_INLINE Vec<T> sign_of(Vec<T> x) {
  using V = Vec<T>;
  const V one = copysign(V::set1(T(1)), x);
  return select(x == V::zero(), V::zero(), select(isnan(x), x, one));
}

constexpr Activation activation_of(Unary f) {
  switch (f) {
    case Unary::relu:
      return Activation::relu;
    case Unary::relu6:
      return Activation::relu6;
    case Unary::leaky_relu:
      return Activation::leaky_relu;
    case Unary::elu:
      return Activation::elu;
    case Unary::sigmoid:
      return Activation::sigmoid;
    case Unary::tanh:
      return Activation::tanh;
    case Unary::gelu:
      return Activation::gelu;
    case Unary::gelu_tanh:
      return Activation::gelu_tanh;
    case Unary::silu:
      return Activation::silu;
    case Unary::softplus:
      return Activation::softplus;
    default:
      return Activation::none;
  }
}

template <Unary kF, class T>
TW_INLINE Vec<T> apply(Vec<T> x, Vec<T> p, Vec<T> q) {
  using V = Vec<T>;
  const V one = V::set1(T(1));
  if constexpr (activation_of(kF) != Activation::none) return activate<activation_of(kF)>(x, p);
  if constexpr (kF == Unary::exp) return exp(x);
  if constexpr (kF == Unary::log) return log(x);
  if constexpr (kF == Unary::sqrt) return sqrt(x);
  if constexpr (kF == Unary::rsqrt) return rsqrt(x);
  if constexpr (kF == Unary::neg) return -x;
  if constexpr (kF == Unary::abs) return abs(x);
  if constexpr (kF == Unary::sign) return sign_of(x);
  if constexpr (kF == Unary::square) return x * x;
  if constexpr (kF == Unary::clip) return min_nan(max_nan(x, p), q);
  if constexpr (kF == Unary::erf) return erf(x);
  if constexpr (kF == Unary::sin) return sin(x);
  if constexpr (kF == Unary::cos) return cos(x);
  if constexpr (kF == Unary::expm1) return expm1(x);
  if constexpr (kF == Unary::log1p) return log1p(x);
  if constexpr (kF == Unary::reciprocal) return one / x;
  if constexpr (kF == Unary::floor) return floor(x);
  if constexpr (kF == Unary::ceil) return ceil(x);
  if constexpr (kF == Unary::round) return round_even(x);
}

template <Unary kF, class T>
void unary_span(void* y_raw, const void* x_raw, int64_t n, double p, double q, bool past_caches) {
  using V = Vec<T>;
  T* y = static_cast<T*>(y_raw);
  const T* x = static_cast<const T*>(x_raw);
  const V pv = V::set1(T(p)), qv = V::set1(T(q));
  write_span(y, n, past_caches, [&](auto access, int64_t i) { return apply<kF>(access.load(x + i), pv, qv); });
}

template <Unary kF, class T>
void test_span(void* y_raw, const void* x_raw, int64_t n, double, double, bool) {
  uint8_t* y = static_cast<uint8_t*>(y_raw);
  const T* x = static_cast<const T*>(x_raw);
  const T infinity = T(__builtin_inf());
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (kF == Unary::isnan) y[i] = x[i] != x[i];
    if constexpr (kF == Unary::isinf) y[i] = (x[i] == infinity) | (x[i] == -infinity);
    if constexpr (kF == Unary::isfinite) y[i] = (x[i] < infinity) & (x[i] > -infinity);
    if constexpr (kF == Unary::logical_not) y[i] = x[i] == T(0);
  }
}

template <Unary kF, class T>
void integer_span(void* y_raw, const void* x_raw, int64_t n, double, double, bool) {
  using U = typename Unsigned<T>::type;
  T* y = static_cast<T*>(y_raw);
  const T* x = static_cast<const T*>(x_raw);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (kF == Unary::neg) y[i] = T(U(0) - U(x[i]));
    if constexpr (kF == Unary::abs) y[i] = x[i] < T(0) ? T(U(0) - U(x[i])) : x[i];
    if constexpr (kF == Unary::sign) y[i] = T((x[i] > T(0)) - (x[i] < T(0)));
    if constexpr (kF == Unary::square) y[i] = T(U(uint64_t(U(x[i])) * U(x[i])));
    if constexpr (kF == Unary::relu) y[i] = x[i] > T(0) ? x[i] : T(0);
  }
}

template <int kF>
void fill_unary(UnarySpan (&table)[kUnaryCount][kDtypeCount]) {
  constexpr Unary f = Unary(kF);
  UnarySpan* row = table[kF];
  if constexpr (is_test(f)) {
    row[int(Dtype::f32)] = test_span<f, float>;
    row[int(Dtype::f64)] = test_span<f, double>;
    if constexpr (f == Unary::logical_not) {
      row[int(Dtype::b8)] = row[int(Dtype::u8)] = test_span<f, uint8_t>;
      row[int(Dtype::s8)] = test_span<f, int8_t>;
      row[int(Dtype::s32)] = test_span<f, int32_t>;
      row[int(Dtype::s64)] = test_span<f, int64_t>;
    }
  } else {
    row[int(Dtype::f32)] = unary_span<f, float>;
    row[int(Dtype::f64)] = unary_span<f, double>;
  }
  if constexpr (f == Unary::neg || f == Unary::abs || f == Unary::sign || f == Unary::square ||
                f == Unary::relu) {
    row[int(Dtype::u8)] = integer_span<f, uint8_t>;
    row[int(Dtype::s8)] = integer_span<f, int8_t>;
    row[int(Dtype::s32)] = integer_span<f, int32_t>;
    row[int(Dtype::s64)] = integer_span<f, int64_t>;
  }
  if constexpr (kF + 1 < kUnaryCount) fill_unary<kF + 1>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
