// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm of several rows, and their gradients: row by row, or narrow rows with a lane each.
// Computes    as norm_row.inl.h
// Layout      as NormRows and NormRowsGradient say
// Method      narrow rows of floats (row_lanes.inl.h) make their sums in float: they have at most 32 terms. Forward takes
//             a lane a row, which gives all rows one square root. Backward leaves rows as they lie and does the steps
//             across lanes for kLanes rows together; dgamma and dbeta stay in registers until the rows end
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
  if (row.past_caches) stream_fence();
}

// A row of at most kRegisters registers, the last one perhaps with fewer than kLanes columns.
template <int kRegisters>
struct ShortRow {
  int tail;  // columns of the last register, 1 to kLanes

  explicit ShortRow(int64_t cols) : tail(int(cols) - (kRegisters - 1) * VecF::kLanes) {}
  TW_INLINE VecF load(const float* p, int i) const {
    const float* at = p + i * VecF::kLanes;
    return i + 1 < kRegisters ? VecF::load(at) : VecF::load_n(at, tail);
  }
  TW_INLINE void store(float* p, int i, VecF v) const {
    float* at = p + i * VecF::kLanes;
    if (i + 1 < kRegisters || tail == VecF::kLanes)
      TW_ISA::store(at, v);
    else
      store_n(at, v, tail);
  }
  TW_INLINE VecF keep(int i, VecF v) const {
    return i + 1 < kRegisters ? v : select(mask_first<float>(tail), v, VecF::zero());
  }
};

// What rows have added to dgamma and dbeta.
template <int kRegisters>
struct ParameterSums {
  VecF dgamma[kRegisters], dbeta[kRegisters];
};

// Sums of kLanes short rows, a register each; then the steps across lanes for all of them together.
struct RowGroupSums {
  VecF g[VecF::kLanes], products[VecF::kLanes], rest[VecF::kLanes];

  static TW_INLINE VecF over_lanes(VecF (&rows)[VecF::kLanes]) {
    return fold_lanes_of_rows(rows, [](VecF a, VecF b) { return a + b; });
  }
};

// At most kLanes rows from `first` on.
template <bool kCentered, int kRegisters>
TW_INLINE void gradient_group(const NormRowsGradient<float>& call, const VecF (&gamma)[kRegisters],
                              ParameterSums<kRegisters>& sums, int64_t first, int rows) {
  constexpr int L = VecF::kLanes;
  const ShortRow<kRegisters> row(call.row.cols);
  const float *x = call.row.x + first * call.x_step, *dy = call.row.dy + first * call.dy_step;
  const float* means = kCentered ? call.mean + first : nullptr;
  RowGroupSums group;
  for (int r = 0; r < L; ++r) {
    group.g[r] = group.products[r] = group.rest[r] = VecF::zero();
    if (r >= rows) continue;
    const VecF mean = kCentered ? VecF::set1(means[r]) : VecF::zero();
    for (int i = 0; i < kRegisters; ++i) {
      const VecF g = row.load(dy + r * call.dy_step, i) * gamma[i];
      const VecF d = row.keep(i, row.load(x + r * call.x_step, i) - mean);
      group.g[r] += g;
      group.rest[r] += d;
      group.products[r] = fma(g, d, group.products[r]);
    }
  }
  const VecF share = VecF::set1(1.0f / float(call.row.cols)), rstd = VecF::load_n(call.rstd + first, rows);
  const VecF g_mean = kCentered ? RowGroupSums::over_lanes(group.g) * share : VecF::zero();
  const VecF rest = kCentered ? RowGroupSums::over_lanes(group.rest) * share : VecF::zero();
  const VecF product_mean = fnma(rest, g_mean, RowGroupSums::over_lanes(group.products) * share) * rstd;
  float g_means[L], rests[L], product_means[L];
  store(g_means, g_mean);
  store(rests, rest * rstd);
  store(product_means, product_mean);
  for (int r = 0; r < rows; ++r) {
    const VecF mean = kCentered ? VecF::set1(means[r]) : VecF::zero(), scale = VecF::set1(call.rstd[first + r]);
    for (int i = 0; i < kRegisters; ++i) {
      const VecF dyc = row.load(dy + r * call.dy_step, i);
      const VecF xhat = fma(row.load(x + r * call.x_step, i) - mean, scale, VecF::set1(-rests[r]));
      const VecF g = dyc * gamma[i];
      sums.dgamma[i] = fma(dyc, xhat, sums.dgamma[i]);
      sums.dbeta[i] += dyc;
      const VecF result = scale * fnma(xhat, VecF::set1(product_means[r]), g - VecF::set1(g_means[r]));
      row.store(call.row.dx + (first + r) * call.dx_step, i, result);
    }
  }
}

template <bool kCentered, int kRegisters>
void gradient_of_short_rows(const NormRowsGradient<float>& call) {
  const ShortRow<kRegisters> row(call.row.cols);
  ParameterSums<kRegisters> sums;
  VecF gamma[kRegisters];
  for (int i = 0; i < kRegisters; ++i) {
    sums.dgamma[i] = sums.dbeta[i] = VecF::zero();
    gamma[i] = call.row.gamma ? row.load(call.row.gamma, i) : VecF::set1(1.0f);
  }
  for_row_groups(call.rows, [&](int64_t r, int rows) { gradient_group<kCentered>(call, gamma, sums, r, rows); });
  if (!call.row.dgamma) return;
  for (int i = 0; i < kRegisters; ++i) {
    row.store(call.row.dgamma, i, row.load(call.row.dgamma, i) + sums.dgamma[i]);
    if (kCentered) row.store(call.row.dbeta, i, row.load(call.row.dbeta, i) + sums.dbeta[i]);
  }
}

template <class T, bool kCentered>
void norm_rows_backward(const NormRowsGradient<T>& call) {
  if constexpr (kSame<T, float>) {
    if (row_lanes_fit<T>(call.row.cols) && !call.row.dsum)
      return call.row.cols <= VecF::kLanes ? gradient_of_short_rows<kCentered, 1>(call)
                                           : gradient_of_short_rows<kCentered, 2>(call);
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
  if (row.past_caches) stream_fence();
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
