// SPDX-License-Identifier: Apache-2.0
// Attention on tiles of scores, queries in the lanes (attention_tile.h has the products).
// Computes    s = k q^T (+ bias), p = softmax over keys, o^T = v^T p; backward ds = p (dp - delta)
// Layout      s[key][query], kUnit queries; max, sum, lse, delta: one value per query of the unit
// Method      online softmax over blocks of keys, backward recomputes p from lse: FlashAttention-2
//             (Dao, arXiv:2307.08691, algorithms 1 and 2); the rescaling of o rides on its update in
//             `accumulate`
// Work split  one call per (unit, block of keys); drivers spread blocks of queries, or of keys, over threads
// Limits      a NaN among a row's scores makes that row NaN; scores of +inf too, as in the formula
#include "cpu/kernels/attention.h"
#include "cpu/kernels/attention_decode.h"
#include "cpu/kernels/attention_tile.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// A mask of the lowest finite number stays finite when scores become powers of two; -inf stays what it is.
template <class T>
TW_INLINE Vec<T> in_range(Vec<T> s) {
  const Vec<T> lowest = Vec<T>::set1(kLowestScore<T>), none = Vec<T>::set1(-T(__builtin_inf()));
  return select((s < lowest) & (s > none), lowest, s);
}

template <class T>
void add_bias(T* s, const T* bias, int vectors, int64_t keys) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  for (int64_t key = 0; key < keys; ++key)
    for (int v = 0; v < vectors; ++v) {
      const int64_t at = key * Shape::kUnit + v * Shape::kLanes;
      store(s + at, in_range(V::load(s + at) + V::load(bias + at)));
    }
}

template <class T>
void add_key_bias(T* s, const T* bias, int vectors, int64_t keys) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  for (int64_t key = 0; key < keys; ++key)
    for (int v = 0; v < vectors; ++v) {
      T* at = s + key * Shape::kUnit + v * Shape::kLanes;
      store(at, in_range(V::load(at) + V::set1(bias[key])));
    }
}

template <class T>
void hide(T* s, const T* visible, int vectors, int64_t first, int64_t keys) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  for (int v = 0; v < vectors; ++v) {
    const V limit = V::load(visible + v * Shape::kLanes);
    for (int64_t key = first; key < keys; ++key) {
      T* at = s + key * Shape::kUnit + v * Shape::kLanes;
      store(at, select(V::set1(T(key)) < limit, V::load(at), V::set1(-kInfinity<T>)));
    }
  }
}

template <class T, int kVectors>
TW_INLINE void softmax_step_of(T* s, T* max, T* sum, T* factor, int64_t keys) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  V high[kVectors], total[kVectors];
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) high[v] = V::load(max + v * Shape::kLanes);
  for (int64_t key = 0; key < keys; ++key)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v)
      high[v] = max_fast(V::load(s + key * Shape::kUnit + v * Shape::kLanes), high[v]);
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const V before = V::load(max + v * Shape::kLanes);
    store(max + v * Shape::kLanes, high[v]);
    high[v] = finite_or_zero(high[v]);
    const V scale = exp_nonpositive(before - high[v]);
    store(factor + v * Shape::kLanes, scale);
    total[v] = V::zero();
  }
  for (int64_t key = 0; key < keys; ++key)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      T* at = s + key * Shape::kUnit + v * Shape::kLanes;
      const V p = weight(V::load(at), high[v]);
      store(at, p);
      total[v] = total[v] + p;
    }
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    T* to = sum + v * Shape::kLanes;
    store(to, fma(V::load(to), V::load(factor + v * Shape::kLanes), total[v]));
  }
}

template <class T>
void softmax_step(T* s, T* max, T* sum, T* factor, int vectors, int64_t keys) {
  for_vectors<T>(vectors, [&](auto n) { softmax_step_of<T, decltype(n)::value>(s, max, sum, factor, keys); });
}

template <class T>
void softmax_finish(T* lse, T* inverse, const T* max, const T* sum, int vectors) {
  using V = Vec<T>;
  for (int i = 0; i < vectors * V::kLanes; i += V::kLanes) {
    const V total = V::load(sum + i), high = V::load(max + i);
    const auto seen = total != V::zero();
    store(inverse + i, select(seen, V::set1(T(1)) / total, V::zero()));
    store(lse + i, select(seen, high + log(total), V::set1(-kInfinity<T>)));
  }
}

template <class T>
void softmax_gradient(T* s, T* dp, const T* lse, const T* delta, T scale, int vectors, int64_t keys) {
  using V = Vec<T>;
  using Shape = TileShape<T>;
  for_vectors<T>(vectors, [&](auto n) {
    constexpr int count = decltype(n)::value;
    const V factor = V::set1(scale);
    V shift[count], mean[count];
#pragma GCC unroll 3
    for (int v = 0; v < count; ++v) {
      const V l = V::load(lse + v * Shape::kLanes);
      // exp(s - inf) = 0 for the rows that see nothing.
      shift[v] = select(l == V::set1(-kInfinity<T>), V::set1(kInfinity<T>), l);
      mean[v] = V::load(delta + v * Shape::kLanes) * factor;
    }
    for (int64_t key = 0; key < keys; ++key)
#pragma GCC unroll 3
      for (int v = 0; v < count; ++v) {
        const int64_t at = key * Shape::kUnit + v * Shape::kLanes;
        const V p = weight(V::load(s + at), shift[v]);
        store(s + at, p);
        store(dp + at, p * fma(V::load(dp + at), factor, -mean[v]));
      }
  });
}

template <class T>
constexpr AttentionTile<T> table() {
  using Shape = TileShape<T>;
  AttentionTile<T> t = {};
  t.layout = {Shape::kLanes, Shape::kUnit, Shape::kPanel, Shape::kLanes > 2 ? Shape::kLanes / 2 : 1};
  t.pack_lanes = pack_lanes<T>;
  t.unpack_lanes = unpack_lanes<T>;
  t.copy_rows = copy_rows<T>;
  t.dot = dot<T>;
  t.scores = scores<T>;
  t.accumulate = accumulate<T>;
  t.accumulate_keys = accumulate_keys<T>;
  t.add_bias = add_bias<T>;
  t.add_key_bias = add_key_bias<T>;
  t.hide = hide<T>;
  t.softmax_step = softmax_step<T>;
  t.softmax_finish = softmax_finish<T>;
  t.softmax_gradient = softmax_gradient<T>;
  t.decode_scores = decode_scores<T>;
  t.decode_accumulate = decode_accumulate<T>;
  t.decode_outer = decode_outer<T>;
  t.decode_softmax = decode_softmax<T>;
  t.decode_gradient = decode_gradient<T>;
  return t;
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(AttentionKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
