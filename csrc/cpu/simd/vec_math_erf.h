// SPDX-License-Identifier: Apache-2.0
// Computes: erf, erfc and the normal distribution function; float and double.
// Method: float by 16 fits of degree 5 (vec_table.h): of erf, and of the tail over exp(-a^2/2). Double: near zero
//   erf(x) = x + x Q(x^2); further out erfc(x) = exp(-x^2) W(t) / (x + k), t = (x - k) / (x + k) (Shepherd and
//   Laframboise 1981). Q and W minimax.
// Limits: any input; results are rounded once, also where they end subnormal; NaN stays NaN.
// Measured: errors in tests/simd/simd_math_limits.py; speed in docs/kernels/elementwise.md.
#pragma once

#include "cpu/simd/vec_math_exp.h"
#include "cpu/simd/vec_table.h"

namespace tilewright::cpu::TW_ISA {

inline constexpr float kErfScale = 0.75f;
inline constexpr float kErfEnd = 3.95f;  // erf rounds to 1 from here on
inline constexpr Fits16<5> kErfFits = {
    {0x1.7ee97ep+0f, 0x1.d56b2ep+0f, 0x1.1318c2p+1f, 0x1.3f4c0cp+1f, 0x1.6d4138p+1f, 0x1.95ac96p+1f,
      0x1.c0abc6p+1f, 0x1.ea8f66p+1f, 0.0f, 0x1.02d0d8p-2f, 0x1.9f880ep-2f, 0x1.2ea266p-1f, 0x1.85c274p-1f,
      0x1.d46a84p-1f, 0x1.13cf7p+0f, 0x1.427062p+0f},
    {
        {0x1.ee62aap-1f, 0x1.fb21a8p-1f, 0x1.fec95p-1f, 0x1.ffc912p-1f, 0x1.fff8dcp-1f, 0x1.ffff08p-1f,
         0x1.ffffe8p-1f, 0x1.fffffep-1f, 0.0f, 0x1.1df0e2p-2f, 0x1.bc5d26p-2f, 0x1.318f94p-1f,
         0x1.6fc892p-1f, 0x1.9bc9fep-1f, 0x1.beabcp-1f, 0x1.d9aa3ap-1f},
        {0x1.ed6148p-4f, 0x1.40554ap-5f, 0x1.6ca822p-7f, 0x1.257354p-9f, 0x1.582194p-12f, 0x1.9afb6p-15f,
         0x1.5d4dfap-18f, 0x1.fa5366p-22f, 0x1.20dd76p+0f, 0x1.0efd1ep+0f, 0x1.ea0442p-1f, 0x1.975f5ep-1f,
         0x1.43a1cp-1f, 0x1.f45326p-2f, 0x1.69f26ep-2f, 0x1.d8f37ep-3f},
        {-0x1.70ffeap-3f, -0x1.25b332p-4f, -0x1.87d9bep-6f, -0x1.6df2b4p-8f, -0x1.eac966p-11f,
         -0x1.4556a4p-13f, -0x1.31cdeap-16f, -0x1.e424eep-20f, 0.0f, -0x1.11f7f2p-2f,
         -0x1.8db07p-2f, -0x1.e194b4p-2f, -0x1.ecba8p-2f, -0x1.c9bc12p-2f, -0x1.85f4c6p-2f, -0x1.29d90cp-2f},
        {0x1.1db20cp-3f, 0x1.31a742p-4f, 0x1.f4cad4p-6f, 0x1.17f24ap-7f, 0x1.b52c6ep-10f, 0x1.46814cp-12f,
         0x1.563d14p-15f, 0x1.2adb78p-18f, -0x1.813dbcp-2f, -0x1.3b29c4p-2f, -0x1.b6258ap-3f,
         -0x1.474ff8p-4f, 0x1.125614p-5f, 0x1.c19e42p-4f, 0x1.3edf28p-3f, 0x1.568fb2p-3f},
        {-0x1.649bcep-5f, -0x1.6ad964p-5f, -0x1.98954cp-6f, -0x1.239d96p-7f, -0x1.1536dcp-9f,
         -0x1.df612cp-12f, -0x1.1e55dap-14f, -0x1.19a27p-17f, 0x1.64a212p-10f, 0x1.05838ep-3f,
         0x1.6126dap-3f, 0x1.709a22p-3f, 0x1.2df4fcp-3f, 0x1.94721p-4f, 0x1.61ae2p-5f, -0x1.0c8776p-7f},
        {-0x1.f0847p-7f, 0x1.466684p-7f, 0x1.85f36ap-7f, 0x1.92c84p-8f, 0x1.0c97c2p-9f, 0x1.fd487p-12f,
         0x1.650804p-14f, 0x1.7c1f1ep-17f, 0x1.b5d9fep-4f, 0x1.49735p-4f, 0x1.0fc43cp-5f, -0x1.09c9d6p-6f,
         -0x1.b1657p-5f, -0x1.1a33b6p-4f, -0x1.08feacp-4f, -0x1.8244b2p-5f},
    }};

// P(X > a) exp(a^2 / 2), X normal.
inline constexpr float kNormalTailEnd = 14.6f;  // P(X > a) rounds to zero from here on
inline constexpr Fits16<5> kNormalTailFits = {
    {0x1.3ab0ep+0f, 0x1.c60b7p+0f, 0x1.24c3fp+1f, 0x1.5d2f8p+1f, 0x1.b7e06p+1f, 0x1.22d08p+2f,
      0x1.5e45ep+2f, 0x1.9f2f38p+2f, 0x1.fec8ep+2f, 0x1.3d0278p+3f, 0x1.83debp+3f, 0x1.bdc2ep+3f,
      0x1.cf5d1p-4f, 0x1.76e9a4p-2f, 0x1.40083p-1f, 0x1.c20cp-1f},
    {
        {0x1.dd54c6p-3f, 0x1.77c4ccp-3f, 0x1.36ab24p-3f, 0x1.0d8304p-3f, 0x1.baa576p-4f, 0x1.5842bp-4f,
         0x1.217662p-4f, 0x1.ec92aep-5f, 0x1.93576ap-5f, 0x1.46a1fap-5f, 0x1.0bd41p-5f, 0x1.d2d6f2p-6f,
         0x1.d4e00cp-2f, 0x1.870ee2p-2f, 0x1.4b1aa8p-2f, 0x1.1ddafp-2f},
        {-0x1.cc89b2p-4f, -0x1.2d21bap-4f, -0x1.a9dabap-5f, -0x1.4735a6p-5f, -0x1.c3975ep-6f,
         -0x1.170662p-6f, -0x1.8eaedep-7f, -0x1.22c03ap-7f, -0x1.88807ap-8f, -0x1.02a688p-8f,
         -0x1.5ce28ap-9f, -0x1.09691ap-9f, -0x1.637998p-2f, -0x1.09572ap-2f, -0x1.931cbep-3f,
         -0x1.3a8066p-3f},
        {0x1.848876p-5f, 0x1.b2e35p-6f, 0x1.0ca552p-6f, 0x1.72d426p-7f, 0x1.b553c6p-8f, 0x1.b4a0e6p-9f,
         0x1.0b65bp-9f, 0x1.5075fp-10f, 0x1.78a59cp-11f, 0x1.95caacp-12f, 0x1.c38c6p-13f, 0x1.2c4bbap-13f,
         0x1.aca90cp-3f, 0x1.25e8ccp-3f, 0x1.9a3caap-4f, 0x1.274384p-4f},
        {-0x1.27b5c4p-6f, -0x1.20bc5p-7f, -0x1.3c41fep-8f, -0x1.8c5146p-9f, -0x1.94db14p-10f,
         -0x1.4ab1d4p-11f, -0x1.5e04f4p-12f, -0x1.7e1782p-13f, -0x1.64b808p-14f, -0x1.3b90d6p-15f,
         -0x1.2245f4p-16f, -0x1.522998p-17f, -0x1.b9abaep-4f, -0x1.1a0fd6p-4f, -0x1.6e889cp-5f,
         -0x1.ec9d5ap-6f},
        {0x1.a0fa7ap-8f, 0x1.67e98cp-9f, 0x1.60b008p-10f, 0x1.941832p-11f, 0x1.6bbe64p-12f,
         0x1.eba5d6p-14f, 0x1.c336cep-15f, 0x1.ace17ep-16f, 0x1.5391b8p-17f, 0x1.eb9c02p-19f,
         0x1.75fe74p-20f, 0x1.7d4f4p-21f, 0x1.94f02ap-5f, 0x1.e5f7e2p-6f, 0x1.287f78p-6f, 0x1.76f24ep-7f},
        {-0x1.051124p-9f, -0x1.b3b6ep-11f, -0x1.892916p-12f, -0x1.7be142p-13f, -0x1.1fc27ep-14f,
         -0x1.703ff6p-16f, -0x1.134a7p-17f, -0x1.d13a46p-19f, -0x1.352cccp-20f, -0x1.646172p-22f,
         -0x1.f7da4ap-24f, -0x1.9d2b2p-25f, -0x1.469b5cp-6f, -0x1.75a6dp-7f, -0x1.b754b2p-8f,
         -0x1.0911fcp-8f},
    }};
struct ErfConstants {
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
TW_INLINE VecD erf_near_zero(VecD x) {
  return fma(x, polynomial(x * x, ErfConstants::kQ), x);
}

// erfc(a) for a >= 0.47, by exp(-square). The square comes in two parts: its error would be multiplied by the
// square itself.
TW_INLINE VecD erfc_tail(VecD a, Pair<double> square) {
  using C = ErfConstants;
  const ExpSplit<double> e = exp_split(-square.hi, -square.lo);
  const VecD u = VecD::set1(1.0) / (a + VecD::set1(C::kK));
  const VecD t = (a - VecD::set1(C::kK)) * u;
  const VecD scaled = polynomial(t, C::kW) * u;
  return ldexp(fma(scaled, e.p, scaled), e.n);
}
TW_INLINE VecD erfc_tail(VecD a) {
  a = min_fast(VecD::set1(ErfConstants::kMaxTail), a);
  return erfc_tail(a, two_product(a, a));
}

TW_INLINE VecD erf(VecD x) {
  const VecD one = VecD::set1(1.0), magnitude = abs(x);
  const VecD far = copysign(one - erfc_tail(magnitude), x);
  return select(magnitude < one, erf_near_zero(x), far);
}

TW_INLINE VecD erfc(VecD x) {
  const VecD one = VecD::set1(1.0), magnitude = abs(x);
  const VecD tail = erfc_tail(magnitude);
  const VecD far = select(x < VecD::zero(), VecD::set1(2.0) - tail, tail);
  return select(magnitude < VecD::set1(0.5), one - erf_near_zero(x), far);
}

// The upper tail of the normal distribution, P(X > a), as 2^n tail: exp(-a^2 / 2) times a function that varies
// slowly (Mills' ratio), so that it keeps its relative accuracy down to the smallest number.
struct NormalTail {
  VecF tail, n;
  VecF density;  // exp(-a^2 / 2) as 2^n density

  // `exponent`: -a^2 / 2 and its rounding error.
  TW_INLINE NormalTail(VecF a, Pair<float> exponent) {
    using C = ExpConstants<float>;
    n = round_even(exponent.hi * VecF::set1(C::kLog2E));
    const VecF low = fnma(n, VecF::set1(C::kLn2Low), exponent.lo);
    density = polynomial(fnma(n, VecF::set1(C::kLn2High), exponent.hi) + low, C::kExp);
    tail = density * interpolate(kNormalTailFits, a, growing_interval<2>(a, 1.0f));
  }
};

// x, and a = |x| no further than where the tail is zero.
TW_INLINE NormalTail normal_tail(VecF x) {
  const VecF a = min_fast(VecF::set1(kNormalTailEnd), abs(x)), half = a * VecF::set1(0.5f);
  const Pair<float> square = two_product(half, -a);
  return NormalTail(a, square);
}

// The normal distribution function.
TW_INLINE VecF normal_cdf(VecF x) {
  const NormalTail t = normal_tail(x);
  const VecF lower = ldexp(t.tail, t.n);
  return select(x > VecF::zero(), VecF::set1(1.0f) - lower, lower);
}

TW_INLINE VecF erf(VecF x) {
  const VecF a = min_fast(VecF::set1(kErfEnd), abs(x));
  return copysign(interpolate(kErfFits, a, growing_interval<3>(a, kErfScale)), x);
}

TW_INLINE VecF erfc(VecF x) {
  const VecF a = min_fast(VecF::set1(kNormalTailEnd * 0.70710678f), abs(x));
  const NormalTail t(a * VecF::set1(1.41421356f), two_product(a, -a));
  const VecF tail = ldexp(t.tail + t.tail, t.n);
  return select(x < VecF::zero(), VecF::set1(2.0f) - tail, tail);
}

TW_INLINE VecD normal_cdf(VecD x) {
  const VecD half = VecD::set1(0.5), root = VecD::set1(0.70710678118654752440);
  const VecD magnitude = min_fast(VecD::set1(ErfConstants::kMaxTail * 1.41421356), abs(x)), a = magnitude * root;
  const VecD tail = half * erfc_tail(a, two_product(magnitude * half, magnitude));
  const VecD far = select(x > VecD::zero(), VecD::set1(1.0) - tail, tail);
  return select(a < half, fma(half, erf_near_zero(x * root), half), far);
}

}  // namespace tilewright::cpu::TW_ISA
