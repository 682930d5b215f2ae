// SPDX-License-Identifier: Apache-2.0
// What ends a product that was computed as its transposition: its sums are turned on their way to y.
// Computes    y[i * y_row + j] = alpha * sums[j * sums_row + i] + beta * y[i * y_row + j], i < m, j < n
// Layout      sums: n rows of m contiguous elements; y: m rows of n contiguous elements
// Method      as many rows of sums as a power of two that holds n are exchanged in registers; each register
//             then holds a piece of every so many rows of y, which goes there by a masked store:
//                 n = 3 of 4:  | y[0,:] | y[4,:] | y[8,:] | y[12,:] |   one register of 16 lanes
//             where masks cost much (AVX2) or vectors are short: element by element
// Work split  none; the driver calls it for ranges of rows of y
// Limits      the masked stores: one for each row of y and kLanes columns
#pragma once

#include "cpu/kernels/matmul_pack.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
struct TurnArgs {
  T* y;
  int64_t y_row;
  const T* sums;
  int64_t sums_row;
  T alpha, beta;

  TurnArgs from(int64_t i, int64_t j) const {
    TurnArgs at = *this;
    at.y += i * y_row + j, at.sums += j * sums_row + i;
    return at;
  }
};

template <class T>
void turn_elements(const TurnArgs<T>& t, int64_t m, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    const T* sums = t.sums + j * t.sums_row;
    T* y = t.y + j;
    if (t.beta == T(0))
      for (int64_t i = 0; i < m; ++i) y[i * t.y_row] = t.alpha * sums[i];
    else
      for (int64_t i = 0; i < m; ++i) y[i * t.y_row] = t.alpha * sums[i] + t.beta * y[i * t.y_row];
  }
}

// Lanes kFrom and the following come to the front.
template <int kFrom, class V>
TW_INLINE V lanes_from(V a) {
  if constexpr (kFrom == 0)
    return a;
  else if constexpr ((kFrom & (kFrom - 1)) == 0)
    return xor_lanes<kFrom>(a);
  else
    return lanes_from<(kFrom & (kFrom - 1))>(xor_lanes<(kFrom & -kFrom)>(a));
}

template <int kPart, int kWidth, class T>
TW_INLINE void store_parts(const TurnArgs<T>& t, const Vec<T> (&rows)[kWidth], int m, int n) {
  using V = Vec<T>;
  if constexpr (kPart * kWidth < V::kLanes) {
    const V beta = V::set1(t.beta);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      if (kPart * kWidth + i >= m) return;
      T* y = t.y + (kPart * kWidth + i) * t.y_row;
      V sum = lanes_from<kPart * kWidth>(rows[i]);
      if (t.beta != T(0)) sum = fma(beta, V::load_n(y, n), sum);
      store_n(y, sum, n);
    }
    store_parts<kPart + 1>(t, rows, m, n);
  }
}

// At most kLanes rows and kWidth columns of y.
template <int kWidth, class T>
TW_INLINE void turn_square(const TurnArgs<T>& t, int m, int n) {
  using V = Vec<T>;
  V rows[kWidth];
  const V alpha = V::set1(t.alpha);
#pragma GCC unroll 16
  for (int j = 0; j < kWidth; ++j)
    rows[j] = j >= n           ? V::zero()
              : m == V::kLanes ? alpha * V::load(t.sums + j * t.sums_row)
                               : alpha * V::load_n(t.sums + j * t.sums_row, m);
  if constexpr (kWidth == V::kLanes)
    transpose(rows);
  else
    exchange<kWidth / 2>(rows);
  store_parts<0>(t, rows, m, n);
}

template <int kWidth, class T>
TW_INLINE void turn_columns(const TurnArgs<T>& t, int64_t m, int n) {
  constexpr int L = Vec<T>::kLanes;
  if constexpr (kWidth > 4) {
    if (n <= kWidth / 2) return turn_columns<kWidth / 2>(t, m, n);
  }
  for (int64_t i = 0; i < m; i += L) turn_square<kWidth>(t.from(i, 0), int(m - i < L ? m - i : L), n);
}

template <class T>
void turn(T* y, int64_t y_row, const T* sums, int64_t sums_row, int64_t m, int64_t n, T alpha, T beta) {
  const TurnArgs<T> all{y, y_row, sums, sums_row, alpha, beta};
#if defined(__AVX512F__)
  constexpr int L = Vec<T>::kLanes;
  for (int64_t j = 0; j < n; j += L) {
    const int64_t cols = n - j < L ? n - j : L;
    if (cols <= 2)
      turn_elements(all.from(0, j), m, cols);
    else
      turn_columns<L>(all.from(0, j), m, int(cols));
  }
#else
  constexpr int64_t kRows = 64;  // of y, which stay at hand while the columns follow one another
  for (int64_t i = 0; i < m; i += kRows) turn_elements(all.from(i, 0), m - i < kRows ? m - i : kRows, n);
#endif
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
