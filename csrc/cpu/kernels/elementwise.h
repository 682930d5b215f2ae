// SPDX-License-Identifier: Apache-2.0
// Kernels of the elementwise family. Each works on spans of n contiguous elements, whatever the strides of
// the arrays: drivers bring the rest into this form with copy_rows. Entries are null where a dtype has no
// such function; pointers are of the dtype the entry is listed under.
#pragma once

#include <stdint.h>

#include "core/dtype.h"
#include "core/params.h"
#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

inline constexpr int kUnaryCount = int(Unary::isfinite) + 1;
inline constexpr int kActivationCount = int(Activation::softplus) + 1;
inline constexpr int kBinaryCount = int(Binary::logical_xor) + 1;

// y may be an input, unless it goes past the caches. A scalar is one element.
using BinarySpan = void (*)(void* y, const void* a, const void* b, int64_t n, bool past_caches);
struct BinaryForms {
  BinarySpan both;      // a and b are spans
  BinarySpan scalar_b;  // b is a scalar
  BinarySpan scalar_a;
};
using UnarySpan = void (*)(void* y, const void* x, int64_t n, double p, double q, bool past_caches);
// y may be null: it is computed again where it is needed.
using UnaryBackwardSpan = void (*)(void* dx, const void* dy, const void* x, const void* y, int64_t n,
                                   double p, double q, bool past_caches);
struct UnaryBackward {
  UnaryBackwardSpan f32, f64;
};
using WhereSpan = void (*)(void* y, const uint8_t* condition, const void* a, const void* b, int64_t n);
using CastSpan = void (*)(void* y, const void* x, int64_t n, bool past_caches);

struct ActivationShape {
  int64_t rows, cols, step;  // step: elements from row to row
  double slope;
};
template <class T>
struct ActivationKernels {
  // bias, residual and z may be null
  void (*forward[kActivationCount])(T* y, T* z, const T* x, const T* bias, const T* residual,
                                    const ActivationShape& shape);
  // db, if not null, is added to
  void (*backward[kActivationCount])(T* dz, T* db, const T* dy, const T* saved, const ActivationShape& shape);
};

struct DropoutSpan {
  uint64_t seed, block;  // the Philox block of the first element
  uint32_t threshold;    // words below drop their element
  double scale;
};
struct DropoutKernels {
  void (*f32)(float* y, const float* x, int64_t n, const DropoutSpan& span);
  void (*f64)(double* y, const double* x, int64_t n, const DropoutSpan& span);
};

// Strides in bytes.
struct CopyShape {
  int64_t rows, cols;
  int64_t y_row, y_col, x_row, x_col;
};
using CopyRows = void (*)(void* y, const void* x, const CopyShape& shape);
// Past the caches; y must not overlap x.
using CopyStream = void (*)(void* y, const void* x, int64_t bytes);

struct ElementwiseKernels {
  UnarySpan unary[kUnaryCount][kDtypeCount];
  UnaryBackward unary_backward[kUnaryCount];
  UnaryBackward unary_backward2[kUnaryCount];  // y is not read
  BinaryForms binary[kBinaryCount][kDtypeCount];
  WhereSpan where[4];                       // by log2 of the element size
  CopyRows copy_rows[4];                    // by log2 of the element size
  CopyStream copy_stream;
  CastSpan cast[kDtypeCount][kDtypeCount];  // [to][from]
  FloatTables<ActivationKernels> activation;
  DropoutKernels dropout;
};

}  // namespace tilewright::cpu
