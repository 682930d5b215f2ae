// SPDX-License-Identifier: Apache-2.0
// Computes    y = x * scale where the random word of element i is at least `threshold`, else 0
// Layout      C order; element i takes word i % 4 of Philox block offset + i / 4 (device/philox.cuh); y may
//             be x
// Method      the mask is never stored: backward draws it again from the same key. A rate of 1 keeps nothing
// Work split  a thread has the four elements of a block, 16 bytes of float; threads stride over blocks
// Limits      kAligned: the arrays start at multiples of the bytes of four elements, at most 16 Ran on no GPU
//             yet; passes on simt
#pragma once

#include "kernels/draws.cuh"

namespace TW_BACKEND {

inline constexpr int kDropoutThreads = 256;

// key: seed, and offset `key_stride` behind it.
template <class T, bool kAligned>
TW_KERNEL void TW_LAUNCH_BOUNDS(kDropoutThreads)
    dropout_map(GlobalPtr<T> y, GlobalPtr<const T> x, GlobalPtr<const int64_t> key, int64_t key_stride,
                int64_t elements, uint32_t threshold, double scale, bool drop_all) {
  constexpr int kVector = kDrawVector<T, kAligned>;
  const uint64_t seed = static_cast<uint64_t>(key[0]), offset = static_cast<uint64_t>(key[key_stride]);
  const int64_t step = int64_t{gridDim.x} * blockDim.x * kPhiloxWords;
  int64_t at = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kPhiloxWords;
  for (; at < elements; at += step) {
    const int64_t count = elements - at;
    Wide<T> values[kPhiloxWords];
    if (kVector > 1 && count >= kPhiloxWords) {
      TW_UNROLL
      for (int first = 0; first < kPhiloxWords; first += kVector) {
        const Vector<T, kVector> loaded = load_vector<kVector>(x + at + first);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) values[first + v] = widen(loaded.elements[v]);
      }
    } else {
      TW_UNROLL
      for (int v = 0; v < kPhiloxWords; ++v) values[v] = v < count ? widen(T(x[at + v])) : Wide<T>(0);
    }
    const PhiloxBlock draw = philox(seed, offset + static_cast<uint64_t>(at / kPhiloxWords), 0, 0);
    TW_UNROLL
    for (int v = 0; v < kPhiloxWords; ++v) {
      const bool dropped = drop_all || draw.words[v] < threshold;
      values[v] = dropped ? Wide<T>(0) : values[v] * static_cast<Wide<T>>(scale);
    }
    store_draws<T, kAligned>(y, at, values, count);
  }
}

}  // namespace TW_BACKEND
