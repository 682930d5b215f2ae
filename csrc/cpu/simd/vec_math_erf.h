// SPDX-License-Identifier: Apache-2.0
// Computes: erf and erfc; float and double.
// Method: near zero erf(x) = x + x Q(x^2); further out erfc(x) = exp(-x^2) W(t) / (x + k),
//   t = (x - k) / (x + k) (Shepherd and Laframboise 1981), so that erfc keeps its relative accuracy down to
//   the smallest number. Q and W minimax.
// Limits: any input; results are rounded once, also where they end subnormal; NaN stays NaN.
// Measured: errors in tests/simd/simd_math_limits.py, the largest found over all exponents. Nanoseconds per
//   element on one Zen 4 core, in cache, with AVX-512 (AVX2): float erf 0.67 (1.0);
//   double erf 2.4 (3.9).
#pragma once

#include "cpu/simd/vec_math_exp.h"

namespace tilewright::cpu::TW_ISA {

template <class T>
struct ErfConstants;
template <>
struct ErfConstants<float> {
  static constexpr float kMaxTail = 10.25f;  // erfc rounds to zero from here on
  static constexpr float kK = 2.0f;
  static constexpr float kQ[] = {0x1.06eba8p-3f, -0x1.81273ep-2f,  0x1.ce2ce6p-4f, -0x1.b7f71ep-6f,
                                 0x1.53f252p-8f, -0x1.a35302p-11f, 0x1.47774cp-14f};
  static constexpr float kW[] = {0x1.058672p+0f,   -0x1.5fd386p-1f, 0x1.1e2ddep-2f, -0x1.2a8bb6p-5f,
                                 -0x1.60571ap-6f,  0x1.a9811ep-8f,  0x1.8fb994p-9f, -0x1.d22e26p-11f,
                                 -0x1.19a436p-11f, 0x1.d214d4p-14f};
};
template <>
struct ErfConstants<double> {
  static constexpr double kMaxTail = 27.4;
  static constexpr double kK = 3.0;
  static constexpr double kQ[] = {0x1.06eba8214db69p-3,   -0x1.812746b037a25p-2,  0x1.ce2f21a0458d7p-4,
                                  -0x1.b82ce31354c7ap-6,  0x1.565bcd2c61428p-8,   -0x1.c02db932ad978p-11,
                                  0x1.f9a3b943655ffp-14,  -0x1.f4dceff11c5fdp-17, 0x1.ba69003e0c4d4p-20,
                                  -0x1.63900964a36b4p-23, 0x1.131c6fe8a03c0p-26,  -0x1.c49e97c29e2cap-30,
                                  0x1.3b7a2b6880310p-33};
  static constexpr double kW[] = {
      0x1.12f21ddd9f5e2p+0,   -0x1.c44c471baa376p-1,  0x1.2e326945de2bbp-1,   -0x1.3deb21415dc65p-2,
      0x1.e995f11b166cdp-4,   -0x1.b78993d6be0dcp-6,  -0x1.3dd3e70c521d3p-10, 0x1.8dae3a2d6e978p-9,
      -0x1.1f78e1b00bbddp-11, -0x1.2238ffc268af6p-12, 0x1.c3254ffc3ef4ap-14,  0x1.fe00286a929a1p-16,
      -0x1.251cbd9d8702fp-16, -0x1.3ec509a4405fbp-18, 0x1.735371b030a57p-19,  0x1.0c91609007acfp-20,
      -0x1.b96b6c01f0ef7p-22, -0x1.f8da7ff448bcap-23, 0x1.b63e89dcbabc3p-25,  0x1.b342ca40d3610p-25,
      -0x1.732ffd77160c3p-28, -0x1.e964780300115p-28, 0x1.db59e0542c3cep-31};
};

// erf(x) for |x| <= 1.
template <class T>
TW_INLINE Vec<T> erf_near_zero(Vec<T> x) {
  return fma(x, polynomial(x * x, ErfConstants<T>::kQ), x);
}

// erfc(a) for a >= 0.47. The square is taken in two parts: its error would be multiplied by the square
// itself.
template <class T>
TW_INLINE Vec<T> erfc_tail(Vec<T> a) {
  using C = ErfConstants<T>;
  a = min_fast(Vec<T>::set1(C::kMaxTail), a);
  const Pair<T> square = two_product(a, a);
  const ExpSplit<T> e = exp_split(-square.hi, -square.lo);
  const Vec<T> u = Vec<T>::set1(T(1)) / (a + Vec<T>::set1(C::kK));
  const Vec<T> t = (a - Vec<T>::set1(C::kK)) * u;
  const Vec<T> scaled = polynomial(t, C::kW) * u;
  return ldexp(fma(scaled, e.p, scaled), e.n);
}

template <class T>
TW_INLINE Vec<T> erf(Vec<T> x) {
  const Vec<T> one = Vec<T>::set1(T(1)), magnitude = abs(x);
  const Vec<T> far = copysign(one - erfc_tail(magnitude), x);
  return select(magnitude < one, erf_near_zero(x), far);
}

template <class T>
TW_INLINE Vec<T> erfc(Vec<T> x) {
  const Vec<T> one = Vec<T>::set1(T(1)), magnitude = abs(x);
  const Vec<T> tail = erfc_tail(magnitude);
  const Vec<T> far = select(x < Vec<T>::zero(), Vec<T>::set1(T(2)) - tail, tail);
  return select(magnitude < Vec<T>::set1(T(0.5)), one - erf_near_zero(x), far);
}

}  // namespace tilewright::cpu::TW_ISA
