// SPDX-License-Identifier: Apache-2.0
// Launches the products on the CUDA cores (kernels/matmul_fma.cuh).
#include "device/launch.cuh"
#include "kernels/matmul_fma.cuh"
#include "launch/matmul_launch.h"

namespace TW_BACKEND {
namespace {

template <class Tile>
void run(const MatmulLaunch& l, MatmulProblem<typename Tile::T> p) {
  p.a.vectors = l.a == OperandLines::across_k;
  p.b.vectors = l.b == OperandLines::across_k;
  const unsigned tiles = static_cast<unsigned>((p.m + Tile::kM - 1) / Tile::kM) *
                         static_cast<unsigned>((p.n + Tile::kN - 1) / Tile::kN);
  launch("matmul_fma", matmul_fma<Tile>, Dim3(tiles, static_cast<unsigned>(p.slices), l.matrices),
         Dim3(Tile::kThreads), sizeof(typename Tile::Smem), l.stream, p);
}

}  // namespace

// Rows, columns, depth, warps along both, ring.
template <>
void launch_matmul_fma(const MatmulLaunch& l, const MatmulProblem<float>& p) {
  if (l.plan.kernel == kFmaLarge) {
    run<FmaTile<float, 128, 128, 16, 2, 4, 4>>(l, p);
  } else if (l.plan.kernel == kFmaMedium) {
    run<FmaTile<float, 64, 64, 16, 2, 2, 4>>(l, p);
  } else {
    run<FmaTile<float, 64, 32, 16, 2, 1, 4>>(l, p);
  }
}

template <>
void launch_matmul_fma(const MatmulLaunch& l, const MatmulProblem<double>& p) {
  run<FmaTile<double, 64, 64, 8, 2, 2, 4>>(l, p);
}

}  // namespace TW_BACKEND
