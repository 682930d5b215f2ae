// SPDX-License-Identifier: Apache-2.0
// The choice of a matmul kernel: an estimate of the time of each, in cycles of one multiprocessor.
#include <algorithm>
#include <atomic>

#include "launch/grid.h"
#include "launch/matmul_plan.h"

namespace TW_BACKEND {
namespace {

struct TileKernel {
  MatmulKernel kernel;
  MatmulMath math;
  int m, n;
  int depth_bytes;    // of a panel
  int per_processor;  // blocks that run together on a multiprocessor
  double rate;        // multiply-adds a cycle of a multiprocessor that is full
};

// Rates are estimates from the instruction mix, not measurements: 128 FMA a cycle (64 in double), 1024 for
// 16-bit mma.sync on Ampere; small tiles lose to loads from shared memory.
constexpr TileKernel kTileKernels[] = {
    {kFmaLarge, MatmulMath::fma, 128, 128, 64, 1, 110},
    {kFmaMedium, MatmulMath::fma, 64, 64, 64, 4, 85},
    {kFmaSmall, MatmulMath::fma, 64, 32, 64, 8, 65},
    {kFmaDouble, MatmulMath::fma_double, 64, 64, 64, 3, 50},
    {kMmaLarge, MatmulMath::mma, 128, 128, 128, 1, 800},
    {kMmaMedium, MatmulMath::mma, 64, 64, 128, 3, 500},
    {kMmaSmall, MatmulMath::mma, 64, 32, 128, 4, 350},
};

constexpr const char* kNames[kMatmulKernels] = {"fma_large",  "fma_medium", "fma_small",
                                                "fma_double", "mma_large",  "mma_medium",
                                                "mma_small",  "thin_dot",   "thin_stream"};
constexpr double kStartCycles = 1500;      // of a block: launch, first panels, epilogue
constexpr double kSumBytesPerCycle = 12;   // of a multiprocessor, through the second-level cache
constexpr double kSumLaunchCycles = 4000;  // of the kernel that adds the slices
constexpr int kMaxSlices = 32;
constexpr int kThinSliceDepth = 512;
constexpr int kThinLinesOfBlock = 32;  // about, of either thin kernel

std::atomic<int> forced_kernel{-1}, forced_slices{1};

// `slices` of whole panels; fewer where K has not as many.
MatmulPlan sliced(MatmulKernel kernel, int64_t k, int64_t slices, int depth) {
  const int64_t panels = std::max<int64_t>(ceil_divide(k, depth), 1);
  const int64_t of_slice = ceil_divide(panels, std::max<int64_t>(slices, 1));
  return {kernel, static_cast<int>(ceil_divide(panels, of_slice)), static_cast<int>(of_slice * depth)};
}

double cycles(const TileKernel& t, const MatmulShape& s, const MatmulPlan& plan) {
  const double blocks =
      static_cast<double>(ceil_divide(s.m, t.m) * ceil_divide(s.n, t.n) * s.batch * plan.slices);
  const double products = static_cast<double>(t.m) * t.n * plan.slice_depth;
  // The blocks of the fullest multiprocessor share its rate; a lone block cannot hide its own latency.
  const double on_one =
      std::max(1.0, static_cast<double>(ceil_divide(static_cast<int64_t>(blocks), kMultiprocessors)));
  const double used =
      std::min(1.0, (0.5 + 0.5 * std::min(on_one, double(t.per_processor)) / t.per_processor));
  const double waves = on_one / std::min(on_one, static_cast<double>(t.per_processor));
  double total = on_one * products / (t.rate * used) + waves * kStartCycles;
  if (plan.slices > 1) {
    const double bytes =
        static_cast<double>(s.m) * s.n * s.batch * (2.0 * plan.slices) * (s.element_bytes == 8 ? 8 : 4);
    total += kSumLaunchCycles + bytes / (kSumBytesPerCycle * kMultiprocessors);
  }
  return total;
}

int panel_depth(int kernel, int element_bytes) {
  for (const TileKernel& t : kTileKernels)
    if (t.kernel == kernel) return t.depth_bytes / element_bytes;
  return kThinSliceDepth;
}

bool takes(int kernel, const MatmulShape& s) {
  if (kernel == kThinDot) return s.thin_dot;
  if (kernel == kThinStream) return s.thin_stream;
  for (const TileKernel& t : kTileKernels)
    if (t.kernel == kernel) return t.math == s.math;
  return false;
}

}  // namespace

const char* matmul_kernel_name(int kernel) { return kNames[kernel]; }

MatmulPlan choose_matmul(const MatmulShape& s) {
  const int forced = forced_kernel;
  if (forced >= 0 && takes(forced, s)) {
    return sliced(static_cast<MatmulKernel>(forced), s.k, forced_slices,
                  std::min(panel_depth(forced, s.element_bytes), forced >= kThinDot ? 256 : 1 << 30));
  }
  if (s.thin_dot || s.thin_stream) {
    const MatmulKernel kernel = s.thin_dot ? kThinDot : kThinStream;
    const int64_t blocks = ceil_divide(std::max(s.m, s.n), kThinLinesOfBlock) * s.batch;
    return sliced(kernel, s.k, std::min<int64_t>(ceil_divide(2 * kMultiprocessors, blocks), kMaxSlices),
                  kThinSliceDepth);
  }
  MatmulPlan best;
  double least = 0;
  for (const TileKernel& t : kTileKernels) {
    if (t.math != s.math) continue;
    for (int slices = 1; slices <= kMaxSlices; ++slices) {
      const MatmulPlan plan = sliced(t.kernel, s.k, slices, t.depth_bytes / s.element_bytes);
      if (plan.slices != slices) continue;
      const double estimate = cycles(t, s, plan);
      if (least == 0 || estimate < least) best = plan, least = estimate;
    }
  }
  return best;
}

#if TW_SIMT

std::vector<std::string> matmul_kernels() { return {kNames, kNames + kMatmulKernels}; }

MatmulPlan plan_matmul(int64_t m, int64_t n, int64_t k, int64_t batch, int bits) {
  const MatmulMath math = bits == 64   ? MatmulMath::fma_double
                          : bits == 32 ? MatmulMath::fma
                                       : MatmulMath::mma;
  return choose_matmul({m, n, k, batch, math, bits / 8});
}

void force_matmul(int kernel, int slices) {
  forced_kernel = kernel;
  forced_slices = slices;
}

#endif

}  // namespace TW_BACKEND
