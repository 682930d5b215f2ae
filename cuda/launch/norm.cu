// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm: which team has a row, and in which order the kernels of the gradients run.
#include <algorithm>

#include "device/scratch.cuh"
#include "kernels/norm.cuh"
#include "launch/axes.h"
#include "launch/columns.h"
#include "launch/fill.h"
#include "launch/grid.h"
#include "launch/row_split.h"

namespace TW_BACKEND {
namespace {

template <bool kCentered>
void forward(const char* name, const View& y, const View& sum, const View& mean, const View& rstd,
             const View& x, const View& residual, const View& gamma, const View& beta, double epsilon,
             Stream stream) {
  if (x.size() == 0) return;
  const bool wide = all_aligned({&y, &sum, &x, &residual, &gamma, &beta});
  for_rows(y.dtype, wide, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const NormForward<T> call = {global_pointer<T>(y, "y"),
                                 optional_pointer<T>(sum, "sum"),
                                 optional_pointer<T>(mean, "mean"),
                                 optional_pointer<T>(rstd, "rstd"),
                                 global_pointer<const T>(x, "x"),
                                 optional_pointer<const T>(residual, "residual"),
                                 optional_pointer<const T>(gamma, "gamma"),
                                 optional_pointer<const T>(beta, "beta"),
                                 x.dim(0),
                                 x.dim(1),
                                 y.stride(0),
                                 row_stride(sum),
                                 x.stride(0),
                                 row_stride(residual),
                                 epsilon};
    choose_row<T, vector()>(
        call.rows, call.cols, [&](auto team, auto row, int blocks, int threads, size_t shared) {
          using Team = type_t<decltype(team)>;
          using Row = type_t<decltype(row)>;
          launch(name, norm_rows<T, Team, Row, vector(), kCentered>, Dim3(static_cast<unsigned>(blocks)),
                 Dim3(static_cast<unsigned>(threads)), shared, stream, call);
        });
  });
}

// The kernels of one backward, of one type and width.
template <class T, int kVector, bool kCentered>
class Backward {
 public:
  Backward(const char* name, const NormBackward<T>& call, Stream stream)
      : name_(name), call_(call), stream_(stream) {}

  void rows() const {
    choose_row<T, kVector>(call_.rows, call_.cols,
                           [&](auto team, auto row, int blocks, int threads, size_t shared) {
                             using Team = type_t<decltype(team)>;
                             using Row = type_t<decltype(row)>;
                             launch(name_, norm_rows_backward<T, Team, Row, kVector, kCentered>,
                                    Dim3(static_cast<unsigned>(blocks)), Dim3(static_cast<unsigned>(threads)),
                                    shared, stream_, call_);
                           });
  }
  void rest() const {
    choose_row<T, kVector>(
        call_.rows, call_.cols, [&](auto team, auto row, int blocks, int threads, size_t shared) {
          using Team = type_t<decltype(team)>;
          using Row = type_t<decltype(row)>;
          launch(name_, norm_rows_rest<T, Team, Row, kVector>, Dim3(static_cast<unsigned>(blocks)),
                 Dim3(static_cast<unsigned>(threads)), shared, stream_, call_);
        });
  }
  void columns(const View& dgamma, const View& dbeta) const {
    const ColumnSplit split = split_columns(call_.rows, call_.cols, kVector);
    const Scratch<double> partial(int64_t{2} * split.slices * call_.cols, stream_, name_);
    launch_columns<ColumnTeam<double, 2 * kVector>>(name_, norm_columns_backward<T, kVector, kCentered>,
                                                    split, stream_, partial.pointer(), call_, split);
    launch_map(name_, norm_gradient_join<T>, MapGrid(call_.cols, kElementwiseThreads), stream_,
               optional_pointer<T>(dgamma, "dgamma"), optional_pointer<T>(dbeta, "dbeta"),
               GlobalPtr<const double>(partial.pointer()), call_.cols, split.slices);
  }

 private:
  const char* name_;
  const NormBackward<T>& call_;
  Stream stream_;
};

template <bool kCentered>
void backward(const char* name, const View& dx, const View& dgamma, const View& dbeta, const View& dy,
              const View& dsum, const View& x, const View& mean, const View& rstd, const View& gamma,
              Stream stream) {
  if (x.dim(1) == 0) return;
  const bool wide = all_aligned({&dx, &dy, &dsum, &x, &gamma});
  for_rows(dx.dtype, wide, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const bool sums = dgamma || dbeta;
    const Scratch<Wide<T>> rest(sums && kCentered ? x.dim(0) : 0, stream, name);
    const NormBackward<T> call = {global_pointer<T>(dx, "dx"),
                                  rest.pointer(),
                                  global_pointer<const T>(dy, "dy"),
                                  optional_pointer<const T>(dsum, "dsum"),
                                  global_pointer<const T>(x, "x"),
                                  optional_pointer<const T>(mean, "mean"),
                                  global_pointer<const T>(rstd, "rstd"),
                                  optional_pointer<const T>(gamma, "gamma"),
                                  x.dim(0),
                                  x.dim(1),
                                  dx.stride(0),
                                  dy.stride(0),
                                  row_stride(dsum),
                                  x.stride(0)};
    const Backward<T, vector(), kCentered> kernels(name, call, stream);
    const bool in_place = dx.data == dy.data || dx.data == x.data;
    if (call.rows > 0 && !in_place) kernels.rows();
    if (sums && in_place && kCentered && call.rows > 0) kernels.rest();
    if (sums) kernels.columns(dgamma, dbeta);
    if (call.rows > 0 && in_place) kernels.rows();
  });
}

void layer_norm_forward(const View& y, const View& sum, const View& mean, const View& rstd, const View& x,
                        const View& residual, const View& gamma, const View& beta, double epsilon,
                        Stream stream) {
  forward<true>("layer_norm_forward", y, sum, mean, rstd, x, residual, gamma, beta, epsilon, stream);
}

void rms_norm_forward(const View& y, const View& sum, const View& rstd, const View& x, const View& residual,
                      const View& gamma, double epsilon, Stream stream) {
  forward<false>("rms_norm_forward", y, sum, View(), rstd, x, residual, gamma, View(), epsilon, stream);
}

void layer_norm_backward(const View& dx, const View& dgamma, const View& dbeta, const View& dy,
                         const View& dsum, const View& x, const View& mean, const View& rstd,
                         const View& gamma, Stream stream) {
  backward<true>("layer_norm_backward", dx, dgamma, dbeta, dy, dsum, x, mean, rstd, gamma, stream);
}

void rms_norm_backward(const View& dx, const View& dgamma, const View& dy, const View& dsum, const View& x,
                       const View& rstd, const View& gamma, Stream stream) {
  backward<false>("rms_norm_backward", dx, dgamma, View(), dy, dsum, x, View(), rstd, gamma, stream);
}

}  // namespace

void fill_norm(Ops& ops) {
  ops.layer_norm_forward.set(layer_norm_forward, kF32F64 | kF16 | kBF16);
  ops.layer_norm_backward.set(layer_norm_backward, kF32F64 | kF16 | kBF16);
  ops.rms_norm_forward.set(rms_norm_forward, kF32F64 | kF16 | kBF16);
  ops.rms_norm_backward.set(rms_norm_backward, kF32F64 | kF16 | kBF16);
  fill_norm_batch(ops);
}

}  // namespace TW_BACKEND
