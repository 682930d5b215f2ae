// SPDX-License-Identifier: Apache-2.0
// The norm family's kernels in one table.
#include "cpu/kernels/norm_columns.inl.h"
#include "cpu/kernels/norm_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
constexpr NormTable<T> table() {
  return {norm_rows<T, true>,
          norm_rows<T, false>,
          norm_rows_backward<T, true>,
          norm_rows_backward<T, false>,
          column_moments<T>,
          column_products<T>,
          column_scale<T>,
          column_combine<T>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(NormKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
