// SPDX-License-Identifier: Apache-2.0
// What all optimizer kernels share: the prepared gradient, and the sweep over a span.
#pragma once

#include "cpu/kernels/optimizer.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// The gradient as the update uses it. NaN stays NaN: min_fast and max_fast give the second operand for it.
template <class T>
struct Gradient {
  Vec<T> scale, clip, l2;
  explicit Gradient(const GradientSpan<T>& s)
      : scale(Vec<T>::set1(s.scale)), clip(Vec<T>::set1(s.clip)), l2(Vec<T>::set1(s.l2)) {}
  TW_INLINE Vec<T> operator()(Vec<T> g, Vec<T> p) const {
    return fma(l2, p, max_fast(-clip, min_fast(clip, g * scale)));
  }
};

// Access to a full register or to a tail, so that each update is written once.
struct Full {
  template <class T> TW_INLINE Vec<T> load(const T* p) const { return Vec<T>::load(p); }
  template <class T> TW_INLINE void store_to(T* p, Vec<T> x) const { store(p, x); }
};
struct Partial {
  int n;
  template <class T> TW_INLINE Vec<T> load(const T* p) const { return Vec<T>::load_n(p, n); }
  template <class T> TW_INLINE void store_to(T* p, Vec<T> x) const { store_n(p, x, n); }
};

// Calls update(offset, access) over full registers, then once for the tail.
template <class T, class Update>
TW_INLINE void sweep(int64_t n, Update&& update) {
  constexpr int kLanes = Vec<T>::kLanes;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) update(i, Full{});
  if (i < n) update(i, Partial{int(n - i)});
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
