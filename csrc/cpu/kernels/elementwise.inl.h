// SPDX-License-Identifier: Apache-2.0
// The elementwise family's kernels for one instruction set: the parts, and the table they fill.
#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/elementwise_activation.inl.h"
#include "cpu/kernels/elementwise_binary.inl.h"
#include "cpu/kernels/elementwise_copy.inl.h"
#include "cpu/kernels/elementwise_derivative.inl.h"
#include "cpu/kernels/elementwise_dropout.inl.h"
#include "cpu/kernels/elementwise_unary.inl.h"

namespace tilewright::cpu::TW_ISA {

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(ElementwiseKernels& kernels) {
  fill_unary<0>(kernels.unary);
  fill_derivatives<0>(kernels);
  fill_binary<0>(kernels.binary);
  fill_cast<0>(kernels.cast);
  fill_activations<0>(kernels.activation.f32);
  fill_activations<0>(kernels.activation.f64);
  kernels.dropout = {dropout_span<float>, dropout_span<double>};
  kernels.where[0] = where_span<uint8_t>;
  kernels.where[1] = where_span<uint16_t>;
  kernels.where[2] = where_span<uint32_t>;
  kernels.where[3] = where_span<uint64_t>;
  kernels.copy_rows[0] = copy_rows<uint8_t>;
  kernels.copy_rows[1] = copy_rows<uint16_t>;
  kernels.copy_rows[2] = copy_rows<uint32_t>;
  kernels.copy_rows[3] = copy_rows<uint64_t>;
  kernels.copy_stream = copy_stream;
}

}  // namespace tilewright::cpu::TW_ISA
