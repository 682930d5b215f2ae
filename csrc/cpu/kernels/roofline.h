// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most, measured: the lines of a roofline.
#pragma once

#include <stdint.h>

namespace tilewright::cpu {

struct RooflineKernels {
  // `rounds` times 10 chains of independent multiply-adds on full registers; returns the FLOP done. The sum of
  // the chains goes to `sink`, so that no compiler drops the work.
  int64_t (*fma_chains)(float* sink, int64_t rounds);
  // The sum of `count` floats at p: reads, and as little else as keeps them.
  float (*read_stream)(const float* p, int64_t count);
};

}  // namespace tilewright::cpu
