// SPDX-License-Identifier: Apache-2.0
// Computes: exp, exp2, expm1, exp_nonpositive, sigmoid; float and double.
// Method: x = n ln2 + r with |r| <= ln2/2 (Cody and Waite 1980, ch. 6); expm1(r) = r + r^2 q(r), q minimax.
// Limits: any input; results are rounded once, also where they end subnormal; NaN stays NaN.
// Measured: errors in tests/simd/simd_math_limits.py, the largest found over all exponents. Nanoseconds per
//   element on one Zen 4 core, in cache, with AVX-512 (AVX2): float exp 0.25 (0.44),
//   exp_nonpositive 0.17 (0.20); double exp 0.67 (1.2).
#pragma once

#include "cpu/simd/vec_polynomial.h"

namespace tilewright::cpu::TW_ISA {

template <class T>
struct ExpConstants;

// kLn2High has spare zero bits at its end: n * kLn2High is exact for every n that occurs.
// Below kExpMin exp is zero, above kExpMax infinite; expm1 rounds to -1 below kExpm1Min.
template <>
struct ExpConstants<float> {
  static constexpr float kLog2E = 0x1.715476p+0f;
  static constexpr float kLn2High = 0x1.62e4p-1f;
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kExpMin = -104.0f;
  static constexpr float kExpMax = 89.0f;
  static constexpr float kExp2Min = -151.0f;
  static constexpr float kExp2Max = 129.0f;
  static constexpr float kExpm1Min = -18.0f;
  static constexpr float kExpNormalMin = -0x1.5d589ep+6f;  // exp(x) is a normal number from here on
  static constexpr float kExpm1[] = {0x1p-1f,        0x1.55552cp-3f,  0x1.555502p-5f,
                                     0x1.115664p-7f, 0x1.6d2d4ap-10f, 0x1.395b7ep-13f};
  static constexpr float kExp2[] = {0x1.62e430p-1f,  0x1.ebfbe0p-3f,  0x1.c6b06ep-5f, 0x1.3b2a5cp-7f,
                                    0x1.5da478p-10f, 0x1.440e6ep-13f, 0x1.e21214p-17f};
  static constexpr float kExp[] = {1.0f,           1.0f,           0x1.fffffcp-2f, 0x1.55549p-3f,
                                   0x1.55591p-5f, 0x1.123a3cp-7f, 0x1.6a0c4ap-10f};
  static constexpr float kExpShort[] = {1.0f,           0x1.ffffeep-1f, 0x1.fffdb6p-2f,
                                        0x1.555d86p-3f, 0x1.573fb4p-5f, 0x1.0e8d96p-7f};
};
template <>
struct ExpConstants<double> {
  static constexpr double kLog2E = 0x1.71547652b82fep+0;
  static constexpr double kLn2High = 0x1.62e42ffp-1;
  static constexpr double kLn2Low = -0x1.718432a1b0e26p-35;
  static constexpr double kExpMin = -746.0;
  static constexpr double kExpMax = 710.0;
  static constexpr double kExp2Min = -1076.0;
  static constexpr double kExp2Max = 1025.0;
  static constexpr double kExpm1Min = -38.0;
  static constexpr double kExpm1[] = {0x1p-1,
                                      0x1.5555555555559p-3,
                                      0x1.555555555555ap-5,
                                      0x1.111111110f71fp-7,
                                      0x1.6c16c16c151a7p-10,
                                      0x1.a01a01af3bcaap-13,
                                      0x1.a01a01a06caa3p-16,
                                      0x1.71ddfb582485cp-19,
                                      0x1.27e51043b45d4p-22,
                                      0x1.af5760960e373p-26,
                                      0x1.1edd2b9867cd1p-29};
  static constexpr double kExp2[] = {0x1.62e42fefa39efp-1,  0x1.ebfbdff82c5b3p-3,  0x1.c6b08d704a26ep-5,
                                     0x1.3b2ab6fb9dae6p-7,  0x1.5d87fe7846298p-10, 0x1.430913166ab3dp-13,
                                     0x1.ffcbfe6054893p-17, 0x1.62bfb4ee2083fp-20, 0x1.b52096d549010p-24,
                                     0x1.e63ad27f93fdcp-28, 0x1.f0bd16a762ba4p-32};
};

// exp(x) = 2^n (1 + p), p = expm1 of the remainder.
template <class T>
struct ExpSplit {
  Vec<T> n, p;
};

// exp(x + tail) for x within exp's range and a tail that is small beside 1. The remainder is taken in two
// parts: the rounding error of r alone would cost up to half an ULP.
template <class T>
TW_INLINE ExpSplit<T> exp_split(Vec<T> x, Vec<T> tail) {
  using C = ExpConstants<T>;
  const Vec<T> n = round_even(x * Vec<T>::set1(C::kLog2E));
  const Vec<T> exact = fnma(n, Vec<T>::set1(C::kLn2High), x), low = fnma(n, Vec<T>::set1(C::kLn2Low), tail);
  const Vec<T> r = exact + low, r_low = low - (r - exact);
  return {n, r + fma(r * r, polynomial(r, C::kExpm1), r_low)};
}

// NaN passes, because min_fast and max_fast give their second operand then.
template <class T>
TW_INLINE Vec<T> clamp_keep_nan(Vec<T> x, T low, T high) {
  return min_fast(Vec<T>::set1(high), max_fast(Vec<T>::set1(low), x));
}

template <class T>
TW_INLINE Vec<T> exp(Vec<T> x) {
  using C = ExpConstants<T>;
  const ExpSplit<T> e = exp_split(clamp_keep_nan(x, C::kExpMin, C::kExpMax), Vec<T>::zero());
  return ldexp(e.p + Vec<T>::set1(T(1)), e.n);
}

template <class T>
TW_INLINE Vec<T> exp2(Vec<T> x) {
  using C = ExpConstants<T>;
  const Vec<T> clamped = clamp_keep_nan(x, C::kExp2Min, C::kExp2Max);
  const Vec<T> n = round_even(clamped), r = clamped - n;
  return ldexp(fma(r, polynomial(r, C::kExp2), Vec<T>::set1(T(1))), n);
}

// For softmax and attention, which are bound by exp: x <= 0 (or NaN). Where exp(x) would be subnormal the
// result is 0; exp_nonpositive(0) is exactly 1. A shorter polynomial and no care for overflow.
TW_INLINE VecF exp_nonpositive(VecF x) {
  using C = ExpConstants<float>;
  const VecF magic = VecF::set1(kIntegerMagic<float> + 127.0f);
  const VecF biased = fma(x, VecF::set1(C::kLog2E), magic);  // rounds to an integer; its low bits are n + 127
  const VecF n = biased - magic;
  const VecF r = fnma(n, VecF::set1(C::kLn2Low), fnma(n, VecF::set1(C::kLn2High), x));
  const VecF scale = bitcast<float>(shift_left<23>(bitcast<int32_t>(biased)));
  return select(x < VecF::set1(C::kExpNormalMin), VecF::zero(), polynomial(r, C::kExpShort) * scale);
}
TW_INLINE VecD exp_nonpositive(VecD x) { return exp(x); }

// 2^n (1 + p) - 1 as 2 (2^(n-1) p + (2^(n-1) - 1/2)), so that n = 128 does not overflow before its time; p
// itself for n = 0, where halving would lose the last bit of a subnormal.
template <class T>
TW_INLINE Vec<T> expm1(Vec<T> x) {
  using C = ExpConstants<T>;
  const Vec<T> zero = Vec<T>::zero(), half = Vec<T>::set1(T(0.5));
  const ExpSplit<T> e = exp_split(clamp_keep_nan(x, C::kExpm1Min, C::kExpMax), zero);
  const Vec<T> half_scale = pow2(e.n - Vec<T>::set1(T(1)));
  const Vec<T> y = Vec<T>::set1(T(2)) * fma(half_scale, e.p, half_scale - half);
  return copysign(select(e.n == zero, e.p, y), x);  // copysign for -0
}

// 1 / (1 + exp(-x)) with exp(-x) = 2^n q: 2^-n / (2^-n + q), of which only the last step can round to a subnormal
// or to zero. Past 60, 2^-n is all there is.
TW_INLINE VecF sigmoid(VecF x) {
  using C = ExpConstants<float>;
  const VecF clamped = clamp_keep_nan(x, C::kExpMin, 60.0f);
  const VecF n = round_even(clamped * VecF::set1(C::kLog2E));
  const VecF r = fma(n, VecF::set1(C::kLn2Low), fma(n, VecF::set1(C::kLn2High), -clamped));
  const VecF below = pow2(max_fast(VecF::set1(-100.0f), n));
  return ldexp(VecF::set1(1.0f) / (below + polynomial(r, C::kExp)), n);
}

// The same, written with e = exp(-|x|) so that neither end overflows and both keep their small
// digits. 1 + e comes from 2^n (1 + p) by one rounding; far below 2^-100 e is nothing beside 1, and 2^n stays
// normal.
TW_INLINE VecD sigmoid(VecD x) {
  const VecD one = VecD::set1(1.0), zero = VecD::zero();
  const VecD argument = max_fast(VecD::set1(ExpConstants<double>::kExpMin), -abs(x));
  const ExpSplit<double> split = exp_split(argument, zero);
  const VecD scale = pow2(max_fast(VecD::set1(-100.0), split.n));
  const VecD numerator = select(x < zero, ldexp(one + split.p, split.n), one);
  return numerator / fma(scale, split.p, scale + one);
}

}  // namespace tilewright::cpu::TW_ISA
