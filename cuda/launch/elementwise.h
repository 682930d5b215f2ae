// SPDX-License-Identifier: Apache-2.0
// Launches elementwise_map for any function object over Views of one shape.
#pragma once

#include "kernels/elementwise.cuh"
#include "launch/axes.h"
#include "launch/grid.h"

namespace TW_BACKEND {

// Whether View v of `axes` can be read in groups of `vector` elements of `item` bytes along the innermost axis.
template <int kViews>
bool grouped(const HostAxes<kViews>& axes, int v, const View& view, int vector) {
  const int64_t item = dtype_size(view.dtype), inner = axes.stride[v][0];
  if (v > 0 && inner == 0) return true;
  if (inner != 1 || !aligned(view.as<char>() + axes.start[v] * item, vector * item)) return false;
  for (int axis = 1; axis < axes.count; ++axis) {
    if (axes.stride[v][axis] % vector != 0) return false;
  }
  return true;
}

// y = f(inputs...). Element types are F's; the Views' dtypes have the same sizes.
template <class F, class... Inputs>
void map_elements(const char* name, F f, const View& y, Stream stream, const Inputs&... inputs) {
  constexpr int kViews = F::kInputs + 1, kVector = kGroup<F>;
  static_assert(sizeof...(Inputs) == F::kInputs);
  if (y.size() == 0) return;
  const View none;
  const View* const views[kViews] = {&y, &inputs...};
  const View* const input[3] = {kViews > 1 ? views[kViews > 1] : &none,
                                kViews > 2 ? views[kViews > 2 ? 2 : 0] : &none,
                                kViews > 3 ? views[kViews > 3 ? 3 : 0] : &none};
  HostAxes<kViews> axes = axes_of(views);
  const int64_t inner = axes.count > 0 ? axes.size[0] : 1;
  bool groups = axes.count > 0 && inner % kVector == 0;
  for (int v = 0; v < kViews && groups; ++v) groups = grouped(axes, v, *views[v], kVector);
  const int64_t items = groups ? axes.elements() / kVector : axes.elements();
  int64_t start[4] = {};
  for (int v = 0; v < kViews; ++v) start[v] = axes.start[v];
  const Operands<F> operands = {
      global_pointer<typename F::Y>(y, "y") + start[0],
      optional_pointer<const typename F::A>(*input[0], "the first argument") + start[1],
      optional_pointer<const typename F::B>(*input[1], "the second argument") + start[2],
      optional_pointer<const typename F::C>(*input[2], "the third argument") + start[3]};
  launch_map(name, elementwise_map<F>, MapGrid(ceil_divide(items, 2), kElementwiseThreads), stream, f, operands,
             axes.device(groups ? inner / kVector : 0), items, groups);
}

}  // namespace TW_BACKEND
