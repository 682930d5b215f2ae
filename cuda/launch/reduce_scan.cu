// SPDX-License-Identifier: Apache-2.0
// Running sums along an axis.
#include <algorithm>

#include "core/dispatch.h"
#include "device/scratch.cuh"
#include "kernels/reduce_scan.cuh"
#include "launch/axes.h"
#include "launch/grid.h"
#include "launch/reduce_parts.h"

namespace TW_BACKEND {
namespace {

constexpr int64_t kShortLine = 64;         // elements a thread walks alone
constexpr int64_t kChunk = kScanThreads * kScanItems;
constexpr int64_t kChunksPerSlice = 8;

template <class T>
void by_blocks(GlobalPtr<T> y, GlobalPtr<const T> x, ScanShape shape, Stream stream) {
  constexpr const char* kName = "cumsum";
  using Total = FoldTotal<T>;
  const int64_t most = std::max<int64_t>(2 * kMultiprocessors / shape.count, 1);
  const int64_t slices = std::clamp<int64_t>(shape.length / (kChunk * kChunksPerSlice), 1, most);
  shape.per_slice = round_up(ceil_divide(shape.length, slices), kChunk);
  shape.slices = static_cast<int>(ceil_divide(shape.length, shape.per_slice));
  const Dim3 grid(static_cast<unsigned>(shape.count * shape.slices));
  const int64_t needed = round_up(ceil_divide(shape.length, kScanItems), kWarpSize);
  const Dim3 block(static_cast<unsigned>(std::min<int64_t>(needed, kScanThreads)));
  const Scratch<Total> totals(shape.slices > 1 ? shape.count * shape.slices : 0, stream, kName);
  if (shape.slices > 1) {
    launch(kName, scan_totals<T>, grid, block, sizeof(typename BlockTeamOf<Total>::Smem), stream,
           totals.pointer(), x, shape);
  }
  launch(kName, scan_lines<T>, grid, block, sizeof(ScanSmem<Total>), stream, y, x,
         GlobalPtr<const Total>(totals.pointer()), shape);
}

template <class T>
void cumsum_of(const View& y, const View& x, int axis, bool exclusive, bool reverse, Stream stream) {
  HostAxes<2> lines;
  for (int i = x.ndim - 1; i >= 0; --i) {
    if (i != axis) lines.add(x.shape[i], {x.strides[i], y.strides[i]});
  }
  lines.merge();
  ScanShape shape;
  shape.lines = lines.device();
  shape.count = lines.elements();
  shape.length = x.shape[axis];
  shape.exclusive = exclusive;
  if (shape.count == 0 || shape.length == 0) return;
  const int64_t sign = reverse ? -1 : 1, last = reverse ? shape.length - 1 : 0;
  shape.x_along = sign * x.strides[axis];
  shape.y_along = sign * y.strides[axis];
  const auto to = global_pointer<T>(y, "y") + last * y.strides[axis];
  const auto from = global_pointer<const T>(x, "x") + last * x.strides[axis];
  const bool side_by_side = lines.count > 0 && std::abs(lines.stride[0][0]) < std::abs(x.strides[axis]);
  const bool enough = shape.count >= kMultiprocessors * kWarpSize || shape.length <= kShortLine;
  if ((side_by_side && enough) || shape.length <= kShortLine / 2) {
    launch_map("cumsum", scan_columns<T>, MapGrid(shape.count, kScanThreads), stream, to, from, shape);
  } else {
    by_blocks<T>(to, from, shape, stream);
  }
}

}  // namespace

void cumsum(const View& y, const View& x, int axis, bool exclusive, bool reverse, Stream stream) {
  if (y.dtype == Dtype::f32 || y.dtype == Dtype::f64) {
    for_float(y.dtype, [&](auto type) {
      cumsum_of<type_t<decltype(type)>>(y, x, axis, exclusive, reverse, stream);
    });
  } else {
    for_index(y.dtype, [&](auto type) {
      cumsum_of<type_t<decltype(type)>>(y, x, axis, exclusive, reverse, stream);
    });
  }
}

}  // namespace TW_BACKEND
