// SPDX-License-Identifier: Apache-2.0
// Kernels of the shape family: rows added, rows of an image resized.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// Where each column of the wide grid takes its two neighbours, and the share of the second.
struct ResizeColumns {
  const int32_t* first;
  const int32_t* second;
  const double* share;
  int64_t count;
};

template <class T>
struct ShapeTable {
  // y[i] += x[i]
  using Add = void (*)(T* y, const T* x, int64_t n);
  // y (Q, C) = (1 - share) * upper + share * lower, both (W, C) and interpolated along W
  using ResizeRow = void (*)(T* y, const T* upper, const T* lower, double share, const ResizeColumns& columns,
                             int64_t channels);
  // dx (W, C) += weight * dy (Q, C) spread over the columns that dy's came from
  using SpreadRow = void (*)(T* dx, const T* dy, double weight, const ResizeColumns& columns, int64_t channels);
  Add add;
  ResizeRow resize_row;
  SpreadRow spread_row;
};

using ShapeKernels = FloatTables<ShapeTable>;

}  // namespace tilewright::cpu
