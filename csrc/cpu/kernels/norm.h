// SPDX-License-Identifier: Apache-2.0
// Kernels of the norm family: layer_norm and rms_norm work on rows, batch_norm on a block of columns.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// One row of layer_norm or rms_norm; each pointer shows cols elements, those with "?" may be null.
template <class T>
struct NormRow {
  T* y;
  T* sum;  // ?: receives x + residual
  const T* x;
  const T* residual;  // ?
  const T* gamma;     // ?
  const T* beta;      // ?
  int64_t cols;
  double epsilon;
  bool past_caches;  // y is best written by streaming stores
};

template <class T>
struct RowStatistics {
  T mean, rstd;  // mean is 0 for rms_norm
};

// One row of their gradients. dgamma and dbeta are added to; both are null where neither is wanted.
template <class T>
struct NormRowGradient {
  T* dx;
  T* dgamma;  // ?
  T* dbeta;   // ?: not used by rms_norm
  const T* dy;
  const T* dsum;  // ?: what flows into x + residual directly
  const T* x;
  const T* gamma;  // ?
  RowStatistics<T> statistics;
  int64_t cols;
  bool past_caches;  // dx is best written by streaming stores
};

// Several rows: `row` is the first of them, and the steps count elements from row to row. Statistics have one
// element a row.
template <class T>
struct NormRows {
  NormRow<T> row;
  int64_t rows;
  int64_t y_step, sum_step, x_step, residual_step;
  T* mean;  // ?
  T* rstd;  // ?
};
template <class T>
struct NormRowsGradient {
  NormRowGradient<T> row;  // its statistics are not read
  int64_t rows;
  int64_t dx_step, dy_step, dsum_step, x_step;
  const T* mean;  // ?
  const T* rstd;
};

// rows of cols elements; rows lie `step` elements apart.
template <class T>
struct ColumnBlock {
  const T* data;
  int64_t step, rows, cols;
};

// Where such a block's results go; past_caches: they are best written by streaming stores.
template <class T>
struct ColumnTarget {
  T* data;
  int64_t step;
  bool past_caches;
};

inline constexpr int kNormColumns = 256;  // most columns of a block
inline constexpr int kNormSlice = 64;     // most rows that are summed in T before double takes over

// Per column, over the rows of a block.
template <class T>
struct ColumnMoments {
  T mean[kNormColumns];     // rounded; only a centre that is near
  T rest[kNormColumns];     // sum of x - mean
  T squares[kNormColumns];  // sum of (x - mean)^2
};
template <class T>
struct ColumnProducts {
  T dy[kNormColumns];       // sum of dy
  T product[kNormColumns];  // sum of dy * (x - centre)
  T rest[kNormColumns];     // sum of x - centre
};

template <class T>
struct NormTable {
  void (*layer_norm)(const NormRows<T>&);
  void (*rms_norm)(const NormRows<T>&);
  void (*layer_norm_backward)(const NormRowsGradient<T>&);
  void (*rms_norm_backward)(const NormRowsGradient<T>&);
  // block.rows <= kNormSlice, block.cols <= kNormColumns; centre (cols)
  void (*column_moments)(ColumnMoments<T>& moments, const ColumnBlock<T>& x);
  void (*column_products)(ColumnProducts<T>& products, const ColumnBlock<T>& dy, const ColumnBlock<T>& x,
                          const T* centre);
  // y = (x - centre) * scale + shift
  void (*column_scale)(const ColumnTarget<T>& y, const ColumnBlock<T>& x, const T* centre, const T* scale,
                       const T* shift);
  // dx = dy * dy_scale + (x - centre) * x_scale + shift
  void (*column_combine)(const ColumnTarget<T>& dx, const ColumnBlock<T>& dy, const ColumnBlock<T>& x,
                         const T* centre, const T* dy_scale, const T* x_scale, const T* shift);
};

using NormKernels = FloatTables<NormTable>;

}  // namespace tilewright::cpu
