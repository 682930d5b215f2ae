// SPDX-License-Identifier: Apache-2.0
// What the kernels of pooling share: which windows hold what, and positions beside values.
#pragma once

#include "cpu/kernels/pool2d.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

TW_INLINE int64_t window_begin(const PoolAxis& a, int64_t o) {
  return o * a.stride > a.pad ? o * a.stride - a.pad : 0;
}
TW_INLINE int64_t window_end(const PoolAxis& a, int64_t o) {
  const int64_t end = o * a.stride - a.pad + a.window;
  return end < a.in ? end : a.in;
}
// What an average divides by: the inputs inside, or the padding too.
TW_INLINE int64_t window_count(const PoolAxis& a, int64_t o) {
  return a.count_padding ? a.window : window_end(a, o) - window_begin(a, o);
}
// Outputs [first, last) whose windows hold input i.
TW_INLINE int64_t first_window(const PoolAxis& a, int64_t i) {
  return i + a.pad < a.window ? 0 : (i + a.pad - a.window) / a.stride + 1;
}
TW_INLINE int64_t last_window(const PoolAxis& a, int64_t i) {
  const int64_t last = (i + a.pad) / a.stride + 1;
  return last < a.out ? last : a.out;
}

template <class P>
TW_INLINE P* at(const PoolImage<P>& image, int64_t h, int64_t w) {
  return image.data + h * image.row + w * image.pixel;
}

TW_INLINE VecI load_positions(const int32_t* p, WholeVector<float>) { return VecI::load(p); }
TW_INLINE VecI load_positions(const int32_t* p, TailVector<float> tail) { return VecI::load_n(p, tail.n); }
TW_INLINE void store_positions(int32_t* p, VecI position, WholeVector<float>) { store(p, position); }
TW_INLINE void store_positions(int32_t* p, VecI position, TailVector<float> tail) { store_n(p, position, tail.n); }
TW_INLINE VecL load_positions(const int32_t* p, TailVector<double> tail) { return widen_lo(VecI::load_n(p, tail.n)); }
TW_INLINE VecL load_positions(const int32_t* p, WholeVector<double>) {
  return load_positions(p, TailVector<double>{VecL::kLanes});
}
TW_INLINE void store_positions(int32_t* p, VecL position, TailVector<double> tail) {
  int64_t lanes[VecL::kLanes];
  store(lanes, position);
  for (int i = 0; i < tail.n; ++i) p[i] = int32_t(lanes[i]);
}
TW_INLINE void store_positions(int32_t* p, VecL position, WholeVector<double>) {
  store_positions(p, position, TailVector<double>{VecL::kLanes});
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
