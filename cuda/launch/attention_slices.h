// SPDX-License-Identifier: Apache-2.0
// Slices of the keys, where the rows alone have too few blocks for the chip: decided by the shape.
#pragma once

#include "device/launch.cuh"
#include "device/scratch.cuh"
#include "launch/attention_launch.h"
#include "launch/grid.h"

namespace TW_BACKEND {

inline constexpr int64_t kAttentionSliceKeys = 256;  // at least
inline constexpr int64_t kMostAttentionSlices = 64;

// Launches kernel(f), a block per `rows` rows and slice, and adds the slices.
template <class T>
void launch_attention_slices(const char* name, void (*kernel)(AttentionForward<T>), const AttentionLaunch& l,
                             AttentionForward<T> f, int rows, int columns, int threads, size_t smem) {
  AttentionProblem<T>& p = f.problem;
  p.tiles = static_cast<int>(ceil_divide(p.rows, rows));
  const int64_t blocks = p.tiles * l.heads;
  const int64_t wanted = std::min(ceil_divide(2 * kMultiprocessors, blocks), kMostAttentionSlices);
  const int64_t slices =
      blocks >= kMultiprocessors ? 1 : std::clamp<int64_t>(p.keys / kAttentionSliceKeys, 1, wanted);
  f.slice_keys = static_cast<int>(round_up(std::max<int64_t>(ceil_divide(p.keys, slices), 1), columns));
  f.slices = static_cast<int>(std::max<int64_t>(ceil_divide(p.keys, f.slice_keys), 1));
  const int64_t part_rows = f.slices == 1 ? 0 : l.heads * f.slices * p.rows;
  const Scratch<Wide<T>> partial(part_rows * p.depth, l.stream, kAttentionName);
  const Scratch<Wide<T>> partial_rows(part_rows * 2, l.stream, kAttentionName);
  f.partial = partial.pointer();
  f.partial_rows = partial_rows.pointer();
  launch(name, kernel, Dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(f.slices)),
         Dim3(static_cast<unsigned>(threads)), smem, l.stream, f);
  if (f.slices == 1) return;
  const int64_t all_rows = l.heads * p.rows;
  launch("attention_combine", attention_combine<T>,
         Dim3(static_cast<unsigned>(ceil_divide(all_rows, kAttentionRowThreads / kWarpSize))),
         Dim3(kAttentionRowThreads), 0, l.stream, f, all_rows);
}

}  // namespace TW_BACKEND
