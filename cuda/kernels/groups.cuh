// SPDX-License-Identifier: Apache-2.0
// Groups of kVector neighbouring elements in the type arithmetic is done in: one access of up to 16 bytes
// where the group is whole, single elements at the end of a row. With kVector > 1 whole groups must be
// aligned.
#pragma once

#include "device/element.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

// `count` of kVector elements from `at` on, one at a time; those past count are 0.
template <int kVector, class T>
TW_DEVICE void load_single(Wide<T> (&values)[kVector], GlobalPtr<const T> p, int64_t at, int64_t count) {
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) values[v] = v < count ? widen(T(p[at + v])) : Wide<T>(0);
}

template <int kVector, class T>
TW_DEVICE void store_single(GlobalPtr<T> p, int64_t at, const Wide<T> (&values)[kVector], int64_t count) {
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) {
    if (v < count) p[at + v] = narrow<T>(values[v]);
  }
}

// The same in one access where the group is whole.
template <int kVector, class T>
TW_DEVICE void load_wide(Wide<T> (&values)[kVector], GlobalPtr<const T> p, int64_t at,
                         int64_t count = kVector) {
  if (kVector > 1 && count >= kVector) {
    const Vector<T, kVector> loaded = load_vector<kVector>(p + at);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) values[v] = widen(loaded.elements[v]);
  } else {
    load_single<kVector, T>(values, p, at, count);
  }
}

template <int kVector, class T>
TW_DEVICE void store_narrow(GlobalPtr<T> p, int64_t at, const Wide<T> (&values)[kVector],
                            int64_t count = kVector) {
  if (kVector > 1 && count >= kVector) {
    Vector<T, kVector> stored;
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) stored.elements[v] = narrow<T>(values[v]);
    store_vector(p + at, stored);
  } else {
    store_single<kVector, T>(p, at, values, count);
  }
}

}  // namespace TW_BACKEND
