// SPDX-License-Identifier: Apache-2.0
// Launches convolutions on the tensor cores (kernels/conv2d_tile.cuh).
#include "device/launch.cuh"
#include "kernels/conv2d_tile.cuh"
#include "launch/conv2d_launch.h"
#include "launch/shared_limit.h"

namespace TW_BACKEND {
namespace {

template <class Tile, ConvPass kPass, MmaLines kLinesA, MmaLines kLinesB>
void run(const ConvLaunch& l, const ConvProblem<typename Tile::T>& p) {
  launch("conv2d_mma", conv2d_mma<Tile, kPass, kLinesA, kLinesB>,
         conv_grid(p.m, p.n, Tile::kM, Tile::kN, l.plan, p.groups), Dim3(Tile::kThreads),
         shared_size<ConvSmem<Tile>>(), l.stream, p);
}

// In shared memory an operand's lines run as in memory: those of images and of the weight gradient along
// the channels, those of filters along whichever of their channels is contiguous. tf32 has no transposing
// ldmatrix: all lines run along k.
template <class Tile>
void run(const ConvLaunch& l, ConvProblem<typename Tile::T> p) {
  constexpr MmaLines kAlong = MmaLines::along_k, kAcross = MmaLines::across_k;
  constexpr bool kTf32 = sizeof(typename Tile::T) == 4;
  const bool correlate = l.pass == ConvPass::correlate, along = p.w_in == 1;
  if constexpr (kTf32) {
    p.a_vectors = p.a_vectors && correlate;
    p.b_vectors = l.filter_along && correlate;
    correlate ? run<Tile, ConvPass::correlate, kAlong, kAlong>(l, p)
              : run<Tile, ConvPass::weight, kAlong, kAlong>(l, p);
  } else if (correlate) {
    p.b_vectors = along ? l.filter_along : l.filter_across;
    along ? run<Tile, ConvPass::correlate, kAlong, kAlong>(l, p)
          : run<Tile, ConvPass::correlate, kAlong, kAcross>(l, p);
  } else {
    run<Tile, ConvPass::weight, kAcross, kAcross>(l, p);
  }
}

// Rows, columns, warps along both, ring: those of matmul_mma.cu, for 99 KiB of shared memory.
template <class T>
void run_any(const ConvLaunch& l, const ConvProblem<T>& p) {
  if (l.plan.kernel == kConvMmaLarge) {
    run<MmaTile<T, 128, 128, 2, 4, 3>>(l, p);
  } else {
    run<MmaTile<T, 64, 32, 2, 2, 4>>(l, p);
  }
}

}  // namespace

template <>
void launch_conv_mma(const ConvLaunch& l, const ConvProblem<F16>& p) {
  run_any(l, p);
}
template <>
void launch_conv_mma(const ConvLaunch& l, const ConvProblem<Bf16>& p) {
  run_any(l, p);
}
template <>
void launch_conv_mma(const ConvLaunch& l, const ConvProblem<float>& p) {
  run_any(l, p);
}

}  // namespace TW_BACKEND
