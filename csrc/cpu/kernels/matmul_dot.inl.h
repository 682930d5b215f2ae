// SPDX-License-Identifier: Apache-2.0
// Products of a matrix with a few vectors, where both lie contiguous along the sum: w @ x.T
// Computes    out[s, r] = sum_k x[s, k] * w[r, k] for up to kMatmulDotVectors vectors s
// Layout      x, w: contiguous along k, any row stride; out: contiguous along r
// Method      vectors x rows accumulators, summed across their lanes at the end by a fixed tree; w streams
//             through once
// Work split  the driver gives ranges of r to threads
// Limits      bandwidth of w. Each (s, r) has one accumulator, so its bits do not depend on its neighbours
#pragma once

#include "cpu/kernels/matmul.h"
#include "cpu/kernels/matmul_tile.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T, int kVectors, int kRows>
TW_INLINE void dot_rows(const MatmulDot<T>& d, int64_t r) {
  using V = TileVec<T>;
  constexpr int L = V::kLanes;
  V acc[kVectors][kRows];
#pragma GCC unroll 8
  for (int s = 0; s < kVectors; ++s)
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) acc[s][i] = V::zero();
  const T* w = d.w + r * d.w_row;
  const auto step = [&](auto load, int64_t k) {
    V wk[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) wk[i] = load(w + i * d.w_row + k);
#pragma GCC unroll 8
    for (int s = 0; s < kVectors; ++s) {
      const V xk = load(d.x + s * d.x_row + k);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) acc[s][i] = fma(xk, wk[i], acc[s][i]);
    }
  };
  int64_t k = 0;
  for (; k + L <= d.k; k += L) step([](const T* p) { return V::load(p); }, k);
  if (k < d.k) {
    const int rest = int(d.k - k);
    step([rest](const T* p) { return V::load_n(p, rest); }, k);
  }
#pragma GCC unroll 8
  for (int s = 0; s < kVectors; ++s)
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) d.out[s * d.out_row + r + i] = reduce_add(acc[s][i]);
}

// Rows at a time: enough accumulators to hide the latency of the FMA, few enough for the registers.
template <class T, int kVectors>
void dot_vectors(const MatmulDot<T>& d) {
  constexpr int kBudget = kTileRows * kTileVecs > 12 ? 16 : 8;
  constexpr int kRows = kVectors == 1 ? 8 : kBudget / kVectors > 8 ? 8 : kBudget / kVectors < 1 ? 1 : kBudget / kVectors;
  int64_t r = 0;
  for (; r + kRows <= d.rows; r += kRows) dot_rows<T, kVectors, kRows>(d, r);
  for (; r < d.rows; ++r) dot_rows<T, kVectors, 1>(d, r);
}

template <class T>
void dot(const MatmulDot<T>& d) {
  switch (d.vectors) {
    case 1: return dot_vectors<T, 1>(d);
    case 2: return dot_vectors<T, 2>(d);
    case 3: return dot_vectors<T, 3>(d);
    case 4: return dot_vectors<T, 4>(d);
    case 5: return dot_vectors<T, 5>(d);
    case 6: return dot_vectors<T, 6>(d);
    case 7: return dot_vectors<T, 7>(d);
    case 8: return dot_vectors<T, 8>(d);
    default: return;
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
