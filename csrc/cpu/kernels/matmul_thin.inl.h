// SPDX-License-Identifier: Apache-2.0
// Products of a matrix with a few vectors, too thin to use an element of the matrix often.
// Computes    dot:    out[s, r] = sum_k x[s, k] * w[r, k], where w lies contiguous along the sum
//             stream: out[s, j] = sum_k x[s, k] * w[k, j], where w lies contiguous along the result
//             for up to kMatmulThinVectors vectors s
// Layout      dot: x contiguous along k; stream: any strides of x; out: contiguous rows
// Method      dot: vectors x rows accumulators, summed across their lanes at the end by a fixed tree. stream:
// a few
//             rows of w at a time are added, scaled, to results that stay in the first-level cache
// Work split  the driver gives ranges of r or j to threads
// Limits      bandwidth of w, which is read once. The bits of an element do not depend on its neighbours
#pragma once

#include "cpu/kernels/matmul.h"
#include "cpu/kernels/matmul_tile.inl.h"
#include "cpu/kernels/row_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// The sums across the lanes of kCount accumulators, kLanes of them together: lane i of the result belongs to
// accumulator i. 60 instructions for 16, where each of its own takes 8; the same bits as reduce_add. `sums`
// has room for kLanes more.
template <int kCount, class V, class T>
TW_INLINE void fold_all(const V* acc, T* sums) {
  constexpr int L = V::kLanes;
  if constexpr (Vec<T>::kLanes > 1) {
#pragma GCC unroll 8
    for (int first = 0; first < kCount; first += L) {
      if (kCount - first < L / 4) {
#pragma GCC unroll 8
        for (int i = first; i < kCount; ++i) sums[i] = reduce_add(acc[i]);
        continue;
      }
      V rows[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) rows[i] = first + i < kCount ? acc[first + i] : V::zero();
      store(sums + first, fold_lanes_of_rows(rows, [](V a, V b) { return a + b; }));
    }
  } else {
    for (int i = 0; i < kCount; ++i) sums[i] = reduce_add(acc[i]);
  }
}

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
  T sums[kVectors * kRows + L];
  fold_all<kVectors * kRows>(&acc[0][0], sums);
#pragma GCC unroll 8
  for (int s = 0; s < kVectors; ++s)
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) d.out[s * d.out_row + r + i] = sums[s * kRows + i];
}

// Sums so short that no vector is filled: one element after the other, x in registers.
template <class T, int kDepth>
void dot_short(const MatmulDot<T>& d) {
  for (int64_t s = 0; s < d.vectors; ++s) {
    T x[kDepth];
    for (int k = 0; k < kDepth; ++k) x[k] = d.x[s * d.x_row + k];
    const T* w = d.w;
    T* out = d.out + s * d.out_row;
    for (int64_t r = 0; r < d.rows; ++r, w += d.w_row) {
      T sum = x[0] * w[0];
#pragma GCC unroll 8
      for (int k = 1; k < kDepth; ++k) sum += x[k] * w[k];
      out[r] = sum;
    }
  }
}

// Rows at a time: enough accumulators to hide the latency of the FMA, few enough for the registers.
template <class T, int kVectors>
void dot_vectors(const MatmulDot<T>& d) {
  constexpr int kBudget = kTileRows * kTileVecs > 12 ? 16 : 8;
  constexpr int kRows = kVectors == 1            ? 8
                        : kBudget / kVectors > 8 ? 8
                        : kBudget / kVectors < 1 ? 1
                                                 : kBudget / kVectors;
  int64_t r = 0;
  for (; r + kRows <= d.rows; r += kRows) dot_rows<T, kVectors, kRows>(d, r);
  for (; r < d.rows; ++r) dot_rows<T, kVectors, 1>(d, r);
}

// Adds kDepth rows of w, from row k on, to out.
template <class T, int kVectors, int kDepth>
TW_INLINE void stream_rows(const MatmulStream<T>& d, int64_t k) {
  using V = TileVec<T>;
  constexpr int L = V::kLanes;
  V x[kVectors][kDepth];
#pragma GCC unroll 8
  for (int s = 0; s < kVectors; ++s)
#pragma GCC unroll 8
    for (int i = 0; i < kDepth; ++i) x[s][i] = V::set1(d.x[s * d.x_row + (k + i) * d.x_col]);
  const T* w = d.w + k * d.w_row;
  const auto add = [&](auto load, auto put, int64_t j) {
    V wj[kDepth];
#pragma GCC unroll 8
    for (int i = 0; i < kDepth; ++i) wj[i] = load(w + i * d.w_row + j);
#pragma GCC unroll 8
    for (int s = 0; s < kVectors; ++s) {
      T* out = d.out + s * d.out_row + j;
      V sum = x[s][0] * wj[0];  // summed apart from out: fewer roundings of the large number
#pragma GCC unroll 8
      for (int i = 1; i < kDepth; ++i) sum = fma(x[s][i], wj[i], sum);
      put(out, load(out) + sum);
    }
  };
  int64_t j = 0;
  for (; j + L <= d.cols; j += L)
    add([](const T* p) { return V::load(p); }, [](T* p, V v) { store(p, v); }, j);
  if (j < d.cols) {
    const int rest = int(d.cols - j);
    add([rest](const T* p) { return V::load_n(p, rest); }, [rest](T* p, V v) { store_n(p, v, rest); }, j);
  }
}

// Rows at a time: the more, the fewer passes over out; their factors stay in registers.
template <class T, int kVectors>
void stream_vectors(const MatmulStream<T>& d) {
  constexpr int kBudget = kTileRows * kTileVecs > 12 ? 16 : 8;
  constexpr int kDepth = kBudget / kVectors > 8 ? 8 : kBudget / kVectors;
  for (int s = 0; s < kVectors; ++s)
    for (int64_t j = 0; j < d.cols; ++j) d.out[s * d.out_row + j] = T(0);
  int64_t k = 0;
  for (; k + kDepth <= d.k; k += kDepth) stream_rows<T, kVectors, kDepth>(d, k);
  for (; k < d.k; ++k) stream_rows<T, kVectors, 1>(d, k);
}

// Calls run with the number of vectors as a compile-time value.
template <int kVectors>
struct Vectors {
  static constexpr int value = kVectors;
};
template <class Run>
TW_INLINE void with_vectors(int64_t vectors, Run run) {
  switch (vectors) {
    case 1:
      return run(Vectors<1>());
    case 2:
      return run(Vectors<2>());
    case 3:
      return run(Vectors<3>());
    case 4:
      return run(Vectors<4>());
    case 5:
      return run(Vectors<5>());
    case 6:
      return run(Vectors<6>());
    case 7:
      return run(Vectors<7>());
    case 8:
      return run(Vectors<8>());
    default:
      return;
  }
}

template <class T>
void dot(const MatmulDot<T>& d) {
  if (d.k <= kMatmulShortDot) return with_vectors(d.k, [&](auto n) { dot_short<T, decltype(n)::value>(d); });
  with_vectors(d.vectors, [&](auto n) { dot_vectors<T, decltype(n)::value>(d); });
}

template <class T>
void stream(const MatmulStream<T>& d) {
  with_vectors(d.vectors, [&](auto n) { stream_vectors<T, decltype(n)::value>(d); });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
