// SPDX-License-Identifier: Apache-2.0
#include "simt/mma.h"

#include <string.h>

#include "simt/block.h"
#include "simt/number.h"

namespace tilewright::simt {
namespace {

constexpr int kM = 16, kN = 8;

MmaLane lane_of(const char* given, int lane) {
  MmaLane values;
  memcpy(&values, given + lane * Block::kExchangeBytes, sizeof(values));
  return values;
}

// a (kM, kK) and b (kK, kN) have been gathered; what is left is the accumulator, lane (g, t) = (lane / 4,
// lane % 4) holding rows g and g + 8 of columns 2 t and 2 t + 1.
template <int kK>
void multiply(const char* given, char* results, const float (&a)[kM][kK], const float (&b)[kK][kN]) {
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    MmaLane values = lane_of(given, lane);
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
      double sum = values.c[i];
      for (int k = 0; k < kK; ++k) sum += static_cast<double>(a[row][k]) * static_cast<double>(b[k][col]);
      values.c[i] = static_cast<float>(sum);
    }
    memcpy(results + lane * Block::kExchangeBytes, values.c, sizeof(values.c));
  }
}

// 16-bit elements: a register holds two neighbours along k, the lower one in its low half.
//   a: register 0 row g, 1 row g + 8, each at k = 2 t; 2 and 3 the same at k + 8
//   b: register 0 column g at k = 2 t, 1 at k + 8
template <class Decode>
void mma_16_bit(const char* given, char* results, Decode&& decode) {
  float a[kM][16], b[16][kN];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const MmaLane values = lane_of(given, lane);
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      const int shift = 16 * half;
      for (int i = 0; i < 4; ++i)
        a[g + i % 2 * 8][2 * t + half + i / 2 * 8] = decode(static_cast<uint16_t>(values.a[i] >> shift));
      for (int i = 0; i < 2; ++i)
        b[2 * t + half + i * 8][g] = decode(static_cast<uint16_t>(values.b[i] >> shift));
    }
  }
  multiply(given, results, a, b);
}

}  // namespace

void mma_f16(const char* given, char* results) {
  mma_16_bit(given, results, [](uint16_t bits) { return f16_to_f32(bits); });
}

void mma_bf16(const char* given, char* results) {
  mma_16_bit(given, results, [](uint16_t bits) { return bf16_to_f32(bits); });
}

// a: register 0 row g, 1 row g + 8, each at k = t; 2 and 3 the same at k + 4. b: column g at k = t, t + 4.
void mma_tf32(const char* given, char* results) {
  float a[kM][8], b[8][kN];
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const MmaLane values = lane_of(given, lane);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) a[g + i % 2 * 8][t + i / 2 * 4] = tf32_seen(values.a[i]);
    for (int i = 0; i < 2; ++i) b[t + i * 4][g] = tf32_seen(values.b[i]);
  }
  multiply(given, results, a, b);
}

template <int kCount, bool kTranspose>
void load_matrix(const char* given, char* results) {
  for (int matrix = 0; matrix < kCount; ++matrix) {
    uint16_t elements[8][8];
    for (int row = 0; row < 8; ++row) {
      const char* address;
      memcpy(&address, given + (matrix * 8 + row) * Block::kExchangeBytes, sizeof(address));
      memcpy(elements[row], address, sizeof(elements[row]));
    }
    for (int lane = 0; lane < kWarpLanes; ++lane) {
      const int g = lane / 4, t = lane % 4;
      const uint16_t low = kTranspose ? elements[2 * t][g] : elements[g][2 * t];
      const uint16_t high = kTranspose ? elements[2 * t + 1][g] : elements[g][2 * t + 1];
      const uint32_t both = low | static_cast<uint32_t>(high) << 16;
      memcpy(results + lane * Block::kExchangeBytes + matrix * sizeof(both), &both, sizeof(both));
    }
  }
}

template void load_matrix<1, false>(const char*, char*);
template void load_matrix<2, false>(const char*, char*);
template void load_matrix<4, false>(const char*, char*);
template void load_matrix<1, true>(const char*, char*);
template void load_matrix<2, true>(const char*, char*);
template void load_matrix<4, true>(const char*, char*);

}  // namespace tilewright::simt
