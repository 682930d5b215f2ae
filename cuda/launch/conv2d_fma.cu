// SPDX-License-Identifier: Apache-2.0
// Launches convolutions on the CUDA cores (kernels/conv2d_tile.cuh).
#include "device/launch.cuh"
#include "kernels/conv2d_tile.cuh"
#include "launch/conv2d_launch.h"
#include "launch/shared_limit.h"

namespace TW_BACKEND {
namespace {

template <class Tile, ConvPass kPass>
void run(const ConvLaunch& l, ConvProblem<float> p) {
  if (kPass == ConvPass::correlate) {
    p.a_vectors = false;  // neighbouring pixels lie apart
    p.b_vectors = l.filter_across;
  }
  launch("conv2d_fma", conv2d_fma<Tile, kPass>, conv_grid(p.m, p.n, Tile::kM, Tile::kN, l.plan, p.groups),
         Dim3(Tile::kThreads), shared_size<ConvSmem<Tile>>(), l.stream, p);
}

template <class Tile>
void run(const ConvLaunch& l, const ConvProblem<float>& p) {
  l.pass == ConvPass::correlate ? run<Tile, ConvPass::correlate>(l, p) : run<Tile, ConvPass::weight>(l, p);
}

}  // namespace

// Rows, columns, depth, warps along both, ring: those of matmul_fma.cu.
template <>
void launch_conv_fma(const ConvLaunch& l, const ConvProblem<float>& p) {
  if (l.plan.kernel == kConvFmaLarge) {
    run<FmaTile<float, 128, 128, 16, 2, 4, 4>>(l, p);
  } else {
    run<FmaTile<float, 64, 32, 16, 2, 1, 4>>(l, p);
  }
}

}  // namespace TW_BACKEND
