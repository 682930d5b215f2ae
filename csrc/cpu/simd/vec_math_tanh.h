// SPDX-License-Identifier: Apache-2.0
// Computes: tanh; float and double.
// Method: float by 16 fits of degree 5 (vec_table.h), the first of them odd but for its high terms, so that tanh
//   keeps its digits near zero; double by e = exp(-2|x|).
// Limits: any input; NaN stays NaN.
// Measured: errors in tests/simd/simd_math_limits.py; speed in docs/kernels/elementwise.md.
#pragma once

#include "cpu/simd/vec_math_exp.h"
#include "cpu/simd/vec_table.h"

namespace tilewright::cpu::TW_ISA {

inline constexpr float kTanhScale = 1.6f;
inline constexpr float kTanhEnd = 9.1f;  // tanh rounds to 1 from here on
inline constexpr Fits16<5> kTanhFits = {
    {0x1.9698acp-1f, 0x1.1851ep+0f, 0x1.64e6d6p+0f, 0x1.bd1ep+0f, 0x1.13b3cep+1f, 0x1.691e9p+1f,
      0x1.b7e66ap+1f, 0x1.053002p+2f, 0x1.45ff28p+2f, 0x1.95e592p+2f, 0x1.db00b4p+2f, 0x1.154176p+3f, 0.0f,
      0x1.eb5bacp-3f, 0x1.91add8p-2f, 0x1.16f5e8p-1f},
    {
        {0x1.524d14p-1f, 0x1.98eeap-1f, 0x1.c4a622p-1f, 0x1.e15232p-1f, 0x1.f265c6p-1f, 0x1.fc623cp-1f,
         0x1.fef0fcp-1f, 0x1.ffb53ep-1f, 0x1.fff622p-1f, 0x1.ffff3p-1f, 0x1.ffffe8p-1f, 0x1.fffffep-1f,
         0.0f, 0x1.e22472p-3f, 0x1.7e453cp-2f, 0x1.fc90ecp-2f},
        {0x1.20783p-1f, 0x1.72c682p-2f, 0x1.bf49dep-3f, 0x1.dc280ep-4f, 0x1.ad7ea2p-5f, 0x1.cd3ff2p-7f,
         0x1.0ebc5cp-8f, 0x1.2af2d4p-10f, 0x1.3bfb5cp-13f, 0x1.a0508ep-17f, 0x1.7fd528p-20f,
         0x1.0001dep-23f, 0x1p+0f, 0x1.e39f96p-1f, 0x1.b8a5aap-1f, 0x1.81b61p-1f},
        {-0x1.7d35cap-2f, -0x1.282444p-2f, -0x1.8b7198p-3f, -0x1.bfa08cp-4f, -0x1.a211aap-5f,
         -0x1.c9ecacp-7f, -0x1.0e2114p-8f, -0x1.2ab94cp-10f, -0x1.3b19eap-13f, -0x1.9f335ep-17f,
         -0x1.7ef2c2p-20f, -0x1.ff9bfap-24f, 0x1.fa577ap-21f, -0x1.c76b2ap-3f, -0x1.48fee8p-2f,
         -0x1.7f1fa6p-2f},
        {0x1.dc8526p-5f, 0x1.c3c17ep-4f, 0x1.90f49p-4f, 0x1.061dbcp-4f, 0x1.07eba4p-5f, 0x1.2ce49ap-7f,
         0x1.66b10ap-9f, 0x1.8d90bp-11f, 0x1.9d030ap-14f, 0x1.1039e6p-17f, 0x1.02033p-20f, 0x1.57e2fap-24f,
         -0x1.556378p-2f, -0x1.0cd3a8p-2f, -0x1.55e8f6p-3f, -0x1.0b7402p-4f},
        {0x1.5f7146p-4f, 0x1.25871ep-7f, -0x1.662662p-6f, -0x1.83afc6p-6f, -0x1.d827dep-7f,
         -0x1.28cd3cp-8f, -0x1.69ed8ep-10f, -0x1.93ed74p-12f, -0x1.bc91ecp-15f, -0x1.251b18p-18f,
         -0x1.10d4fp-21f, -0x1.673c2ep-25f, 0x1.dfd868p-11f, 0x1.154948p-3f, 0x1.59cacep-3f, 0x1.411e54p-3f},
        {-0x1.01e844p-4f, -0x1.245988p-5f, -0x1.f6fa26p-8f, 0x1.a04b58p-9f, 0x1.146e6ep-8f,
         0x1.c4c8fcp-10f, 0x1.1bfd16p-11f, 0x1.4dc238p-13f, 0x1.b3f6eep-16f, 0x1.1eb3e2p-19f,
         0x1.780068p-23f, 0x1.ec5ffap-27f, 0x1.066eccp-3f, 0x1.45759cp-4f, 0x1.a68dc2p-7f, -0x1.4364ecp-5f},
    }};

TW_INLINE VecF tanh(VecF x) {
  const VecF a = min_fast(VecF::set1(kTanhEnd), abs(x));
  return copysign(interpolate(kTanhFits, a, growing_interval<2>(a, kTanhScale)), x);
}

// With e = exp(-2|x|) and t = e - 1: -t / (1 + e) while |x| is small, where t keeps its digits; beyond that
// 1 - 2e / (1 + e), where the quotient is the smaller part and its error counts less. t, e and 1 + e each
// come from 2^n (1 + p) by one rounding. Twice kExpm1Min: there 2e is nothing beside 1, and the result is 1.
TW_INLINE VecD tanh(VecD x) {
  const VecD one = VecD::set1(1.0);
  const VecD doubled = max_fast(VecD::set1((2) * ExpConstants<double>::kExpm1Min), abs(x) * VecD::set1((-2)));
  const ExpSplit<double> split = exp_split(doubled, VecD::zero());
  const VecD scale = pow2(split.n);
  const Mask<double> small = doubled > VecD::set1((-1.1));
  const VecD t = fma(scale, split.p, scale - one), e = fma(scale, split.p, scale);
  const VecD quotient = select(small, t, e + e) / fma(scale, split.p, scale + one);
  return copysign(select(small, quotient, one - quotient), x);
}

}  // namespace tilewright::cpu::TW_ISA
