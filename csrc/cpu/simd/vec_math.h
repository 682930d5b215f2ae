// SPDX-License-Identifier: Apache-2.0
// The mathematical functions of Vec<float> and Vec<double>, written once for all instruction sets.
// Include after the vec_<isa>.h of the instruction set.
#pragma once

#include "cpu/simd/vec_math_erf.h"
#include "cpu/simd/vec_math_exp.h"
#include "cpu/simd/vec_math_log.h"
#include "cpu/simd/vec_math_pow.h"
#include "cpu/simd/vec_math_tanh.h"
#include "cpu/simd/vec_math_trig.h"
