// SPDX-License-Identifier: Apache-2.0
// Products with at most kMatmulThinVectors rows or columns, and what they share with the other ways.
#pragma once

#include "cpu/matmul.h"

namespace tilewright::cpu {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Whether a thin way is the fastest.
template <class T>
bool is_thin(const MatmulTable<T>& kernel, const MatmulProblem<T>& problem);

// Multiplies and returns true where a thin way is the fastest; else does nothing.
template <class T>
bool matmul_thin(const MatmulTable<T>& kernel, const MatmulProblem<T>& problem);

// y[i, j] = alpha * sums[i, j] + beta * y[i, j] and the finish, for i in [i0, i0 + m), j in [j0, j0 + n);
// sums begins at (i0, j0).
template <class T>
void matmul_write(const MatmulTable<T>& kernel, const MatmulProblem<T>& problem, StridedMatrix<T> sums,
                  int64_t i0, int64_t m, int64_t j0, int64_t n);

}  // namespace tilewright::cpu
