// SPDX-License-Identifier: Apache-2.0
// Computes: sin, cos, sincos; float and double.
// Method: x = n pi/2 + r, |r| <= pi/4, pi/2 cut in parts of 33 bits so that n times a part is exact (Cody and
//   Waite 1980, ch. 8; fdlibm's e_rem_pio2.c), then minimax polynomials. Floats are reduced in double, where
//   two parts are enough.
// Limits: any input. From 2^20 pi/2 on a lane goes through the C library, which reduces with as many bits of
//   pi as it takes (Payne and Hanek 1983); infinity and NaN give NaN.
// Measured: errors in tests/simd/simd_math_limits.py, the largest found over all exponents. Nanoseconds per
//   element on one Zen 4 core, in cache, with AVX-512 (AVX2): float sin 0.64 (0.86);
//   double sin 1.6 (2.3).
#pragma once

#include "cpu/simd/vec_polynomial.h"

namespace tilewright::cpu::TW_ISA {

template <class T>
struct TrigConstants;
template <>
struct TrigConstants<float> {
  static constexpr float kSin[] = {-0x1.555556p-3f, 0x1.111176p-7f, -0x1.a05ba8p-13f, 0x1.7ccf6ep-19f};
  static constexpr float kCos[] = {0x1.55554ap-5f, -0x1.6c0c1ap-10f, 0x1.99e0dcp-16f};
};
template <>
struct TrigConstants<double> {
  static constexpr double kSin[] = {-0x1.5555555555549p-3, 0x1.111111110f892p-7,   -0x1.a01a019c121c0p-13,
                                    0x1.71de3576bf941p-19, -0x1.ae5e64ab77c12p-26, 0x1.5d925eea7bdc4p-33};
  static constexpr double kCos[] = {0x1.555555555554cp-5,   -0x1.6c16c16c1520fp-10, 0x1.a01a019cbcb1fp-16,
                                    -0x1.27e4f81022a85p-22, 0x1.1ee9ef37c2bd1p-29,  -0x1.8faff242d2fd9p-37};
};

inline constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
inline constexpr double kHalfPi1 = 0x1.921fb544p+0;            // the first 33 bits of pi/2
inline constexpr double kHalfPi2 = 0x1.0b4611a6p-34;           // the next 33
inline constexpr double kHalfPi3 = 0x1.3198a2ep-69;            // the next 33
inline constexpr double kHalfPi4 = 0x1.b839a252049c1p-104;     // and 53 more
inline constexpr double kHalfPi2Long = 0x1.0b4611a626331p-34;  // all that follows the first 33, rounded

// Beyond this n would have more than 20 bits.
inline constexpr double kTrigLimit = 0x1.921fb54442d18p+20;

// x = n pi/2 + r.hi + r.lo; the quadrant is n modulo 4, in the low bits of the integer.
template <class T>
struct TrigSplit {
  Vec<IntOf<T>> quadrant;
  Pair<T> r;
};

TW_INLINE TrigSplit<double> trig_split(VecD x) {
  const VecD magic = VecD::set1(kIntegerMagic<double>);
  const VecD biased = x * VecD::set1(kTwoOverPi) + magic;
  const VecD n = biased - magic;
  const VecD a = fnma(n, VecD::set1(kHalfPi1), x);
  const Pair<double> b = two_sum(a, -(n * VecD::set1(kHalfPi2)));
  const Pair<double> c = two_sum(b.hi, -(n * VecD::set1(kHalfPi3)));
  const VecD low = fnma(n, VecD::set1(kHalfPi4), c.lo + b.lo);
  return {bitcast<int64_t>(biased), two_sum(c.hi, low)};
}

TW_INLINE VecD trig_remainder(VecD x, VecD n) {
  return fnma(n, VecD::set1(kHalfPi2Long), fnma(n, VecD::set1(kHalfPi1), x));
}
TW_INLINE TrigSplit<float> trig_split(VecF x) {
  const VecD lo = widen_lo(x), hi = widen_hi(x);
  const VecD n_lo = round_even(lo * VecD::set1(kTwoOverPi)), n_hi = round_even(hi * VecD::set1(kTwoOverPi));
  const VecF n = narrow(n_lo, n_hi) + VecF::set1(kIntegerMagic<float>);
  const VecF r = narrow(trig_remainder(lo, n_lo), trig_remainder(hi, n_hi));
  return {bitcast<int32_t>(n), {r, VecF::zero()}};
}

// sin and cos of r.hi + r.lo, |r| <= pi/4.
template <class T>
TW_INLINE Vec<T> sin_remainder(Pair<T> r) {
  const Vec<T> z = r.hi * r.hi;
  const Vec<T> slope = fnma(Vec<T>::set1(T(0.5)) * z, r.lo, r.lo);  // r.lo cos(r.hi)
  return r.hi + fma(z * r.hi, polynomial(z, TrigConstants<T>::kSin), slope);
}
template <class T>
TW_INLINE Vec<T> cos_remainder(Pair<T> r) {
  const Vec<T> one = Vec<T>::set1(T(1)), z = r.hi * r.hi, half = Vec<T>::set1(T(0.5)) * z;
  const Vec<T> head = one - half, lost = (one - head) - half;
  return head + (lost + fnma(r.hi, r.lo, z * z * polynomial(z, TrigConstants<T>::kCos)));
}

template <class T>
struct SinCos {
  Vec<T> sin, cos;
};

// sin(x + m pi/2) for m quarter turns: odd quadrants take the cosine, the second half turn changes the sign.
template <class T>
TW_INLINE Vec<T> trig_select(Vec<IntOf<T>> quadrant, int m, Vec<T> sin_r, Vec<T> cos_r) {
  using VecInt = Vec<IntOf<T>>;
  constexpr int to_sign_bit = 8 * int(sizeof(T)) - 2;
  const VecInt q = quadrant + VecInt::set1(m);
  const Vec<T> magnitude = select((q & VecInt::set1(1)) == VecInt::zero(), sin_r, cos_r);
  return magnitude ^ bitcast<T>(shift_left<to_sign_bit>(q & VecInt::set1(2)));
}

// Lanes that are too large for trig_split, one by one. Rare, so kept out of line.
template <class T>
__attribute__((noinline, cold)) void sincos_huge(const T* x, T* sin_x, T* cos_x) {
  for (int i = 0; i < Vec<T>::kLanes; ++i) {
    if (!(__builtin_fabs(double(x[i])) > kTrigLimit)) continue;
    sin_x[i] = T(__builtin_sin(double(x[i])));
    cos_x[i] = T(__builtin_cos(double(x[i])));
  }
}

template <class T>
TW_INLINE SinCos<T> sincos(Vec<T> x) {
  const TrigSplit<T> split = trig_split(x);
  const Vec<T> sin_r = sin_remainder(split.r), cos_r = cos_remainder(split.r);
  // -0 has lost its sign in the reduction.
  const Vec<T> sin_x = select(x == Vec<T>::zero(), x, trig_select<T>(split.quadrant, 0, sin_r, cos_r));
  SinCos<T> result = {sin_x, trig_select<T>(split.quadrant, 1, sin_r, cos_r)};
  if (any(abs(x) > Vec<T>::set1(T(kTrigLimit)))) {
    T lanes[3][Vec<T>::kLanes];
    store(lanes[0], x);
    store(lanes[1], result.sin);
    store(lanes[2], result.cos);
    sincos_huge<T>(lanes[0], lanes[1], lanes[2]);
    result = {Vec<T>::load(lanes[1]), Vec<T>::load(lanes[2])};
  }
  return result;
}

template <class T>
TW_INLINE Vec<T> sin(Vec<T> x) {
  return sincos(x).sin;
}
template <class T>
TW_INLINE Vec<T> cos(Vec<T> x) {
  return sincos(x).cos;
}

}  // namespace tilewright::cpu::TW_ISA
