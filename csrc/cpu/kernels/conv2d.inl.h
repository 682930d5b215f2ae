// SPDX-License-Identifier: Apache-2.0
// The conv2d family's table: each part fills its own entries.
#include "cpu/kernels/conv2d_channels.inl.h"
#include "cpu/kernels/conv2d_depthwise.inl.h"
#include "cpu/kernels/conv2d_epilogue.inl.h"
#include "cpu/kernels/conv2d_lanes.inl.h"
#include "cpu/kernels/conv2d_pack.inl.h"
#include "cpu/kernels/conv2d_pixels.inl.h"
#include "cpu/kernels/conv2d_weight.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void fill_table(Conv2dTable<T>& table) {
  fill_channels(table);
  fill_pixels(table);
  fill_lanes(table);
  fill_depthwise(table);
  fill_weights(table);
  fill_packing(table);
  table.epilogue = epilogue<T>;
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(Conv2dKernels& kernels) {
  fill_table(kernels.f32);
  fill_table(kernels.f64);
}

}  // namespace tilewright::cpu::TW_ISA
