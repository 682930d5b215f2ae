// SPDX-License-Identifier: Apache-2.0
// What a user or a test may choose about the launchers, for both builds of them.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

namespace tilewright {

// How a matrix product is run.
struct MatmulPlan {
  int kernel = 0;  // its place in matmul_kernels()
  int slices = 1;  // of K
  int slice_depth = 1;
};

}  // namespace tilewright

namespace tilewright::cuda {
// Whether float32 products may round their factors to tf32 (10 bits of mantissa) and use the tensor cores.
void allow_tf32(bool allow);
}  // namespace tilewright::cuda

namespace tilewright::simt_backend {
void allow_tf32(bool allow);

// Names of the kernels a matrix product can be run by.
std::vector<std::string> matmul_kernels();
// The plan for contiguous operands, all float32 if bits is 32, float64 if 64, else 16-bit.
MatmulPlan plan_matmul(int64_t m, int64_t n, int64_t k, int64_t batch, int bits);
// From here on products that the kernel takes run by it, cut into this many slices; -1 lets the launcher
// choose.
void force_matmul(int kernel, int slices);
}  // namespace tilewright::simt_backend
