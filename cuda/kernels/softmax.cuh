// SPDX-License-Identifier: Apache-2.0
// Computes    softmax      y = exp(x - m) / s        dx = y * (dy - sum(dy * y))
//             log_softmax  y = x - m - log(s)        dx = dy - exp(y) * sum(dy)
//             over each row, m = max(x), s = sum(exp(x - m)); accumulated in float (float64: in double).
// Layout      x, y, dx, dy (rows, cols), columns adjacent, any row stride; y may be x, dx may be dy.
//             kVector > 1 needs rows that start at multiples of 16 bytes; cols need not be a multiple.
// Method      held: the row stays in registers, so memory is read once and written once.
//             streamed: running maximum and sum in one pass (Milakov and Gimelshein 2018, algorithm 3),
//             then a second pass that writes.
// Work split  a team per row: a warp (short rows, several in a block) or a block (device/team.cuh); lanes
//             take kVector neighbours each, teams stride over the rows.
// Limits      held: cols <= team size * kVector * kSteps. Blocks are one-dimensional, whole warps.
//             A row holding NaN or +inf, or only -inf, gives NaN throughout (log_softmax: as NumPy's).
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/team.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

enum class SoftmaxForm { softmax, log_softmax };

// What a row of T is summed in, and the team of a block that does so.
template <class T>
using SoftmaxTeam = BlockTeamOf<Wide<T>>;

template <class Team, class W>
TW_DEVICE W team_max(Team& team, W value, Site site = Site::here()) {
  return team.reduce(
      value, -static_cast<W>(INFINITY), [](W a, W b) { return W(fmax(a, b)); }, site);
}
template <class Team, class W>
TW_DEVICE W team_sum(Team& team, W value, Site site = Site::here()) {
  return team.reduce(
      value, W(0), [](W a, W b) { return a + b; }, site);
}

// kVector columns from `col` on; `fill` stands for those past the row's end.
template <int kVector, class T, class Column>
TW_DEVICE void load_columns(Wide<T> (&values)[kVector], GlobalPtr<const T> row, Column col, Column cols,
                            Wide<T> fill) {
  if (kVector > 1 && col + kVector <= cols) {
    load_wide<kVector, T>(values, row, col);
  } else {
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) values[v] = col + v < cols ? widen(T(row[col + v])) : fill;
  }
}

template <class T, class Team, int kVector, int kSteps, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads)
    softmax_forward_held(GlobalPtr<T> y, GlobalPtr<const T> x, int64_t rows, int cols, int64_t y_stride,
                         int64_t x_stride) {
  using W = Wide<T>;
  Team team;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    const GlobalPtr<const T> x_row = x + row * x_stride;
    const GlobalPtr<T> y_row = y + row * y_stride;

    W values[kSteps][kVector];
    W max = -static_cast<W>(INFINITY);
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      load_columns<kVector, T>(values[step], x_row, (step * team.size() + team.rank()) * kVector, cols,
                               -static_cast<W>(INFINITY));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) max = fmax(max, values[step][v]);
    }
    max = team_max(team, max);

    W sum = 0;
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const W shifted = values[step][v] - max;
        const W exponential = exp(shifted);
        sum += exponential;
        values[step][v] = kForm == SoftmaxForm::softmax ? exponential : shifted;
      }
    }
    sum = team_sum(team, sum);

    const W scale = W(1) / sum;
    const W log_sum = log(sum);
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        values[step][v] = kForm == SoftmaxForm::softmax ? values[step][v] * scale : values[step][v] - log_sum;
      }
      const int col = (step * team.size() + team.rank()) * kVector;
      store_narrow<kVector, T>(y_row, col, values[step], cols - col);
    }
  }
}

template <class T, int kVector, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(kMaxThreads)
    softmax_forward_streamed(GlobalPtr<T> y, GlobalPtr<const T> x, int64_t rows, int64_t cols,
                             int64_t y_stride, int64_t x_stride) {
  using W = Wide<T>;
  SoftmaxTeam<T> team;
  const int64_t stride = int64_t{team.size()} * kVector;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    const GlobalPtr<const T> x_row = x + row * x_stride;
    const GlobalPtr<T> y_row = y + row * y_stride;

    // While all columns seen are -inf, shift is 0 and keeps -inf - -inf out of the sum.
    W max = -static_cast<W>(INFINITY), shift = 0, sum = 0;
    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      W values[kVector];
      load_columns<kVector, T>(values, x_row, col, cols, -static_cast<W>(INFINITY));
      W new_max = max;
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) new_max = fmax(new_max, values[v]);
      shift = new_max == -static_cast<W>(INFINITY) ? W(0) : new_max;
      sum *= exp(max - shift);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sum += exp(values[v] - shift);
      max = new_max;
    }
    const W row_max = team_max(team, max);
    shift = row_max == -static_cast<W>(INFINITY) ? W(0) : row_max;
    sum = team_sum(team, sum * exp(max - shift));

    const W scale = W(1) / sum;
    const W log_sum = log(sum);
    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      W values[kVector];
      load_columns<kVector, T>(values, x_row, col, cols, W(0));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const W shifted = values[v] - row_max;
        values[v] = kForm == SoftmaxForm::softmax ? exp(shifted) * scale : shifted - log_sum;
      }
      store_narrow<kVector, T>(y_row, col, values, cols - col);
    }
  }
}

// What a row's backward sums, and what it then writes.
template <SoftmaxForm kForm, class W>
TW_DEVICE W softmax_backward_term(W dy, W y) {
  return kForm == SoftmaxForm::softmax ? dy * y : dy;
}
template <SoftmaxForm kForm, class W>
TW_DEVICE W softmax_backward_value(W dy, W y, W sum) {
  return kForm == SoftmaxForm::softmax ? y * (dy - sum) : dy - exp(y) * sum;
}

template <class T, class Team, int kVector, int kSteps, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads)
    softmax_backward_held(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const T> y, int64_t rows,
                          int cols, int64_t dx_stride, int64_t dy_stride, int64_t y_stride) {
  using W = Wide<T>;
  Team team;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    W dy_values[kSteps][kVector], y_values[kSteps][kVector];
    W sum = 0;
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      const int col = (step * team.size() + team.rank()) * kVector;
      load_columns<kVector, T>(dy_values[step], dy + row * dy_stride, col, cols, W(0));
      load_columns<kVector, T>(y_values[step], y + row * y_stride, col, cols, W(0));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v)
        sum += softmax_backward_term<kForm>(dy_values[step][v], y_values[step][v]);
    }
    sum = team_sum(team, sum);

    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      const int col = (step * team.size() + team.rank()) * kVector;
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        dy_values[step][v] = softmax_backward_value<kForm>(dy_values[step][v], y_values[step][v], sum);
      }
      store_narrow<kVector, T>(dx + row * dx_stride, col, dy_values[step], cols - col);
    }
  }
}

template <class T, int kVector, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(kMaxThreads)
    softmax_backward_streamed(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const T> y, int64_t rows,
                              int64_t cols, int64_t dx_stride, int64_t dy_stride, int64_t y_stride) {
  using W = Wide<T>;
  SoftmaxTeam<T> team;
  const int64_t stride = int64_t{team.size()} * kVector;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    W dy_values[kVector], y_values[kVector];
    W sum = 0;
    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      load_columns<kVector, T>(dy_values, dy + row * dy_stride, col, cols, W(0));
      load_columns<kVector, T>(y_values, y + row * y_stride, col, cols, W(0));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sum += softmax_backward_term<kForm>(dy_values[v], y_values[v]);
    }
    sum = team_sum(team, sum);

    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      load_columns<kVector, T>(dy_values, dy + row * dy_stride, col, cols, W(0));
      load_columns<kVector, T>(y_values, y + row * y_stride, col, cols, W(0));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        dy_values[v] = softmax_backward_value<kForm>(dy_values[v], y_values[v], sum);
      }
      store_narrow<kVector, T>(dx + row * dx_stride, col, dy_values, cols - col);
    }
  }
}

}  // namespace TW_BACKEND
