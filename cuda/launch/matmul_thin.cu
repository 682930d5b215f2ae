// SPDX-License-Identifier: Apache-2.0
// Launches the thin products (kernels/matmul_thin.cuh).
#include <algorithm>

#include "device/launch.cuh"
#include "kernels/matmul_thin.cuh"
#include "launch/matmul_launch.h"

namespace TW_BACKEND {
namespace {

template <class T, int kRows, int kVector>
void run(const MatmulLaunch& l, const MatmulProblem<T>& p) {
  const int lines = l.wide_is_b ? p.n : p.m;
  const bool dot = l.plan.kernel == kThinDot;
  const int of_block = dot ? kThinWarps * kThinLines : kWarpSize * kVector;
  const Dim3 grid(static_cast<unsigned>((lines + of_block - 1) / of_block), static_cast<unsigned>(p.slices),
                  l.matrices);
  if (dot) {
    launch("matmul_thin_dot", matmul_thin_dot<T, kRows, kVector>, grid, Dim3(kThinThreads), 0, l.stream, p,
           l.wide_is_b);
  } else {
    launch("matmul_thin_stream", matmul_thin_stream<T, kRows, kVector>, grid, Dim3(kThinThreads),
           sizeof(ThinStreamSmem<T, kVector>), l.stream, p, l.wide_is_b);
  }
}

template <class T>
void run_any(const MatmulLaunch& l, const MatmulProblem<T>& p) {
  constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
  const OperandLines wide = l.wide_is_b ? l.b : l.a;
  const bool vectors = wide == (l.plan.kernel == kThinDot ? OperandLines::along_k : OperandLines::across_k);
  const bool single = (l.wide_is_b ? p.m : p.n) == 1;
  if (vectors && single) {
    run<T, 1, kVector>(l, p);
  } else if (vectors) {
    run<T, kThinRows, kVector>(l, p);
  } else if (single) {
    run<T, 1, 1>(l, p);
  } else {
    run<T, kThinRows, 1>(l, p);
  }
}

}  // namespace

template <>
void launch_matmul_thin(const MatmulLaunch& l, const MatmulProblem<float>& p) {
  run_any(l, p);
}
template <>
void launch_matmul_thin(const MatmulLaunch& l, const MatmulProblem<double>& p) {
  run_any(l, p);
}
template <>
void launch_matmul_thin(const MatmulLaunch& l, const MatmulProblem<F16>& p) {
  run_any(l, p);
}
template <>
void launch_matmul_thin(const MatmulLaunch& l, const MatmulProblem<Bf16>& p) {
  run_any(l, p);
}

}  // namespace TW_BACKEND
