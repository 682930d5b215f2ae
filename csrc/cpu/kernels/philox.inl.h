// SPDX-License-Identifier: Apache-2.0
// Random words by counter: no state, so any element can be drawn by any thread.
// Computes    Philox4x32-10: (counter, key) -> 4 words of 32 bits
// Layout      element i of an array takes word i % 4 of block offset + i / 4. The counter of a block is
//             (block, low 32 bits; block, high 32 bits; attempt; part), the key is the seed. `attempt` counts
//             the draws of a rejection method; `part` is 1 for the lower bits of float64, else 0
// Method      Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. One block
//             per lane; lanes take blocks in an order such that a 4 x 4 transposition inside the registers
//             leaves the words as they lie in memory:
//               lane  0 1 2 3 | 4 5 6 7          w0 w0' ...        w0 w1 w2 w3 of block 0, of block 1
//               block 0 2 4 6 | 1 3 5 7   words  w1 w1' ...   ->   w0 w1 w2 w3 of block 2, of block 3 ...
// Limits      spans start at a block; 2^64 blocks to a seed
#pragma once

namespace tilewright::cpu::TW_ISA {
namespace {

// Elements drawn at once: a block in each lane.
inline constexpr int kPhiloxStep = 4 * VecU::kLanes;

// Vectors of T that hold one word of every lane.
template <class T>
inline constexpr int kPhiloxParts = VecU::kLanes / Vec<T>::kLanes;

// One value for each word: v[part][word], lanes in the order of the blocks above.
template <class T>
struct Draws {
  Vec<T> v[kPhiloxParts<T>][4];
};

TW_INLINE void philox_rounds(VecU (&c)[4], uint32_t k0, uint32_t k1) {
  const VecU m0 = VecU::set1(0xD2511F53u), m1 = VecU::set1(0xCD9E8D57u);
  for (int round = 0; round < 10; ++round) {
    VecU hi0, lo0, hi1, lo1;
    mul_wide(c[0], m0, &hi0, &lo0);
    mul_wide(c[2], m1, &hi1, &lo1);
    c[0] = hi1 ^ c[1] ^ VecU::set1(k0);
    c[1] = lo1;
    c[2] = hi0 ^ c[3] ^ VecU::set1(k1);
    c[3] = lo0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// The block, counted from the first, that each lane draws.
TW_INLINE VecU philox_lanes() {
  constexpr uint32_t kLanes = VecU::kLanes;
  if constexpr (kLanes == 1) return VecU::zero();
  uint32_t order[kLanes];
  for (uint32_t l = 0; l < kLanes; ++l) order[l] = l % 4 * (kLanes / 4) + l / 4;
  return VecU::load(order);
}

// The words of kLanes blocks from `block` on.
TW_INLINE void philox(VecU (&words)[4], uint64_t seed, uint64_t block, uint32_t attempt, uint32_t part) {
  const VecU low = VecU::set1(uint32_t(block)), high = VecU::set1(uint32_t(block >> 32));
  words[0] = low + philox_lanes();
  words[1] = select(words[0] < low, high + VecU::set1(1), high);
  words[2] = VecU::set1(attempt);
  words[3] = VecU::set1(part);
  philox_rounds(words, uint32_t(seed), uint32_t(seed >> 32));
}

// Transposes each 4 x 4 block of lanes: register j, lane 4 g + k  <-  register k, lane 4 g + j.
template <class T>
TW_INLINE void interleave(Vec<T> (&r)[4]) {
  if constexpr (Vec<T>::kLanes >= 4) {
    const auto lanes_with = [](int bit) {
      T flags[Vec<T>::kLanes];
      for (int l = 0; l < Vec<T>::kLanes; ++l) flags[l] = T((l & bit) != 0);
      return Vec<T>::load(flags) != Vec<T>::zero();
    };
    const auto swap = [](Vec<T>& a, Vec<T>& b, Mask<T> upper, auto&& exchange) {
      const Vec<T> from_b = exchange(b), from_a = exchange(a);
      a = select(upper, from_b, a);
      b = select(upper, b, from_a);
    };
    const Mask<T> ones = lanes_with(1), twos = lanes_with(2);
    const auto by_one = [](Vec<T> v) { return xor_lanes<1>(v); };
    const auto by_two = [](Vec<T> v) { return xor_lanes<2>(v); };
    swap(r[0], r[1], ones, by_one);
    swap(r[2], r[3], ones, by_one);
    swap(r[0], r[2], twos, by_two);
    swap(r[1], r[3], twos, by_two);
  }
}

// Writes kPhiloxStep values as their elements lie in memory.
template <class T>
TW_INLINE void store_draws(T* y, Draws<T>& draws) {
  constexpr int kLanes = Vec<T>::kLanes, kWords = VecU::kLanes;
  for (int part = 0; part < kPhiloxParts<T>; ++part) {
    if constexpr (kLanes >= 4 || kWords == 1) {
      interleave(draws.v[part]);
      for (int j = 0; j < 4; ++j) store(y + j * kWords + part * kLanes, draws.v[part][j]);
    } else {
      for (int word = 0; word < 4; ++word) {
        T lanes[kLanes];
        store(lanes, draws.v[part][word]);
        for (int i = 0; i < kLanes; ++i) {
          const int l = part * kLanes + i;
          y[4 * (l % 4 * (kWords / 4) + l / 4) + word] = lanes[i];
        }
      }
    }
  }
}

// Fills y[0, n): make(block) gives the Draws of the blocks from `block` on.
template <class T, class Make>
TW_INLINE void generate(T* y, int64_t n, uint64_t block, Make&& make) {
  for (int64_t i = 0; i < n; i += kPhiloxStep, block += VecU::kLanes) {
    Draws<T> draws = make(block);
    if (n - i >= kPhiloxStep) {
      store_draws(y + i, draws);
    } else {
      T last[kPhiloxStep];
      store_draws(last, draws);
      for (int64_t j = i; j < n; ++j) y[j] = last[j - i];
    }
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
