// SPDX-License-Identifier: Apache-2.0
// Computes    layer_norm  y = (h - mean) rstd gamma + beta, rms_norm  y = h rstd gamma, h = x + residual,
//             over each row;
//             dx = rstd (g - mean(g) - xhat mean(g xhat)) + dsum, g = dy gamma;  dgamma = sum dy xhat, dbeta
//             = sum dy
// Layout      (rows, cols), columns adjacent, any row stride; gamma, beta (cols), mean, rstd (rows); what a
//             call lacks is null. kVector > 1 needs rows that start at multiples of 16 bytes
// Method      two sweeps after the first read: the mean, then the deviations from it (Chan, Golub and
//             LeVeque, 1983). The mean is rounded to T; what that leaves over (`rest`, the mean of the
//             deviations) is taken off again, so a large mean costs no digits. HeldRow keeps the row in
//             registers: memory is read once. StreamedRow reads it again, from the caches. Sums meet in
//             double
// Work split  a team (device/team.cuh) per row. dgamma and dbeta: tiles of columns by slices of rows
//             (kernels/columns.cuh), joined in order by norm_gradient_join
// Limits      held: cols <= team size * kVector * kSteps. y may be x, dx may be dy
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/columns.cuh"
#include "kernels/elementwise.cuh"
#include "kernels/rows.cuh"

namespace TW_BACKEND {

template <class T>
struct NormForward {
  GlobalPtr<T> y, sum, mean, rstd;
  GlobalPtr<const T> x, residual, gamma, beta;
  int64_t rows, cols, y_stride, sum_stride, x_stride, residual_stride;
  double epsilon;
};

// kCentered: layer_norm, else rms_norm.
template <class T, class Team, class Row, int kVector, bool kCentered>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads) norm_rows(NormForward<T> call) {
  using W = Wide<T>;
  Team team;
  const double n = static_cast<double>(call.cols);
  const auto add = [](const RowSums& a, const RowSums& b) { return add_sums(a, b); };
  for (int64_t r = team.first_row(); r < call.rows; r += team.row_step()) {
    Row row(team, call.x + r * call.x_stride, call.cols);
    if (call.residual) row.add(call.residual + r * call.residual_stride, call.sum + r * call.sum_stride);

    W mean = 0;
    if constexpr (kCentered) {
      RowSums sums = {};
      row.each([&](const W(&values)[kVector], int64_t, int64_t) {
        W group = 0;  // past the row's end values are 0
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) group += values[v];
        sums.of[0] += static_cast<double>(group);
      });
      mean = static_cast<W>(team.reduce(sums, RowSums{}, add).of[0] / n);
    }
    RowSums sums = {};
    row.each([&](const W(&values)[kVector], int64_t, int64_t count) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const W d = v < count ? values[v] - mean : W(0);
        sums.of[0] += static_cast<double>(d);
        sums.of[1] += static_cast<double>(d * d);
      }
    });
    sums = team.reduce(sums, RowSums{}, add);
    const double rest = kCentered ? sums.of[0] / n : 0.0;
    const double variance = max_nan(sums.of[1] / n - rest * rest, 0.0);
    const double rstd = 1 / sqrt(variance + call.epsilon);
    const W scale = static_cast<W>(rstd), shift = static_cast<W>(-rest * rstd);

    const GlobalPtr<T> y = call.y + r * call.y_stride;
    row.each([&](const W(&values)[kVector], int64_t col, int64_t count) {
      W results[kVector], factors[kVector];
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) results[v] = fma(values[v] - mean, scale, shift);
      if (call.gamma) {
        load_wide<kVector, T>(factors, call.gamma, col, count);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) results[v] *= factors[v];
      }
      if (call.beta) {
        load_wide<kVector, T>(factors, call.beta, col, count);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) results[v] += factors[v];
      }
      store_narrow<kVector, T>(y, col, results, count);
    });
    if (team.rank() == 0) {
      if (call.mean) call.mean[r] = narrow<T>(static_cast<W>(static_cast<double>(mean) + rest));
      if (call.rstd) call.rstd[r] = narrow<T>(scale);
    }
  }
}

template <class T>
struct NormBackward {
  GlobalPtr<T> dx;
  GlobalPtr<Wide<T>> rest;  // (rows): rest * rstd of each row, where dgamma is wanted
  GlobalPtr<const T> dy, dsum, x, mean, rstd, gamma;
  int64_t rows, cols, dx_stride, dy_stride, dsum_stride, x_stride;
};

// dx; x and dy are held or streamed as Row has it.
template <class T, class Team, class Row, int kVector, bool kCentered>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads) norm_rows_backward(NormBackward<T> call) {
  using W = Wide<T>;
  Team team;
  const double n = static_cast<double>(call.cols);
  for (int64_t r = team.first_row(); r < call.rows; r += team.row_step()) {
    const GlobalPtr<const T> dy = call.dy + r * call.dy_stride;
    const Row row(team, call.x + r * call.x_stride, call.cols);
    const W rstd = widen(T(call.rstd[r]));
    W mean = 0;
    if constexpr (kCentered) mean = widen(T(call.mean[r]));
    const auto load_g = [&](W(&g)[kVector], int64_t col, int64_t count) {
      load_wide<kVector, T>(g, dy, col, count);
      if (!call.gamma) return;
      W gamma[kVector];
      load_wide<kVector, T>(gamma, call.gamma, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) g[v] *= gamma[v];
    };

    RowSums sums = {};  // of g, g (x - mean), x - mean
    row.each([&](const W(&values)[kVector], int64_t col, int64_t count) {
      W g[kVector];
      load_g(g, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const W d = v < count ? values[v] - mean : W(0);
        sums.of[0] += static_cast<double>(g[v]);
        sums.of[1] += static_cast<double>(g[v] * d);
        sums.of[2] += static_cast<double>(d);
      }
    });
    sums = team.reduce(sums, RowSums{}, [](const RowSums& a, const RowSums& b) { return add_sums(a, b); });
    const double of_g = kCentered ? sums.of[0] / n : 0.0, left = kCentered ? sums.of[2] / n : 0.0;
    const double scale = static_cast<double>(rstd);
    const W rest = static_cast<W>(left * scale), g_mean = static_cast<W>(of_g);
    const W product = static_cast<W>((sums.of[1] / n - left * of_g) * scale);

    const GlobalPtr<T> dx = call.dx + r * call.dx_stride;
    row.each([&](const W(&values)[kVector], int64_t col, int64_t count) {
      W g[kVector], results[kVector];
      load_g(g, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const W xhat = fma(values[v] - mean, rstd, -rest);
        results[v] = rstd * fma(-xhat, product, g[v] - g_mean);
      }
      if (call.dsum) {
        load_wide<kVector, T>(g, call.dsum + r * call.dsum_stride, col, count);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) results[v] += g[v];
      }
      store_narrow<kVector, T>(dx, col, results, count);
    });
    if (call.rest && team.rank() == 0) call.rest[r] = rest;
  }
}

// partial (slices, 2, cols): sums of dy xhat and of dy over a slice's rows.
template <class T, int kVector, bool kCentered>
TW_KERNEL void TW_LAUNCH_BOUNDS(kColumnThreads)
    norm_columns_backward(GlobalPtr<double> partial, NormBackward<T> call, ColumnSplit split) {
  using W = Wide<T>;
  ColumnTeam<double, 2 * kVector> team(split);
  const int64_t col = team.group() * kVector, count = split.cols - col;
  double sums[2 * kVector] = {};
  if (count > 0) {
    for (int64_t r = team.first_row(); r < team.end_row(); r += team.downs()) {
      const W rstd = widen(T(call.rstd[r]));
      W mean = 0, rest = 0;
      if constexpr (kCentered) {
        mean = widen(T(call.mean[r]));
        rest = call.rest[r];
      }
      W dy[kVector], x[kVector];
      load_wide<kVector, T>(dy, call.dy + r * call.dy_stride, col, count);
      load_wide<kVector, T>(x, call.x + r * call.x_stride, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        sums[v] += static_cast<double>(dy[v] * fma(x[v] - mean, rstd, -rest));
        sums[kVector + v] += static_cast<double>(dy[v]);
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

// rest (rows) alone, in the same bits: where dx is written over dy, which norm_columns_backward must see
// first.
template <class T, class Team, class Row, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads) norm_rows_rest(NormBackward<T> call) {
  using W = Wide<T>;
  Team team;
  for (int64_t r = team.first_row(); r < call.rows; r += team.row_step()) {
    const Row row(team, call.x + r * call.x_stride, call.cols);
    const W mean = widen(T(call.mean[r]));
    RowSums sums = {};
    row.each([&](const W(&values)[kVector], int64_t, int64_t count) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sums.of[0] += v < count ? static_cast<double>(values[v] - mean) : 0.0;
    });
    sums = team.reduce(sums, RowSums{}, [](const RowSums& a, const RowSums& b) { return add_sums(a, b); });
    const double left = sums.of[0] / static_cast<double>(call.cols);
    if (team.rank() == 0) call.rest[r] = static_cast<W>(left * static_cast<double>(widen(T(call.rstd[r]))));
  }
}

// dgamma, dbeta (cols), which may be null, from partial (slices, 2, cols).
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    norm_gradient_join(GlobalPtr<T> dgamma, GlobalPtr<T> dbeta, GlobalPtr<const double> partial, int64_t cols,
                       int slices) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t col = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; col < cols; col += step) {
    double of_gamma = 0, of_beta = 0;
    for (int s = 0; s < slices; ++s) {
      of_gamma += partial[int64_t{s} * 2 * cols + col];
      of_beta += partial[(int64_t{s} * 2 + 1) * cols + col];
    }
    if (dgamma) dgamma[col] = narrow<T>(static_cast<Wide<T>>(of_gamma));
    if (dbeta) dbeta[col] = narrow<T>(static_cast<Wide<T>>(of_beta));
  }
}

}  // namespace TW_BACKEND
