// SPDX-License-Identifier: Apache-2.0
// Which kernel a matrix product runs by, and into how many slices of K it is cut: by shape, layout and
// dtype alone, so that equal calls give equal bits on every chip.
#pragma once

#include <stdint.h>

#include "device/config.cuh"
#include "launch/options.h"

namespace TW_BACKEND {

enum MatmulKernel : int {
  kFmaLarge,    // f32 128 x 128
  kFmaMedium,   // f32 64 x 64
  kFmaSmall,    // f32 64 x 32
  kFmaDouble,   // f64 64 x 64
  kMmaLarge,    // f16, bf16, tf32 128 x 128
  kMmaMedium,   // the same 64 x 64
  kMmaSmall,    // the same 64 x 32
  kThinDot,     // the large operand contiguous along k
  kThinStream,  // or across it
  kMatmulKernels,
};

const char* matmul_kernel_name(int kernel);

enum class MatmulMath { fma, fma_double, mma };

// What the choice depends on.
struct MatmulShape {
  int64_t m, n, k, batch;
  MatmulMath math;
  int element_bytes;
  bool thin_dot = false, thin_stream = false;  // the layouts allow it
};

MatmulPlan choose_matmul(const MatmulShape& shape);

}  // namespace TW_BACKEND
