// SPDX-License-Identifier: Apache-2.0
// batch_norm: sums over tiles, a thread per column that joins them, one more sweep.
#include <algorithm>

#include "device/scratch.cuh"
#include "kernels/norm_batch.cuh"
#include "launch/axes.h"
#include "launch/columns.h"
#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/grid.h"

namespace TW_BACKEND {
namespace {

// Whether groups of 16 bytes fit the columns and rows of the matrices, and the vectors' starts.
bool in_groups(std::initializer_list<const View*> matrices) {
  for (const View* view : matrices) {
    const int64_t item = dtype_size(view->dtype);
    if (!aligned(view->data, kVectorBytes) || view->dim(-1) * item % kVectorBytes != 0) return false;
    if (view->ndim == 2 && view->dim(0) > 1 && view->stride(0) * item % kVectorBytes != 0) return false;
  }
  return true;
}

// Calls body(Type<T>, Constant<kVector>).
template <class Body>
void for_columns(Dtype dtype, bool wide, Body&& body) {
  for_any_float(dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (wide) return body(type, Constant<kVectorBytes / static_cast<int>(sizeof(T))>{});
    body(type, Constant<1>{});
  });
}

int64_t stride_of(const View& vector) { return vector ? vector.stride(0) : 0; }

template <int kVector>
ColumnSweep sweep_of(const View& y, const View& x, const View& dy) {
  ColumnSweep sweep;
  sweep.cols = x.dim(1);
  sweep.by_groups = Divisor(sweep.cols / kVector);
  sweep.items = x.size() / kVector;
  sweep.y_stride = y.stride(0);
  sweep.x_stride = x.stride(0);
  sweep.dy_stride = dy ? dy.stride(0) : 0;
  return sweep;
}

template <class T, int kVector>
void map_columns(const char* name, const View& y, const View& x, GlobalPtr<const Wide<T>> factors,
                 Stream stream) {
  const ColumnSweep sweep = sweep_of<kVector>(y, x, View());
  launch_map(name, batch_norm_map<T, kVector>, MapGrid(sweep.items, kElementwiseThreads), stream,
             global_pointer<T>(y, "y"), global_pointer<const T>(x, "x"), factors, sweep);
}

void batch_norm_training(const View& y, const View& mean, const View& rstd, const View& moving_mean,
                         const View& moving_variance, const View& x, const View& gamma, const View& beta,
                         const BatchNormParams& params, Stream stream) {
  constexpr const char* kName = "batch_norm_training";
  if (x.size() == 0) return;
  for_columns(y.dtype, in_groups({&y, &x}), [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const int64_t cols = x.dim(1);
    const ColumnSplit split = split_columns(x.dim(0), cols, vector());
    const Scratch<double> partial(int64_t{2} * split.slices * cols, stream, kName);
    const Scratch<Wide<T>> factors(3 * cols, stream, kName);
    const auto from = global_pointer<const T>(x, "x");
    launch_columns<ColumnTeam<double, 2 * vector()>>(kName, batch_norm_sums<T, vector()>, split, stream,
                                                     partial.pointer(), from, x.stride(0), split);
    const BatchStatistics<T> statistics = {optional_pointer<T>(mean, "mean"),
                                           optional_pointer<T>(rstd, "rstd"),
                                           optional_pointer<T>(moving_mean, "moving_mean"),
                                           optional_pointer<T>(moving_variance, "moving_variance"),
                                           optional_pointer<const T>(gamma, "gamma"),
                                           optional_pointer<const T>(beta, "beta"),
                                           stride_of(moving_mean),
                                           stride_of(moving_variance),
                                           static_cast<double>(x.dim(0)),
                                           params.epsilon,
                                           params.decay,
                                           params.unbiased};
    launch_map(kName, batch_norm_statistics<T>, MapGrid(cols, kElementwiseThreads), stream,
               ColumnFactors<T>{factors.pointer(), cols}, statistics,
               GlobalPtr<const double>(partial.pointer()), from, split.slices);
    map_columns<T, vector()>(kName, y, x, factors.pointer(), stream);
  });
}

void batch_norm_inference(const View& y, const View& x, const View& mean, const View& variance,
                          const View& gamma, const View& beta, double epsilon, Stream stream) {
  constexpr const char* kName = "batch_norm_inference";
  if (x.size() == 0) return;
  for_columns(y.dtype, in_groups({&y, &x}), [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const int64_t cols = x.dim(1);
    const Scratch<Wide<T>> factors(3 * cols, stream, kName);
    const KnownStatistics<T> known = {optional_pointer<const T>(mean, "mean"),
                                      optional_pointer<const T>(variance, "variance"),
                                      optional_pointer<const T>(gamma, "gamma"),
                                      optional_pointer<const T>(beta, "beta"),
                                      stride_of(mean),
                                      stride_of(variance),
                                      stride_of(gamma),
                                      stride_of(beta)};
    launch_map(kName, batch_norm_known<T>, MapGrid(cols, kElementwiseThreads), stream,
               ColumnFactors<T>{factors.pointer(), cols}, known, epsilon);
    map_columns<T, vector()>(kName, y, x, factors.pointer(), stream);
  });
}

void batch_norm_backward(const View& dx, const View& dgamma, const View& dbeta, const View& dy, const View& x,
                         const View& mean, const View& rstd, const View& gamma, Stream stream) {
  constexpr const char* kName = "batch_norm_backward";
  const int64_t cols = x.dim(1);
  if (cols == 0) return;
  for_columns(dx.dtype, in_groups({&dx, &dy, &x, &mean}), [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const ColumnSplit split = split_columns(x.dim(0), cols, vector());
    const Scratch<double> partial(int64_t{3} * split.slices * cols, stream, kName);
    const Scratch<Wide<T>> factors(3 * cols, stream, kName);
    const auto g = global_pointer<const T>(dy, "dy");
    const auto from = global_pointer<const T>(x, "x");
    const auto centre = global_pointer<const T>(mean, "mean");
    launch_columns<ColumnTeam<double, 3 * vector()>>(kName, batch_norm_products<T, vector()>, split, stream,
                                                     partial.pointer(), g, from, centre, dy.stride(0),
                                                     x.stride(0), split);
    launch_map(kName, batch_norm_gradient<T>, MapGrid(cols, kElementwiseThreads), stream,
               ColumnFactors<T>{factors.pointer(), cols}, optional_pointer<T>(dgamma, "dgamma"),
               optional_pointer<T>(dbeta, "dbeta"), GlobalPtr<const double>(partial.pointer()),
               global_pointer<const T>(rstd, "rstd"), optional_pointer<const T>(gamma, "gamma"),
               static_cast<double>(x.dim(0)), split.slices);
    if (x.dim(0) == 0) return;
    const ColumnSweep sweep = sweep_of<vector()>(dx, x, dy);
    launch_map(kName, batch_norm_combine<T, vector()>, MapGrid(sweep.items, kElementwiseThreads), stream,
               global_pointer<T>(dx, "dx"), g, from, centre, GlobalPtr<const Wide<T>>(factors.pointer()),
               sweep);
  });
}

}  // namespace

void fill_norm_batch(Ops& ops) {
  ops.batch_norm_training.set(batch_norm_training, kF32F64 | kF16 | kBF16);
  ops.batch_norm_inference.set(batch_norm_inference, kF32F64 | kF16 | kBF16);
  ops.batch_norm_backward.set(batch_norm_backward, kF32F64 | kF16 | kBF16);
}

}  // namespace TW_BACKEND
