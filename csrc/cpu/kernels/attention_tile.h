// SPDX-License-Identifier: Apache-2.0
// Register tiles of attention: packing, and the three products of the forward and the backward pass.
// Computes    scores: s = k q^T;  accumulate: o^T = o^T f + v^T p;  accumulate_keys: dk += ds q
// Layout      queries stand in the lanes of kUnitVectors registers, so a row's maximum and sum need no
//             shuffles and a causal border is a comparison of lanes: q[d][query], s[key][query], o[d][query].
//             Keys, values and gradients stay rows, k[key][d], read by broadcasts wherever they lie; values
//             padded with zeros to whole panels of the head
// Method      outer products in registers: kPanel broadcasts x kUnitVectors loads give kPanel * kUnitVectors
//             multiply-adds per step (Goto & van de Geijn 2008, section 4)
// Work split  one call per (unit, block of keys)
// Limits      any number of keys; o exists for whole panels of the head
#pragma once

#include "cpu/kernels/attention.h"
#include "cpu/kernels/constant.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// 16 accumulators or 24 leave room for operands among 32 registers; 12 among 16 (AVX2, baseline).
template <class T>
struct TileShape {
  static constexpr int kLanes = Vec<T>::kLanes;
  static constexpr bool kManyRegisters = sizeof(Vec<T>) == 64;
  static constexpr int kPanel = kManyRegisters ? 8 : 4;
  static constexpr int kUnitVectors = kManyRegisters ? 2 : 3;
  static constexpr int kUnit = kUnitVectors * kLanes;
};

// Calls body(constant<n>) with 1 <= n <= kMost.
template <int kMost, class Body>
TW_INLINE void for_count(int n, Body body) {
  if constexpr (kMost > 1)
    if (n < kMost) return for_count<kMost - 1>(n, body);
  body(Constant<kMost>{});
}
template <class T, class Body>
TW_INLINE void for_vectors(int vectors, Body body) {
  for_count<TileShape<T>::kUnitVectors>(vectors, body);
}

template <class T>
inline constexpr T kInfinity = T(__builtin_inf());

// The weight exp(score - shift) for score <= shift (but for rounding), -inf or NaN. In float 2^r on [-1/2, 1/2]
// is a polynomial (minimax, 1.7e-7 relative with its roundings), and a difference below -127 lands on a scale
// that is exactly 0: 7 steps where exp_nonpositive takes 9. One step less, score * kLog2E - shift * kLog2E
// fused, is wrong for far scores: where all of a row are -1e30, the rounding of the product alone is 1e22.
inline constexpr float kLog2E = 0x1.715476p+0f;

TW_INLINE VecF weight(VecF score, VecF shift) {
  if constexpr (!kFusedFma) return exp_nonpositive(score - shift);
  constexpr float kTerms[] = {1.0f,           0x1.62e42ap-1f, 0x1.ebf9bcp-3f,
                              0x1.c6b752p-5f, 0x1.3cea88p-7f, 0x1.5bba14p-10f};
  const VecF magic = VecF::set1(kIntegerMagic<float> + 127.0f);
  const VecF x = max_fast(VecF::set1(-127.0f), (score - shift) * VecF::set1(kLog2E));
  const VecF biased = x + magic;  // rounds to an integer n; its low bits are n + 127
  const VecF r = x - (biased - magic);
  const VecF scale = bitcast<float>(shift_left<23>(bitcast<int32_t>(biased)));
  return polynomial(r, kTerms) * scale;
}
TW_INLINE VecD weight(VecD score, VecD shift) { return exp_nonpositive(score - shift); }

// While all scores of a row were -inf its maximum is -inf too; subtracting 0 instead keeps exp(-inf) = 0.
template <class T>
TW_INLINE Vec<T> finite_or_zero(Vec<T> max) {
  return select(max == Vec<T>::set1(-kInfinity<T>), Vec<T>::zero(), max);
}

// ---- packing -------------------------------------------------------------------------------------------

template <class T>
void pack_lanes(T* dst, int64_t stride, const T* const* rows, int count, int64_t depth, T scale) {
  using V = Vec<T>;
  constexpr int lanes = V::kLanes;
  int64_t d = 0;
  if constexpr (kSame<T, float>) {
    const V s = V::set1(scale);
    V block[lanes];
    if (count == lanes)
      for (; d + lanes <= depth; d += lanes) {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) block[i] = V::load(rows[i] + d) * s;
        transpose(block);
#pragma GCC unroll 16
        for (int j = 0; j < lanes; ++j) store(dst + (d + j) * stride, block[j]);
      }
    for (; d < depth; d += lanes) {
      const int n = depth - d < lanes ? int(depth - d) : lanes;
      for (int i = 0; i < lanes; ++i) block[i] = i < count ? V::load_n(rows[i] + d, n) * s : V::zero();
      transpose(block);
      for (int j = 0; j < n; ++j) store(dst + (d + j) * stride, block[j]);
    }
  } else {
    for (int i = 0; i < lanes; ++i)
      for (d = 0; d < depth; ++d) dst[d * stride + i] = i < count ? rows[i][d] * scale : T(0);
  }
}

template <class T>
void unpack_lanes(T* const* rows, const T* src, int64_t stride, int count, int64_t depth, const T* scale) {
  using V = Vec<T>;
  constexpr int lanes = V::kLanes;
  int64_t d = 0;
  if constexpr (kSame<T, float>) {
    const V s = scale != nullptr ? V::load_n(scale, count) : V::set1(T(1));
    V block[lanes];
    if (count == lanes)
      for (; d + lanes <= depth; d += lanes) {
#pragma GCC unroll 16
        for (int j = 0; j < lanes; ++j) block[j] = V::load(src + (d + j) * stride) * s;
        transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < lanes; ++i) store(rows[i] + d, block[i]);
      }
    for (; d < depth; d += lanes) {
      const int n = depth - d < lanes ? int(depth - d) : lanes;
      for (int j = 0; j < lanes; ++j) block[j] = j < n ? V::load(src + (d + j) * stride) * s : V::zero();
      transpose(block);
      for (int i = 0; i < count; ++i) store_n(rows[i] + d, block[i], n);
    }
  } else {
    for (int i = 0; i < count; ++i)
      for (d = 0; d < depth; ++d)
        rows[i][d] = scale != nullptr ? src[d * stride + i] * scale[i] : src[d * stride + i];
  }
}

template <class T>
void copy_rows(T* dst, int64_t dst_stride, const T* src, int64_t src_stride, int64_t count, int64_t depth,
               int64_t width, T scale) {
  using V = Vec<T>;
  const V s = V::set1(scale);
  for (int64_t i = 0; i < count; ++i, dst += dst_stride, src += src_stride) {
    int64_t d = 0;
    for (; d + V::kLanes <= depth; d += V::kLanes) store(dst + d, V::load(src + d) * s);
    if (d < depth) {
      const int64_t room = width - d;
      store_n(dst + d, V::load_n(src + d, int(depth - d)) * s, room < V::kLanes ? int(room) : V::kLanes);
      d += V::kLanes;
    }
    for (; d < width; ++d) dst[d] = T(0);
  }
}

// ---- products ------------------------------------------------------------------------------------------

// kKeys keys, all of the head.
template <class T, int kVectors, int kKeys>
TW_INLINE void score_panel(T* s, const T* q, const T* k, int64_t key_stride, int64_t depth) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  V acc[kKeys][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kKeys; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) acc[i][v] = V::zero();
  for (int64_t d = 0; d < depth; ++d, q += Shape::kUnit, ++k) {
    V column[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) column[v] = V::load(q + v * Shape::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kKeys; ++i) {
      const V key = V::set1(k[i * key_stride]);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(key, column[v], acc[i][v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kKeys; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) store(s + i * Shape::kUnit + v * Shape::kLanes, acc[i][v]);
}

template <class T>
void scores(T* s, const T* q, const T* k, int64_t key_stride, int vectors, int64_t keys, int64_t depth) {
  using Shape = TileShape<T>;
  for_vectors<T>(vectors, [&](auto n) {
    constexpr int count = decltype(n)::value;
    int64_t key = 0;
    for (; key + Shape::kPanel <= keys; key += Shape::kPanel)
      score_panel<T, count, Shape::kPanel>(s + key * Shape::kUnit, q, k + key * key_stride, key_stride,
                                           depth);
    if (key == keys) return;
    for_count<Shape::kPanel - 1>(int(keys - key), [&](auto rest) {
      score_panel<T, count, decltype(rest)::value>(s + key * Shape::kUnit, q, k + key * key_stride,
                                                   key_stride, depth);
    });
  });
}

// kPanel elements of the head, all keys. A block is summed on its own and then added: rounding errors grow
// with the block's length and the number of blocks, not with their product.
template <class T, int kVectors>
TW_INLINE void accumulate_panel(T* o, const Vec<T>* factor, const T* p, const T* rows, int64_t row_stride,
                                int64_t keys) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  V acc[Shape::kPanel][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < Shape::kPanel; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) acc[i][v] = V::zero();
  for (int64_t key = 0; key < keys; ++key, p += Shape::kUnit, rows += row_stride) {
    V weight[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) weight[v] = V::load(p + v * Shape::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Shape::kPanel; ++i) {
      const V value = V::set1(rows[i]);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(value, weight[v], acc[i][v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Shape::kPanel; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      T* to = o + i * Shape::kUnit + v * Shape::kLanes;
      store(to, fma(V::load(to), factor[v], acc[i][v]));
    }
}

template <class T>
void accumulate(T* o, const T* factor, const T* p, const T* rows, int64_t row_stride, int vectors,
                int64_t keys, int64_t depth) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  V factors[Shape::kUnitVectors];
  for (int v = 0; v < Shape::kUnitVectors; ++v)
    factors[v] = factor != nullptr && v < vectors ? V::load(factor + v * Shape::kLanes) : V::set1(T(1));
  for_vectors<T>(vectors, [&](auto n) {
    for (int64_t d = 0; d < depth; d += Shape::kPanel)
      accumulate_panel<T, decltype(n)::value>(o + d * Shape::kUnit, factors, p, rows + d, row_stride, keys);
  });
}

// kKeys keys, kVectors registers of the head, all queries.
template <class T, int kVectors, int kKeys>
TW_INLINE void accumulate_keys_panel(T* y, int64_t y_stride, const T* s, const T* x, int64_t x_stride,
                                     int64_t queries) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  V acc[kKeys][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kKeys; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) acc[i][v] = V::zero();
  for (int64_t query = 0; query < queries; ++query, x += x_stride) {
    V row[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) row[v] = V::load(x + v * Shape::kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kKeys; ++i) {
      const V weight = V::set1(s[i * Shape::kUnit + query]);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(weight, row[v], acc[i][v]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kKeys; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      T* to = y + i * y_stride + v * Shape::kLanes;
      store(to, V::load(to) + acc[i][v]);
    }
}

template <class T>
void accumulate_keys(T* y, int64_t y_stride, const T* s, const T* x, int64_t x_stride, int64_t queries,
                     int64_t keys, int64_t depth) {
  using Shape = TileShape<T>;
  constexpr int64_t step = Shape::kUnitVectors * Shape::kLanes;
  const auto panel = [&](int64_t key, auto count) {
    T* rows = y + key * y_stride;
    const T* weights = s + key * Shape::kUnit;
    constexpr int panel_keys = decltype(count)::value;
    int64_t d = 0;
    for (; d + step <= depth; d += step)
      accumulate_keys_panel<T, Shape::kUnitVectors, panel_keys>(rows + d, y_stride, weights, x + d, x_stride,
                                                                queries);
    if (d == depth) return;
    for_vectors<T>(int((depth - d) / Shape::kLanes), [&](auto n) {
      accumulate_keys_panel<T, decltype(n)::value, panel_keys>(rows + d, y_stride, weights, x + d, x_stride,
                                                               queries);
    });
  };
  int64_t key = 0;
  for (; key + Shape::kPanel <= keys; key += Shape::kPanel) panel(key, Constant<Shape::kPanel>{});
  if (key < keys) for_count<Shape::kPanel - 1>(int(keys - key), [&](auto rest) { panel(key, rest); });
}

template <class T>
T dot(const T* a, const T* b, int64_t depth) {
  using V = Vec<T>;
  V sum = V::zero();
  int64_t d = 0;
  for (; d + V::kLanes <= depth; d += V::kLanes) sum = fma(V::load(a + d), V::load(b + d), sum);
  if (d < depth) sum = fma(V::load_n(a + d, int(depth - d)), V::load_n(b + d, int(depth - d)), sum);
  return reduce_add(sum);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
