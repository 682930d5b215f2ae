// SPDX-License-Identifier: Apache-2.0
// Computes    the passes of conv2d.cuh where a group has too few channels to fill tiles of products, and
//             float64
// Layout      as conv2d.cuh
// Method      correlate: a thread sums one output (direct), or kVector neighbouring channels of one pixel
//             where every channel is a group of its own (depthwise: 16 bytes at a time). weight: lanes take
//             neighbouring output channels of one tap, the block's warps every kConvDowns-th pixel; their
//             sums are added in order. Without an x the same kernel gives db, the sum of dy
// Work split  a thread an output; a block a tap's 32 output channels and slice of the pixels
// Limits      the first-level cache serves what neighbouring threads read again
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/smem.cuh"
#include "device/warp.cuh"
#include "kernels/conv2d.cuh"

namespace TW_BACKEND {

inline constexpr int kConvDirectThreads = 256;

// Outputs in order: neighbouring threads have neighbouring channels.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(kConvDirectThreads, 4) conv2d_direct(ConvProblem<T> p) {
  const int channels = p.n * p.groups;
  const int64_t index = int64_t{blockIdx.x} * kConvDirectThreads + threadIdx.x;
  const int pixel = static_cast<int>(index / channels), channel = static_cast<int>(index % channels);
  if (pixel >= p.m) return;
  const int group = channel / p.n, n = channel % p.n, inputs = static_cast<int>(p.in_channels.size());
  const ConvPlace place = conv_pixel_place(p, pixel, p.m);
  Wide<T> sum[1] = {};
  for (int r = 0; r < p.rows.taps.size(); ++r) {
    const int row = place.row + p.rows.first_offset + r * p.rows.offset_step;
    if (row < 0 || row >= p.rows.in) continue;
    for (int s = 0; s < p.cols.taps.size(); ++s) {
      const int col = place.col + p.cols.first_offset + s * p.cols.offset_step;
      if (col < 0 || col >= p.cols.in) continue;
      const GlobalPtr<const T> x =
          p.x.data + (place.offset + row * p.x.row + col * p.x.pixel + int64_t{group} * inputs);
      const GlobalPtr<const T> w =
          p.w + ((p.rows.first_index + r * p.rows.index_step) * p.w_row +
                 (p.cols.first_index + s * p.cols.index_step) * p.w_col + group * p.w_group + n * p.w_out);
      for (int c = 0; c < inputs; ++c) sum[0] += widen(T(x[c])) * widen(T(w[c * p.w_in]));
    }
  }
  conv_finish_pixel<1>(p, group, pixel, n, sum);
}

// One input and one output channel a group: channels kVector at a time. w_group is 1.
template <class T, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(kConvDirectThreads, 4) conv2d_depthwise(ConvProblem<T> p) {
  const int pieces = (p.groups + kVector - 1) / kVector;
  const int64_t index = int64_t{blockIdx.x} * kConvDirectThreads + threadIdx.x;
  const int pixel = static_cast<int>(index / pieces), channel = static_cast<int>(index % pieces) * kVector;
  if (pixel >= p.m) return;
  const ConvPlace place = conv_pixel_place(p, pixel, p.m);
  Wide<T> sums[kVector] = {};
  for (int r = 0; r < p.rows.taps.size(); ++r) {
    const int row = place.row + p.rows.first_offset + r * p.rows.offset_step;
    if (row < 0 || row >= p.rows.in) continue;
    for (int s = 0; s < p.cols.taps.size(); ++s) {
      const int col = place.col + p.cols.first_offset + s * p.cols.offset_step;
      if (col < 0 || col >= p.cols.in) continue;
      const Vector<T, kVector> x =
          load_vector<kVector>(p.x.data + (place.offset + row * p.x.row + col * p.x.pixel + channel));
      const Vector<T, kVector> w =
          load_vector<kVector>(p.w + ((p.rows.first_index + r * p.rows.index_step) * p.w_row +
                                      (p.cols.first_index + s * p.cols.index_step) * p.w_col + channel));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sums[v] += widen(x.elements[v]) * widen(w.elements[v]);
    }
  }
  // Every channel is a group: the epilogue sees one group with all of them.
  ConvProblem<T> all = p;
  all.n = p.groups;
  conv_finish_pixel<kVector>(all, 0, pixel, channel, sums);
}

inline constexpr int kConvDowns = 8;  // warps of a block
inline constexpr int kConvWeightThreads = kConvDowns * kWarpSize;

template <class T>
struct ConvWeightSmem {
  SharedArray<Wide<T>, kConvWeightThreads> sums;
};

// Row `row` (tap and input channel) of dw for 32 output channels of all groups; one row, db, where x is null.
// The problem has one group here: n is the number of all output channels, out_channels that of a group.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kConvWeightThreads) conv2d_direct_weight(ConvProblem<T> p) {
  auto& smem = block_shared<ConvWeightSmem<T>>();
  const int tiles = (p.n + kWarpSize - 1) / kWarpSize, thread = static_cast<int>(threadIdx.x);
  const int row = static_cast<int>(blockIdx.x) / tiles;
  const int col = static_cast<int>(blockIdx.x) % tiles * kWarpSize + lane_index();
  const int begin = static_cast<int>(blockIdx.y) * p.slice_depth;
  const int end = p.k - begin < p.slice_depth ? p.k : begin + p.slice_depth;
  Wide<T> sum = 0;
  if (col < p.n) {
    ConvPlace tap = {0, 0, 0};
    if (p.x.data) {
      tap = conv_tap_place(p, row, p.m);
      tap.offset += col / p.out_channels * p.in_channels.size();
    }
    for (int pixel = begin + warp_index(); pixel < end; pixel += kConvDowns) {
      const ConvPiece<T> dy = conv_pixel_element(p, p.dy.data, pixel, col, end);
      const Wide<T> value = widen(T(dy.from[0]));
      if (p.x.data) {
        const ConvPiece<T> x = conv_element(p, p.x.data, tap, conv_pixel_place(p, pixel, end));
        if (x.inside) sum += value * widen(T(x.from[0]));
      } else {
        sum += value;
      }
    }
  }
  smem.sums[thread] = sum;
  block_sync();
  if (thread >= kWarpSize) return;
  Wide<T> all[1] = {sum};
  TW_UNROLL
  for (int down = 1; down < kConvDowns; ++down) {
    const Wide<T> other = smem.sums[thread + down * kWarpSize];
    all[0] += other;
  }
  conv_store<ConvPass::weight, 1>(p, ConvTile{row, col, begin, end, 0, static_cast<int>(blockIdx.y)}, row,
                                  col, all);
}

}  // namespace TW_BACKEND
