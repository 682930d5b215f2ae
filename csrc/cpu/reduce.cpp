// SPDX-License-Identifier: Apache-2.0
// Reductions on the CPU. A task is a tile of outputs, or, where those are too few, a slice of its reduced
// elements; slices are put together in their order (reduce_plan.h decides both). Strided elements are packed.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/reduce.h"
#include "cpu/ops_cpu.h"
#include "cpu/reduce_parts.h"
#include "cpu/reduce_plan.h"

namespace tilewright::cpu {
namespace {

template <class T>
const ReduceTable<T>& fold_kernels() {
  const ReduceKernels& table = kernels<ReduceKernels>();
  if constexpr (sizeof(T) == 1) return table.u8;
  else if constexpr (std::is_same_v<T, float>) return table.f32;
  else if constexpr (std::is_same_v<T, double>) return table.f64;
  else if constexpr (std::is_same_v<T, int32_t>) return table.s32;
  else return table.s64;
}

template <class A>
A identity(Fold fold) {
  constexpr bool real = std::is_floating_point_v<A>;
  switch (fold) {
    case Fold::max: return real ? -std::numeric_limits<A>::infinity() : std::numeric_limits<A>::min();
    case Fold::min: return real ? std::numeric_limits<A>::infinity() : std::numeric_limits<A>::max();
    case Fold::prod: case Fold::all: return 1;
    default: return 0;
  }
}

// into[i] takes in from[i], for i < n.
template <class A>
void merge_totals(Fold fold, A* into, const A* from, int64_t n) {
  using Unsigned = std::conditional_t<std::is_integral_v<A>, uint64_t, A>;  // integers wrap around
  const auto each = [&](auto merge) {
    for (int64_t i = 0; i < n; ++i) into[i] = merge(into[i], from[i]);
  };
  switch (fold) {
    case Fold::max: case Fold::any: return each([](A a, A b) { return a > b || a != a ? a : b; });
    case Fold::min: case Fold::all: return each([](A a, A b) { return a < b || a != a ? a : b; });
    case Fold::prod: return each([](A a, A b) { return A(Unsigned(a) * Unsigned(b)); });
    default: return each([](A a, A b) { return A(Unsigned(a) + Unsigned(b)); });
  }
}

// Which outputs a tile holds: `first` counts them in the plan's order, offsets are from the plan's.
struct Tile {
  int64_t first, count, x_offset, y_offset;
};

Tile tile_at(const ReducePlan& plan, int64_t index) {
  const ReduceAxis& inner = plan.kept[0];
  int64_t outer = index / plan.tiles_per_row;
  const int64_t start = index % plan.tiles_per_row * plan.tile;
  Tile tile = {outer * inner.size + start, std::min(plan.tile, inner.size - start),
               plan.x_offset + start * inner.x_stride, plan.y_offset + start * inner.y_stride};
  for (int i = 1; i < plan.kept_count; ++i) {
    const int64_t at = outer % plan.kept[i].size;
    outer /= plan.kept[i].size;
    tile.x_offset += at * plan.kept[i].x_stride;
    tile.y_offset += at * plan.kept[i].y_stride;
  }
  return tile;
}

// packed[i * width + j] = x[i * outer + j * inner]
template <class T>
void pack(T* packed, const T* x, int64_t height, int64_t width, int64_t outer, int64_t inner) {
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) packed[i * width + j] = x[i * outer + j * inner];
}

// What fold_steps works in: two rows of a tile, and what it packs of one.
int64_t room_elements(const ReducePlan& plan) {
  const bool whole = (plan.by_rows ? plan.reduced[0].x_stride : plan.kept[0].x_stride) == 1;
  return 2 * plan.tile + (whole ? 0 : plan.tile * plan.block);
}

// Folds steps begin .. end - 1 into the tile's totals.
template <class T>
void fold_steps(const ReducePlan& plan, const Tile& tile, Fold fold, const T* x, Total<T>* totals,
                const Total<T>* shift, int64_t begin, int64_t end, T* room) {
  const ReduceTable<T>& table = fold_kernels<T>();
  T* packed = room + 2 * plan.tile;
  const auto rows = table.rows[static_cast<int>(fold)];
  const auto columns = table.columns[static_cast<int>(fold)];
  const ReduceAxis &kept = plan.kept[0], &reduced = plan.reduced[0];
  for (int64_t step = begin; step < end; ++step) {
    const int64_t start = step % plan.blocks_per_row * plan.block;
    const int64_t length = std::min(plan.block, reduced.size - start);
    const T* from = x + tile.x_offset + start * reduced.x_stride;
    for (int64_t outer = step / plan.blocks_per_row, i = 1; i < plan.reduced_count; ++i) {
      from += outer % plan.reduced[i].size * plan.reduced[i].x_stride;
      outer /= plan.reduced[i].size;
    }
    if (plan.by_rows) {
      int64_t pitch = kept.x_stride;
      if (reduced.x_stride != 1 && length > 1) {
        pack(packed, from, tile.count, length, kept.x_stride, reduced.x_stride);
        from = packed, pitch = length;
      }
      rows(totals, from, tile.count, pitch, length, shift);
    } else {
      int64_t pitch = reduced.x_stride;
      if (kept.x_stride != 1 && tile.count > 1) {
        pack(packed, from, length, tile.count, reduced.x_stride, kept.x_stride);
        from = packed, pitch = tile.count;
      }
      columns(totals, from, length, pitch, tile.count, shift, room);
    }
  }
}

// Reduces x and hands every tile's totals to consume(tile, totals). `shift` holds one value per output, in the
// plan's order, or is null.
template <class T, class Consume>
void reduce_tiles(const ReducePlan& plan, const T* x, Fold fold, const Total<T>* shift, Consume&& consume) {
  using A = Total<T>;
  const auto run = [&](int64_t index, int64_t begin, int64_t end, A* totals, T* room) {
    const Tile tile = tile_at(plan, index);
    for (int64_t i = 0; i < tile.count; ++i) totals[i] = identity<A>(fold);
    fold_steps(plan, tile, fold, x, totals, shift ? shift + tile.first : nullptr, begin, end, room);
    return tile;
  };
  if (plan.slices == 1) {
    parallel_ranges(plan.tiles, plan.tiles_per_task, [&](int64_t begin, int64_t end) {
      Scratch<A> totals(plan.tile);
      Scratch<T> room(room_elements(plan));
      for (int64_t t = begin; t < end; ++t) consume(run(t, 0, plan.steps, totals.data(), room.data()), totals.data());
    });
    return;
  }
  Scratch<A> parts(plan.tiles * plan.slices * plan.tile);
  const auto part = [&](int64_t t, int64_t slice) { return parts.data() + (t * plan.slices + slice) * plan.tile; };
  parallel_for(plan.tiles * plan.slices, [&](int64_t task) {
    const int64_t t = task / plan.slices, slice = task % plan.slices;
    Scratch<T> room(room_elements(plan));
    run(t, slice * plan.steps / plan.slices, (slice + 1) * plan.steps / plan.slices, part(t, slice), room.data());
  });
  for (int64_t t = 0; t < plan.tiles; ++t) {
    const Tile tile = tile_at(plan, t);
    A* totals = part(t, 0);
    for (int64_t slice = 1; slice < plan.slices; ++slice) merge_totals(fold, totals, part(t, slice), tile.count);
    consume(tile, totals);
  }
}

// y = finish(total, output), output counting in the plan's order.
template <class Y, class T, class Finish>
void reduce_into(const View& y, const ReducePlan& plan, const View& x, Fold fold, const Total<T>* shift,
                 Finish finish) {
  const int64_t step = plan.kept[0].y_stride;
  reduce_tiles<T>(plan, x.as<T>(), fold, shift, [&](const Tile& tile, const Total<T>* totals) {
    Y* to = y.as<Y>() + tile.y_offset;
    if (step == 1)  // a loop of its own, for the compiler's vectoriser
      for (int64_t i = 0; i < tile.count; ++i) to[i] = finish(totals[i], tile.first + i);
    else
      for (int64_t i = 0; i < tile.count; ++i) to[i * step] = finish(totals[i], tile.first + i);
  });
}

// Largest element per output; where it is infinite, zero, so that exp(x - shift) is 0, infinite or NaN as x asks.
template <class T>
void safe_maxima(const ReducePlan& plan, const View& x, double* maxima) {
  reduce_tiles<T>(plan, x.as<T>(), Fold::max, nullptr, [&](const Tile& tile, const double* totals) {
    for (int64_t i = 0; i < tile.count; ++i) maxima[tile.first + i] = std::isinf(totals[i]) ? 0.0 : totals[i];
  });
}

template <class T>
void reduce_float(const View& y, const View& x, Reduce f) {
  const ReducePlan plan = plan_reduce(y, x);
  if (plan.outputs == 0) return;
  const auto plain = [&](Fold fold) {
    reduce_into<T, T>(y, plan, x, fold, nullptr, [](double total, int64_t) { return T(total); });
  };
  switch (f) {
    case Reduce::sum: return plain(Fold::sum);
    case Reduce::max: return plain(Fold::max);
    case Reduce::min: return plain(Fold::min);
    case Reduce::prod: return plain(Fold::prod);
    case Reduce::sum_squares: return plain(Fold::sum_squares);
    case Reduce::norm:
      return reduce_into<T, T>(y, plan, x, Fold::sum_squares, nullptr,
                               [](double total, int64_t) { return T(std::sqrt(total)); });
    case Reduce::mean: {
      const double count = double(plan.reduced_size);
      return reduce_into<T, T>(y, plan, x, Fold::sum, nullptr,
                               [count](double total, int64_t) { return T(total / count); });
    }
    case Reduce::logsumexp: {
      const Scratch<double> maxima(plan.outputs);
      safe_maxima<T>(plan, x, maxima.data());
      return reduce_into<T, T>(y, plan, x, Fold::sum_exp, maxima.data(), [&](double total, int64_t output) {
        return T(maxima[output] + std::log(total));
      });
    }
    case Reduce::any: case Reduce::all: return;  // their y is bool: reduce_bool
  }
}

template <class Y, class T>
void reduce_integer(const View& y, const View& x, Reduce f) {
  const ReducePlan plan = plan_reduce(y, x);
  if (plan.outputs == 0) return;
  const Fold fold = f == Reduce::max ? Fold::max : f == Reduce::min ? Fold::min : f == Reduce::prod ? Fold::prod
                    : f == Reduce::sum_squares ? Fold::sum_squares : Fold::sum;
  reduce_into<Y, T>(y, plan, x, fold, nullptr, [](int64_t total, int64_t) { return Y(total); });
}

template <class T>
void reduce_bool(const View& y, const View& x, Reduce f) {
  const ReducePlan plan = plan_reduce(y, x);
  if (plan.outputs == 0) return;
  const Fold fold = f == Reduce::any ? Fold::any : Fold::all;
  reduce_into<uint8_t, T>(y, plan, x, fold, nullptr, [](Total<T> total, int64_t) { return uint8_t(total != 0); });
}

void reduce(const View& y, const View& x, Reduce f, Stream) {
  if (f == Reduce::any || f == Reduce::all) {
    switch (x.dtype) {
      case Dtype::f32: return reduce_bool<float>(y, x, f);
      case Dtype::f64: return reduce_bool<double>(y, x, f);
      case Dtype::s32: return reduce_bool<int32_t>(y, x, f);
      case Dtype::s64: return reduce_bool<int64_t>(y, x, f);
      default: return reduce_bool<uint8_t>(y, x, f);
    }
  }
  if (x.dtype == Dtype::f32) return reduce_float<float>(y, x, f);
  if (x.dtype == Dtype::f64) return reduce_float<double>(y, x, f);
  if (x.dtype == Dtype::s64) return reduce_integer<int64_t, int64_t>(y, x, f);
  if (y.dtype == Dtype::s32) return reduce_integer<int32_t, int32_t>(y, x, f);
  return reduce_integer<int64_t, int32_t>(y, x, f);
}

// Two passes over x: the mean, then the squares of the distances from it (Chan, Golub & LeVeque, 1983).
template <class T>
void moments_of(const View& mean, const View& variance, const View& x, double ddof) {
  const ReducePlan plan = plan_reduce(mean, x);
  if (plan.outputs == 0) return;
  const double count = double(plan.reduced_size);
  const Scratch<double> means(plan.outputs);
  reduce_into<T, T>(mean, plan, x, Fold::sum, nullptr, [&](double total, int64_t output) {
    means[output] = total / count;
    return T(means[output]);
  });
  const double divisor = std::max(count - ddof, 0.0);
  reduce_into<T, T>(variance, plan, x, Fold::sum_centered_squares, means.data(),
                    [divisor](double total, int64_t) { return T(total / divisor); });
}

void moments(const View& mean, const View& variance, const View& x, double ddof, Stream) {
  for_float(x.dtype, [&](auto type) { moments_of<type_t<decltype(type)>>(mean, variance, x, ddof); });
}

// Sum of squares of one array of any shape, in float64.
double sum_of_squares(const View& x) {
  View y = x;
  for (int i = 0; i < y.ndim; ++i) y.shape[i] = 1;
  const ReducePlan plan = plan_reduce(y, x);
  double sum = 0;
  for_float(x.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    reduce_tiles<T>(plan, x.as<T>(), Fold::sum_squares, nullptr,
                    [&](const Tile&, const double* totals) { sum = totals[0]; });
  });
  return sum;
}

void global_norm(const View& y, const ViewList& arrays, Stream) {
  double sum = 0;
  for (const View& array : arrays) sum += sum_of_squares(array);
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    *y.as<T>() = T(std::sqrt(sum));
  });
}

}  // namespace

void fill_reduce(Ops& ops) {
  ops.reduce.set(reduce, kF32F64 | kIndex | mask_of(Dtype::b8));
  ops.moments.set(moments, kF32F64);
  ops.argmax.set(argmax, mask_of(Dtype::s64));
  ops.cumsum.set(cumsum, kF32F64 | kIndex);
  ops.top_k.set(top_k, kF32F64 | kIndex);
  ops.global_norm.set(global_norm, kF32F64);
}

}  // namespace tilewright::cpu
