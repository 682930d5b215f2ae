// SPDX-License-Identifier: Apache-2.0
// Kernels of the matmul family. `block` is the engine: it multiplies two blocks that fit the caches, packed
// or as they lie; `pack` rearranges a block into panels; `dot` and `stream` serve products too thin for
// either.
#pragma once

#include <stdint.h>

#include "core/params.h"
#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// What follows the last product into a block of y: z = y + bias + residual, y = activation(z). Pointers are
// null where absent, and point at the block's first element.
template <class T>
struct MatmulFinish {
  const T* bias = nullptr;  // (n)
  const T* residual = nullptr;
  int64_t residual_row = 0;
  T* z = nullptr;
  int64_t z_row = 0;
  Epilogue epilogue;

  // The finish of the elements from (i, j) on.
  MatmulFinish from(int64_t i, int64_t j) const {
    MatmulFinish at = *this;
    if (bias != nullptr) at.bias += j;
    if (residual != nullptr) at.residual += i * residual_row + j;
    if (z != nullptr) at.z += i * z_row + j;
    return at;
  }
  // Nothing that reads y again.
  bool plain() const {
    return residual == nullptr && z == nullptr && epilogue.activation == Activation::none;
  }
  bool empty() const {
    return bias == nullptr && residual == nullptr && z == nullptr && epilogue.activation == Activation::none;
  }
};

// y (m, n) = alpha * a (m, k) @ b (k, n) + beta * y, then the finish if there is one. Panel p of a holds its
// rows [p * a_panel_rows, ...): element (i, k) of a panel lies at i * a_row + k * a_col, the next panel
// a_panel elements on. Panel q of b holds b_panel_cols columns: (k, j) lies at k * b_row + j.
template <class T>
struct MatmulBlock {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col, a_panel, a_panel_rows;
  const T* b;
  int64_t b_row, b_panel, b_panel_cols;
  T* y;
  int64_t y_row;
  T alpha, beta;                  // beta 0: y is not read
  const MatmulFinish<T>* finish;  // null unless this is the last block along k
  int64_t result_bytes = 0;       // of all of y, of which this is a block
  // The block of b that follows this one along k, where it lies in main memory: fetched meanwhile. Null: the
  // next panel is.
  const T* next = nullptr;
  int64_t next_row = 0;
  // y is too large for the caches and written past them; it and its rows begin on cache lines, beta is 0.
  bool past_caches = false;
};

// out[s * out_row + r] = sum_k x[s * x_row + k] * w[r * w_row + k], s < vectors <= kMatmulThinVectors, r <
// rows
template <class T>
struct MatmulDot {
  int64_t vectors, rows, k;
  const T* x;
  int64_t x_row;
  const T* w;
  int64_t w_row;
  T* out;
  int64_t out_row;
};
inline constexpr int kMatmulThinVectors = 8;
inline constexpr int kMatmulShortDot = 7;  // a k up to this fills no vector worth the name

// out[s * out_row + j] = sum_k x[s * x_row + k * x_col] * w[k * w_row + j], s < vectors, j < cols
template <class T>
struct MatmulStream {
  int64_t vectors, cols, k;
  const T* x;
  int64_t x_row, x_col;
  const T* w;
  int64_t w_row;
  T* out;
  int64_t out_row;
};

template <class T>
struct MatmulTable {
  // Register tile: tile_rows x tile_cols of y. a is packed in panels of panel_rows rows, a multiple of
  // tile_rows and of the lanes, b in panels of tile_cols columns.
  int64_t lanes, tile_rows, tile_cols, panel_rows;
  // Cache blocks: kc columns of a; a block of mc x kc elements of a stays in the second-level cache.
  int64_t kc, mc;
  int64_t in_place_bytes;  // matrices up to this size are used as they lie, unpacked
  bool columns_in_place;   // and so is an a of any size whose columns are contiguous

  void (*block)(const MatmulBlock<T>&);
  // y = alpha-scaled products already; applies a finish to (m, n) elements of y in place
  void (*finish)(T* y, int64_t y_row, int64_t m, int64_t n, const MatmulFinish<T>&);
  // Panels of `width`: packed[p][k][w] = x[(p * width + w) * stride + k * k_stride], zeros past `count`
  void (*pack)(T* packed, const T* x, int64_t stride, int64_t k_stride, int64_t count, int64_t k,
               int64_t width);
  // y[i * y_row + j] = alpha * sums[j * sums_row + i] + beta * y, for i < m, j < n; beta 0: y is not read
  void (*turn)(T* y, int64_t y_row, const T* sums, int64_t sums_row, int64_t m, int64_t n, T alpha, T beta);
  void (*dot)(const MatmulDot<T>&);
  void (*stream)(const MatmulStream<T>&);
};

using MatmulKernels = FloatTables<MatmulTable>;

}  // namespace tilewright::cpu
