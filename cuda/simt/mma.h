// SPDX-License-Identifier: Apache-2.0
// Models of ldmatrix and mma.sync, for Block::warp_exchange: the values of 32 lanes in, those of 32 lanes
// out, in the register layouts of the PTX manual (sections ldmatrix and mma.m16n8k16, mma.m16n8k8).
#pragma once

#include <stdint.h>

namespace tilewright::simt {

// What a lane gives to mma: accumulator, fragment of a, fragment of b. It gets back the accumulator.
struct MmaLane {
  float c[4];
  uint32_t a[4];
  uint32_t b[2];
};

// c (16, 8) += a (16, 16) @ b (16, 8), and for tf32 a (16, 8) @ b (8, 8). Products are exact and summed in
// double, with one rounding to float: no less accurate than a tensor core, whose order is not documented.
void mma_f16(const char* given, char* results);
void mma_bf16(const char* given, char* results);
void mma_tf32(const char* given, char* results);

// Each lane gives a row's address (lane 8 i + r that of row r of matrix i) and gets one register a matrix.
template <int kCount, bool kTranspose>
void load_matrix(const char* given, char* results);

}  // namespace tilewright::simt
