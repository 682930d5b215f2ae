// SPDX-License-Identifier: Apache-2.0
// Bias, residual and activation in one sweep, and back.
// Computes    z = x + bias + residual, y = f(z);  dz = dy * f', db += sum of dz over the rows
// Layout      rows x cols with `step` elements from row to row; bias and db: cols elements; null: absent
// Method      backward needs y alone, except for gelu, gelu_tanh and silu, whose f' is no function of y: z
// Work split  the driver's; db is one partial sum over the rows given
#pragma once

#include "cpu/kernels/elementwise_derivative.inl.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr Unary function_of(Activation a) {
  for (int f = 0; f < kUnaryCount; ++f)
    if (activation_of(Unary(f)) == a) return Unary(f);
  return Unary::neg;  // none, which no caller asks for
}

// f' from what was saved: y, which has the sign of z, or z itself.
template <Activation kA, class T>
TW_INLINE Vec<T> activation_slope(Vec<T> saved, Vec<T> slope) {
  using V = Vec<T>;
  if constexpr (kA == Activation::none)
    return V::set1(T(1));
  else if constexpr (kA == Activation::softplus)
    return -expm1(-saved);
  else
    return derivative<function_of(kA)>(saved, saved, slope, slope);
}

template <Activation kA, class T>
void bias_activation(T* y, T* z, const T* x, const T* bias, const T* residual, const ActivationShape& shape) {
  using V = Vec<T>;
  const V slope = V::set1(T(shape.slope));
  for (int64_t r = 0; r < shape.rows; ++r) {
    const int64_t row = r * shape.step;
    for_vectors<T>(shape.cols, [&](auto access, int64_t c) {
      const int64_t at = row + c;
      V v = access.load(x + at);
      if (bias) v += access.load(bias + c);
      if (residual) v += access.load(residual + at);
      if (z) access.store(z + at, v);
      access.store(y + at, activate<kA>(v, slope));
    });
  }
}

template <Activation kA, class T>
void bias_activation_backward(T* dz, T* db, const T* dy, const T* saved, const ActivationShape& shape) {
  using V = Vec<T>;
  const V slope = V::set1(T(shape.slope));
  for (int64_t r = 0; r < shape.rows; ++r) {
    const int64_t row = r * shape.step;
    for_vectors<T>(shape.cols, [&](auto access, int64_t c) {
      const int64_t at = row + c;
      const V v = access.load(dy + at) * activation_slope<kA>(access.load(saved + at), slope);
      access.store(dz + at, v);
      if (db) access.store(db + c, access.load(db + c) + v);
    });
  }
}

template <int kA, class T>
void fill_activations(ActivationKernels<T>& table) {
  table.forward[kA] = bias_activation<Activation(kA), T>;
  table.backward[kA] = bias_activation_backward<Activation(kA), T>;
  if constexpr (kA + 1 < kActivationCount) fill_activations<kA + 1>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
