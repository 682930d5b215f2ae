// SPDX-License-Identifier: Apache-2.0
// Launches the products on the tensor cores (kernels/matmul_mma.cuh).
#include "device/launch.cuh"
#include "kernels/matmul_mma.cuh"
#include "launch/matmul_launch.h"

namespace TW_BACKEND {
namespace {

template <class Tile, MmaLines kLinesA, MmaLines kLinesB>
void run(const MatmulLaunch& l, MatmulProblem<typename Tile::T> p) {
  p.a.vectors = l.a == OperandLines::along_k;
  p.b.vectors = l.b == OperandLines::along_k;
  const unsigned tiles = static_cast<unsigned>((p.m + Tile::kM - 1) / Tile::kM) *
                         static_cast<unsigned>((p.n + Tile::kN - 1) / Tile::kN);
  launch("matmul_mma", matmul_mma<Tile, kLinesA, kLinesB>,
         Dim3(tiles, static_cast<unsigned>(p.slices), l.matrices), Dim3(Tile::kThreads),
         sizeof(typename Tile::Smem), l.stream, p);
}

// 16-bit operands that are contiguous across k stay so in shared memory. tf32 has no transposing ldmatrix:
// all operands lie along k there, brought so by single elements where they are not.
template <class Tile>
void run(const MatmulLaunch& l, const MatmulProblem<typename Tile::T>& p) {
  constexpr MmaLines kAlong = MmaLines::along_k, kAcross = MmaLines::across_k;
  if constexpr (sizeof(typename Tile::T) == 4) {
    run<Tile, kAlong, kAlong>(l, p);
  } else if (l.a == OperandLines::across_k) {
    l.b == OperandLines::across_k ? run<Tile, kAcross, kAcross>(l, p) : run<Tile, kAcross, kAlong>(l, p);
  } else {
    l.b == OperandLines::across_k ? run<Tile, kAlong, kAcross>(l, p) : run<Tile, kAlong, kAlong>(l, p);
  }
}

// Rows, columns, warps along both, ring.
template <class T>
void run_any(const MatmulLaunch& l, const MatmulProblem<T>& p) {
  if (l.plan.kernel == kMmaLarge) {
    run<MmaTile<T, 128, 128, 2, 4, 3>>(l, p);
  } else if (l.plan.kernel == kMmaMedium) {
    run<MmaTile<T, 64, 64, 2, 2, 4>>(l, p);
  } else {
    run<MmaTile<T, 64, 32, 2, 2, 4>>(l, p);
  }
}

}  // namespace

template <>
void launch_matmul_mma(const MatmulLaunch& l, const MatmulProblem<F16>& p) {
  run_any(l, p);
}
template <>
void launch_matmul_mma(const MatmulLaunch& l, const MatmulProblem<Bf16>& p) {
  run_any(l, p);
}
template <>
void launch_matmul_mma(const MatmulLaunch& l, const MatmulProblem<float>& p) {
  run_any(l, p);
}

}  // namespace TW_BACKEND
