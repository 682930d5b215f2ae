// SPDX-License-Identifier: Apache-2.0
// Which kernel a pass of a convolution runs by, by shape, layout and dtype alone, and the tiles' launchers;
// one definition per file conv2d_<kind>.cu.
#pragma once

#include "core/view.h"
#include "kernels/conv2d.cuh"
#include "launch/grid.h"
#include "launch/options.h"

namespace TW_BACKEND {

inline constexpr const char* kConvName = "conv2d";

// In the order of conv_kernels().
enum ConvKernel : int {
  kConvDirect,     // an output a thread
  kConvDepthwise,  // the same, channels by 16 bytes
  kConvFmaLarge,   // f32 128 x 128
  kConvFmaSmall,   // f32 64 x 32
  kConvMmaLarge,   // f16, bf16, tf32 128 x 128
  kConvMmaSmall,   // the same 64 x 32
  kConvKernels,
};

struct ConvShape {
  int64_t m, n, k, groups;
  int64_t in_channels;  // of a group
  int element_bytes;
  bool correlate, tf32, vectors;  // vectors: 16 aligned bytes of channels, where every channel is a group
};

struct ConvPlan {
  int kernel = 0, slices = 1, slice_depth = 1;
};

ConvPlan choose_conv(const ConvShape& shape);

struct ConvLaunch {
  ConvPlan plan;
  ConvPass pass;
  Stream stream;
  // The filter by 16 aligned bytes along k, along n.
  bool filter_along = false, filter_across = false;
};

inline Dim3 conv_grid(int m, int n, int kM, int kN, const ConvPlan& plan, int groups) {
  return Dim3(static_cast<unsigned>(ceil_divide(m, kM) * ceil_divide(n, kN)),
              static_cast<unsigned>(plan.slices), static_cast<unsigned>(groups));
}

template <class T>
void launch_conv_fma(const ConvLaunch& l, const ConvProblem<T>& p);  // float
template <class T>
void launch_conv_mma(const ConvLaunch& l, const ConvProblem<T>& p);  // F16, Bf16, float as tf32

// Elements of 16 bytes from `data` on, with these strides, for channels in groups of `channels`.
template <class T>
bool conv_vectors(const void* data, int64_t channels, std::initializer_list<int64_t> strides) {
  constexpr int64_t kChunk = kVectorBytes / static_cast<int64_t>(sizeof(T));
  bool whole = reinterpret_cast<uintptr_t>(data) % kVectorBytes == 0 && channels % kChunk == 0;
  for (const int64_t stride : strides) whole = whole && stride % kChunk == 0;
  return whole;
}

}  // namespace TW_BACKEND
