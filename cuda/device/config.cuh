// SPDX-License-Identifier: Apache-2.0
// The one place that knows which compiler reads the CUDA source: nvcc, for a GPU, or a plain C++ compiler,
// for the emulator in simt/. Under the latter no CUDA header is included anywhere.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define TW_SIMT 0
#define TW_BACKEND tilewright::cuda
#define TW_KERNEL static __global__
#define TW_LAUNCH_BOUNDS(threads) __launch_bounds__(threads)
#define TW_LAUNCH_BOUNDS_PER_SM(threads, blocks) __launch_bounds__(threads, blocks)
#define TW_DEVICE __device__ __forceinline__
#define TW_UNROLL _Pragma("unroll")
#define TW_PRAGMA(text) _Pragma(#text)
#define TW_UNROLL_BY(times) TW_PRAGMA(unroll times)

namespace TW_BACKEND {

using Dim3 = dim3;

// On the emulator a Site says where a wrapper was called; a GPU has no use for it, so here it is empty.
struct Site {
  static __host__ __device__ constexpr Site here() { return {}; }
};

}  // namespace TW_BACKEND

#else

#include <math.h>

#include "simt/block.h"
#include "simt/site.h"

#define TW_SIMT 1
#define TW_BACKEND tilewright::simt_backend
#define TW_KERNEL [[maybe_unused]] static
#define TW_LAUNCH_BOUNDS(threads)
#define TW_LAUNCH_BOUNDS_PER_SM(threads, blocks)
#define TW_DEVICE inline
#define TW_UNROLL
#define TW_UNROLL_BY(times)

namespace TW_BACKEND {

using simt::blockDim;
using simt::blockIdx;
using simt::Dim3;
using simt::gridDim;
using simt::Site;
using simt::threadIdx;

}  // namespace TW_BACKEND

#endif

namespace TW_BACKEND {

inline constexpr int kWarpSize = 32;
inline constexpr int kMaxThreads = 1024;  // of one block
inline constexpr int kMaxWarps = kMaxThreads / kWarpSize;

}  // namespace TW_BACKEND
