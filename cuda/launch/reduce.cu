// SPDX-License-Identifier: Apache-2.0
// Folds over any axes, moments and positions of extremes.
#include <algorithm>

#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/reduce.h"
#include "launch/reduce_parts.h"

namespace TW_BACKEND {
namespace {

template <class T>
FoldTarget<T> no_target() {
  return {no_pointer<T>(),       no_pointer<FoldTotal<T>>(),
          no_pointer<uint8_t>(), no_pointer<FoldTotal<T>>(),
          Finish::plain,         1};
}

// The destination as the type the dtype of y says.
template <class T>
FoldTarget<T> target_for(const View& y, int64_t start, Finish finish, double divisor) {
  FoldTarget<T> target = no_target<T>();
  target.finish = finish;
  target.divisor = divisor;
  if (y.dtype == Dtype::b8) {
    target.truth = global_pointer<uint8_t>(y, "y") + start;
  } else if (dtype_size(y.dtype) == static_cast<int64_t>(sizeof(T))) {
    target.y = global_pointer<T>(y, "y") + start;
  } else {
    target.wide = global_pointer<FoldTotal<T>>(y, "y") + start;
  }
  return target;
}

Fold fold_of(Reduce f) {
  switch (f) {
    case Reduce::max:
      return Fold::max;
    case Reduce::min:
      return Fold::min;
    case Reduce::prod:
      return Fold::prod;
    case Reduce::any:
      return Fold::any;
    case Reduce::all:
      return Fold::all;
    case Reduce::sum_squares:
    case Reduce::norm:
      return Fold::sum_squares;
    case Reduce::logsumexp:
      return Fold::sum_exp;
    default:
      return Fold::sum;
  }
}

template <class T>
void logsumexp(const View& y, const View& x, const ReducePlan& plan, Stream stream) {
  constexpr const char* kName = "logsumexp";
  const Scratch<double> maxima(plan.outputs, stream, kName);
  FoldTarget<T> largest = no_target<T>();
  largest.totals = maxima.pointer();
  largest.finish = Finish::safe_max;
  const Reducer<Folding<T>> reducer(kName, plan, x, stream);
  reducer.run({Fold::max}, largest, no_pointer<const double>());
  reducer.run({Fold::sum_exp}, target_for<T>(y, plan.y_start, Finish::log_sum, 1), maxima.pointer());
}

template <class T>
void reduce_of(const View& y, const View& x, Reduce f, Stream stream) {
  const ReducePlan plan = plan_reduce(y, x);
  if (plan.outputs == 0) return;
  if constexpr (std::is_floating_point_v<FoldTotal<T>>) {
    if (f == Reduce::logsumexp) return logsumexp<T>(y, x, plan, stream);
  }
  const Finish finish = f == Reduce::mean ? Finish::divide : f == Reduce::norm ? Finish::root : Finish::plain;
  const FoldTarget<T> target = target_for<T>(y, plan.y_start, finish, static_cast<double>(plan.reduced_size));
  Reducer<Folding<T>>("reduce", plan, x, stream).run({fold_of(f)}, target, no_pointer<const double>());
}

void reduce(const View& y, const View& x, Reduce f, Stream stream) {
  switch (x.dtype) {
    case Dtype::f32:
      return reduce_of<float>(y, x, f, stream);
    case Dtype::f64:
      return reduce_of<double>(y, x, f, stream);
    case Dtype::f16:
      return reduce_of<F16>(y, x, f, stream);
    case Dtype::bf16:
      return reduce_of<Bf16>(y, x, f, stream);
    case Dtype::s32:
      return reduce_of<int32_t>(y, x, f, stream);
    case Dtype::s64:
      return reduce_of<int64_t>(y, x, f, stream);
    default:
      return reduce_of<uint8_t>(y, x, f, stream);  // any and all
  }
}

// Two passes over x: the mean, then the squares of the distances from it (Chan, Golub and LeVeque, 1983).
void moments(const View& mean, const View& variance, const View& x, double ddof, Stream stream) {
  for_any_float(x.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const ReducePlan plan = plan_reduce(mean, x);
    if (plan.outputs == 0) return;
    const double count = static_cast<double>(plan.reduced_size);
    const Scratch<double> means(plan.outputs, stream, "moments");
    const Reducer<Folding<T>> reducer("moments", plan, x, stream);
    FoldTarget<T> first = target_for<T>(mean, plan.y_start, Finish::divide, count);
    first.totals = means.pointer();
    reducer.run({Fold::sum}, first, no_pointer<const double>());
    reducer.run({Fold::sum_centered_squares},
                target_for<T>(variance, plan.y_start, Finish::divide, std::max(count - ddof, 0.0)),
                means.pointer());
  });
}

template <class T>
void argmax_of(const View& y, const View& x, bool minimum, Stream stream) {
  const ReducePlan plan = plan_reduce(y, x, true);
  if (plan.outputs == 0) return;
  const ArgTarget<T> target = {global_pointer<int64_t>(y, "y") + plan.y_start, no_pointer<Extreme<T>>()};
  Reducer<ArgFolding<T>>("argmax", plan, x, stream).run({minimum}, target, no_pointer<const double>());
}

void argmax(const View& y, const View& x, int, bool minimum, Stream stream) {
  switch (x.dtype) {
    case Dtype::f32:
      return argmax_of<float>(y, x, minimum, stream);
    case Dtype::f64:
      return argmax_of<double>(y, x, minimum, stream);
    case Dtype::s32:
      return argmax_of<int32_t>(y, x, minimum, stream);
    default:
      return argmax_of<int64_t>(y, x, minimum, stream);
  }
}

}  // namespace

void fill_reduce(Ops& ops) {
  ops.reduce.set(reduce, kF32F64 | kF16 | kBF16 | kIndex | mask_of(Dtype::b8));
  ops.moments.set(moments, kF32F64 | kF16 | kBF16);
  ops.argmax.set(argmax, mask_of(Dtype::s64));
  ops.cumsum.set(cumsum, kF32F64 | kIndex);
  ops.top_k.set(top_k, kF32F64 | kIndex);
  ops.global_norm.set(global_norm, kF32F64);
}

}  // namespace TW_BACKEND
