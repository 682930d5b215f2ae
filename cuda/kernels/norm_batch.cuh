// SPDX-License-Identifier: Apache-2.0
// Computes    batch_norm over the rows of each column: y = (x - mean) rstd gamma + beta; the moving
//             statistics; dx, dgamma, dbeta
// Layout      (rows, cols), columns adjacent, any row stride; the rest (cols). kVector > 1 needs rows that
//             start at multiples of 16 bytes and cols a multiple of kVector
// Method      sums of x - x[0] and of its square, in double: one read, and as the first row lies near the
//             mean nothing cancels. Tiles of columns by slices of rows (kernels/columns.cuh); a thread per
//             column joins the slices in order and makes the factors of one more sweep, y = (x - centre)
//             scale + shift; dx = dy dy_scale + (x - centre) x_scale + shift
// Work split  a block per tile and slice; then a thread per column; then threads stride over groups of
//             columns
// Limits      rows >= 1. The mean rounded to T is the centre, what that leaves over goes into the shift
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/columns.cuh"
#include "kernels/elementwise.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

// partial (slices, 2, cols): sums of x - x[0] and of (x - x[0])^2.
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kColumnThreads)
    batch_norm_sums(GlobalPtr<double> partial, GlobalPtr<const T> x, int64_t x_stride, ColumnSplit split) {
  ColumnTeam<double, 2 * kVector> team(split);
  const int64_t col = team.group() * kVector, count = split.cols - col;
  double sums[2 * kVector] = {};
  if (count > 0) {
    Wide<T> first[kVector];
    load_wide<kVector, T>(first, x, col, count);
    for (int64_t r = team.first_row(); r < team.end_row(); r += team.downs()) {
      Wide<T> values[kVector];
      load_wide<kVector, T>(values, x, r * x_stride + col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const double d = static_cast<double>(values[v]) - static_cast<double>(first[v]);
        sums[v] += d;
        sums[kVector + v] += d * d;
      }
    }
  }
  team.join(sums, [](double a, double b) { return a + b; });
  if (team.down() > 0) return;
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) {
    if (v >= count) continue;
    partial[team.slice() * 2 * split.cols + col + v] = sums[v];
    partial[(team.slice() * 2 + 1) * split.cols + col + v] = sums[kVector + v];
  }
}

// What a sweep over the columns needs, (3, cols): the meaning of the rows is the sweep's.
template <class T>
struct ColumnFactors {
  GlobalPtr<Wide<T>> of;
  int64_t cols;

  TW_DEVICE void set(int row, int64_t col, double value) const {
    of[row * cols + col] = static_cast<Wide<T>>(value);
  }
};

// centre, scale and shift. What the mean's rounding leaves over is in the shift.
template <class T>
TW_DEVICE void set_map(const ColumnFactors<T>& factors, int64_t col, double mean, double rstd, double gamma,
                       double beta) {
  const double centre = static_cast<double>(static_cast<Wide<T>>(mean));
  factors.set(0, col, mean);
  factors.set(1, col, rstd * gamma);
  factors.set(2, col, beta - (mean - centre) * rstd * gamma);
}

template <class T>
TW_DEVICE double value_or(const GlobalPtr<const T>& values, int64_t at, double otherwise) {
  if (!values) return otherwise;
  return static_cast<double>(widen(T(values[at])));
}

template <class T>
TW_DEVICE T rounded(double value) {
  return narrow<T>(static_cast<Wide<T>>(value));
}

template <class T>
struct BatchStatistics {
  GlobalPtr<T> mean, rstd, moving_mean, moving_variance;  // each may be null
  GlobalPtr<const T> gamma, beta;                         // each may be null
  int64_t moving_mean_stride, moving_variance_stride;
  double rows, epsilon, decay;
  bool unbiased;
};

template <class T>
TW_DEVICE void update_moving(const GlobalPtr<T>& moving, int64_t at, double value, double decay) {
  if (!moving) return;
  const double kept = static_cast<double>(widen(T(moving[at])));
  moving[at] = rounded<T>(kept * decay + value * (1 - decay));
}

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    batch_norm_statistics(ColumnFactors<T> factors, BatchStatistics<T> statistics,
                          GlobalPtr<const double> partial, GlobalPtr<const T> x, int slices) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x, cols = factors.cols;
  for (int64_t col = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; col < cols; col += step) {
    double sum = 0, squares = 0;
    for (int s = 0; s < slices; ++s) {
      sum += partial[int64_t{s} * 2 * cols + col];
      squares += partial[(int64_t{s} * 2 + 1) * cols + col];
    }
    const double n = statistics.rows, from_first = sum / n;
    const double mean = static_cast<double>(widen(T(x[col]))) + from_first;
    const double variance = max_nan(squares / n - from_first * from_first, 0.0);
    const double rstd = 1 / sqrt(variance + statistics.epsilon);
    set_map(factors, col, mean, rstd, value_or(statistics.gamma, col, 1), value_or(statistics.beta, col, 0));
    if (statistics.mean) statistics.mean[col] = rounded<T>(mean);
    if (statistics.rstd) statistics.rstd[col] = rounded<T>(rstd);
    update_moving(statistics.moving_mean, col * statistics.moving_mean_stride, mean, statistics.decay);
    update_moving(statistics.moving_variance, col * statistics.moving_variance_stride,
                  statistics.unbiased ? variance * n / (n - 1) : variance, statistics.decay);
  }
}

// Strided (cols) each; gamma and beta may be null.
template <class T>
struct KnownStatistics {
  GlobalPtr<const T> mean, variance, gamma, beta;
  int64_t mean_stride, variance_stride, gamma_stride, beta_stride;
};

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    batch_norm_known(ColumnFactors<T> factors, KnownStatistics<T> known, double epsilon) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t col = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; col < factors.cols; col += step) {
    const double rstd = 1 / sqrt(value_or(known.variance, col * known.variance_stride, 1) + epsilon);
    set_map(factors, col, value_or(known.mean, col * known.mean_stride, 0), rstd,
            value_or(known.gamma, col * known.gamma_stride, 1),
            value_or(known.beta, col * known.beta_stride, 0));
  }
}

// partial (slices, 3, cols): sums of dy, dy (x - mean), x - mean.
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kColumnThreads)
    batch_norm_products(GlobalPtr<double> partial, GlobalPtr<const T> dy, GlobalPtr<const T> x,
                        GlobalPtr<const T> mean, int64_t dy_stride, int64_t x_stride, ColumnSplit split) {
  ColumnTeam<double, 3 * kVector> team(split);
  const int64_t col = team.group() * kVector, count = split.cols - col;
  double sums[3 * kVector] = {};
  if (count > 0) {
    Wide<T> centre[kVector];
    load_wide<kVector, T>(centre, mean, col, count);
    for (int64_t r = team.first_row(); r < team.end_row(); r += team.downs()) {
      Wide<T> g[kVector], values[kVector];
      load_wide<kVector, T>(g, dy, r * dy_stride + col, count);
      load_wide<kVector, T>(values, x, r * x_stride + col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const double d = static_cast<double>(values[v]) - static_cast<double>(centre[v]);
        sums[v] += static_cast<double>(g[v]);
        sums[kVector + v] += static_cast<double>(g[v]) * d;
        sums[2 * kVector + v] += d;
      }
    }
  }
  team.join(sums, [](double a, double b) { return a + b; });
  if (team.down() > 0) return;
  TW_UNROLL
  for (int v = 0; v < kVector; ++v) {
    TW_UNROLL
    for (int k = 0; k < 3; ++k) {
      if (v < count) partial[(team.slice() * 3 + k) * split.cols + col + v] = sums[k * kVector + v];
    }
  }
}

// dy_scale, x_scale and shift; dgamma and dbeta, which may be null.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    batch_norm_gradient(ColumnFactors<T> factors, GlobalPtr<T> dgamma, GlobalPtr<T> dbeta,
                        GlobalPtr<const double> partial, GlobalPtr<const T> rstd, GlobalPtr<const T> gamma,
                        double rows, int slices) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x, cols = factors.cols;
  for (int64_t col = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; col < cols; col += step) {
    double sums[3] = {};
    for (int s = 0; s < slices; ++s) {
      TW_UNROLL
      for (int k = 0; k < 3; ++k) sums[k] += partial[(int64_t{s} * 3 + k) * cols + col];
    }
    // `rest` is how far the true mean lies from its rounded value.
    const double root = static_cast<double>(widen(T(rstd[col]))), rest = rows > 0 ? sums[2] / rows : 0.0;
    const double by_gamma = (sums[1] - rest * sums[0]) * root, scale = value_or(gamma, col, 1) * root;
    if (dgamma) dgamma[col] = rounded<T>(by_gamma);
    if (dbeta) dbeta[col] = rounded<T>(sums[0]);
    factors.set(0, col, scale);
    factors.set(1, col, -scale * root * by_gamma / rows);
    factors.set(2, col, -scale * (sums[0] - root * by_gamma * rest) / rows);
  }
}

struct ColumnSweep {
  int64_t items;      // groups
  Divisor by_groups;  // of a row
  int64_t cols, y_stride, x_stride, dy_stride;
};

// kVector factors; of 16-bit elements they take two accesses.
template <int kVector, class T>
TW_DEVICE void load_factors(Wide<T> (&values)[kVector], GlobalPtr<const Wide<T>> factors, int64_t at) {
  constexpr int kMost = kVectorBytes / static_cast<int>(sizeof(Wide<T>));
  constexpr int kWidth = kVector < kMost ? kVector : kMost;
  TW_UNROLL
  for (int v = 0; v < kVector; v += kWidth) {
    Wide<T> part[kWidth];
    load_wide<kWidth, Wide<T>>(part, factors, at + v);
    TW_UNROLL
    for (int w = 0; w < kWidth; ++w) values[v + w] = part[w];
  }
}

// y = (x - centre) scale + shift
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    batch_norm_map(GlobalPtr<T> y, GlobalPtr<const T> x, GlobalPtr<const Wide<T>> factors,
                   ColumnSweep sweep) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t item = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; item < sweep.items; item += step) {
    int64_t group;
    const int64_t row = sweep.by_groups.divide(item, group), col = group * kVector;
    Wide<T> values[kVector], centre[kVector], scale[kVector], shift[kVector];
    load_wide<kVector, T>(values, x, row * sweep.x_stride + col);
    load_factors<kVector, T>(centre, factors, col);
    load_factors<kVector, T>(scale, factors, sweep.cols + col);
    load_factors<kVector, T>(shift, factors, 2 * sweep.cols + col);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) values[v] = fma(values[v] - centre[v], scale[v], shift[v]);
    store_narrow<kVector, T>(y, row * sweep.y_stride + col, values);
  }
}

// dx = dy dy_scale + (x - mean) x_scale + shift
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    batch_norm_combine(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const T> x, GlobalPtr<const T> mean,
                       GlobalPtr<const Wide<T>> factors, ColumnSweep sweep) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t item = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; item < sweep.items; item += step) {
    int64_t group;
    const int64_t row = sweep.by_groups.divide(item, group), col = group * kVector;
    Wide<T> g[kVector], values[kVector], centre[kVector], dy_scale[kVector], x_scale[kVector], shift[kVector];
    load_wide<kVector, T>(g, dy, row * sweep.dy_stride + col);
    load_wide<kVector, T>(values, x, row * sweep.x_stride + col);
    load_wide<kVector, T>(centre, mean, col);
    load_factors<kVector, T>(dy_scale, factors, col);
    load_factors<kVector, T>(x_scale, factors, sweep.cols + col);
    load_factors<kVector, T>(shift, factors, 2 * sweep.cols + col);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v)
      values[v] = fma(g[v], dy_scale[v], fma(values[v] - centre[v], x_scale[v], shift[v]));
    store_narrow<kVector, T>(dx, row * sweep.y_stride + col, values);
  }
}

}  // namespace TW_BACKEND
