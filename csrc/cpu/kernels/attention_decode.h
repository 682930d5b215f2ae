// SPDX-License-Identifier: Apache-2.0
// Attention of a few rows over many keys, as in decoding with a cache: keys and values are read once, in
// place. Computes    as attention.inl.h, for 1 to `few` rows that share a key head Layout      q, o, dq rows
// of `depth` elements; k, v rows at any stride; s[row * stride + key]: keys in the lanes of
//             the softmax, elements of the head in the lanes of the products
// Method      bound by the reading of k and v: no packing; the next rows of keys are prefetched, as strides
// of many
//             heads defeat the hardware's prefetcher
// Work split  one call per (key head, kDecodeKeys keys); drivers spread slices of keys over threads
// Limits      keys <= kDecodeKeys per product
#pragma once

#include "cpu/kernels/attention_tile.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// Asks for the part of later rows that the same call will need for the next keys.
template <class T>
TW_INLINE void prefetch_row(const T* row, int64_t depth) {
  for (int64_t d = 0; d < depth; d += 64 / int64_t(sizeof(T))) prefetch_l1(row + d);
}

// kRows rows by one key; each row's dot product in one register.
template <class T, int kRows>
TW_INLINE void decode_scores_of(T* s, int64_t s_stride, const T* q, int64_t q_stride, const T* k,
                                int64_t key_stride, int64_t keys, int64_t depth) {
  using V = Vec<T>;
  for (int64_t key = 0; key < keys; ++key, k += key_stride) {
    prefetch_row(k + kDecodeKeys * key_stride, depth);
    V acc[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) acc[r] = V::zero();
    int64_t d = 0;
    for (; d + V::kLanes <= depth; d += V::kLanes) {
      const V x = V::load(k + d);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) acc[r] = fma(x, V::load(q + r * q_stride + d), acc[r]);
    }
    if (d < depth) {
      const int n = int(depth - d);
      const V x = V::load_n(k + d, n);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) acc[r] = fma(x, V::load_n(q + r * q_stride + d, n), acc[r]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) s[r * s_stride + key] = reduce_add(acc[r]);
  }
}

// Calls body(row, Constant<n>) for groups of n = 4, 2 or 1 rows.
template <class Body>
TW_INLINE void for_row_groups(int rows, Body body) {
  int r = 0;
  for (; r + 4 <= rows; r += 4) body(r, Constant<4>{});
  if (r + 2 <= rows) {
    body(r, Constant<2>{});
    r += 2;
  }
  if (r < rows) body(r, Constant<1>{});
}

template <class T>
void decode_scores(T* s, int64_t s_stride, const T* q, int64_t q_stride, int rows, const T* k,
                   int64_t key_stride, int64_t keys, int64_t depth) {
  for_row_groups(rows, [&](int r, auto n) {
    decode_scores_of<T, decltype(n)::value>(s + r * s_stride, s_stride, q + r * q_stride, q_stride, k,
                                            key_stride, keys, depth);
  });
}

// kRows x kVectors registers of o stay loaded while all keys pass.
template <class T, int kRows, int kVectors>
TW_INLINE void decode_accumulate_of(T* o, int64_t o_stride, const T* p, int64_t p_stride, const T* v,
                                    int64_t key_stride, int64_t keys) {
  using V = Vec<T>;
  V acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) acc[r][i] = V::load(o + r * o_stride + i * V::kLanes);
  for (int64_t key = 0; key < keys; ++key, v += key_stride) {
    prefetch_row(v + kDecodeKeys * key_stride, kVectors * V::kLanes);
    V x[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) x[i] = V::load(v + i * V::kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const V weight = V::set1(p[r * p_stride + key]);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) acc[r][i] = fma(weight, x[i], acc[r][i]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) store(o + r * o_stride + i * V::kLanes, acc[r][i]);
}

// The last elements of a head, fewer than a register holds.
template <class T>
TW_INLINE void decode_accumulate_tail(T* o, const T* p, const T* v, int64_t key_stride, int64_t keys,
                                      int count) {
  using V = Vec<T>;
  V acc = V::load_n(o, count);
  for (int64_t key = 0; key < keys; ++key)
    acc = fma(V::set1(p[key]), V::load_n(v + key * key_stride, count), acc);
  store_n(o, acc, count);
}

template <class T>
void decode_accumulate(T* o, int64_t o_stride, const T* p, int64_t p_stride, int rows, const T* v,
                       int64_t key_stride, int64_t keys, int64_t depth) {
  constexpr int lanes = Vec<T>::kLanes;
  // Among 16 registers 2 x 4 accumulators and 4 operands fit; a third row would spill.
  for_row_groups(rows, [&](int first, auto n) {
    constexpr int count = decltype(n)::value, step = count > 2 ? 2 : 4;
    T* to = o + first * o_stride;
    const T* weights = p + first * p_stride;
    int64_t d = 0;
    for (; d + step * lanes <= depth; d += step * lanes)
      decode_accumulate_of<T, count, step>(to + d, o_stride, weights, p_stride, v + d, key_stride, keys);
    for (; d + lanes <= depth; d += lanes)
      decode_accumulate_of<T, count, 1>(to + d, o_stride, weights, p_stride, v + d, key_stride, keys);
    if (d == depth) return;
    for (int r = 0; r < count; ++r)
      decode_accumulate_tail(to + r * o_stride + d, weights + r * p_stride, v + d, key_stride, keys,
                             int(depth - d));
  });
}

// y[key][d] = sum_row w[row][key] * x[row][d]
template <class T>
void decode_outer(T* y, int64_t key_stride, const T* w, int64_t w_stride, int rows, const T* x,
                  int64_t x_stride, int64_t keys, int64_t depth) {
  using V = Vec<T>;
  for (int64_t key = 0; key < keys; ++key, y += key_stride)
    for (int64_t d = 0; d < depth; d += V::kLanes) {
      const int n = depth - d < V::kLanes ? int(depth - d) : V::kLanes;
      V acc = V::zero();
      for (int r = 0; r < rows; ++r)
        acc = fma(V::set1(w[r * w_stride + key]), V::load_n(x + r * x_stride + d, n), acc);
      store_n(y + d, acc, n);
    }
}

// One row over `keys` keys: s becomes exp(s - max).
template <class T>
void decode_softmax(T* s, T* max, T* sum, int64_t keys) {
  using V = Vec<T>;
  V high = V::set1(-kInfinity<T>), total = V::zero();
  int64_t key = 0;
  for (; key + V::kLanes <= keys; key += V::kLanes) high = max_fast(V::load(s + key), high);
  if (key < keys) high = max_fast(V::load_n(s + key, int(keys - key), -kInfinity<T>), high);
  *max = reduce_max(high);
  const V shift = finite_or_zero(V::set1(*max));
  for (key = 0; key < keys; key += V::kLanes) {
    const int n = keys - key < V::kLanes ? int(keys - key) : V::kLanes;
    const V p = exp_nonpositive(V::load_n(s + key, n, -kInfinity<T>) - shift);
    store_n(s + key, p, n);
    total = total + p;
  }
  *sum = reduce_add(total);
}

// One row: s becomes p = exp(s - lse), dp becomes ds = p * (dp - delta).
template <class T>
void decode_gradient(T* s, T* dp, T lse, T delta, int64_t keys) {
  using V = Vec<T>;
  const V shift = V::set1(lse == -kInfinity<T> ? kInfinity<T> : lse), mean = V::set1(delta);
  for (int64_t key = 0; key < keys; key += V::kLanes) {
    const int n = keys - key < V::kLanes ? int(keys - key) : V::kLanes;
    const V p = exp_nonpositive(V::load_n(s + key, n) - shift);
    store_n(s + key, p, n);
    store_n(dp + key, p * (V::load_n(dp + key, n) - mean), n);
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
