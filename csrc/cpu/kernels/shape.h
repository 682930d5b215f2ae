// SPDX-License-Identifier: Apache-2.0
// Kernels of the shape family: rows picked by number, rows of an image resized or read through an affine map.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"
#include "cpu/kernels/shape_take.h"

namespace tilewright::cpu {

// Where each column of the wide grid takes its two neighbours, and the share of the second.
struct ResizeColumns {
  const int32_t* first;
  const int32_t* second;
  const double* share;
  int64_t count;
};

// The up to 4 pixels of x that one pixel of y is made from, as offsets in elements; those without a share are left
// out. fill_share is what falls outside the image.
template <class T>
struct WarpTaps {
  int64_t offset[4];
  T share[4];
  T fill_share;
  int32_t count;
};

template <class T>
struct ShapeTable {
  // y (Q, C) = (1 - share) * upper + share * lower, both (W, C) and interpolated along W
  using ResizeRow = void (*)(T* y, const T* upper, const T* lower, double share, const ResizeColumns& columns,
                             int64_t channels);
  // dx (W, C) += weight * dy (Q, C) spread over the columns that dy's came from
  using SpreadRow = void (*)(T* dx, const T* dy, double weight, const ResizeColumns& columns, int64_t channels);
  // y (Q, C) = sum of share * x[offset] over each pixel's taps, + fill_share * fill
  using WarpRow = void (*)(T* y, const T* x, const WarpTaps<T>* taps, T fill, int64_t pixels, int64_t channels);
  // dx[offset] += share * dy (Q, C)
  using SpreadWarpRow = void (*)(T* dx, const T* dy, const WarpTaps<T>* taps, int64_t pixels, int64_t channels);
  ResizeRow resize_row;
  SpreadRow spread_row;
  WarpRow warp_row;
  SpreadWarpRow spread_warp_row;
};

struct ShapeKernels : FloatTables<ShapeTable> {
  PickTable<int32_t> s32;
  PickTable<int64_t> s64;
  // warp_row for images of bytes
  void (*warp_row_u8)(float* y, const uint8_t* x, const WarpTaps<float>* taps, float fill, int64_t pixels,
                      int64_t channels);

  template <class Id>
  const PickTable<Id>& picks() const {
    if constexpr (sizeof(Id) == sizeof(int32_t))
      return s32;
    else
      return s64;
  }
};

}  // namespace tilewright::cpu
