// SPDX-License-Identifier: Apache-2.0
// From the choice of a matmul kernel to its launch; one definition per file matmul_<kind>.cu.
#pragma once

#include "core/view.h"
#include "kernels/matmul.cuh"
#include "launch/matmul_plan.h"

namespace TW_BACKEND {

// How an operand's elements can be fetched: 16 aligned bytes along k, along m (n), or one at a time.
enum class OperandLines { along_k, across_k, elements };

struct MatmulLaunch {
  MatmulPlan plan;
  OperandLines a, b;
  bool wide_is_b;     // thin kernels: which side is the large one
  unsigned matrices;  // of the batch
  Stream stream;
};

template <class T>
void launch_matmul_fma(const MatmulLaunch& l, const MatmulProblem<T>& problem);  // float, double
template <class T>
void launch_matmul_mma(const MatmulLaunch& l, const MatmulProblem<T>& problem);  // F16, Bf16, float as tf32
template <class T>
void launch_matmul_thin(const MatmulLaunch& l, const MatmulProblem<T>& problem);

}  // namespace TW_BACKEND
