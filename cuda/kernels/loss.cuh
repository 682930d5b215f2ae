// SPDX-License-Identifier: Apache-2.0
// Computes    softmax: -sum_c q[c] log p[c], p = softmax(x), gradient p sum(q) - q
//             sigmoid: max(x, 0) - x q + log(1 + exp(-|x|)), gradient sigmoid(x) - q
//             square: mean_c (a[c] - b[c])^2, gradient 2 (a - b) / cols
//             q = (1 - smoothing) label + smoothing / cols (sigmoid: smoothing / 2)
// Layout      rows contiguous, any row stride; labels ids (rows,) of any stride, or probabilities (rows,
//             cols); a gradient that is not wanted is null. kVector > 1 needs rows that start at multiples of
//             16 bytes
// Method      loss and gradient in one kernel: maximum, sums, gradient; a row that fits is read once
//             (kernels/rows.cuh). With z = x - max the loss is log(sum exp z) sum(q) - sum(q z), which
//             neither overflows nor takes log of a tiny p. Sums meet in double
// Work split  a team (device/team.cuh) per row; sigmoid: threads stride over groups
// Limits      cols >= 1. A class with q = 0 adds nothing, even at a logit of -inf. NaN reaches the whole row.
//             A label out of range is reported (device/error_cell.cuh) and taken as the nearest class
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/embedding.cuh"
#include "kernels/rows.cuh"

namespace TW_BACKEND {

template <class T>
struct CrossEntropy {
  GlobalPtr<T> loss, dlogits;  // dlogits may be null
  GlobalPtr<const T> logits, labels;
  IdList ids;  // instead of labels
  IndexCheck check;
  int64_t rows, cols, dlogits_stride, logits_stride, labels_stride;
  double smoothing;
  int64_t ignore_index;
  bool has_ignore_index;
};

template <class T, class Team, class Row, int kVector, bool kDense>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads) cross_entropy_rows(CrossEntropy<T> call) {
  using W = Wide<T>;
  Team team;
  const double even = call.smoothing / static_cast<double>(call.cols), sharp = 1 - call.smoothing;
  for (int64_t r = team.first_row(); r < call.rows; r += team.row_step()) {
    const Row row(team, call.logits + r * call.logits_stride, call.cols);
    int64_t label = -1;
    bool ignored = false;
    if constexpr (!kDense) {
      label = call.ids.at(r * call.labels_stride);
      ignored = call.has_ignore_index && label == call.ignore_index;
      if (!ignored) label = call.check.checked(label, r);
    }
    const auto load_q = [&](W(&q)[kVector], int64_t col, int64_t count) {
      if constexpr (kDense) {
        load_wide<kVector, T>(q, call.labels + r * call.labels_stride, col, count);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) q[v] = fma(q[v], static_cast<W>(sharp), static_cast<W>(even));
      } else {
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) q[v] = static_cast<W>(even + (col + v == label ? sharp : 0.0));
      }
    };

    RowSums largest = {{-static_cast<double>(INFINITY), 0, 0}};
    row.each([&](const W(&x)[kVector], int64_t, int64_t count) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        if (v < count) largest.of[0] = max_nan(static_cast<double>(x[v]), largest.of[0]);
      }
    });
    const RowSums lowest = {{-static_cast<double>(INFINITY), 0, 0}};
    largest = team.reduce(largest, lowest, [](const RowSums& a, const RowSums& b) {
      return RowSums{{max_nan(a.of[0], b.of[0]), 0, 0}};
    });
    const W max = static_cast<W>(largest.of[0]);

    RowSums sums = {};  // of exp(z), q, q z
    row.each([&](const W(&x)[kVector], int64_t col, int64_t count) {
      W q[kVector];
      load_q(q, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        if (v >= count) continue;
        const W z = x[v] - max;
        sums.of[0] += static_cast<double>(exp(z));
        sums.of[1] += static_cast<double>(q[v]);
        if (q[v] != W(0)) sums.of[2] += static_cast<double>(q[v] * z);
      }
    });
    sums = team.reduce(sums, RowSums{}, [](const RowSums& a, const RowSums& b) { return add_sums(a, b); });
    const double of_q = kDense ? sums.of[1] : 1.0;

    if (call.dlogits) {
      const GlobalPtr<T> gradient = call.dlogits + r * call.dlogits_stride;
      const W scale = static_cast<W>(of_q / sums.of[0]);
      row.each([&](const W(&x)[kVector], int64_t col, int64_t count) {
        W results[kVector];
        load_q(results, col, count);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) {
          results[v] = ignored ? W(0) : fma(static_cast<W>(exp(x[v] - max)), scale, -results[v]);
        }
        store_narrow<kVector, T>(gradient, col, results, count);
      });
    }
    if (team.rank() == 0) {
      const double loss = static_cast<double>(log(static_cast<W>(sums.of[0]))) * of_q - sums.of[2];
      call.loss[r] = narrow<T>(ignored ? W(0) : static_cast<W>(loss));
    }
  }
}

template <class T>
struct SquaredError {
  GlobalPtr<T> loss, dprediction;  // dprediction may be null
  GlobalPtr<const T> prediction, target;
  int64_t rows, cols, dprediction_stride, prediction_stride, target_stride;
};

template <class T, class Team, class Row, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads) squared_error_rows(SquaredError<T> call) {
  using W = Wide<T>;
  Team team;
  const W scale = static_cast<W>(2 / static_cast<double>(call.cols));
  for (int64_t r = team.first_row(); r < call.rows; r += team.row_step()) {
    const Row row(team, call.prediction + r * call.prediction_stride, call.cols);
    RowSums sums = {};
    row.each([&](const W(&a)[kVector], int64_t col, int64_t count) {
      W d[kVector];
      load_wide<kVector, T>(d, call.target + r * call.target_stride, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        d[v] = a[v] - d[v];  // 0 past the row's end
        sums.of[0] += static_cast<double>(d[v] * d[v]);
        d[v] *= scale;
      }
      if (call.dprediction)
        store_narrow<kVector, T>(call.dprediction + r * call.dprediction_stride, col, d, count);
    });
    sums = team.reduce(sums, RowSums{}, [](const RowSums& a, const RowSums& b) { return add_sums(a, b); });
    if (team.rank() == 0)
      call.loss[r] = narrow<T>(static_cast<W>(sums.of[0] / static_cast<double>(call.cols)));
  }
}

// dlogits may be null; loss may be logits or labels.
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    sigmoid_cross_entropy_map(GlobalPtr<T> loss, GlobalPtr<T> dlogits, GlobalPtr<const T> logits,
                              GlobalPtr<const T> labels, int64_t elements, double smoothing) {
  using W = Wide<T>;
  const W scale = static_cast<W>(1 - smoothing), shift = static_cast<W>(smoothing / 2);
  const int64_t step = int64_t{gridDim.x} * blockDim.x * kVector;
  for (int64_t at = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * kVector; at < elements; at += step) {
    const int64_t count = elements - at;
    W x[kVector], q[kVector], losses[kVector];
    load_wide<kVector, T>(x, logits, at, count);
    load_wide<kVector, T>(q, labels, at, count);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) {
      q[v] = fma(q[v], scale, shift);
      const W e = exp(-fabs(x[v])), r = W(1) / (W(1) + e);
      losses[v] = max_nan(x[v], W(0)) - x[v] * q[v] + log1p(e);
      q[v] = (x[v] < W(0) ? e * r : r) - q[v];
    }
    store_narrow<kVector, T>(loss, at, losses, count);
    if (dlogits) store_narrow<kVector, T>(dlogits, at, q, count);
  }
}

}  // namespace TW_BACKEND
