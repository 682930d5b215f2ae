// SPDX-License-Identifier: Apache-2.0
// From Views to the kernels of kernels/reduce.cuh: which axes are kept and reduced, which kernel, how many slices.
#pragma once

#include <stdint.h>

#include <algorithm>

#include "device/scratch.cuh"
#include "device/team.cuh"
#include "kernels/reduce.cuh"
#include "launch/axes.h"
#include "launch/columns.h"
#include "launch/elementwise.h"
#include "launch/grid.h"

namespace TW_BACKEND {

struct ReducePlan {
  HostAxes<2> kept;     // x, y
  HostAxes<1> reduced;  // x
  int64_t outputs = 1, reduced_size = 1;
  int64_t x_start = 0, y_start = 0;
};

// `ordered`: there is one reduced axis and its elements are numbered from its beginning.
inline ReducePlan plan_reduce(const View& y, const View& x, bool ordered = false) {
  ReducePlan plan;
  for (int axis = x.ndim - 1; axis >= 0; --axis) {
    const bool kept = y.shape[axis] == x.shape[axis];
    (kept ? plan.outputs : plan.reduced_size) *= x.shape[axis];
    if (kept) {
      plan.kept.add(x.shape[axis], {x.strides[axis], y.strides[axis]});
    } else {
      plan.reduced.add(x.shape[axis], {x.strides[axis]});
    }
  }
  plan.kept.sort();
  plan.kept.merge();
  if (!ordered) plan.reduced.sort();
  plan.reduced.merge();
  plan.x_start = plan.kept.start[0] + plan.reduced.start[0];
  plan.y_start = plan.kept.start[1];
  return plan;
}

// The kernels' choice for one plan.
template <class F>
class Reducer {
 public:
  using T = typename F::Element;
  using Total = typename F::Total;
  static constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));

  Reducer(const char* name, const ReducePlan& plan, const View& x, Stream stream)
      : name_(name), plan_(plan), x_(x), stream_(stream) {}

  // shift: one value per output, or null.
  void run(F f, typename F::Target target, GlobalPtr<const double> shift) const {
    if (plan_.outputs == 0) return;
    if (by_rows()) {
      run_rows(f, target, shift);
    } else if (kept_in_groups()) {
      run_columns<kVector>(f, target, shift);
    } else {
      run_columns<1>(f, target, shift);
    }
  }

 private:
  static constexpr int64_t kShortRow = 16;         // elements one thread takes alone
  static constexpr int64_t kWarpRow = 2048;        // elements a warp takes alone
  static constexpr int64_t kItemsPerSlice = 2048;  // of a block at least

  bool by_rows() const {
    if (plan_.reduced.count == 0 || plan_.reduced_size <= kShortRow) return false;
    return plan_.kept.count == 0 || std::abs(plan_.reduced.stride[0][0]) <= plan_.kept.stride[0][0];
  }

  bool multiple(const int64_t* strides, int from, int count) const {
    for (int axis = from; axis < count; ++axis) {
      if (strides[axis] % kVector != 0) return false;
    }
    return true;
  }
  bool start_aligned() const { return aligned(x_.as<T>() + plan_.x_start, kVectorBytes); }
  bool reduced_in_groups() const {
    return kVector > 1 && plan_.reduced.stride[0][0] == 1 && plan_.reduced.size[0] % kVector == 0 &&
           start_aligned() && multiple(plan_.reduced.stride[0], 1, plan_.reduced.count) &&
           multiple(plan_.kept.stride[0], 0, plan_.kept.count);
  }
  bool kept_in_groups() const {
    return kVector > 1 && plan_.kept.count > 0 && plan_.kept.stride[0][0] == 1 &&
           plan_.kept.size[0] % kVector == 0 && start_aligned() &&
           multiple(plan_.kept.stride[0], 1, plan_.kept.count) &&
           multiple(plan_.reduced.stride[0], 0, plan_.reduced.count);
  }

  GlobalPtr<const T> x_pointer() const { return global_pointer<const T>(x_, "x") + plan_.x_start; }

  void run_rows(F f, typename F::Target target, GlobalPtr<const double> shift) const {
    ReduceShape shape;
    shape.outputs = plan_.outputs;
    shape.in_groups = reduced_in_groups();
    shape.items = plan_.reduced_size / (shape.in_groups ? kVector : 1);
    shape.kept = plan_.kept.device();
    HostAxes<1> reduced = plan_.reduced;
    if (shape.in_groups) {
      reduced.size[0] /= kVector;
      reduced.stride[0][0] = kVector;
    }
    shape.reduced = reduced.device();
    const int64_t most = std::max<int64_t>(2 * kMultiprocessors / shape.outputs, 1);
    const int64_t slices = std::clamp<int64_t>(shape.items / kItemsPerSlice, 1, most);
    shape.items_per_slice = std::max<int64_t>(ceil_divide(shape.items, slices), 1);
    shape.slices = static_cast<int>(std::max<int64_t>(ceil_divide(shape.items, shape.items_per_slice), 1));
    in_slices(f, target, shift, shape, shape.slices, [&](const typename F::Target& to) {
      const int64_t jobs = shape.outputs * shape.slices;
      if (shape.slices == 1 && plan_.reduced_size <= kWarpRow) {
        const int64_t blocks = ceil_divide(jobs, WarpTeam::kThreads / kWarpSize);
        launch(name_, reduce_rows<F, WarpTeam>, Dim3(static_cast<unsigned>(std::min(blocks, kMaxBlocks))),
               Dim3(WarpTeam::kThreads), 0, stream_, f, to, x_pointer(), shift, shape);
      } else {
        using Team = BlockTeamOf<Total>;
        const int64_t threads =
            std::clamp<int64_t>(round_up(ceil_divide(shape.items_per_slice, kReduceInFlight), kWarpSize), 128, 512);
        launch(name_, reduce_rows<F, Team>, Dim3(static_cast<unsigned>(std::min(jobs, kMaxBlocks))),
               Dim3(static_cast<unsigned>(threads)), sizeof(typename Team::Smem), stream_, f, to, x_pointer(),
               shift, shape);
      }
    });
  }

  template <int kColumns>
  void run_columns(F f, typename F::Target target, GlobalPtr<const double> shift) const {
    ReduceShape shape;
    shape.outputs = plan_.outputs;
    shape.items = plan_.reduced_size;
    shape.kept = plan_.kept.device();
    shape.reduced = plan_.reduced.device();
    const ColumnSplit split = split_columns(plan_.reduced_size, plan_.outputs, kColumns);
    in_slices(f, target, shift, shape, split.slices, [&](const typename F::Target& to) {
      launch_columns<ColumnTeam<Total, kColumns>>(name_, reduce_columns<F, kColumns>, split, stream_, f, to,
                                                  x_pointer(), shift, shape, split);
    });
  }

  // Calls first(target), with a target in scratch memory and a second kernel after it where there are slices.
  template <class First>
  void in_slices(F f, typename F::Target target, GlobalPtr<const double> shift, const ReduceShape& shape, int slices,
                 First&& first) const {
    if (slices == 1) return first(target);
    const Scratch<Total> totals(slices * shape.outputs, stream_, name_);
    typename F::Target partial = target;
    partial.totals = totals.pointer();
    first(partial);
    launch_map(name_, reduce_finish<F>, MapGrid(shape.outputs, kElementwiseThreads), stream_, f, target,
               GlobalPtr<const Total>(totals.pointer()), shift, shape, slices);
  }

  const char* name_;
  const ReducePlan& plan_;
  const View& x_;
  Stream stream_;
};

}  // namespace TW_BACKEND
