// SPDX-License-Identifier: Apache-2.0
// The four values of a Philox block on their way to memory.
#pragma once

#include "device/element.cuh"
#include "device/philox.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

// Elements that travel together, of the four; aligned arrays start at multiples of 16 bytes.
template <class T, bool kAligned>
inline constexpr int kDrawVector = !kAligned        ? 1
                                   : sizeof(T) == 8 ? 2
                                                    : 4;

// The first `count` of the four, from element `at` on.
template <class T, bool kAligned>
TW_DEVICE void store_draws(GlobalPtr<T> y, int64_t at, const Wide<T> (&values)[kPhiloxWords], int64_t count) {
  constexpr int kVector = kDrawVector<T, kAligned>;
  if (kVector > 1 && count >= kPhiloxWords) {
    TW_UNROLL
    for (int first = 0; first < kPhiloxWords; first += kVector) {
      Vector<T, kVector> stored;
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) stored.elements[v] = narrow<T>(values[first + v]);
      store_vector(y + at + first, stored);
    }
  } else {
    TW_UNROLL
    for (int v = 0; v < kPhiloxWords; ++v) {
      if (v < count) y[at + v] = narrow<T>(values[v]);
    }
  }
}

}  // namespace TW_BACKEND
