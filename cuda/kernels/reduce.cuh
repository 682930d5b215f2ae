// SPDX-License-Identifier: Apache-2.0
// Computes    y[o] = finish(merge of term(x[o, r]) over r): sum, mean, max, min, prod, any, all, sum of
//             squares, norm, sum of exp(x - shift[o]) or (x - shift[o])^2; the position of the first extreme
// Layout      x and y of any strides: `kept` axes give the places of output o, `reduced` axes those of
//             element r. In groups: kVector elements side by side, aligned, along the innermost reduced axis
//             (reduce_rows) or the innermost kept axis (reduce_columns)
// Method      totals are double (int64 for integers), so the error of a sum does not grow with its length and
//             a float32 square cannot overflow. One or two loads are in flight a thread. The function is a
//             run-time number, the same for all threads. Few outputs: each is cut in slices, whose totals
//             reduce_finish merges in order, so bits depend on the shape alone
// Work split  reduce_rows: a warp or block per output and slice; reduce_columns: a tile of outputs side by
//             side, the block's threads over and under each other take different r
// Limits      max and min give NaN if any element is NaN; a NaN is also the most extreme for positions
// Ran on      no GPU yet; passes on simt
#pragma once

#include <type_traits>

#include "kernels/columns.cuh"
#include "kernels/elementwise.cuh"
#include "kernels/reduce_fold.cuh"

namespace TW_BACKEND {

// Output o lies at kept.offsets(o), of x and of y; item i of an output at reduced.offsets(i). Items are
// elements, or groups of kVector elements. A slice has items_per_slice items.
struct ReduceShape {
  Axes<2> kept;
  Axes<1> reduced;
  Divisor by_outputs;
  int64_t outputs = 0, items = 0, items_per_slice = 0;
  int slices = 1;
  bool in_groups = false;
};

inline constexpr int kReduceThreads = 512;  // of a block that shares a row
// Outputs a thread of reduce_columns has at most: each has a total of two registers or more.
inline constexpr int kMostColumns = 4;

// Merges items first, first + step, ... before end: groups of kCount elements of x.
template <int kCount, class F>
TW_DEVICE void fold_items(const F& f, typename F::Total& total, GlobalPtr<const typename F::Element> x,
                          double shift, int64_t first, int64_t end, int64_t step, const Axes<1>& reduced) {
  for (int64_t item = first; item < end; item += F::kInFlight * step) {
    typename F::Element values[F::kInFlight][kCount];
    TW_UNROLL
    for (int u = 0; u < F::kInFlight; ++u) {
      const int64_t from = reduced.offsets(item + u * step < end ? item + u * step : item).of[0];
      if constexpr (kCount > 1) {
        load_group(values[u], x, from, 1);
      } else {
        values[u][0] = x[from];
      }
    }
    TW_UNROLL
    for (int u = 0; u < F::kInFlight; ++u) {
      if (item + u * step >= end) continue;
      TW_UNROLL
      for (int v = 0; v < kCount; ++v)
        total = f.merge(total, f.term(values[u][v], shift, (item + u * step) * kCount + v));
    }
  }
}

template <class F>
TW_DEVICE double shift_of(const GlobalPtr<const double>& shift, int64_t output) {
  double value = 0;
  if (shift) value = shift[output];
  return value;
}

// shift (outputs) may be null. With more than one slice target.totals is (slices, outputs).
template <class F, class Team>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads)
    reduce_rows(F f, typename F::Target target, GlobalPtr<const typename F::Element> x,
                GlobalPtr<const double> shift, ReduceShape shape) {
  using T = typename F::Element;
  constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
  Team team;
  const int64_t jobs = shape.outputs * shape.slices;
  for (int64_t job = team.first_row(); job < jobs; job += team.row_step()) {
    int64_t output;
    const int64_t slice = shape.by_outputs.divide(job, output);
    const auto at = shape.kept.offsets(output);
    const double s = shift_of<F>(shift, output);
    const int64_t begin = slice * shape.items_per_slice;
    const int64_t rest = shape.items - begin;
    const int64_t end = begin + (shape.items_per_slice < rest ? shape.items_per_slice : rest);

    const int64_t first = begin + team.rank();
    typename F::Total total = f.identity();
    if (shape.in_groups) {
      fold_items<kVector>(f, total, x + at.of[0], s, first, end, team.size(), shape.reduced);
    } else {
      fold_items<1>(f, total, x + at.of[0], s, first, end, team.size(), shape.reduced);
    }
    total = team.reduce(total, f.identity(), [&](const auto& a, const auto& b) { return f.merge(a, b); });
    if (team.rank() == 0) target.write(shape.slices, slice * shape.outputs + output, at.of[1], total, s);
  }
}

// kVector outputs a thread: with kVector > 1 the innermost kept axis has x's stride 1 and holds whole groups.
template <class F, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kColumnThreads)
    reduce_columns(F f, typename F::Target target, GlobalPtr<const typename F::Element> x,
                   GlobalPtr<const double> shift, ReduceShape shape, ColumnSplit split) {
  using T = typename F::Element;
  ColumnTeam<typename F::Total, kVector> team(split);
  const int64_t output = team.group() * kVector;
  const bool inside = output < shape.outputs;
  typename F::Total totals[kVector];
  double shifts[kVector];
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) {
    totals[v] = f.identity();
    shifts[v] = inside ? shift_of<F>(shift, output + v) : 0.0;
  }
  const Offsets<2> at = inside ? shape.kept.offsets(output) : Offsets<2>{};
  if (inside) {
    const int64_t step = team.downs(), end = team.end_row();
    for (int64_t row = team.first_row(); row < end; row += F::kInFlight * step) {
      T values[F::kInFlight][kVector];
      TW_UNROLL
      for (int u = 0; u < F::kInFlight; ++u) {
        const int64_t mine = row + u * step < end ? row + u * step : row;
        const int64_t from = at.of[0] + shape.reduced.offsets(mine).of[0];
        if constexpr (kVector > 1) {
          load_group(values[u], x, from, 1);
        } else {
          values[u][0] = x[from];
        }
      }
      TW_UNROLL
      for (int u = 0; u < F::kInFlight; ++u) {
        if (row + u * step >= end) continue;
        TW_UNROLL
        for (int v = 0; v < kVector; ++v)
          totals[v] = f.merge(totals[v], f.term(values[u][v], shifts[v], row + u * step));
      }
    }
  }
  team.join(totals, [&](const auto& a, const auto& b) { return f.merge(a, b); });
  if (!inside || team.down() > 0) return;
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) {
    const int64_t y_at = at.of[1] + v * (kVector > 1 ? shape.kept.strides[1][0] : 0);
    target.write(split.slices, team.slice() * shape.outputs + output + v, y_at, totals[v], shifts[v]);
  }
}

// Merges the slices' totals (slices, outputs) in order.
template <class F>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    reduce_finish(F f, typename F::Target target, GlobalPtr<const typename F::Total> totals,
                  GlobalPtr<const double> shift, ReduceShape shape, int slices) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t o = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; o < shape.outputs; o += step) {
    typename F::Total total = totals[o];
    for (int s = 1; s < slices; ++s) {
      const typename F::Total next = totals[s * shape.outputs + o];
      total = f.merge(total, next);
    }
    target.write(1, o, shape.kept.offsets(o).of[1], total, shift_of<F>(shift, o));
  }
}

}  // namespace TW_BACKEND
