// SPDX-License-Identifier: Apache-2.0
// Kernels of the loss family. Gradients are by the first input of the loss, and null where none is wanted.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// The distribution a row of logits is compared with: (1 - smoothing) * labels + smoothing / cols.
template <class T>
struct LossRow {
  using Sparse = T (*)(T* dlogits, const T* logits, int64_t label, int64_t cols, double smoothing);
  using Dense = T (*)(T* dlogits, const T* logits, const T* labels, int64_t cols, double smoothing);
  using Sigmoid = void (*)(T* loss, T* dlogits, const T* logits, const T* labels, int64_t n,
                           double smoothing);
  using Square = T (*)(T* dprediction, const T* prediction, const T* target, int64_t cols);
  Sparse softmax_sparse;  // these return the row's loss
  Dense softmax_dense;
  Sigmoid sigmoid_span;
  Square square_row;
};

using LossKernels = FloatTables<LossRow>;

}  // namespace tilewright::cpu
