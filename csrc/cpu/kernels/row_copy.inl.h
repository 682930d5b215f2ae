// SPDX-License-Identifier: Apache-2.0
// Copies of short rows: how many bytes a row has is looked at once, not at every row.
#pragma once

#include <stdint.h>

#include "cpu/kernels/constant.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <int kBytes>
struct Block {
  char bytes[kBytes];
};
template <int kBytes>
TW_INLINE Block<kBytes> load_block(const char* from) {
  Block<kBytes> block;
  __builtin_memcpy(&block, from, kBytes);
  return block;
}

// Rows of kBytes.
template <int kBytes>
struct OneBlock {
  static constexpr int kRow = kBytes;
  TW_INLINE void operator()(char* to, const char* from) const { __builtin_memcpy(to, from, kBytes); }
};

// Rows of kBytes to 2 * kBytes: the first and the last kBytes, which may overlap. No mask, no byte beyond the row.
template <int kBytes>
struct TwoBlocks {
  static constexpr int kRow = 0;
  int64_t last;
  explicit TwoBlocks(int64_t bytes) : last(bytes - kBytes) {}
  TW_INLINE void operator()(char* to, const char* from) const {
    const Block<kBytes> first = load_block<kBytes>(from), end = load_block<kBytes>(from + last);
    __builtin_memcpy(to, &first, kBytes);
    __builtin_memcpy(to + last, &end, kBytes);
  }
};

// Longer ones.
struct ManyBlocks {
  static constexpr int kRow = 0, kBytes = 64;
  int64_t last;
  explicit ManyBlocks(int64_t bytes) : last(bytes - kBytes) {}
  TW_INLINE void operator()(char* to, const char* from) const {
    const Block<kBytes> end = load_block<kBytes>(from + last);
    for (int64_t i = 0; i < last; i += kBytes) __builtin_memcpy(to + i, from + i, kBytes);
    __builtin_memcpy(to + last, &end, kBytes);
  }
};

// body(copy), copy(to, from) being the fastest way for rows of so many bytes, at least one.
template <class Body>
TW_INLINE void with_row_copy(int64_t bytes, Body body) {
  switch (bytes) {
    case 1: return body(OneBlock<1>());
    case 2: return body(OneBlock<2>());
    case 4: return body(OneBlock<4>());
    case 8: return body(OneBlock<8>());
    case 16: return body(OneBlock<16>());
    default: break;
  }
  if (bytes < 4) return body(TwoBlocks<2>(bytes));
  if (bytes < 8) return body(TwoBlocks<4>(bytes));
  if (bytes < 16) return body(TwoBlocks<8>(bytes));
  if (bytes <= 32) return body(TwoBlocks<16>(bytes));
  if (bytes <= 64) return body(TwoBlocks<32>(bytes));
  if (bytes <= 128) return body(TwoBlocks<64>(bytes));
  body(ManyBlocks(bytes));
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
