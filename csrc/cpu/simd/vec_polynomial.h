// SPDX-License-Identifier: Apache-2.0
// Small tools of the vec_math_*.h: polynomials, and sums and products with their rounding errors.
#pragma once

#include "cpu/simd/vec_common.h"

namespace tilewright::cpu::TW_ISA {

// c[0] + c[1] x + ... by Horner's rule; unrolled, so the coefficients are constants in the code.
template <class T, int kTerms>
TW_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[kTerms]) {
  Vec<T> sum = Vec<T>::set1(c[kTerms - 1]);
#pragma GCC unroll 32
  for (int i = kTerms - 2; i >= 0; --i) sum = fma(sum, x, Vec<T>::set1(c[i]));
  return sum;
}

// hi + lo without rounding error.
template <class T>
struct Pair {
  Vec<T> hi, lo;
};

// Knuth's two-sum.
template <class T>
TW_INLINE Pair<T> two_sum(Vec<T> a, Vec<T> b) {
  const Vec<T> sum = a + b, b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}
// Dekker's, for |a| >= |b| or a == 0.
template <class T>
TW_INLINE Pair<T> fast_two_sum(Vec<T> a, Vec<T> b) {
  const Vec<T> sum = a + b;
  return {sum, b - (sum - a)};
}

// a * b; without a fused multiply-add the operands are cut in halves (Dekker), by bits so that nothing
// overflows.
template <class T>
TW_INLINE Pair<T> two_product(Vec<T> a, Vec<T> b) {
  const Vec<T> product = a * b;
  if constexpr (kFusedFma) {
    return {product, fma(a, b, -product)};
  } else {
    constexpr IntOf<T> upper_half = -(IntOf<T>(1) << (FloatBits<T>::kMantissa / 2 + 1));
    const Vec<T> mask = bitcast<T>(Vec<IntOf<T>>::set1(upper_half));
    const Vec<T> a_hi = a & mask, b_hi = b & mask, a_lo = a - a_hi, b_lo = b - b_hi;
    const Vec<T> error = ((a_hi * b_hi - product) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo;
    return {product, error};
  }
}

}  // namespace tilewright::cpu::TW_ISA
