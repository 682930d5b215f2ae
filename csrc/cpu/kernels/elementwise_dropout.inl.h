// SPDX-License-Identifier: Apache-2.0
// Dropout.
// Computes    y[i] = x[i] * scale where the random word of element i is at least `threshold`, else 0
// Layout      contiguous spans that start at a Philox block (kernels/philox.inl.h); y may be x
// Method      the mask is never stored: backward draws it again from the same key
#pragma once

#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/philox.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void dropout_span(T* y, const T* x, int64_t n, const DropoutSpan& span) {
  using V = Vec<T>;
  const VecU threshold = VecU::set1(span.threshold);
  const V scale = V::set1(T(span.scale));
  constexpr int kLanes = V::kLanes;
  uint64_t block = span.block;
  for (int64_t i = 0; i < n; i += kPhiloxStep, block += VecU::kLanes) {
    Draws<uint32_t> draws;
    philox(draws.v[0], span.seed, block, 0, 0);
    uint32_t words[kPhiloxStep];
    store_draws(words, draws);
    for (int j = 0; j < kPhiloxStep && i + j < n; j += VecU::kLanes) {
      const VecF keep = select(VecU::load(words + j) < threshold, VecF::zero(), VecF::set1(1));
      const auto apply = [&](V kept, int64_t at) {
        if (at >= n) return;
        const int rest = n - at < kLanes ? int(n - at) : kLanes;
        store_n(y + at, select(kept == V::zero(), V::zero(), V::load_n(x + at, rest) * scale), rest);
      };
      if constexpr (kSame<T, float>) {
        apply(keep, i + j);
      } else {
        apply(widen_lo(keep), i + j);
        if constexpr (VecU::kLanes > 1) apply(widen_hi(keep), i + j + kLanes);
      }
    }
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
