// SPDX-License-Identifier: Apache-2.0
// Computes    z = x + bias + residual, y = activation(z);  dz = dy * activation', db = sum of dz over the
//             rows
// Layout      rows x cols, C order; bias and db (cols); z, bias, residual and db may be null. kVector > 1
//             needs multiples of 16 bytes: the arrays' starts and, with a bias, cols
// Method      forward: groups of kVector elements, 16 bytes each way. Backward with db: a block has a tile of
//             columns and a slice of rows (kernels/columns.cuh), writes dz as it goes, and a row of partial
//             sums; bias_gradient_join adds the slices in order. Backward without db is an elementwise_map
// Work split  forward: threads stride over groups; backward: one block per tile and slice
// Limits      sums are made in float (float64: in double)
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/activation.cuh"
#include "kernels/columns.cuh"
#include "kernels/elementwise.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    bias_activation_map(GlobalPtr<T> y, GlobalPtr<T> z, GlobalPtr<const T> x, GlobalPtr<const T> bias,
                        GlobalPtr<const T> residual, Divisor cols, int64_t elements, Activation activation,
                        double slope) {
  using W = Wide<T>;
  const int64_t step = int64_t{gridDim.x} * blockDim.x * kVector;
  for (int64_t at = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kVector; at < elements; at += step) {
    const int64_t count = elements - at;
    W values[kVector], other[kVector];
    load_wide<kVector, T>(values, x, at, count);
    if (bias) {
      int64_t col;
      cols.divide(at, col);
      load_wide<kVector, T>(other, bias, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) values[v] += other[v];
    }
    if (residual) {
      load_wide<kVector, T>(other, residual, at, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) values[v] += other[v];
    }
    if (z) store_narrow<kVector, T>(z, at, values, count);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) values[v] = activate(activation, values[v], W(slope));
    store_narrow<kVector, T>(y, at, values, count);
  }
}

// dz = dy * activation'; y is dz.
template <class T>
struct ActivationGradient {
  static constexpr int kInputs = 2;
  using Y = T;
  using A = T;
  using B = T;
  using C = NoArgument;

  Activation activation;
  double slope;

  TW_DEVICE T operator()(T dy, T saved) const {
    return narrow<T>(widen(dy) * activation_slope(activation, widen(saved), Wide<T>(slope)));
  }
};

// partial (slices, cols) receives each slice's sums.
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kColumnThreads)
    bias_activation_columns(GlobalPtr<T> dz, GlobalPtr<Wide<T>> partial, GlobalPtr<const T> dy,
                            GlobalPtr<const T> saved, ColumnSplit split, Activation activation,
                            double slope) {
  using W = Wide<T>;
  ColumnTeam<W, kVector> team(split);
  const int64_t col = team.group() * kVector, count = split.cols - col;
  W sums[kVector] = {};
  if (count > 0) {
    for (int64_t row = team.first_row(); row < team.end_row(); row += team.downs()) {
      const int64_t at = row * split.cols + col;
      W values[kVector], from[kVector];
      load_wide<kVector, T>(values, dy, at, count);
      load_wide<kVector, T>(from, saved, at, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        values[v] *= activation_slope(activation, from[v], W(slope));
        sums[v] += values[v];
      }
      store_narrow<kVector, T>(dz, at, values, count);
    }
  }
  team.join(sums, [](W a, W b) { return a + b; });
  if (team.down() > 0) return;
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) {
    if (v < count) partial[team.slice() * split.cols + col + v] = sums[v];
  }
}

// db[c] = sum over the slices of partial[s, c], in order; db has any stride.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    bias_gradient_join(GlobalPtr<T> db, GlobalPtr<const Wide<T>> partial, int64_t cols, int slices,
                       int64_t db_stride) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t col = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; col < cols; col += step) {
    Wide<T> sum = 0;
    for (int s = 0; s < slices; ++s) sum += partial[s * cols + col];
    db[col * db_stride] = narrow<T>(sum);
  }
}

}  // namespace TW_BACKEND
