// SPDX-License-Identifier: Apache-2.0
// How a reduction walks memory: axes sorted by stride and merged, then cut into tiles of outputs and steps of
// reduced elements. Everything follows from shapes and strides, nothing from the number of threads.
#pragma once

#include <stdint.h>

#include "core/view.h"

namespace tilewright::cpu {

struct ReduceAxis {
  int64_t size = 1;
  int64_t x_stride = 0;
  int64_t y_stride = 0;
};

struct ReducePlan {
  // Innermost (smallest stride of x) first; at least one of each kind, of size 1 where x has none.
  ReduceAxis kept[kMaxDims], reduced[kMaxDims];
  int kept_count = 1, reduced_count = 1;
  int64_t x_offset = 0, y_offset = 0;  // to the element of smallest index in the flipped axes
  int64_t outputs = 1, reduced_size = 1;
  bool by_rows = true;  // the reduced axis is the inner one

  int64_t tile = 1;             // outputs along kept[0] of one task
  int64_t tiles_per_row = 1;    // tiles that cover kept[0]
  int64_t tiles = 1;
  int64_t block = 1;            // elements along reduced[0] of one step
  int64_t blocks_per_row = 1;   // steps that cover reduced[0]
  int64_t steps = 1;
  int64_t slices = 1;           // parts of the steps, each summed on its own, where the tiles alone are too few
  int64_t tiles_per_task = 1;
};

// x of any strides; y has x's rank with size 1 where an axis is reduced.
ReducePlan plan_reduce(const View& y, const View& x);

}  // namespace tilewright::cpu
