// SPDX-License-Identifier: Apache-2.0
// The choice of a convolution's kernel and of its slices.
#include <algorithm>
#include <atomic>

#include "launch/conv2d_launch.h"

namespace TW_BACKEND {
namespace {

constexpr int64_t kMaxSlices = 64;
constexpr int64_t kMostGroups = 65535;      // of a grid's third axis
constexpr int64_t kFewChannels = 8;         // of a group: most of a tile would be empty
constexpr int64_t kShortSum = 8;            // of k, or of m of a weight gradient
constexpr int64_t kPanelsOfSlice = 8;       // at least
constexpr int64_t kDirectSliceDepth = 256;  // at least

std::atomic<int> forced_kernel{-1}, forced_slices{1};

struct Tile {
  int m, n, depth_bytes;
};
constexpr Tile kTiles[kConvKernels] = {{1, 1, 0},    {1, 1, 0},       {128, 128, 64},
                                       {64, 32, 64}, {128, 128, 128}, {64, 32, 128}};

ConvPlan sliced(int kernel, int64_t k, int64_t slices, int64_t depth) {
  const int64_t panels = std::max<int64_t>(ceil_divide(k, depth), 1);
  const int64_t of_slice = ceil_divide(panels, std::max<int64_t>(slices, 1));
  return {kernel, static_cast<int>(ceil_divide(panels, of_slice)), static_cast<int>(of_slice * depth)};
}

// Slices that give the chip two blocks a multiprocessor, each with enough to do.
ConvPlan fill_chip(int kernel, int64_t blocks, int64_t k, int64_t depth, int64_t least) {
  const int64_t wanted =
      blocks >= kMultiprocessors ? 1 : ceil_divide(2 * kMultiprocessors, std::max<int64_t>(blocks, 1));
  return sliced(kernel, k, std::clamp<int64_t>(ceil_divide(k, least), 1, std::min(wanted, kMaxSlices)),
                depth);
}

bool takes(int kernel, const ConvShape& s) {
  if (kernel == kConvDirect) return true;
  if (kernel == kConvDepthwise) return s.correlate && s.in_channels == 1 && s.n == 1 && s.vectors;
  if (s.element_bytes == 8 || s.groups > kMostGroups) return false;
  const bool mma = kernel == kConvMmaLarge || kernel == kConvMmaSmall;
  return mma == (s.element_bytes == 2 || s.tf32);
}

bool few_channels(const ConvShape& s) {
  const int64_t sum = s.correlate ? s.k : s.m;
  return sum < kShortSum || (s.groups > 1 && std::min(s.in_channels, s.n) < kFewChannels);
}

// The whole sum in one slice.
ConvPlan whole(int kernel, const ConvShape& s) {
  return {kernel, 1, static_cast<int>(std::max<int64_t>(s.k, 1))};
}

ConvPlan direct_plan(const ConvShape& s) {
  if (takes(kConvDepthwise, s)) return whole(kConvDepthwise, s);
  if (s.correlate) return whole(kConvDirect, s);
  return fill_chip(kConvDirect, s.m * ceil_divide(s.n * s.groups, kWarpSize), s.k, 1, kDirectSliceDepth);
}

}  // namespace

ConvPlan choose_conv(const ConvShape& s) {
  const int forced = forced_kernel;
  if (forced >= 0 && takes(forced, s)) {
    if (forced == kConvDepthwise || (forced == kConvDirect && s.correlate)) return whole(forced, s);
    const int64_t depth = forced == kConvDirect ? 1 : kTiles[forced].depth_bytes / s.element_bytes;
    return sliced(forced, s.k, forced_slices, depth);
  }
  if (s.element_bytes == 8 || s.groups > kMostGroups || few_channels(s)) return direct_plan(s);
  const bool mma = s.element_bytes == 2 || s.tf32;
  const auto blocks = [&](const Tile& t) { return ceil_divide(s.m, t.m) * ceil_divide(s.n, t.n) * s.groups; };
  const int large = mma ? kConvMmaLarge : kConvFmaLarge, small = mma ? kConvMmaSmall : kConvFmaSmall;
  // A weight gradient fills the chip by slices of its long sums, whatever the tile.
  const bool enough = s.correlate ? blocks(kTiles[large]) >= kMultiprocessors : s.m >= 64 && s.n >= 64;
  const int kernel = enough ? large : small;
  const int64_t depth = kTiles[kernel].depth_bytes / s.element_bytes;
  return fill_chip(kernel, blocks(kTiles[kernel]), s.k, depth, kPanelsOfSlice * depth);
}

#if TW_SIMT

std::vector<std::string> conv_kernels() {
  return {"direct", "depthwise", "fma_large", "fma_small", "mma_large", "mma_small"};
}

void force_conv(int kernel, int slices) {
  forced_kernel = kernel;
  forced_slices = slices;
}

#endif

}  // namespace TW_BACKEND
