// SPDX-License-Identifier: Apache-2.0
// Computes: polynomials of 16 intervals at once, each lane with the coefficients of its own interval.
// Method: a table is one 16-entry row for each coefficient, which AVX-512 looks up with one instruction (vpermps)
//   as fast as it multiplies: two short fits beside a select, or a division, cost more. Each interval's centre is
//   a float at which the function is almost a float too (Gal 1986), so that c[0] brings no error of its own.
// Limits: which interval is what is the caller's affair; an index counts modulo 16.
#pragma once

#include "cpu/simd/vec_common.h"

namespace tilewright::cpu::TW_ISA {

// The sum of c[k][i] (x - center[i])^k, in interval i.
template <int kDegree>
struct Fits16 {
  float center[16];
  float c[kDegree + 1][16];
};

template <int kDegree>
TW_INLINE VecF interpolate(const Fits16<kDegree>& fits, VecF x, VecI interval) {
  const VecF r = x - lookup16(fits.center, interval);
  VecF sum = lookup16(fits.c[kDegree], interval);
#pragma GCC unroll 8
  for (int k = kDegree - 1; k >= 0; --k) sum = fma(sum, r, lookup16(fits.c[k], interval));
  return sum;
}

// Cuts x >= 0 into intervals that grow with it: by the exponent of 1 + scale x and its first mantissa bits, so
// that [0, (16 - 1) / scale) takes 16 intervals with two bits, [0, (4 - 1) / scale) with three.
template <int kMantissaBits>
TW_INLINE VecI growing_interval(VecF x, float scale) {
  const VecF grown = fma(x, VecF::set1(scale), VecF::set1(1.0f));
  return shift_right_logical<23 - kMantissaBits>(bitcast<int32_t>(grown));
}

}  // namespace tilewright::cpu::TW_ISA
