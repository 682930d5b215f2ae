// SPDX-License-Identifier: Apache-2.0
// What brings arrays into the order of the tiles.
// Computes    dst = transposition, or copy, of a block of rows
// Layout      rows of `cols` contiguous elements, src_pitch apart; any alignment
// Method      float32: lanes x lanes blocks transposed in registers, ends by masks; else one by one
// Work split  one call per row of the image or panel of weights
// Limits      none; sizes may be 0
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void transpose_elements(T* dst, int64_t dst_pitch, const T* src, int64_t src_pitch, int64_t rows,
                        int64_t cols) {
  for (int64_t c = 0; c < cols; ++c)
    for (int64_t r = 0; r < rows; ++r) dst[c * dst_pitch + r] = src[r * src_pitch + c];
}

// One block of at most kLanes x kLanes.
TW_INLINE void transpose_block(float* dst, int64_t dst_pitch, const float* src, int64_t src_pitch, int rows,
                               int cols) {
  constexpr int kLanes = VecF::kLanes;
  VecF block[kLanes];
  if (rows == kLanes && cols == kLanes) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) block[i] = VecF::load(src + i * src_pitch);
    transpose(block);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(dst + i * dst_pitch, block[i]);
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    block[i] = i < rows ? VecF::load_n(src + i * src_pitch, cols) : VecF::zero();
  transpose(block);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    if (i < cols) store_n(dst + i * dst_pitch, block[i], rows);
}

void transpose_floats(float* dst, int64_t dst_pitch, const float* src, int64_t src_pitch, int64_t rows,
                      int64_t cols) {
  constexpr int64_t kLanes = VecF::kLanes;
  if (kLanes == 1 || cols < kLanes / 4) return transpose_elements(dst, dst_pitch, src, src_pitch, rows, cols);
  for (int64_t c = 0; c < cols; c += kLanes) {
    const int nc = int(cols - c < kLanes ? cols - c : kLanes);
    for (int64_t r = 0; r < rows; r += kLanes)
      transpose_block(dst + c * dst_pitch + r, dst_pitch, src + r * src_pitch + c, src_pitch,
                      int(rows - r < kLanes ? rows - r : kLanes), nc);
  }
}

template <class T>
void copy_rows(T* dst, int64_t dst_pitch, const T* src, int64_t src_pitch, int64_t rows, int64_t cols) {
  using V = Vec<T>;
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = src + r * src_pitch;
    T* to = dst + r * dst_pitch;
    int64_t c = 0;
    for (; c + V::kLanes <= cols; c += V::kLanes) store(to + c, V::load(from + c));
    if (c < cols) store_n(to + c, V::load_n(from + c, int(cols - c)), int(cols - c));
  }
}

template <class T>
void fill_packing(Conv2dTable<T>& table) {
  if constexpr (kSame<T, float>)
    table.transpose = transpose_floats;
  else
    table.transpose = transpose_elements<T>;
  table.copy_rows = copy_rows<T>;
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
