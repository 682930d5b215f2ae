// SPDX-License-Identifier: Apache-2.0
// Computes    softmax      y = exp(x - m) / s        dx = y * (dy - sum(dy * y))
//             log_softmax  y = x - m - log(s)        dx = dy - exp(y) * sum(dy)
//             over each row, m = max(x), s = sum(exp(x - m)); accumulated in float.
// Layout      x, y, dx, dy (rows, cols), columns adjacent, any row stride; y may be x, dx may be dy.
//             kVector > 1 needs rows that start at multiples of 16 bytes; cols need not be a multiple.
// Method      held: the row stays in registers, so memory is read once and written once.
//             streamed: running maximum and sum in one pass (Milakov and Gimelshein 2018, algorithm 3),
//             then a second pass that writes.
// Work split  a team per row: WarpTeam (short rows, several warps in a block) or BlockTeam; lanes take
//             kVector neighbours each, teams stride over the rows.
// Limits      held: cols <= team size * kVector * kSteps. Blocks are one-dimensional, whole warps.
//             A row holding NaN or +inf, or only -inf, gives NaN throughout (log_softmax: as NumPy's).
// Measured    not yet run on hardware; passes on simt
#pragma once

#include "device/config.cuh"
#include "device/number.cuh"
#include "device/smem.cuh"
#include "device/vector.cuh"
#include "device/warp.cuh"

namespace TW_BACKEND {

enum class SoftmaxForm { softmax, log_softmax };

// A warp per row; the block's warps work on different rows and never meet.
class WarpTeam {
 public:
  static constexpr int kThreads = 128;  // of a block: four rows

  TW_DEVICE int rank() const { return lane_index(); }
  TW_DEVICE int size() const { return kWarpSize; }
  TW_DEVICE int64_t first_row() const { return int64_t{blockIdx.x} * warps() + warp_index(); }
  TW_DEVICE int64_t row_step() const { return int64_t{gridDim.x} * warps(); }
  TW_DEVICE float max(float value) { return warp_max(value); }
  TW_DEVICE float sum(float value) { return warp_sum(value); }

 private:
  TW_DEVICE int warps() const { return static_cast<int>(blockDim.x) / kWarpSize; }
};

// A block per row.
class BlockTeam {
 public:
  static constexpr int kThreads = kMaxThreads;  // at most

  // One value of each warp, twice: reduction i + 1 may write while slow warps still read reduction i's, so
  // one barrier a reduction is enough.
  struct Smem {
    SharedArray<float, 2 * kMaxWarps> partial;
  };

  TW_DEVICE BlockTeam() : smem_(block_shared<Smem>()) {}
  TW_DEVICE int rank() const { return static_cast<int>(threadIdx.x); }
  TW_DEVICE int size() const { return static_cast<int>(blockDim.x); }
  TW_DEVICE int64_t first_row() const { return blockIdx.x; }
  TW_DEVICE int64_t row_step() const { return gridDim.x; }

  TW_DEVICE float max(float value) {
    const float of_warps = exchange(warp_max(value), -INFINITY);
    return warp_max(of_warps);
  }
  TW_DEVICE float sum(float value) {
    const float of_warps = exchange(warp_sum(value), 0.0f);
    return warp_sum(of_warps);
  }

 private:
  // Gives lane i the value of warp i, and `neutral` where there is no such warp.
  TW_DEVICE float exchange(float warp_value, float neutral) {
    const int first = slot_ * kMaxWarps;
    slot_ ^= 1;
    if (lane_index() == 0) smem_.partial[first + warp_index()] = warp_value;
    block_sync();
    float value = neutral;
    if (lane_index() < size() / kWarpSize) value = smem_.partial[first + lane_index()];
    return value;
  }

  Smem& smem_;
  int slot_ = 0;
};

// kVector columns from `col` on as floats; `fill` stands for those past the row's end.
template <int kVector, class T, class Column>
TW_DEVICE void load_columns(float (&values)[kVector], GlobalPtr<const T> row, Column col, Column cols,
                            float fill) {
  if (kVector > 1 && col + kVector <= cols) {
    const Vector<T, kVector> loaded = load_vector<kVector>(row + col);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) values[v] = to_f32(loaded.elements[v]);
  } else {
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) values[v] = col + v < cols ? to_f32(row[col + v]) : fill;
  }
}

template <int kVector, class T, class Column>
TW_DEVICE void store_columns(GlobalPtr<T> row, Column col, Column cols, const float (&values)[kVector]) {
  if (kVector > 1 && col + kVector <= cols) {
    Vector<T, kVector> stored;
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) stored.elements[v] = from_f32<T>(values[v]);
    store_vector(row + col, stored);
  } else {
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) {
      if (col + v < cols) row[col + v] = from_f32<T>(values[v]);
    }
  }
}

template <class T, class Team, int kVector, int kSteps, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads)
    softmax_forward_held(GlobalPtr<T> y, GlobalPtr<const T> x, int64_t rows, int cols, int64_t y_stride,
                         int64_t x_stride) {
  Team team;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    const GlobalPtr<const T> x_row = x + row * x_stride;
    const GlobalPtr<T> y_row = y + row * y_stride;

    float values[kSteps][kVector];
    float max = -INFINITY;
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      load_columns(values[step], x_row, (step * team.size() + team.rank()) * kVector, cols, -INFINITY);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) max = fmaxf(max, values[step][v]);
    }
    max = team.max(max);

    float sum = 0.0f;
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const float shifted = values[step][v] - max;
        const float exponential = expf(shifted);
        sum += exponential;
        values[step][v] = kForm == SoftmaxForm::softmax ? exponential : shifted;
      }
    }
    sum = team.sum(sum);

    const float scale = 1.0f / sum;
    const float log_sum = logf(sum);
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        values[step][v] = kForm == SoftmaxForm::softmax ? values[step][v] * scale : values[step][v] - log_sum;
      }
      store_columns(y_row, (step * team.size() + team.rank()) * kVector, cols, values[step]);
    }
  }
}

template <class T, int kVector, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(kMaxThreads)
    softmax_forward_streamed(GlobalPtr<T> y, GlobalPtr<const T> x, int64_t rows, int64_t cols,
                             int64_t y_stride, int64_t x_stride) {
  BlockTeam team;
  const int64_t stride = int64_t{team.size()} * kVector;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    const GlobalPtr<const T> x_row = x + row * x_stride;
    const GlobalPtr<T> y_row = y + row * y_stride;

    // While all columns seen are -inf, shift is 0 and keeps -inf - -inf out of the sum.
    float max = -INFINITY, shift = 0.0f, sum = 0.0f;
    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      float values[kVector];
      load_columns(values, x_row, col, cols, -INFINITY);
      float new_max = max;
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) new_max = fmaxf(new_max, values[v]);
      shift = new_max == -INFINITY ? 0.0f : new_max;
      sum *= expf(max - shift);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sum += expf(values[v] - shift);
      max = new_max;
    }
    const float row_max = team.max(max);
    shift = row_max == -INFINITY ? 0.0f : row_max;
    sum = team.sum(sum * expf(max - shift));

    const float scale = 1.0f / sum;
    const float log_sum = logf(sum);
    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      float values[kVector];
      load_columns(values, x_row, col, cols, 0.0f);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        const float shifted = values[v] - row_max;
        values[v] = kForm == SoftmaxForm::softmax ? expf(shifted) * scale : shifted - log_sum;
      }
      store_columns(y_row, col, cols, values);
    }
  }
}

// What a row's backward sums, and what it then writes.
template <SoftmaxForm kForm>
TW_DEVICE float softmax_backward_term(float dy, float y) {
  return kForm == SoftmaxForm::softmax ? dy * y : dy;
}
template <SoftmaxForm kForm>
TW_DEVICE float softmax_backward_value(float dy, float y, float sum) {
  return kForm == SoftmaxForm::softmax ? y * (dy - sum) : dy - expf(y) * sum;
}

template <class T, class Team, int kVector, int kSteps, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(Team::kThreads)
    softmax_backward_held(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const T> y, int64_t rows,
                          int cols, int64_t dx_stride, int64_t dy_stride, int64_t y_stride) {
  Team team;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    float dy_values[kSteps][kVector], y_values[kSteps][kVector];
    float sum = 0.0f;
    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      const int col = (step * team.size() + team.rank()) * kVector;
      load_columns(dy_values[step], dy + row * dy_stride, col, cols, 0.0f);
      load_columns(y_values[step], y + row * y_stride, col, cols, 0.0f);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v)
        sum += softmax_backward_term<kForm>(dy_values[step][v], y_values[step][v]);
    }
    sum = team.sum(sum);

    TW_UNROLL
    for (int step = 0; step < kSteps; ++step) {
      const int col = (step * team.size() + team.rank()) * kVector;
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        dy_values[step][v] = softmax_backward_value<kForm>(dy_values[step][v], y_values[step][v], sum);
      }
      store_columns(dx + row * dx_stride, col, cols, dy_values[step]);
    }
  }
}

template <class T, int kVector, SoftmaxForm kForm>
TW_KERNEL void TW_LAUNCH_BOUNDS(kMaxThreads)
    softmax_backward_streamed(GlobalPtr<T> dx, GlobalPtr<const T> dy, GlobalPtr<const T> y, int64_t rows,
                              int64_t cols, int64_t dx_stride, int64_t dy_stride, int64_t y_stride) {
  BlockTeam team;
  const int64_t stride = int64_t{team.size()} * kVector;
  for (int64_t row = team.first_row(); row < rows; row += team.row_step()) {
    float dy_values[kVector], y_values[kVector];
    float sum = 0.0f;
    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      load_columns(dy_values, dy + row * dy_stride, col, cols, 0.0f);
      load_columns(y_values, y + row * y_stride, col, cols, 0.0f);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sum += softmax_backward_term<kForm>(dy_values[v], y_values[v]);
    }
    sum = team.sum(sum);

    for (int64_t col = team.rank() * kVector; col < cols; col += stride) {
      load_columns(dy_values, dy + row * dy_stride, col, cols, 0.0f);
      load_columns(y_values, y + row * y_stride, col, cols, 0.0f);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        dy_values[v] = softmax_backward_value<kForm>(dy_values[v], y_values[v], sum);
      }
      store_columns(dx + row * dx_stride, col, cols, dy_values);
    }
  }
}

}  // namespace TW_BACKEND
