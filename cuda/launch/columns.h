// SPDX-License-Identifier: Apache-2.0
// How a matrix is cut for kernels that fold its rows together, column by column (kernels/columns.cuh).
#pragma once

#include <stdint.h>

#include <algorithm>

#include "kernels/columns.cuh"
#include "launch/grid.h"

namespace TW_BACKEND {

// Enough blocks to fill the chip, but slices no shorter than pays for a second kernel.
inline ColumnSplit split_columns(int64_t rows, int64_t cols, int vector, int64_t blocks = 2 * kMultiprocessors) {
  constexpr int64_t kRowsPerThread = 8;
  ColumnSplit split;
  split.rows = rows;
  split.cols = cols;
  const int64_t groups = ceil_divide(cols, vector);
  split.lanes = 1;
  while (split.lanes < kWarpSize && split.lanes < groups) split.lanes *= 2;
  const int64_t tiles = ceil_divide(groups, split.lanes);
  const int64_t shortest = kColumnThreads / split.lanes * kRowsPerThread;
  const int64_t slices = std::clamp<int64_t>(blocks / tiles, 1, std::max<int64_t>(rows / shortest, 1));
  split.rows_per_slice = std::max<int64_t>(ceil_divide(rows, slices), 1);
  split.tiles = static_cast<int>(tiles);
  split.slices = static_cast<int>(std::max<int64_t>(ceil_divide(rows, split.rows_per_slice), 1));
  return split;
}

template <class Team, class... Params, class... Args>
void launch_columns(const char* name, void (*kernel)(Params...), const ColumnSplit& split, Stream stream,
                    Args... args) {
  launch(name, kernel, Dim3(static_cast<unsigned>(split.tiles) * static_cast<unsigned>(split.slices)),
         Dim3(kColumnThreads), sizeof(typename Team::Smem), stream, args...);
}

}  // namespace TW_BACKEND
