// SPDX-License-Identifier: Apache-2.0
// Computes: pow; float and double.
// Method: |x|^y = exp(y log|x|). A relative error of the logarithm is multiplied by y log|x|, so it needs
//   some ten bits more than the result: floats take log2 x in double, doubles in pairs of doubles (Dekker 1971).
// Limits: any input, special cases as in C99 F.9.4.4.
// Measured: errors in tests/simd/simd_math_limits.py, the largest found over all exponents. Nanoseconds per
//   element on one Zen 4 core, in cache, with AVX-512 (AVX2): 
//   double pow 4.0 (7.2).
#pragma once

#include "cpu/simd/vec_math_log.h"

namespace tilewright::cpu::TW_ISA {

struct PowConstants {
  // log2 of LogTable's c in two parts, the first in so few bits that an exponent can be added exactly.
  static constexpr float kLog2High[16] = {
      -0x1.d67p-2f, -0x1.91cp-2f, -0x1.6e2p-2f, -0x1.244p-2f, -0x1.fbcp-3f, -0x1.5cp-3f,
      -0x1.08cp-3f, -0x1.664p-4f, -0x1.6b8p-5f, 0.0f, 0x1.7d8p-4f, 0x1.8a8p-3f,
      0x1.f6p-3f, 0x1.6cbp-2f, 0x1.a9p-2f, 0x1.e7ep-2f};
  static constexpr float kLog2Low[16] = {
      -0x1.4f80ccp-16f, 0x1.15db84p-16f, -0x1.0e6ce8p-17f, -0x1.eac382p-20f, -0x1.6b9026p-19f,
      -0x1.a39fbep-19f, -0x1.62336ap-17f, 0x1.20a6dep-21f, -0x1.69bac8p-16f, 0.0f,
      -0x1.fb693p-16f, 0x1.30158p-16f, -0x1.3ab7cep-18f, 0x1.ed0cbap-19f, -0x1.a39fbep-20f,
      -0x1.40358ep-19f};
  // log2(1 + r) = r / ln2 + r^2 Q(r) for r of LogTable.
  static constexpr float kLog2ELow = 0x1.4ae0cp-26f;
  static constexpr float kLog2Q[] = {-0x1.715476p-1f, 0x1.ec7098p-2f, -0x1.715464p-2f, 0x1.27d4d8p-2f, -0x1.ed6768p-3f};
  // (2^f - 1) / f, |f| <= 1/2.
  static constexpr float kExp2[] = {0x1.62e43p-1f,  0x1.ebfbdcp-3f,  0x1.c6aeeap-5f,
                                    0x1.3b2d44p-7f, 0x1.5f3df2p-10f, 0x1.4204dep-13f};
  // R of log(1 + f) = 2 s + s R(s^2) without its first term, 2/3, which is kept in two parts.
  static constexpr double kTwoThirds = 0x1.5555555555555p-1;
  static constexpr double kTwoThirdsLow = 0x1.5555555555555p-55;
  static constexpr double kLogTail[] = {0x1.9999999999996p-2, 0x1.2492492492f52p-2, 0x1.c71c71c5965d4p-3,
                                        0x1.745d1829754a9p-3, 0x1.3b1364bfc9611p-3, 0x1.112070c1a06d4p-3,
                                        0x1.de3d2bd2cc619p-4, 0x1.eac81af7cbc52p-4};
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;  // 42 bits: times an exponent it is exact
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
};

// 2^(y log2 x), x >= 0. log2 x = e + log2 c + log2(1 + r): e + log2 c has so few bits that it is exact, and the
// rest is a sum of two floats. kAnyX: x may be 0, subnormal, infinite or NaN, and y any.
template <bool kAnyX>
TW_INLINE VecF pow_float(VecF x, VecF y) {
  using C = PowConstants;
  const Mask<float> tiny = x < VecF::set1(LogConstants<float>::kMinNormal);
  const LogTableSplit split(kAnyX ? select(tiny, x * VecF::set1(LogConstants<float>::kShift), x) : x);
  VecF leading = split.e + lookup16(C::kLog2High, split.index);
  if constexpr (kAnyX)
    leading = log_special(x, leading - select(tiny, VecF::set1(23.0f), VecF::zero()));
  const VecF r = split.r;
  const Pair<float> linear = two_product(r, VecF::set1(ExpConstants<float>::kLog2E));
  const Pair<float> rest = fast_two_sum(linear.hi, r * r * polynomial(r, C::kLog2Q));
  const VecF rest_low = rest.lo + (linear.lo + fma(r, VecF::set1(C::kLog2ELow), lookup16(C::kLog2Low, split.index)));
  // Past 2^31 the power of every x but 1 is 0 or infinite; the products stay finite.
  const VecF exponent = kAnyX ? y : clamp_keep_nan(y, -0x1p31f, 0x1p31f);
  const Pair<float> major = two_product(exponent, leading), minor = two_product(exponent, rest.hi);
  const Pair<float> sum = fast_two_sum(major.hi, minor.hi);
  const VecF low = sum.lo + (major.lo + fma(exponent, rest_low, minor.lo));
  const VecF n = round_even(sum.hi);
  // Where the result is 0 or infinite, low may be anything.
  VecF fraction = clamp_keep_nan((sum.hi - n) + low, -1.0f, 1.0f), scale = clamp_keep_nan(n, -200.0f, 200.0f);
  if constexpr (kAnyX) {  // an infinity has no fraction
    const VecF product = y * (leading + rest.hi);
    const Mask<float> huge = !(abs(product) < VecF::set1(1e6f));
    fraction = select(huge, product - product, fraction);
    fraction = select(isinf(product) | (huge & !isnan(product)), VecF::zero(), fraction);
    scale = select(huge, clamp_keep_nan(product, -200.0f, 200.0f), scale);
  }
  return ldexp(fma(fraction, polynomial(fraction, C::kExp2), VecF::set1(1.0f)), scale);
}
TW_INLINE VecF pow_magnitude(VecF x, VecF y) { return pow_float<true>(x, y); }

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

// Every x and y, by C99's rules.
template <class T>
TW_INLINE Vec<T> pow_any(Vec<T> x, Vec<T> y) {
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

TW_INLINE VecF pow(VecF x, VecF y) {
  if (all_positive_normal(x) && all(abs(y) < VecF::set1(__builtin_inff()))) return pow_float<false>(x, y);
  return pow_any(x, y);
}
TW_INLINE VecD pow(VecD x, VecD y) { return pow_any(x, y); }

}  // namespace tilewright::cpu::TW_ISA
