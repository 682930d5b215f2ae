// SPDX-License-Identifier: Apache-2.0
// Kernels of the softmax family; each works on one row of `cols` contiguous elements.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

template <class T>
struct SoftmaxRow {
  using Forward = void (*)(T* y, const T* x, int64_t cols);
  using Backward = void (*)(T* dx, const T* dy, const T* y, int64_t cols);
  Forward softmax, log_softmax;
  Backward softmax_backward, log_softmax_backward;
};

using SoftmaxKernels = FloatTables<SoftmaxRow>;

}  // namespace tilewright::cpu
