// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm of one row, and their gradients.
// Computes    h = x + residual;  y = (h - mean) * rstd * gamma + beta,  rstd = 1 / sqrt(mean((h - mean)^2) +
// epsilon)
//             rms_norm: the same with mean = 0 and no beta
//             dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) + dsum,  g = dy * gamma;  rms_norm: no
//             mean(g)
// Layout      cols contiguous elements each; y may be x, dx may be dy or x
// Method      two passes for the statistics: a rounded mean first, then sums of x - mean and its square,
// which give
//             what the rounding left over (the corrected two-pass algorithm: Chan, Golub & LeVeque, The
//             American Statistician 37(3), 1983, formula 1.7). x - mean is exact near the mean, so a large
//             mean costs no digits; backward finds the rest of the mean again in the sums it makes anyway
// Work split  one call per row; the row stays in the cache between the sweeps
// Limits      cols >= 1
#include "cpu/kernels/norm.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
T row_mean(const T* x, int64_t cols) {
  double totals[1] = {};
  sum_blocks<T>(totals, cols, [&](auto access, int64_t c, auto& sums) { sums.of[0] += access.load(x + c); });
  return T(totals[0] / double(cols));
}

// y = (x - mean) * rstd - rest, times gamma, plus beta.
template <class T>
void normalize_row(const NormRow<T>& row, const T* x, T mean, T rstd, T rest) {
  using V = Vec<T>;
  const V m = V::set1(mean), scale = V::set1(rstd), shift = V::set1(-rest);
  const T *gamma = row.gamma, *beta = row.beta;
  write_row(row.y, row.cols, row.past_caches, [&](auto access, int64_t c) {
    V h = fma(access.load(x + c) - m, scale, shift);
    if (gamma) h = h * access.load(gamma + c);
    if (beta) h = h + access.load(beta + c);
    return h;
  });
}

template <class T, bool kCentered>
RowStatistics<T> norm_row(const NormRow<T>& row) {
  using V = Vec<T>;
  const T* x = row.x;
  if (row.residual) {
    for_vectors<T>(row.cols, [&](auto access, int64_t c) {
      access.store(row.sum + c, access.load(row.x + c) + access.load(row.residual + c));
    });
    x = row.sum;
  }
  const T mean = kCentered ? row_mean(x, row.cols) : T(0);
  const V m = V::set1(mean);
  double totals[2] = {};
  sum_blocks<T>(totals, row.cols, [&](auto access, int64_t c, auto& sums) {
    const V d = access.keep(access.load(x + c) - m);
    if (kCentered) sums.of[0] += d;
    sums.of[1] = fma(d, d, sums.of[1]);
  });
  const double n = double(row.cols), rest = totals[0] / n;
  double variance = totals[1] / n - rest * rest;
  if (variance < 0) variance = 0;
  const double rstd = 1 / __builtin_sqrt(variance + row.epsilon);
  normalize_row(row, x, mean, T(rstd), T(rest * rstd));
  return {T(double(mean) + rest), T(rstd)};
}

// What the second sweep needs: xhat = (x - mean) * rstd - rest, dx = rstd * (g - g_mean - xhat *
// product_mean).
template <class T>
struct RowGradientTerms {
  T mean, rstd, rest, g_mean, product_mean;
};

template <class T, bool kCentered>
RowGradientTerms<T> gradient_terms(const NormRowGradient<T>& row) {
  using V = Vec<T>;
  const T *dy = row.dy, *x = row.x, *gamma = row.gamma;
  const T mean = kCentered ? row.statistics.mean : T(0);
  const V m = V::set1(mean);
  double totals[3] = {};  // of g, g * (x - mean), x - mean
  sum_blocks<T>(totals, row.cols, [&](auto access, int64_t c, auto& sums) {
    V g = access.load(dy + c);
    if (gamma) g = g * access.load(gamma + c);
    const V d = access.keep(access.load(x + c) - m);
    if (kCentered) {
      sums.of[0] += g;
      sums.of[2] += d;
    }
    sums.of[1] = fma(g, d, sums.of[1]);
  });
  const double n = double(row.cols), rstd = double(row.statistics.rstd);
  const double g_mean = totals[0] / n, rest = totals[2] / n;
  return {mean, T(rstd), T(rest * rstd), T(g_mean), T((totals[1] / n - rest * g_mean) * rstd)};
}

template <class T, bool kCentered, bool kSums>
void write_gradient(const NormRowGradient<T>& row, const RowGradientTerms<T>& terms) {
  using V = Vec<T>;
  const V mean = V::set1(terms.mean), scale = V::set1(terms.rstd), rest = V::set1(-terms.rest);
  const V g_mean = V::set1(terms.g_mean), product_mean = V::set1(terms.product_mean);
  T *dgamma = row.dgamma, *dbeta = row.dbeta;
  const T *dy = row.dy, *x = row.x, *gamma = row.gamma, *dsum = row.dsum;
  write_row(row.dx, row.cols, row.past_caches, [&](auto access, int64_t c) {
    const V dyc = access.load(dy + c);
    const V xhat = fma(access.load(x + c) - mean, scale, rest);
    const V g = gamma ? dyc * access.load(gamma + c) : dyc;
    V result = scale * fnma(xhat, product_mean, g - g_mean);
    if (dsum) result = result + access.load(dsum + c);
    if (kSums) access.store(dgamma + c, fma(dyc, xhat, access.load(dgamma + c)));
    if (kSums && kCentered) access.store(dbeta + c, access.load(dbeta + c) + dyc);
    return result;
  });
}

template <class T, bool kCentered>
void norm_row_backward(const NormRowGradient<T>& row) {
  const RowGradientTerms<T> terms = gradient_terms<T, kCentered>(row);
  if (row.dgamma)
    write_gradient<T, kCentered, true>(row, terms);
  else
    write_gradient<T, kCentered, false>(row, terms);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
