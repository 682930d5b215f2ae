// SPDX-License-Identifier: Apache-2.0
// Computes    y[i] = x[0] + ... + x[i] along a line, or x[0] + ... + x[i - 1] (exclusive)
// Layout      lines of any stride, of any arrangement; y may be x. A reversed sum has pointers at the line's
//             end and negative strides
// Method      scan_lines: a block takes a line chunk by chunk, kItems neighbours a thread; threads scan
//             inside their warp by shuffles and across warps by shared memory. Long lines are cut in slices:
//             scan_totals sums each, scan_lines starts from the sum of those before. scan_columns: a thread
//             walks a line
// Work split  scan_lines: a block per line and slice; scan_columns: a thread per line, neighbouring lines
//             side by side
// Limits      totals are double (int64 for integers): the error does not grow along the line Ran
//             on      no GPU yet; passes on simt
#pragma once

#include "device/team.cuh"
#include "kernels/elementwise.cuh"
#include "kernels/reduce_fold.cuh"

namespace TW_BACKEND {

inline constexpr int kScanThreads = 256;
inline constexpr int kScanItems = 4;

// Line l begins at lines.offsets(l), of x and of y; its elements lie x_along and y_along apart.
struct ScanShape {
  Axes<2> lines;
  int64_t count = 0, length = 0, x_along = 0, y_along = 0;
  int64_t per_slice = 0;  // elements
  int slices = 1;
  bool exclusive = false;
};

template <class Total>
struct ScanSmem {
  SharedArray<Total, 2 * kMaxWarps> of_warp;  // of this chunk and the next: one barrier a chunk is enough
};

// The lane's sum of `value` over the lanes before it.
template <class Total>
TW_DEVICE Total sum_before(Total value, Site site = Site::here()) {
  Total inclusive = value;
  for (int delta = 1; delta < kWarpSize; delta *= 2) {
    const int from = lane_index() - delta;
    const Total other = shfl(inclusive, from < 0 ? lane_index() : from, site);
    if (from >= 0) inclusive += other;
  }
  return inclusive - value;
}

// totals (count, slices) of every slice but a line's last.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kScanThreads)
    scan_totals(GlobalPtr<FoldTotal<T>> totals, GlobalPtr<const T> x, ScanShape shape) {
  using Total = FoldTotal<T>;
  BlockTeamOf<Total> team;
  const int64_t line = blockIdx.x / shape.slices, slice = blockIdx.x % shape.slices;
  const GlobalPtr<const T> from = x + shape.lines.offsets(line).of[0];
  const int64_t begin = slice * shape.per_slice, end = begin + shape.per_slice;
  Total sum = 0;
  for (int64_t i = begin + team.rank(); i < end && i < shape.length; i += team.size())
    sum += static_cast<Total>(T(from[i * shape.x_along]));
  sum = team.reduce(sum, Total(0), [](Total a, Total b) { return a + b; });
  if (team.rank() == 0) totals[blockIdx.x] = sum;
}

// totals may be null, with one slice.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kScanThreads)
    scan_lines(GlobalPtr<T> y, GlobalPtr<const T> x, GlobalPtr<const FoldTotal<T>> totals, ScanShape shape) {
  using Total = FoldTotal<T>;
  auto& smem = block_shared<ScanSmem<Total>>();
  const int64_t line = blockIdx.x / shape.slices, slice = blockIdx.x % shape.slices;
  const auto at = shape.lines.offsets(line);
  const int threads = static_cast<int>(blockDim.x), warps = threads / kWarpSize;
  const int64_t begin = slice * shape.per_slice, limit = begin + shape.per_slice;
  const int64_t end = limit < shape.length ? limit : shape.length;

  Total carry = 0;  // of all before the chunk
  for (int64_t s = 0; s < slice; ++s) carry += totals[line * shape.slices + s];
  int slot = 0;
  for (int64_t chunk = begin; chunk < end; chunk += int64_t{threads} * kScanItems) {
    const int64_t first = chunk + int64_t{threadIdx.x} * kScanItems;
    Total values[kScanItems], sum = 0;
    TW_UNROLL
    for (int i = 0; i < kScanItems; ++i) {
      values[i] =
          first + i < end ? static_cast<Total>(T(x[at.of[0] + (first + i) * shape.x_along])) : Total(0);
      sum += values[i];
    }
    Total running = sum_before(sum);
    if (lane_index() == kWarpSize - 1) smem.of_warp[slot * kMaxWarps + warp_index()] = running + sum;
    block_sync();
    running += carry;
    for (int w = 0; w < warps; ++w) {
      const Total of_warp = smem.of_warp[slot * kMaxWarps + w];
      if (w < warp_index()) running += of_warp;
      carry += of_warp;
    }
    slot ^= 1;
    TW_UNROLL
    for (int i = 0; i < kScanItems; ++i) {
      const Total before = running;
      running += values[i];
      if (first + i < end)
        y[at.of[1] + (first + i) * shape.y_along] = static_cast<T>(shape.exclusive ? before : running);
    }
  }
}

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kScanThreads)
    scan_columns(GlobalPtr<T> y, GlobalPtr<const T> x, ScanShape shape) {
  using Total = FoldTotal<T>;
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t line = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; line < shape.count; line += step) {
    const auto at = shape.lines.offsets(line);
    Total running = 0;
    for (int64_t i = 0; i < shape.length; ++i) {
      const Total before = running;
      running += static_cast<Total>(T(x[at.of[0] + i * shape.x_along]));
      y[at.of[1] + i * shape.y_along] = static_cast<T>(shape.exclusive ? before : running);
    }
  }
}

}  // namespace TW_BACKEND
