// SPDX-License-Identifier: Apache-2.0
// The loop of every rnn kernel: elements in full registers, then the rest.
#pragma once

#include "cpu/kernels/rnn.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// body(j, load, save) handles the elements from j on; load and save know how many there are.
template <class T, class Body>
TW_INLINE void for_lanes(int64_t n, Body body) {
  using V = Vec<T>;
  int64_t j = 0;
  for (; j + V::kLanes <= n; j += V::kLanes)
    body(
        j, [](const T* p) { return V::load(p); }, [](T* p, V v) { store(p, v); });
  if (j < n) {
    const int rest = int(n - j);
    body(
        j, [rest](const T* p) { return V::load_n(p, rest); }, [rest](T* p, V v) { store_n(p, v, rest); });
  }
}

// Gradient of a sigmoid (tanh) by its argument, from its value y: dy * y (1 - y), dy * (1 - y^2).
template <class T>
TW_INLINE Vec<T> through_sigmoid(Vec<T> dy, Vec<T> y) {
  return dy * y * (Vec<T>::set1(T(1)) - y);
}
template <class T>
TW_INLINE Vec<T> through_tanh(Vec<T> dy, Vec<T> y) {
  return dy * fnma(y, y, Vec<T>::set1(T(1)));
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
