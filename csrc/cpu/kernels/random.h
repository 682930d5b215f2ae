// SPDX-License-Identifier: Apache-2.0
// Kernels of the random family. Each fills n contiguous elements that start at a Philox block
// (philox.inl.h), so any cut at a multiple of four elements gives the same numbers.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

struct RandomSpan {
  uint64_t seed, block;  // the Philox block of the first element
  double a, b;           // low and high, or mean and standard deviation
};

template <class T>
struct RandomTable {
  using Fill = void (*)(T* y, int64_t n, const RandomSpan& span);
  Fill uniform, normal, truncated_normal;
  // 1 where the word is below `threshold`, else 0
  void (*bernoulli)(T* y, int64_t n, const RandomSpan& span, uint32_t threshold);
};

struct RandomKernels : FloatTables<RandomTable> {
  void (*bernoulli_bool)(uint8_t* y, int64_t n, const RandomSpan& span, uint32_t threshold);
};

}  // namespace tilewright::cpu
