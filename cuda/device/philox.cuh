// SPDX-License-Identifier: Apache-2.0
// Random words by counter: no state, so any element can be drawn by any thread, the same on every device.
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// Element i of an array takes word i % 4 of block offset + i / 4. A block's counter is (block, low 32 bits; block,
// high 32 bits; attempt; part), the key is the seed. `attempt` counts the draws of a rejection method; `part` is 1
// for the lower bits of float64, else 0.
#pragma once

#include "device/config.cuh"

namespace TW_BACKEND {

inline constexpr int kPhiloxWords = 4;

struct PhiloxBlock {
  uint32_t words[kPhiloxWords];
};

TW_DEVICE PhiloxBlock philox(uint64_t seed, uint64_t block, uint32_t attempt, uint32_t part) {
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32), c2 = attempt, c3 = part;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  TW_UNROLL
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * c0, product1 = uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(product0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace TW_BACKEND
