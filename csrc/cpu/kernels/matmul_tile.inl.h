// SPDX-License-Identifier: Apache-2.0
// The register tile of matmul; the loops around it are in matmul_block.inl.h.
// Computes    y (m, n) = alpha * a (m, k) @ b (k, n) + beta * y, then bias, residual and activation
// Layout      a: any two strides, so packed panels and unpacked matrices alike; b: columns contiguous, any
// row
//             stride; y: columns contiguous. Nothing outside the arrays is read: the last vector is masked
// Method      Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), the
//             micro-kernel: rows x vecs accumulators, one broadcast of a per row, vecs loads of b
// Work split  none here; the driver calls one block per task
// Limits      FMA throughput: 24 FMAs against 11 loads per k with 8 x 3 registers, so it hardly matters
// whether
//             a and b come from the first or the second level cache
// Measured    docs/kernels/matmul.md
#pragma once

#include "cpu/kernels/activation.inl.h"
#include "cpu/kernels/matmul.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// The scalar body of Vec has one lane, yet every processor of our baselines has 16-byte registers (SSE2,
// NEON): GCC's generic vectors use them without an intrinsic.
template <class T>
struct Vec16 {
  using Element = T;
  static constexpr int kLanes = 16 / sizeof(T);
  typedef T Register __attribute__((vector_size(16)));
  Register v;

  static TW_INLINE Vec16 load(const T* p) {
    Vec16 a;
    __builtin_memcpy(&a.v, p, 16);
    return a;
  }
  static TW_INLINE Vec16 load_n(const T* p, int n) {
    Vec16 a = zero();
    for (int i = 0; i < n; ++i) a.v[i] = p[i];
    return a;
  }
  static TW_INLINE Vec16 set1(T x) { return {Register{} + x}; }
  static TW_INLINE Vec16 zero() { return {Register{}}; }
};
template <class T>
TW_INLINE Vec16<T> operator*(Vec16<T> a, Vec16<T> b) {
  return {a.v * b.v};
}
template <class T>
TW_INLINE Vec16<T> operator+(Vec16<T> a, Vec16<T> b) {
  return {a.v + b.v};
}
template <class T>
TW_INLINE Vec16<T> fma(Vec16<T> a, Vec16<T> b, Vec16<T> c) {
  return {a.v * b.v + c.v};
}
template <class T>
TW_INLINE void store(T* p, Vec16<T> a) {
  __builtin_memcpy(p, &a.v, 16);
}
template <class T>
TW_INLINE void stream(T* p, Vec16<T> a) {
  store(p, a);
}
template <class T>
TW_INLINE void store_n(T* p, Vec16<T> a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
}
template <class T>
TW_INLINE T reduce_add(Vec16<T> a) {
  T sum = a.v[0];
  for (int i = 1; i < Vec16<T>::kLanes; ++i) sum += a.v[i];
  return sum;
}

template <class T, bool kOneLane = Vec<T>::kLanes == 1>
struct TileVector {
  using type = Vec<T>;
};
template <class T>
struct TileVector<T, true> {
  using type = Vec16<T>;
};
template <class T>
using TileVec = typename TileVector<T>::type;

// Accumulators fill the register file: 8 x 3 of 32 registers, 4 x 3 of AVX2's 16; without a fused
// multiply-add the product needs a register of its own: 4 x 2 of SSE2's 16.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kTileRows = 8, kTileVecs = 3;
#elif defined(__FMA__)
inline constexpr int kTileRows = 4, kTileVecs = 3;
#else
inline constexpr int kTileRows = 4, kTileVecs = 2;
#endif

template <class T>
struct TileArgs {
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;
  // Fetched into the second-level cache meanwhile, row by row as b: the panel that follows, or b itself; may
  // lie past the end.
  const T* ahead;
  const T* a_ahead;  // the same for a, or what else is needed soon: one address per k, a_ahead_step apart
  int64_t a_ahead_step;
  T* y;
  int64_t y_row;
  int64_t k;
  T alpha, beta;
  const T* bias;     // null or one per column
  int last;          // columns of the last vector
  bool past_caches;  // y, 64-byte aligned as are its rows, is written by streaming stores
};

// Below this depth the few accesses to y do not pay a prefetch.
inline constexpr int64_t kPrefetchDepth = 32;

template <class T, int kRows, int kVecs, bool kMasked>
void tile(const TileArgs<T>& t) {
  using V = TileVec<T>;
  constexpr int L = V::kLanes;
  const auto load = [&t](const T* p, int v) {
    return kMasked && v == kVecs - 1 ? V::load_n(p + v * L, t.last) : V::load(p + v * L);
  };
  V acc[kRows][kVecs];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) acc[r][v] = V::zero();
  const T* a = t.a;
  const T* b = t.b;
  const T* ahead = t.ahead;
  const int64_t a_row = t.a_row, a_col = t.a_col, b_row = t.b_row, a_ahead_step = t.a_ahead_step;
  const T* a_ahead = t.a_ahead;
  if (t.k >= kPrefetchDepth && !t.past_caches)
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) prefetch_l1(t.y + r * t.y_row + v * L);
  for (int64_t k = t.k; k > 0; --k) {
    V bk[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) bk[v] = load(b, v);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) prefetch_l2(ahead + v * L);
    prefetch_l2(a_ahead);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V ak = V::set1(a[r * a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[r][v] = fma(ak, bk[v], acc[r][v]);
    }
    a += a_col;
    a_ahead += a_ahead_step;
    b += b_row;
    ahead += b_row;
  }
  // What is done to the sums stands outside the loops, so that the plain case only stores.
  const auto for_sums = [&acc](auto body) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[r][v] = body(r, v, acc[r][v]);
  };
  const V alpha = V::set1(t.alpha), beta = V::set1(t.beta);
  if (t.alpha != T(1)) for_sums([&](int, int, V sum) { return alpha * sum; });
  if (t.beta != T(0))
    for_sums([&](int r, int v, V sum) { return fma(beta, load(t.y + r * t.y_row, v), sum); });
  if (t.bias != nullptr) for_sums([&](int, int v, V sum) { return sum + load(t.bias, v); });
  for_sums([&](int r, int v, V sum) {
    T* y = t.y + r * t.y_row + v * L;
    if (kMasked && v == kVecs - 1)
      store_n(y, sum, t.last);
    else if (t.past_caches)
      stream(y, sum);
    else
      store(y, sum);
    return sum;
  });
}

// Sums of few terms: what tile() spends on its accumulators' beginning and end outweighs them. All of b
// stays in registers, and rows follow one another with nothing in between. Same order of additions, so the
// same bits.
inline constexpr int kShallow = 4;

template <class T, int kDepth, int kVecs, bool kMasked>
void shallow(const TileArgs<T>& t, int64_t rows) {
  using V = TileVec<T>;
  constexpr int L = V::kLanes;
  const auto load = [&t](const T* p, int v) {
    return kMasked && v == kVecs - 1 ? V::load_n(p + v * L, t.last) : V::load(p + v * L);
  };
  V b[kDepth][kVecs];
#pragma GCC unroll 4
  for (int k = 0; k < kDepth; ++k)
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) b[k][v] = load(t.b + k * t.b_row, v);
  const V alpha = V::set1(t.alpha), beta = V::set1(t.beta);
  const bool scaled = t.alpha != T(1) || t.beta != T(0) || t.bias != nullptr;
  const T* a = t.a;
  T* y = t.y;
  for (int64_t i = 0; i < rows; ++i, a += t.a_row, y += t.y_row) {
    V sum[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) sum[v] = V::zero();
#pragma GCC unroll 4
    for (int k = 0; k < kDepth; ++k) {
      const V ak = V::set1(a[k * t.a_col]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[v] = fma(ak, b[k][v], sum[v]);
    }
    if (scaled)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) {
        sum[v] = alpha * sum[v];
        if (t.beta != T(0)) sum[v] = fma(beta, load(y, v), sum[v]);
        if (t.bias != nullptr) sum[v] = sum[v] + load(t.bias, v);
      }
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v)
      if (kMasked && v == kVecs - 1)
        store_n(y + v * L, sum[v], t.last);
      else
        store(y + v * L, sum[v]);
  }
}

// shallow<depth, vecs, masked> and tile<rows, vecs, masked> as tables, for the sizes that are known only at
// run time.
template <class T>
using Tile = void (*)(const TileArgs<T>&);
template <class T>
using Shallow = void (*)(const TileArgs<T>&, int64_t rows);
template <class T>
struct TileTable {
  Tile<T> of[kTileRows][kTileVecs][2];
  Shallow<T> shallow[kShallow][kTileVecs][2];
};
template <class T, int kRows, int kVecs>
constexpr void fill_tiles(TileTable<T>& table) {
  table.of[kRows - 1][kVecs - 1][0] = tile<T, kRows, kVecs, false>;
  table.of[kRows - 1][kVecs - 1][1] = tile<T, kRows, kVecs, true>;
  if constexpr (kVecs > 1)
    fill_tiles<T, kRows, kVecs - 1>(table);
  else if constexpr (kRows > 1)
    fill_tiles<T, kRows - 1, kTileVecs>(table);
}
template <class T, int kDepth, int kVecs>
constexpr void fill_shallow(TileTable<T>& table) {
  table.shallow[kDepth - 1][kVecs - 1][0] = shallow<T, kDepth, kVecs, false>;
  table.shallow[kDepth - 1][kVecs - 1][1] = shallow<T, kDepth, kVecs, true>;
  if constexpr (kVecs > 1)
    fill_shallow<T, kDepth, kVecs - 1>(table);
  else if constexpr (kDepth > 1)
    fill_shallow<T, kDepth - 1, kTileVecs>(table);
}
template <class T>
constexpr TileTable<T> make_tiles() {
  TileTable<T> table = {};
  fill_tiles<T, kTileRows, kTileVecs>(table);
  fill_shallow<T, kShallow, kTileVecs>(table);
  return table;
}
template <class T>
constexpr TileTable<T> kTiles = make_tiles<T>();

template <Activation kA, class T>
void finish_rows(T* y, int64_t y_row, int64_t m, int64_t n, const MatmulFinish<T>& f) {
  using V = Vec<T>;
  const V slope = V::set1(T(f.epilogue.slope));
  for (int64_t i = 0; i < m; ++i, y += y_row) {
    const T* residual = f.residual != nullptr ? f.residual + i * f.residual_row : nullptr;
    T* z = f.z != nullptr ? f.z + i * f.z_row : nullptr;
    int64_t j = 0;
    for (; j + V::kLanes <= n; j += V::kLanes) {
      V x = V::load(y + j);
      if (f.bias != nullptr) x += V::load(f.bias + j);
      if (residual != nullptr) x += V::load(residual + j);
      if (z != nullptr) store(z + j, x);
      store(y + j, activate<kA>(x, slope));
    }
    if (j < n) {
      const int rest = int(n - j);
      V x = V::load_n(y + j, rest);
      if (f.bias != nullptr) x += V::load_n(f.bias + j, rest);
      if (residual != nullptr) x += V::load_n(residual + j, rest);
      if (z != nullptr) store_n(z + j, x, rest);
      store_n(y + j, activate<kA>(x, slope), rest);
    }
  }
}

template <class T>
void finish(T* y, int64_t y_row, int64_t m, int64_t n, const MatmulFinish<T>& f) {
  with_activation(f.epilogue.activation, [&](auto a) { finish_rows<decltype(a)::value>(y, y_row, m, n, f); });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
