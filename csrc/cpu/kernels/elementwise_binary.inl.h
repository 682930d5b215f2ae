// SPDX-License-Identifier: Apache-2.0
// Functions of two arguments.
// Computes    y[i] = f(a[i], b[i]); comparisons and logic give bool
// Layout      contiguous spans; one of a and b may be a scalar
// Method      floats through Vec; integers, comparisons and logic as plain loops for the compiler's
// vectoriser Limits      integers wrap around; integer powers by squaring, negative exponents are the
// driver's to refuse
#pragma once

#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/integer_types.inl.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr bool is_comparison(Binary f) { return f >= Binary::equal && f <= Binary::greater_equal; }
constexpr bool is_logic(Binary f) { return f >= Binary::logical_and && f <= Binary::logical_xor; }

template <Binary kF, class T>
TW_INLINE Vec<T> apply(Vec<T> a, Vec<T> b) {
  if constexpr (kF == Binary::add) return a + b;
  if constexpr (kF == Binary::sub) return a - b;
  if constexpr (kF == Binary::mul) return a * b;
  if constexpr (kF == Binary::div) return a / b;
  if constexpr (kF == Binary::maximum) return max_nan(a, b);
  if constexpr (kF == Binary::minimum) return min_nan(a, b);
  if constexpr (kF == Binary::pow) return pow(a, b);
}

// Integer arithmetic on the unsigned bits, where overflow wraps around.
template <Binary kF, class T>
TW_INLINE T apply_integer(T a, T b) {
  using U = typename Unsigned<T>::type;
  if constexpr (kF == Binary::add) return T(U(a) + U(b));
  if constexpr (kF == Binary::sub) return T(U(a) - U(b));
  if constexpr (kF == Binary::mul) return T(U(uint64_t(U(a)) * U(b)));
  if constexpr (kF == Binary::maximum) return a > b ? a : b;
  if constexpr (kF == Binary::minimum) return a < b ? a : b;
  if constexpr (kF == Binary::pow) {
    U power = 1, square = U(a);
    for (U rest = U(b); rest != 0; rest >>= 1) {
      if (rest & 1) power = U(uint64_t(power) * square);
      square = U(uint64_t(square) * square);
    }
    return T(power);
  }
}

template <Binary kF, class T>
TW_INLINE uint8_t apply_truth(T a, T b) {
  if constexpr (kF == Binary::equal) return a == b;
  if constexpr (kF == Binary::not_equal) return a != b;
  if constexpr (kF == Binary::less) return a < b;
  if constexpr (kF == Binary::less_equal) return a <= b;
  if constexpr (kF == Binary::greater) return a > b;
  if constexpr (kF == Binary::greater_equal) return a >= b;
  if constexpr (kF == Binary::logical_and) return (a != T(0)) & (b != T(0));
  if constexpr (kF == Binary::logical_or) return (a != T(0)) | (b != T(0));
  if constexpr (kF == Binary::logical_xor) return (a != T(0)) ^ (b != T(0));
}

enum class Form { both, scalar_b, scalar_a };

template <Binary kF, class T, Form kForm>
void binary_span(void* y_raw, const void* a_raw, const void* b_raw, int64_t n, bool past_caches) {
  const T* a = static_cast<const T*>(a_raw);
  const T* b = static_cast<const T*>(b_raw);
  const T a0 = *a, b0 = *b;
  if constexpr (is_comparison(kF) || is_logic(kF)) {
    uint8_t* y = static_cast<uint8_t*>(y_raw);
    for (int64_t i = 0; i < n; ++i)
      y[i] = apply_truth<kF, T>(kForm == Form::scalar_a ? a0 : a[i], kForm == Form::scalar_b ? b0 : b[i]);
  } else if constexpr (!kFloating<T>) {
    T* y = static_cast<T*>(y_raw);
    for (int64_t i = 0; i < n; ++i)
      y[i] = apply_integer<kF, T>(kForm == Form::scalar_a ? a0 : a[i], kForm == Form::scalar_b ? b0 : b[i]);
  } else {
    using V = Vec<T>;
    T* y = static_cast<T*>(y_raw);
    const V av = V::set1(a0), bv = V::set1(b0);
    write_span(y, n, past_caches, [&](auto access, int64_t i) {
      return apply<kF>(kForm == Form::scalar_a ? av : access.load(a + i), kForm == Form::scalar_b ? bv : access.load(b + i));
    });
  }
}

template <Binary kF, class T>
constexpr BinaryForms binary_forms() {
  return {binary_span<kF, T, Form::both>, binary_span<kF, T, Form::scalar_b>,
          binary_span<kF, T, Form::scalar_a>};
}

// bool (one byte, 0 or 1) takes comparisons, logic, maximum and minimum; integers all but division.
template <int kF>
void fill_binary(BinaryForms (&table)[kBinaryCount][kDtypeCount]) {
  constexpr Binary f = Binary(kF);
  BinaryForms* row = table[kF];
  if constexpr (is_comparison(f) || is_logic(f) || f == Binary::maximum || f == Binary::minimum)
    row[int(Dtype::b8)] = binary_forms<f, uint8_t>();
  if constexpr (f != Binary::div) {
    row[int(Dtype::u8)] = binary_forms<f, uint8_t>();
    row[int(Dtype::s8)] = binary_forms<f, int8_t>();
    row[int(Dtype::s32)] = binary_forms<f, int32_t>();
    row[int(Dtype::s64)] = binary_forms<f, int64_t>();
  }
  row[int(Dtype::f32)] = binary_forms<f, float>();
  row[int(Dtype::f64)] = binary_forms<f, double>();
  if constexpr (kF + 1 < kBinaryCount) fill_binary<kF + 1>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
