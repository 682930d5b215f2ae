// SPDX-License-Identifier: Apache-2.0
#include "cpu/reduce_plan.h"

#include <algorithm>

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;
constexpr int64_t kElementsPerStep = 1 << 14;  // also bounds what is packed at once: 128 KiB of float64
// Rows are read in stretches as long as possible, but the totals of a tile (8 bytes a column) have to stay in the
// second-level cache while its rows go by.
constexpr int64_t kMaxColumns = 16384;
constexpr int64_t kMaxRows = 256;
constexpr int64_t kEnoughTasks = 32;

int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Adds an axis in the order of x's strides. Negative strides are turned round: no fold depends on direction.
void insert(ReduceAxis* axes, int& count, ReduceAxis axis, ReducePlan& plan) {
  if (axis.x_stride < 0) {
    plan.x_offset += axis.x_stride * (axis.size - 1);
    plan.y_offset += axis.y_stride * (axis.size - 1);
    axis.x_stride = -axis.x_stride;
    axis.y_stride = -axis.y_stride;
  }
  int at = count++;
  for (; at > 0 && axes[at - 1].x_stride > axis.x_stride; --at) axes[at] = axes[at - 1];
  axes[at] = axis;
}

void merge(ReduceAxis* axes, int& count) {
  int last = 0;
  for (int i = 1; i < count; ++i) {
    ReduceAxis& inner = axes[last];
    if (axes[i].x_stride == inner.x_stride * inner.size && axes[i].y_stride == inner.y_stride * inner.size)
      inner.size *= axes[i].size;
    else
      axes[++last] = axes[i];
  }
  count = count ? last + 1 : 0;
}

void cut(ReducePlan& plan) {
  const int64_t per_output = std::max<int64_t>(plan.reduced_size, 1);
  const ReduceAxis &kept = plan.kept[0], &reduced = plan.reduced[0];
  const int64_t widest = plan.by_rows ? kMaxRows : kMaxColumns;
  // Memory is read in long stretches: whole rows of columns, and neighbouring outputs where a reduced axis lies
  // outside of them. 256 columns of rows 4 KiB apart reach a third of that speed.
  const bool interleaved = plan.reduced_count > 1 && plan.kept_count > 0;
  const int64_t narrowest = !plan.by_rows ? kMaxColumns
                            : interleaved ? std::clamp<int64_t>(kElementsPerTask / reduced.size, 1, widest) : 1;
  plan.tile = std::min(std::clamp(kElementsPerTask / per_output, narrowest, widest), kept.size);
  // Tiles of columns are of equal width, as far as whole cache lines allow.
  if (!plan.by_rows) plan.tile = std::min((ceil_divide(kept.size, ceil_divide(kept.size, plan.tile)) + 15) & -16, kept.size);
  plan.tiles_per_row = ceil_divide(kept.size, plan.tile);
  plan.tiles = plan.outputs / kept.size * plan.tiles_per_row;
  // What needs no packing is taken whole: rows one after the other, or all rows of a tile of columns.
  const bool whole = plan.by_rows ? reduced.x_stride == 1 : kept.x_stride == 1;
  const int64_t rows = plan.by_rows ? 1 : plan.tile;
  const int64_t length = whole ? std::max<int64_t>(kElementsPerStep / rows, 64)
                               : std::max<int64_t>(kElementsPerStep / plan.tile, 8);
  plan.block = std::min(length, std::max<int64_t>(reduced.size, 1));
  plan.blocks_per_row = ceil_divide(reduced.size, plan.block);
  plan.steps = reduced.size ? plan.reduced_size / reduced.size * plan.blocks_per_row : 0;
  const int64_t work = plan.tile * per_output;
  if (plan.tiles < kEnoughTasks && work >= 2 * kElementsPerTask)
    plan.slices = std::min({work / kElementsPerTask, plan.steps, ceil_divide(kEnoughTasks, plan.tiles)});
  plan.slices = std::max<int64_t>(plan.slices, 1);
  plan.tiles_per_task = plan.slices > 1 ? 1 : std::max<int64_t>(kElementsPerTask / work, 1);
}

}  // namespace

ReducePlan plan_reduce(const View& y, const View& x) {
  ReducePlan plan;
  plan.kept_count = plan.reduced_count = 0;
  for (int i = x.ndim - 1; i >= 0; --i) {
    const bool kept = y.shape[i] == x.shape[i];
    (kept ? plan.outputs : plan.reduced_size) *= x.shape[i];
    if (x.shape[i] == 1) continue;
    if (kept)
      insert(plan.kept, plan.kept_count, {x.shape[i], x.strides[i], y.strides[i]}, plan);
    else
      insert(plan.reduced, plan.reduced_count, {x.shape[i], x.strides[i], 0}, plan);
  }
  merge(plan.kept, plan.kept_count);
  merge(plan.reduced, plan.reduced_count);
  plan.by_rows = plan.reduced_count > 0 &&
                 (plan.kept_count == 0 || plan.reduced[0].x_stride <= plan.kept[0].x_stride);
  plan.kept_count = std::max(plan.kept_count, 1);
  plan.reduced_count = std::max(plan.reduced_count, 1);
  if (plan.outputs > 0) cut(plan);
  return plan;
}

}  // namespace tilewright::cpu
