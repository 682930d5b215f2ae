// SPDX-License-Identifier: Apache-2.0
// Packing: panels of `width` rows of x, each laid out k by k, as the register tile reads them.
// Computes    packed[p][k][w] = x[(p * width + w) * stride + k * k_stride]; places past `count` stay
// undefined Layout      x: any strides, so transposition and slicing cost nothing extra
//                                  +-------- width --------+
//             panel p, column k:   | x[w0,k] x[w0+1,k] ... |   next k follows
// Method      Goto & van de Geijn (2008), section 4.2.3. Unit `stride`: rows are copied. Unit `k_stride`:
// square
//             blocks are transposed in registers. Neither: element by element
// Limits      memory bandwidth; each element is read and written once
#pragma once

#include "cpu/kernels/matmul.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// Rows of x far apart escape the hardware's prefetcher: so many ahead are asked for.
inline constexpr int64_t kRowsAhead = 24;

// k runs outside, so that long rows of x stream through, whatever the number of panels.
template <class T>
void pack_rows(T* packed, const T* x, int64_t k_stride, int64_t count, int64_t k, int64_t width) {
  using V = Vec<T>;
  for (int64_t kk = 0; kk < k; ++kk, x += k_stride) {
    T* to = packed + kk * width;
    for (int64_t w0 = 0; w0 < count; w0 += width, to += k * width) {
      const int64_t n = count - w0 < width ? count - w0 : width;
      int64_t w = 0;
      for (; w + V::kLanes <= n; w += V::kLanes) {
        prefetch_l1(x + kRowsAhead * k_stride + w0 + w);
        store(to + w, V::load(x + w0 + w));
      }
      if (w < n) store_n(to + w, V::load_n(x + w0 + w, int(n - w)), int(n - w));
    }
  }
}

template <class T>
void pack_elements(T* packed, const T* x, int64_t stride, int64_t k_stride, int64_t count, int64_t k,
                   int64_t width) {
  for (int64_t w0 = 0; w0 < count; w0 += width, packed += k * width) {
    const int64_t n = count - w0 < width ? count - w0 : width;
    for (int64_t kk = 0; kk < k; ++kk)
      for (int64_t w = 0; w < n; ++w) packed[kk * width + w] = x[(w0 + w) * stride + kk * k_stride];
  }
}

// Transposes squares of kRows lanes, side by side in kRows rows, by exchanging halves, then quarters, ... of
// the lanes between rows; kDistance is half of kRows.
template <int kDistance, class T, int kRows>
TW_INLINE void exchange(Vec<T> (&rows)[kRows]) {
  if constexpr (kDistance > 0) {
    using Lane = Vec<IntOf<T>>;
    const Mask<T> low = (Lane::iota() & Lane::set1(kDistance)) == Lane::zero();
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      if (i & kDistance) continue;
      const Vec<T> a = rows[i], b = rows[i + kDistance];
      rows[i] = select(low, a, xor_lanes<kDistance>(b));
      rows[i + kDistance] = select(low, xor_lanes<kDistance>(a), b);
    }
    exchange<kDistance / 2>(rows);
  }
}
TW_INLINE void transpose(VecD (&rows)[VecD::kLanes]) { exchange<VecD::kLanes / 2>(rows); }

// One square of kLanes rows by kLanes columns; rows past `rows` and columns past `cols` are not read.
template <class T>
TW_INLINE void pack_square(T* packed, const T* x, int64_t stride, int rows, int cols, int64_t width) {
  using V = Vec<T>;
  constexpr int L = V::kLanes;
  V square[L];
  if (rows == L && cols == L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) square[i] = V::load(x + i * stride);
  } else {
    for (int i = 0; i < L; ++i) square[i] = i < rows ? V::load_n(x + i * stride, cols) : V::zero();
  }
  transpose(square);
  if (cols == L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) store(packed + i * width, square[i]);
  } else {
    for (int i = 0; i < cols; ++i) store(packed + i * width, square[i]);
  }
}

// `width` is a multiple of kLanes, so whole squares fit into a panel.
template <class T>
void pack_columns(T* packed, const T* x, int64_t stride, int64_t count, int64_t k, int64_t width) {
  constexpr int L = Vec<T>::kLanes;
  for (int64_t w0 = 0; w0 < count; w0 += width, packed += k * width) {
    const int64_t n = count - w0 < width ? count - w0 : width;
    for (int64_t w = 0; w < n; w += L) {
      const int rows = int(n - w < L ? n - w : L);
      for (int64_t kk = 0; kk < k; kk += L)
        pack_square(packed + kk * width + w, x + (w0 + w) * stride + kk, stride, rows,
                    int(k - kk < L ? k - kk : L), width);
    }
  }
}

template <class T>
void pack(T* packed, const T* x, int64_t stride, int64_t k_stride, int64_t count, int64_t k, int64_t width) {
  if (stride == 1) return pack_rows(packed, x, k_stride, count, k, width);
  if constexpr (Vec<T>::kLanes > 1)
    if (k_stride == 1) return pack_columns(packed, x, stride, count, k, width);
  pack_elements(packed, x, stride, k_stride, count, k, width);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
