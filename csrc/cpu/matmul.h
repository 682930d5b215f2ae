// SPDX-License-Identifier: Apache-2.0
// One matrix product on plain pointers, for the matmul family and for drivers of other families.
#pragma once

#include <stdint.h>

#include "cpu/kernels/matmul.h"

namespace tilewright::cpu {

// A matrix to read: any strides, zero and negative ones too.
template <class T>
struct StridedMatrix {
  const T* data = nullptr;
  int64_t row = 0, col = 0;  // strides in elements

  const T* at(int64_t i, int64_t j) const { return data + i * row + j * col; }
  StridedMatrix from(int64_t i, int64_t j) const { return {at(i, j), row, col}; }
  StridedMatrix transposed() const { return {data, col, row}; }
};

// y (m, n) = activation(alpha * a (m, k) @ b (k, n) + beta * y + bias + residual); y has contiguous columns
// and shares no memory with the inputs. beta 0: y is not read.
template <class T>
struct MatmulProblem {
  int64_t m = 0, n = 0, k = 0;
  StridedMatrix<T> a, b;
  T* y = nullptr;
  int64_t y_row = 0;
  T alpha = 1, beta = 0;
  MatmulFinish<T> finish;
};

// One call of the kernel where that does all: a product so small that one task has it and nothing needs
// packing. False where it does not. The plan holds for all products of the same sizes and strides.
template <class T>
bool matmul_direct(const MatmulProblem<T>& problem, MatmulBlock<T>* block);

// Uses the thread pool where the product is large enough.
template <class T>
void matmul_2d(const MatmulProblem<T>& problem);

}  // namespace tilewright::cpu
