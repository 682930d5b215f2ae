// SPDX-License-Identifier: Apache-2.0
// One body for the whole vectors of a row and for its tail, and sums of a row in short blocks.
// Included by kernels only, after the Vec of their instruction set.
#pragma once

#include <stdint.h>

namespace tilewright::cpu::TW_ISA {
namespace {

// How a body reads and writes kLanes elements.
template <class T>
struct WholeVector {
  TW_INLINE Vec<T> load(const T* p) const { return Vec<T>::load(p); }
  TW_INLINE void store(T* p, Vec<T> v) const { TW_ISA::store(p, v); }
  TW_INLINE Vec<T> keep(Vec<T> v) const { return v; }
};

// How it reads and writes the last n < kLanes; lanes beyond are read as 0, and `keep` makes them 0 again.
template <class T>
struct TailVector {
  int n;
  TW_INLINE Vec<T> load(const T* p) const { return Vec<T>::load_n(p, n); }
  TW_INLINE void store(T* p, Vec<T> v) const { store_n(p, v, n); }
  TW_INLINE Vec<T> keep(Vec<T> v) const { return select(mask_first<T>(n), v, Vec<T>::zero()); }
};

// body(access, i) for the vectors that begin at elements i of [0, n).
template <class T, class Body>
TW_INLINE void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + Vec<T>::kLanes <= n; i += Vec<T>::kLanes) body(WholeVector<T>(), i);
  if (i < n) body(TailVector<T>{int(n - i)}, i);
}

// y[i ..] = body(access, i), y being one row; past_caches: by streaming stores, for a y that is no input and is not read
// again soon. After the last row the caller owes a stream_fence().
template <class T, class Body>
TW_INLINE void write_row(T* y, int64_t n, bool past_caches, Body body) {
  if (!past_caches || n < 2 * Vec<T>::kLanes) {
    for_vectors<T>(n, [&](auto access, int64_t i) { access.store(y + i, body(access, i)); });
    return;
  }
  constexpr int64_t kBytes = Vec<T>::kLanes * int64_t(sizeof(T));
  const int head = int((-int64_t(reinterpret_cast<uintptr_t>(y)) & (kBytes - 1)) / int64_t(sizeof(T)));
  if (head > 0) store_n(y, body(TailVector<T>{head}, 0), head);
  int64_t i = head;
  for (; i + Vec<T>::kLanes <= n; i += Vec<T>::kLanes) stream(y + i, body(WholeVector<T>(), i));
  if (i < n) store_n(y + i, body(TailVector<T>{int(n - i)}, i), int(n - i));
}

// The same for a span that is written alone.
template <class T, class Body>
TW_INLINE void write_span(T* y, int64_t n, bool past_caches, Body body) {
  write_row(y, n, past_caches, body);
  if (past_caches) stream_fence();
}

template <class T, int kCount>
struct VectorSums {
  Vec<T> of[kCount];
};

// totals[k] += sums of what body(access, i, sums) adds to sums.of[k]. Blocks of 256 elements a lane are
// summed in T by four interleaved registers, the blocks in double: the error does not grow with n.
template <class T, int kCount, class Body>
TW_INLINE void sum_blocks(double (&totals)[kCount], int64_t n, Body body) {
  using V = Vec<T>;
  constexpr int64_t L = V::kLanes, block = 256 * L;
  for (int64_t first = 0; first < n; first += block) {
    const int64_t end = n - first < block ? n : first + block;
    VectorSums<T, kCount> part[4];
    for (auto& sums : part)
      for (V& sum : sums.of) sum = V::zero();
    int64_t i = first;
    for (; i + 4 * L <= end; i += 4 * L) {
      body(WholeVector<T>(), i, part[0]);
      body(WholeVector<T>(), i + L, part[1]);
      body(WholeVector<T>(), i + 2 * L, part[2]);
      body(WholeVector<T>(), i + 3 * L, part[3]);
    }
    for (; i + L <= end; i += L) body(WholeVector<T>(), i, part[0]);
    if (i < end) body(TailVector<T>{int(end - i)}, i, part[1]);
    for (int k = 0; k < kCount; ++k)
      totals[k] += double(reduce_add((part[0].of[k] + part[1].of[k]) + (part[2].of[k] + part[3].of[k])));
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
