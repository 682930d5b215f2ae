// SPDX-License-Identifier: Apache-2.0
// The kernels of one family for neon. CMake compiles this file once per family with TW_FAMILY_KERNELS naming
// kernels/<family>.inl.h, and with the instruction set's flags: no other file has any.
#define TW_ISA neon
#include "cpu/simd/vec_neon.h"
#include "cpu/simd/vec_math.h"
#include TW_FAMILY_KERNELS
