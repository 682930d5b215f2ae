// SPDX-License-Identifier: Apache-2.0
// Kernels of the softmax family; each works on rows of `cols` contiguous elements.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// Elements from row to row: of the result, and of the inputs in their order.
struct SoftmaxShape {
  int64_t rows, cols;
  int64_t out_step, first_step, second_step;
  bool past_caches;  // the result is best written by streaming stores
};
template <class T>
struct SoftmaxRows {
  using Forward = void (*)(T* y, const T* x, const SoftmaxShape& shape);
  using Backward = void (*)(T* dx, const T* dy, const T* y, const SoftmaxShape& shape);
  Forward softmax, log_softmax;
  Backward softmax_backward, log_softmax_backward;
};

using SoftmaxKernels = FloatTables<SoftmaxRows>;

}  // namespace tilewright::cpu
