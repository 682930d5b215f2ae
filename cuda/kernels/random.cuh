// SPDX-License-Identifier: Apache-2.0
// Computes    uniform     u = bits / 2^24 (float64: 52 bits), y = low + (high - low) u, always below high
//             normal      z0 = r cos(2 pi u1), z1 = r sin(2 pi u1), r = sqrt(-2 log u0); words 0, 1 and 2, 3
//             truncated   the first of z(attempt 0), z(attempt 1), ... with |z| <= 2
//             bernoulli   1 where the word is below probability * 2^32
// Layout      C order; element i from word i % 4 of Philox block offset + i / 4 (device/philox.cuh): float64
//             takes its upper 32 bits from part 0 and its lower ones from part 1. The words are the CPU's,
//             bit for bit
// Method      Box and Muller, "A note on the generation of random normal deviates", 1958
// Work split  a thread has a block of four elements, 16 bytes of float; threads stride over blocks
// Limits      normals reach 6.6 standard deviations in float32 and 8.5 in float64
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/draws.cuh"

namespace TW_BACKEND {

inline constexpr int kRandomThreads = 256;

// The words as fractions: at least 0 and below 1, or with kOpen above 0 and at most 1.
template <bool kOpen>
TW_DEVICE void fractions(float (&u)[kPhiloxWords], uint64_t seed, uint64_t block, uint32_t attempt) {
  const PhiloxBlock draw = philox(seed, block, attempt, 0);
  TW_UNROLL
  for (int w = 0; w < kPhiloxWords; ++w) {
    if constexpr (kOpen) {
      u[w] = (static_cast<float>(static_cast<int32_t>(draw.words[w] >> 1)) + 0.5f) * 0x1p-31f;
    } else {
      u[w] = static_cast<float>(static_cast<int32_t>(draw.words[w] >> 8)) * 0x1p-24f;
    }
  }
}

// 52 random bits as the mantissa of a number in [1, 2), less 1.
template <bool kOpen>
TW_DEVICE void fractions(double (&u)[kPhiloxWords], uint64_t seed, uint64_t block, uint32_t attempt) {
  const PhiloxBlock upper = philox(seed, block, attempt, 0), lower = philox(seed, block, attempt, 1);
  TW_UNROLL
  for (int w = 0; w < kPhiloxWords; ++w) {
    const uint64_t mantissa = uint64_t{upper.words[w]} << 20 | lower.words[w] >> 12;
    u[w] = double_of(mantissa | 0x3ff0000000000000u) - 1.0 + (kOpen ? 0x1p-53 : 0.0);
  }
}

template <class T>
TW_DEVICE void normals(T (&z)[kPhiloxWords], uint64_t seed, uint64_t block, uint32_t attempt) {
  fractions<true>(z, seed, block, attempt);
  TW_UNROLL
  for (int w = 0; w < kPhiloxWords; w += 2) {
    const T radius = sqrt(T(-2) * log(z[w]));
    T sine, cosine;
    sincos_turns(z[w + 1], sine, cosine);
    z[w] = radius * cosine;
    z[w + 1] = radius * sine;
  }
}

struct RandomBlocks {
  GlobalPtr<const int64_t> key;  // seed, and offset `key_stride` behind it
  int64_t key_stride, elements;
};

// Calls draw(values, seed, block) for each block of four elements and writes the values.
template <class T, bool kAligned, class Draw>
TW_DEVICE void for_blocks(GlobalPtr<T> y, const RandomBlocks& blocks, Draw&& draw) {
  const uint64_t seed = static_cast<uint64_t>(blocks.key[0]);
  const uint64_t offset = static_cast<uint64_t>(blocks.key[blocks.key_stride]);
  const int64_t step = int64_t{gridDim.x} * blockDim.x * kPhiloxWords;
  int64_t at = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kPhiloxWords;
  for (; at < blocks.elements; at += step) {
    T values[kPhiloxWords];
    draw(values, seed, offset + static_cast<uint64_t>(at / kPhiloxWords));
    store_draws<T, kAligned>(y, at, values, blocks.elements - at);
  }
}

// low + range * u may round up to high; `below`, the number before it, is then as near.
template <class T, bool kAligned>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRandomThreads)
    random_uniform_map(GlobalPtr<T> y, RandomBlocks blocks, T low, T high, T below) {
  for_blocks<T, kAligned>(y, blocks, [&](T(&u)[kPhiloxWords], uint64_t seed, uint64_t block) {
    fractions<false>(u, seed, block, 0);
    TW_UNROLL
    for (int w = 0; w < kPhiloxWords; ++w) {
      const T value = fma(u[w], high - low, low);
      u[w] = value < high ? value : below;
    }
  });
}

// kTruncated: each element takes its first attempt within 2; one in 22 needs a second, and 60 are as good as
// for ever.
template <class T, bool kAligned, bool kTruncated>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRandomThreads)
    random_normal_map(GlobalPtr<T> y, RandomBlocks blocks, T mean, T stddev) {
  for_blocks<T, kAligned>(y, blocks, [&](T(&z)[kPhiloxWords], uint64_t seed, uint64_t block) {
    normals(z, seed, block, 0);
    for (uint32_t attempt = 1; kTruncated && attempt < 60; ++attempt) {
      bool outside = false;
      TW_UNROLL
      for (int w = 0; w < kPhiloxWords; ++w) outside = outside || fabs(z[w]) > T(2);
      if (!outside) break;
      T again[kPhiloxWords];
      normals(again, seed, block, attempt);
      TW_UNROLL
      for (int w = 0; w < kPhiloxWords; ++w) z[w] = fabs(z[w]) > T(2) ? again[w] : z[w];
    }
    TW_UNROLL
    for (int w = 0; w < kPhiloxWords; ++w) z[w] = fma(z[w], stddev, mean);
  });
}

// T is uint8_t for bool. always: a probability of 1, one word more than a threshold can name.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRandomThreads)
    random_bernoulli_map(GlobalPtr<T> y, RandomBlocks blocks, uint32_t threshold, bool always) {
  for_blocks<T, false>(y, blocks, [&](T(&values)[kPhiloxWords], uint64_t seed, uint64_t block) {
    const PhiloxBlock draw = philox(seed, block, 0, 0);
    TW_UNROLL
    for (int w = 0; w < kPhiloxWords; ++w) values[w] = T(always || draw.words[w] < threshold);
  });
}

}  // namespace TW_BACKEND
