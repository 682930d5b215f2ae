// SPDX-License-Identifier: Apache-2.0
// Computes: log, log2, log1p, softplus, rsqrt; float and double.
// Method: x = 2^e m with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f);
//   log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2))), R minimax (Tang 1990; fdlibm's e_log.c).
//   A float's log takes c of 16 instead (Tang 1990): no division.
// Limits: any input, subnormal ones included; log(+-0) = -inf, log(x < 0) = NaN.
// Measured: errors in tests/simd/simd_math_limits.py, the largest found over all exponents. Nanoseconds per
//   element on one Zen 4 core, in cache, with AVX-512 (AVX2): float
//   softplus 1.3 (2.2); double log 0.91 (1.4).
#pragma once

#include "cpu/simd/vec_math_exp.h"

namespace tilewright::cpu::TW_ISA {

template <class T>
struct LogConstants;
template <>
struct LogConstants<float> {
  static constexpr int32_t kSqrtHalfBits = 0x3f3504f3;
  static constexpr int32_t kOneBits = 0x3f800000;
  static constexpr int32_t kMantissaMask = 0x7fffff;
  static constexpr float kMinNormal = 0x1p-126f;
  static constexpr float kShift = 0x1p23f;  // also what, as a sum, leaves an integer in the low bits
  static constexpr float kInvLn2Low = 0x1.4ae0cp-26f;
  static constexpr float kR[] = {0x1.555554p-1f, 0x1.999c26p-2f, 0x1.23d3e0p-2f, 0x1.f13ad0p-3f};
};
template <>
struct LogConstants<double> {
  static constexpr int64_t kSqrtHalfBits = 0x3fe6a09e667f3bcd;
  static constexpr int64_t kOneBits = 0x3ff0000000000000;
  static constexpr int64_t kMantissaMask = 0xfffffffffffff;
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kShift = 0x1p52;
  static constexpr double kInvLn2Low = 0x1.777d0ffda0d24p-56;
  static constexpr double kR[] = {0x1.5555555555592p-1, 0x1.999999997feedp-2, 0x1.24924941e55e3p-2,
                                  0x1.c71c52100b4bep-3, 0x1.74663df92febcp-3, 0x1.39a1c9fe517d9p-3,
                                  0x1.2f0512c4023dcp-3};
};

// x = 2^e (1 + f), for a normal positive x.
template <class T>
struct LogSplit {
  Vec<T> e, f;
};
template <class T>
TW_INLINE LogSplit<T> log_split(Vec<T> x) {
  using C = LogConstants<T>;
  using VecInt = Vec<IntOf<T>>;
  const VecInt bits = bitcast<IntOf<T>>(x) + VecInt::set1(C::kOneBits - C::kSqrtHalfBits);
  const VecInt biased = shift_right_logical<FloatBits<T>::kMantissa>(bits);
  const Vec<T> shift = Vec<T>::set1(C::kShift);
  const Vec<T> e =
      bitcast<T>(biased | bitcast<IntOf<T>>(shift)) - Vec<T>::set1(C::kShift + FloatBits<T>::kBias);
  const VecInt m = (bits & VecInt::set1(C::kMantissaMask)) + VecInt::set1(C::kSqrtHalfBits);
  return {e, bitcast<T>(m) - Vec<T>::set1(T(1))};
}
// The same for subnormal x too.
template <class T>
TW_INLINE LogSplit<T> log_split_any(Vec<T> x) {
  using C = LogConstants<T>;
  const Mask<T> tiny = x < Vec<T>::set1(C::kMinNormal);
  const LogSplit<T> split = log_split(select(tiny, x * Vec<T>::set1(C::kShift), x));
  return {split.e - select(tiny, Vec<T>::set1(T(FloatBits<T>::kMantissa)), Vec<T>::zero()), split.f};
}

// What to take off f: f - log(1 + f).
template <class T>
TW_INLINE Vec<T> log_deficit(Vec<T> f, Vec<T> add_back) {
  const Vec<T> s = f / (f + Vec<T>::set1(T(2))), z = s * s;
  const Vec<T> half_square = Vec<T>::set1(T(0.5)) * f * f;
  const Vec<T> r = z * polynomial(z, LogConstants<T>::kR);
  return half_square - fma(s, half_square + r, add_back);
}

// log(2^e (1 + f)).
template <class T>
TW_INLINE Vec<T> log_join(LogSplit<T> split) {
  using C = ExpConstants<T>;
  const Vec<T> deficit = log_deficit(split.f, split.e * Vec<T>::set1(C::kLn2Low));
  return fma(split.e, Vec<T>::set1(C::kLn2High), split.f - deficit);
}

// -inf at 0, NaN below, and infinity and NaN themselves.
template <class T>
TW_INLINE Vec<T> log_special(Vec<T> x, Vec<T> ordinary) {
  const Vec<T> inf = Vec<T>::set1(T(__builtin_inf())), zero = Vec<T>::zero();
  const Vec<T> nan = Vec<T>::set1(T(__builtin_nan("")));
  const Vec<T> special = select(x == zero, -inf, select(x < zero, nan, x));
  return select((x > zero) & (x < inf), ordinary, special);
}

TW_INLINE VecD log(VecD x) { return log_special(x, log_join(log_split_any(x))); }

// Around 16 numbers c = 32 / k: 1 / c has 6 bits, so that r = m / c - 1 has no rounding error.
struct LogTable {
  static constexpr int kIndexBits = 4;
  static constexpr float kInverse[16] = {0x1.6p+0f,  0x1.5p+0f,  0x1.48p+0f, 0x1.38p+0f, 0x1.3p+0f,  0x1.2p+0f,
                                         0x1.18p+0f, 0x1.1p+0f,  0x1.08p+0f, 0x1p+0f,    0x1.ep-1f,  0x1.cp-1f,
                                         0x1.bp-1f,  0x1.9p-1f,  0x1.8p-1f,  0x1.7p-1f};
  // log(c) in two parts, the first in so few bits that an exponent times kLn2High can be added exactly.
  static constexpr float kHigh[16] = {
      -0x1.4618p-2f, -0x1.1674p-2f, -0x1.fb9p-3f, -0x1.9528p-3f, -0x1.5ffp-3f, -0x1.e27p-4f,
      -0x1.6f1p-4f, -0x1.f0ap-5f, -0x1.f84p-6f, 0.0f, 0x1.086p-4f, 0x1.1178p-3f,
      0x1.5bf8p-3f, 0x1.f99p-3f, 0x1.2698p-2f, 0x1.522cp-2f};
  static constexpr float kLow[16] = {
      -0x1.78438cp-19f, -0x1.cababap-18f, -0x1.86d5e4p-19f, 0x1.2b185ep-18f, -0x1.83853cp-18f,
      -0x1.db8abcp-22f, 0x1.6ba8d4p-19f, -0x1.86008cp-20f, 0x1.64f188p-18f, 0.0f,
      -0x1.9d2988p-18f, 0x1.d044fcp-20f, -0x1.fca55ep-18f, 0x1.c6cb3cp-19f, -0x1.deecb2p-18f,
      -0x1.1f8c76p-18f};
  static constexpr float kQ[] = {-0x1.fffff8p-2f, 0x1.555506p-2f, -0x1.005798p-2f, 0x1.9c3552p-3f};
};

// x = 2^e c (1 + r), |r| < 0.042, for a normal positive x.
struct LogTableSplit {
  VecF e, r;
  VecI index;  // of c

  TW_INLINE explicit LogTableSplit(VecF x) {
    using C = LogConstants<float>;
    const VecI bits = bitcast<int32_t>(x) + VecI::set1(C::kOneBits - C::kSqrtHalfBits);
    const VecI biased = shift_right_logical<23>(bits);
    e = bitcast<float>(biased | bitcast<int32_t>(VecF::set1(C::kShift))) - VecF::set1(C::kShift + 127.0f);
    index = shift_right_logical<23 - LogTable::kIndexBits>(bits);
    const VecF m = bitcast<float>((bits & VecI::set1(C::kMantissaMask)) + VecI::set1(C::kSqrtHalfBits));
    const VecF inverse = lookup16(LogTable::kInverse, index), one = VecF::set1(1.0f);
    if constexpr (kFusedFma) {
      r = fma(m, inverse, -one);
    } else {
      const VecF high = m & bitcast<float>(VecI::set1(-(1 << 12)));
      r = (high * inverse - one) + (m - high) * inverse;
    }
  }
};

// Whether all lanes are positive normal numbers.
TW_INLINE bool all_positive_normal(VecF x) {
  return all((x >= VecF::set1(LogConstants<float>::kMinNormal)) & (x < VecF::set1(__builtin_inff())));
}

TW_INLINE VecF log_positive_normal(VecF x) {
  using C = ExpConstants<float>;
  const LogTableSplit split(x);
  const VecF high = fma(split.e, VecF::set1(C::kLn2High), lookup16(LogTable::kHigh, split.index));
  const VecF low = fma(split.e, VecF::set1(C::kLn2Low), lookup16(LogTable::kLow, split.index));
  const VecF sum = high + split.r, lost = split.r - (sum - high);  // fast_two_sum, which for e = 0 loses nothing
  return sum + fma(split.r * split.r, polynomial(split.r, LogTable::kQ), low + lost);
}

TW_INLINE VecF log(VecF x) {
  if (all_positive_normal(x)) return log_positive_normal(x);
  const Mask<float> tiny = x < VecF::set1(LogConstants<float>::kMinNormal);
  const VecF scaled = select(tiny, x * VecF::set1(LogConstants<float>::kShift), x);
  const VecF shift = select(tiny, VecF::set1(23.0f * 0x1.62e430p-1f), VecF::zero());
  return log_special(x, log_positive_normal(scaled) - shift);
}

// e + log(1 + f) / ln2, with log(1 + f) and 1 / ln2 both in two parts.
template <class T>
TW_INLINE Vec<T> log2(Vec<T> x) {
  using C = ExpConstants<T>;
  const LogSplit<T> split = log_split_any(x);
  const Vec<T> deficit = log_deficit(split.f, Vec<T>::zero());
  const Pair<T> ln = fast_two_sum(split.f, -deficit);
  const Vec<T> inv = Vec<T>::set1(C::kLog2E), inv_low = Vec<T>::set1(LogConstants<T>::kInvLn2Low);
  const Vec<T> low = fma(ln.hi, inv_low, ln.lo * inv);
  return log_special(x, split.e + fma(ln.hi, inv, low));
}

// u = 1 + x rounded, and what rounding lost goes back into f, scaled as u was.
template <class T>
TW_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> one = Vec<T>::set1(T(1));
  const Pair<T> u = two_sum(one, x);
  LogSplit<T> split = log_split(u.hi);
  // Past 2^60 the loss is nothing beside f; the limit keeps 2^-e a normal number.
  const Vec<T> e = min_fast(split.e, Vec<T>::set1(T(60)));
  const Mask<T> large = split.e > e;
  split.f += select(large, Vec<T>::zero(), u.lo * pow2(-e));
  // x itself where 1 + x rounds to 1, which also keeps -0.
  const Vec<T> y = log_special(u.hi, log_join(split));
  return select(u.hi == one, x, y);
}

// log(1 + exp(x)), stable: max(x, 0) + log1p(exp(-|x|)).
template <class T>
TW_INLINE Vec<T> softplus(Vec<T> x) {
  return max_nan(x, Vec<T>::zero()) + log1p(exp(-abs(x)));
}

// 1 / sqrt(x), two roundings; rsqrt(+-0) = +-inf.
template <class T>
TW_INLINE Vec<T> rsqrt(Vec<T> x) {
  return Vec<T>::set1(T(1)) / sqrt(x);
}

}  // namespace tilewright::cpu::TW_ISA
