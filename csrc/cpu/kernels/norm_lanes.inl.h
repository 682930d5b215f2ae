// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm of several rows, and their gradients: row by row, or narrow rows with a lane each.
// Computes    as norm_row.inl.h
// Layout      as NormRows and NormRowsGradient say
// Method      narrow rows of floats (row_lanes.inl.h) make their sums a column at a time, in float: they have at most
//             32 terms. dgamma and dbeta are kept a register a column until the rows end
// Work split  one call for a task's rows
// Limits      cols >= 1; a residual or a dsum takes the rows one by one
#include "cpu/kernels/norm_row.inl.h"
#include "cpu/kernels/row_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <bool kCentered>
void norm_lanes(const NormRows<float>& call, int64_t first, int rows) {
  const int cols = int(call.row.cols);
  const VecF share = VecF::set1(1.0f / float(cols));
  RowLanes x;
  x.load(call.row.x + first * call.x_step, call.x_step, rows, cols);
  VecF mean = VecF::zero(), rest = VecF::zero(), squares = VecF::zero();
  if (kCentered) {
    for (int c = 0; c < cols; ++c) mean += x.column[c];
    mean = mean * share;
  }
  for (int c = 0; c < cols; ++c) {
    const VecF d = kCentered ? x.column[c] - mean : x.column[c];
    if (kCentered) rest += d;
    squares = fma(d, d, squares);
    x.column[c] = d;
  }
  rest = rest * share;
  const VecF variance = max_nan(fnma(rest, rest, squares * share), VecF::zero());
  const VecF rstd = VecF::set1(1.0f) / sqrt(variance + VecF::set1(float(call.row.epsilon)));
  for (int c = 0; c < cols; ++c) {
    VecF y = (kCentered ? x.column[c] - rest : x.column[c]) * rstd;
    if (call.row.gamma) y = y * VecF::set1(call.row.gamma[c]);
    if (call.row.beta) y = y + VecF::set1(call.row.beta[c]);
    x.column[c] = y;
  }
  x.store(call.row.y + first * call.y_step, call.y_step, rows, cols);
  if (call.mean) store_n(call.mean + first, mean + rest, rows);
  if (call.rstd) store_n(call.rstd + first, rstd, rows);
}

template <class T, bool kCentered>
void norm_rows(const NormRows<T>& call) {
  if constexpr (kSame<T, float>) {
    if (row_lanes_fit<T>(call.row.cols) && !call.row.residual) {
      for_row_groups(call.rows, [&](int64_t r, int rows) { norm_lanes<kCentered>(call, r, rows); });
      return;
    }
  }
  NormRow<T> row = call.row;
  for (int64_t r = 0; r < call.rows; ++r) {
    const RowStatistics<T> statistics = norm_row<T, kCentered>(row);
    if (call.mean) call.mean[r] = statistics.mean;
    if (call.rstd) call.rstd[r] = statistics.rstd;
    row.y += call.y_step;
    row.x += call.x_step;
    if (row.sum) row.sum += call.sum_step;
    if (row.residual) row.residual += call.residual_step;
  }
}

// What a group adds to dgamma and dbeta, a register a column.
struct ParameterLanes {
  VecF dgamma[kMostRowLaneColumns], dbeta[kMostRowLaneColumns];
};

template <bool kCentered>
void gradient_lanes(const NormRowsGradient<float>& call, ParameterLanes* sums, int64_t first, int rows) {
  const int cols = int(call.row.cols);
  const VecF share = VecF::set1(1.0f / float(cols)), zero = VecF::zero();
  const VecF mean = kCentered ? VecF::load_n(call.mean + first, rows) : zero;
  const VecF rstd = VecF::load_n(call.rstd + first, rows);
  const float* gamma = call.row.gamma;
  RowLanes x, dy;
  x.load(call.row.x + first * call.x_step, call.x_step, rows, cols);
  dy.load(call.row.dy + first * call.dy_step, call.dy_step, rows, cols);
  VecF g_sum = zero, products = zero, rest = zero;
  for (int c = 0; c < cols; ++c) {
    const VecF g = gamma ? dy.column[c] * VecF::set1(gamma[c]) : dy.column[c];
    const VecF d = kCentered ? x.column[c] - mean : x.column[c];
    if (kCentered) {
      g_sum += g;
      rest += d;
    }
    products = fma(g, d, products);
    x.column[c] = d;
  }
  const VecF g_mean = g_sum * share;
  rest = rest * share;
  const VecF product_mean = fnma(rest, g_mean, products * share) * rstd;
  for (int c = 0; c < cols; ++c) {
    const VecF xhat = (kCentered ? x.column[c] - rest : x.column[c]) * rstd;
    if (sums) {
      sums->dgamma[c] = fma(dy.column[c], xhat, sums->dgamma[c]);
      if (kCentered) sums->dbeta[c] += dy.column[c];
    }
    const VecF g = gamma ? dy.column[c] * VecF::set1(gamma[c]) : dy.column[c];
    x.column[c] = rstd * fnma(xhat, product_mean, g - g_mean);
  }
  x.store(call.row.dx + first * call.dx_step, call.dx_step, rows, cols);
}

template <bool kCentered>
void gradient_of_narrow_rows(const NormRowsGradient<float>& call) {
  ParameterLanes sums;
  for (int c = 0; c < kMostRowLaneColumns; ++c) sums.dgamma[c] = sums.dbeta[c] = VecF::zero();
  ParameterLanes* wanted = call.row.dgamma ? &sums : nullptr;
  for_row_groups(call.rows, [&](int64_t r, int rows) { gradient_lanes<kCentered>(call, wanted, r, rows); });
  if (!wanted) return;
  for (int64_t c = 0; c < call.row.cols; ++c) {
    call.row.dgamma[c] += reduce_add(sums.dgamma[c]);
    if (kCentered) call.row.dbeta[c] += reduce_add(sums.dbeta[c]);
  }
}

template <class T, bool kCentered>
void norm_rows_backward(const NormRowsGradient<T>& call) {
  if constexpr (kSame<T, float>) {
    if (row_lanes_fit<T>(call.row.cols) && !call.row.dsum) return gradient_of_narrow_rows<kCentered>(call);
  }
  NormRowGradient<T> row = call.row;
  for (int64_t r = 0; r < call.rows; ++r) {
    row.statistics = {call.mean ? call.mean[r] : T(0), call.rstd[r]};
    norm_row_backward<T, kCentered>(row);
    row.dx += call.dx_step;
    row.dy += call.dy_step;
    row.x += call.x_step;
    if (row.dsum) row.dsum += call.dsum_step;
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
