// SPDX-License-Identifier: Apache-2.0
// Peak of the multiply-add units, and of reading memory.
// Computes    a_i = a_i * x + y, ten independent chains: enough to hide the latency (4 cycles, 2 units, spare)
// Layout      registers only
// Method      the FLOP of a kernel over this rate is its per cent of peak
// Limits      values stay finite: |x| < 1 draws every chain to y / (1 - x); what is read are zeros, and a count
//             that is not a multiple of eight registers loses its end
#include "cpu/kernels/roofline.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr int kChains = 10;

int64_t fma_chains(float* sink, int64_t rounds) {
  const VecF x = VecF::set1(0.999f), y = VecF::set1(0.001f);
  VecF a[kChains];
  for (int i = 0; i < kChains; ++i) a[i] = VecF::set1(float(i));
  for (int64_t r = 0; r < rounds; ++r)
    for (int i = 0; i < kChains; ++i) a[i] = fma(a[i], x, y);
  VecF sum = a[0];
  for (int i = 1; i < kChains; ++i) sum = sum + a[i];
  *sink = reduce_add(sum);
  return rounds * kChains * 2 * VecF::kLanes;
}

float read_stream(const float* p, int64_t count) {
  constexpr int kSums = 8;
  VecF sum[kSums];
  for (int i = 0; i < kSums; ++i) sum[i] = VecF::zero();
  for (int64_t at = 0; at + kSums * VecF::kLanes <= count; at += kSums * VecF::kLanes)
    for (int i = 0; i < kSums; ++i) sum[i] = sum[i] + VecF::load(p + at + i * VecF::kLanes);
  for (int i = 1; i < kSums; ++i) sum[0] = sum[0] + sum[i];
  return reduce_add(sum[0]);
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(RooflineKernels& kernels) {
  kernels = {fma_chains, read_stream};
}

}  // namespace tilewright::cpu::TW_ISA
