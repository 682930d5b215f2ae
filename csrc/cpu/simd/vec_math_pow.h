// SPDX-License-Identifier: Apache-2.0
// Computes: pow; float and double.
// Method: |x|^y = exp(y log|x|). A relative error of the logarithm is multiplied by y log|x|, so it needs
//   some ten bits more than the result: floats compute in double, doubles in pairs of doubles (Dekker 1971).
// Limits: any input, special cases as in C99 F.9.4.4.
// Measured: errors in tests/simd/simd_math_limits.py, the largest found over all exponents. Nanoseconds per
//   element on one Zen 4 core, in cache, with AVX-512 (AVX2): float pow 1.6 (2.4);
//   double pow 4.0 (7.2).
#pragma once

#include "cpu/simd/vec_math_log.h"

namespace tilewright::cpu::TW_ISA {

struct PowConstants {
  // R of log(1 + f) = 2 s + s R(s^2), to 2^-45, and (2^r - 1) / r, to 2^-39: enough for a float.
  static constexpr double kLogShort[] = {0x1.555555561e705p-1, 0x1.999996a8c21f9p-2, 0x1.2494122c9407cp-2,
                                         0x1.c62afe6fbaf24p-3, 0x1.9116e82be316fp-3};
  static constexpr double kExp2Short[] = {0x1.62e42fef899d5p-1,  0x1.ebfbdffb699c4p-3,  0x1.c6b08dd3a5a40p-5,
                                          0x1.3b2ab20602084p-7,  0x1.5d8745a8ebb73p-10, 0x1.4311938b80421p-13,
                                          0x1.00dd874809bebp-16, 0x1.5a6b3228a8918p-20};
  // The same R without its first term, 2/3, which is kept in two parts.
  static constexpr double kTwoThirds = 0x1.5555555555555p-1;
  static constexpr double kTwoThirdsLow = 0x1.5555555555555p-55;
  static constexpr double kLogTail[] = {0x1.9999999999996p-2, 0x1.2492492492f52p-2, 0x1.c71c71c5965d4p-3,
                                        0x1.745d1829754a9p-3, 0x1.3b1364bfc9611p-3, 0x1.112070c1a06d4p-3,
                                        0x1.de3d2bd2cc619p-4, 0x1.eac81af7cbc52p-4};
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;  // 42 bits: times an exponent it is exact
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
};

// log2 of a positive double that came from a float, good to 2^-45; -inf and inf at 0 and inf.
TW_INLINE VecD pow_log2(VecD x) {
  const LogSplit<double> split = log_split(x);
  const VecD s = split.f / (split.f + VecD::set1(2.0)), z = s * s;
  const VecD ln = fma(s * z, polynomial(z, PowConstants::kLogShort), s + s);
  return log_special(x, fma(ln, VecD::set1(ExpConstants<double>::kLog2E), split.e));
}
// 2^x as a double, for what a float can hold and a little more on either side.
TW_INLINE VecD pow_exp2(VecD x) {
  const VecD clamped = clamp_keep_nan(x, -200.0, 200.0);
  const VecD n = round_even(clamped), r = clamped - n;
  return fma(r, polynomial(r, PowConstants::kExp2Short), VecD::set1(1.0)) * pow2(n);
}
TW_INLINE VecF pow_magnitude(VecF x, VecF y) {
  return narrow(pow_exp2(widen_lo(y) * pow_log2(widen_lo(x))), pow_exp2(widen_hi(y) * pow_log2(widen_hi(x))));
}

// log(x) of a positive finite double as a sum of two, good to about 2^-66.
TW_INLINE Pair<double> pow_log(VecD x) {
  using C = PowConstants;
  const LogSplit<double> split = log_split_any(x);
  const VecD f = split.f;
  // s = f / (2 + f) = s_hi + s_lo.
  const Pair<double> d = fast_two_sum(VecD::set1(2.0), f);
  const VecD inverse = VecD::set1(1.0) / d.hi, s_hi = f * inverse;
  const Pair<double> back = two_product(s_hi, d.hi);
  const VecD s_lo = (((f - back.hi) - back.lo) - s_hi * d.lo) * inverse;
  // z = s^2; c = 2/3 + z tail(z); cubic = s z c.
  const Pair<double> square = two_product(s_hi, s_hi);
  const VecD z_lo = fma(s_hi + s_hi, s_lo, square.lo);
  const VecD tail = square.hi * polynomial(square.hi, C::kLogTail);
  Pair<double> c = fast_two_sum(VecD::set1(C::kTwoThirds), tail);
  c.lo += VecD::set1(C::kTwoThirdsLow);
  const Pair<double> zc = two_product(square.hi, c.hi);
  const VecD zc_lo = zc.lo + fma(square.hi, c.lo, z_lo * c.hi);
  const Pair<double> cubic = two_product(s_hi, zc.hi);
  const VecD cubic_lo = cubic.lo + fma(s_hi, zc_lo, s_lo * zc.hi);
  // e ln2 + 2 s + cubic, the largest first.
  const Pair<double> a = two_sum(split.e * VecD::set1(C::kLn2High), s_hi + s_hi);
  const Pair<double> b = two_sum(a.hi, cubic.hi);
  const VecD low = ((a.lo + b.lo) + (cubic_lo + (s_lo + s_lo))) + split.e * VecD::set1(C::kLn2Low);
  return fast_two_sum(b.hi, low);
}
TW_INLINE VecD pow_magnitude(VecD x, VecD y) {
  const Pair<double> ln = pow_log(x);
  const VecD ln_hi = log_special(x, ln.hi);
  const Pair<double> product = two_product(ln_hi, y);
  // Far outside exp's range, and for infinities, the low part means nothing.
  const Mask<double> in_range = abs(product.hi) < VecD::set1(1000.0);
  const VecD low = select(in_range, fma(ln.lo, y, product.lo), VecD::zero());
  using C = ExpConstants<double>;
  const ExpSplit<double> e = exp_split(clamp_keep_nan(product.hi, C::kExpMin, C::kExpMax), low);
  return ldexp(e.p + VecD::set1(1.0), e.n);
}

template <class T>
TW_INLINE Vec<T> pow(Vec<T> x, Vec<T> y) {
  const Vec<T> zero = Vec<T>::zero(), one = Vec<T>::set1(T(1)), inf = Vec<T>::set1(T(__builtin_inf()));
  const Vec<T> magnitude = abs(x), half = y * Vec<T>::set1(T(0.5));
  // 1^y is 1 even for y infinite, where 0 times infinity would be NaN.
  const Vec<T> unsigned_result =
      select(magnitude == one, select(isnan(y), y, one), pow_magnitude(magnitude, y));
  // An odd y: integral, and its half is not. (Infinite and large y are even.)
  const Mask<T> integral = trunc(y) == y;
  const Mask<T> odd = integral & (trunc(half) != half);
  const Vec<T> sign = select(odd, x & Vec<T>::set1(T(-0.0)), zero);
  const Mask<T> no_root = (x < zero) & (x != -inf) & !integral & !isnan(y);
  const Vec<T> signed_result = select(no_root, Vec<T>::set1(T(__builtin_nan(""))), unsigned_result ^ sign);
  return select((y == zero) | (x == one), one, signed_result);
}

}  // namespace tilewright::cpu::TW_ISA
