// SPDX-License-Identifier: Apache-2.0
// Computes    convolution as a product of matrices that are never written out (implicit GEMM): what its
//             kernels share. Two passes, each y (m, n) = sum over k of a (m, k) b (k, n):
//               correlate  m: output pixels (N P Q), n: output channels, k: filter taps and input channels
//               weight     m: filter taps and input channels, n: output channels, k: output pixels
// Layout      images (N, H, W, C) with contiguous channels, filters any strides; a group's channels are
//             neighbours
// Method      An element of a lies at the sum of two places, one from the pixel, one from the tap; outside
//             the image it is zero. The data gradient is a correlation of dy for each phase of the stride:
//             pixels phase, phase + stride, ... of dx share their taps, every index_step-th of the filter's
//
//                 forward        pixel p, tap t:  reads row p stride - pad + t dilation          filter row t
//                 data gradient  pixel i of phase a, tap t: row i + first_offset + t offset_step of dy,
//                                                             filter row first_index + t index_step
//
// Work split  block (tile, slice of k, group); slices are added in order by conv2d_sum
// Limits      m, n, k and one image below 2^31
// Ran on      no GPU yet; passes on simt
#pragma once

#include "core/params.h"
#include "device/axes.cuh"
#include "device/element.cuh"
#include "kernels/activation.cuh"
#include "kernels/matmul.cuh"

namespace TW_BACKEND {

template <class T>
struct ConvImage {
  GlobalPtr<T> data;
  int64_t image, row, pixel;  // strides

  TW_DEVICE int64_t offset(int64_t n, int64_t h, int64_t w) const { return n * image + h * row + w * pixel; }
};

// Output o reads input o * stride + first_offset + t * offset_step by tap t, for 0 <= t < taps.
struct ConvAxis {
  Divisor out, taps;
  int in, stride, first_offset, offset_step;
  int first_index, index_step;  // of the filter
};

template <class T>
struct ConvProblem {
  ConvImage<const T> x;   // x, or dy in the data gradient
  ConvImage<const T> dy;  // of the weight gradient
  GlobalPtr<const T> w;
  int64_t w_row, w_col, w_in, w_out, w_group;
  ConvAxis rows, cols;
  Divisor in_channels;  // of a group, as out_channels
  int out_channels, groups;
  int m, n, k, slices, slice_depth;
  bool a_vectors,
      b_vectors;  // 16 aligned bytes at a time: a along channels, b along what the kernel asks for
  // correlate: y = activation(sums + bias + residual). weight: dw, rows of groups * n elements
  ConvImage<T> y, z;
  ConvImage<const T> residual;
  GlobalPtr<const T> bias;
  Wide<T> slope;
  Activation activation;
  bool y_vectors;
  GlobalPtr<T> dw;
  GlobalPtr<Wide<T>> partial;  // (groups, slices, m, n)
};

enum class ConvPass { correlate, weight };

// A share of where an element of x lies; the other share is added.
struct ConvPlace {
  int64_t offset;  // of image and channel
  int row, col;
};

inline constexpr int kConvNowhere = -(1 << 29);  // a row outside of any image

template <class T>
TW_DEVICE ConvPlace conv_pixel_place(const ConvProblem<T>& p, int pixel, int limit) {
  if (pixel >= limit) return {0, kConvNowhere, 0};
  int64_t row, col;
  const int64_t image = p.rows.out.divide(p.cols.out.divide(pixel, col), row);
  return {image * p.x.image, static_cast<int>(row) * p.rows.stride, static_cast<int>(col) * p.cols.stride};
}

template <class T>
TW_DEVICE ConvPlace conv_tap_place(const ConvProblem<T>& p, int index, int limit) {
  if (index >= limit) return {0, kConvNowhere, 0};
  int64_t channel, row, col;
  row = p.cols.taps.divide(p.in_channels.divide(index, channel), col);
  return {channel, p.rows.first_offset + static_cast<int>(row) * p.rows.offset_step,
          p.cols.first_offset + static_cast<int>(col) * p.cols.offset_step};
}

// A pointer to elements that are there, or any pointer and false.
template <class T>
struct ConvPiece {
  GlobalPtr<const T> from;
  bool inside;
};

template <class T>
TW_DEVICE ConvPiece<T> conv_element(const ConvProblem<T>& p, const GlobalPtr<const T>& x, const ConvPlace& a,
                                    const ConvPlace& b) {
  const int row = a.row + b.row, col = a.col + b.col;
  const bool inside = static_cast<unsigned>(row) < static_cast<unsigned>(p.rows.in) &&
                      static_cast<unsigned>(col) < static_cast<unsigned>(p.cols.in);
  return {x + (inside ? a.offset + b.offset + row * p.x.row + col * p.x.pixel : 0), inside};
}

// Element (k, n) of the filter as a correlation reads it; w is the group's.
template <class T>
TW_DEVICE ConvPiece<T> conv_filter_element(const ConvProblem<T>& p, const GlobalPtr<const T>& w, int k, int n,
                                           int k_end) {
  const bool inside = k < k_end && n < p.n;
  if (!inside) return {w, false};
  int64_t channel, row, col;
  row = p.cols.taps.divide(p.in_channels.divide(k, channel), col);
  return {w + ((p.rows.first_index + row * p.rows.index_step) * p.w_row +
               (p.cols.first_index + col * p.cols.index_step) * p.w_col + channel * p.w_in + n * p.w_out),
          true};
}

// Channel n of output pixel k; dy is the group's.
template <class T>
TW_DEVICE ConvPiece<T> conv_pixel_element(const ConvProblem<T>& p, const GlobalPtr<const T>& dy, int k, int n,
                                          int k_end) {
  const bool inside = k < k_end && n < p.n;
  if (!inside) return {dy, false};
  int64_t row, col;
  const int64_t image = p.rows.out.divide(p.cols.out.divide(k, col), row);
  return {dy + (p.dy.offset(image, row, col) + n), true};
}

// What a block computes.
struct ConvTile {
  int row, col;        // of its first element
  int k_begin, k_end;  // of its slice
  int group, slice;
};

template <int kM, int kN, class T>
TW_DEVICE ConvTile conv_tile(const ConvProblem<T>& p) {
  const int tiles_n = (p.n + kN - 1) / kN, tile = static_cast<int>(blockIdx.x);
  ConvTile t;
  t.row = tile / tiles_n * kM;
  t.col = tile % tiles_n * kN;
  t.group = static_cast<int>(blockIdx.z);
  t.slice = static_cast<int>(blockIdx.y);
  t.k_begin = t.slice * p.slice_depth;
  t.k_end = p.k - t.k_begin < p.slice_depth ? p.k : t.k_begin + p.slice_depth;
  return t;
}

// y of kCount neighbouring channels of pixel `row` from their sums.
template <int kCount, class T>
TW_DEVICE void conv_finish_pixel(const ConvProblem<T>& p, int group, int row, int col,
                                 Wide<T> (&sums)[kCount]) {
  using W = Wide<T>;
  int64_t h, w;
  const int64_t image = p.rows.out.divide(p.cols.out.divide(row, w), h);
  const int channel = group * p.n + col, there = p.n - col;
  W term[kCount];
  if (p.bias) {
    load_some<kCount, T>(term, p.bias + channel, there, p.y_vectors);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] += term[v];
  }
  if (p.residual.data) {
    load_some<kCount, T>(term, p.residual.data + (p.residual.offset(image, h, w) + channel), there,
                         p.y_vectors);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] += term[v];
  }
  if (p.z.data)
    store_some<kCount, T>(p.z.data + (p.z.offset(image, h, w) + channel), sums, there, p.y_vectors);
  if (p.activation != Activation::none) {
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] = activate(p.activation, sums[v], p.slope);
  }
  store_some<kCount, T>(p.y.data + (p.y.offset(image, h, w) + channel), sums, there, p.y_vectors);
}

template <ConvPass kPass, int kCount, class T>
TW_DEVICE void conv_finish(const ConvProblem<T>& p, int group, int row, int col, Wide<T> (&sums)[kCount]) {
  if constexpr (kPass == ConvPass::correlate) {
    conv_finish_pixel<kCount>(p, group, row, col, sums);
  } else {
    const int64_t line = int64_t{row} * p.groups + group;
    store_some<kCount, T>(p.dw + (line * p.n + col), sums, p.n - col, p.y_vectors);
  }
}

template <class T>
TW_DEVICE GlobalPtr<Wide<T>> conv_partial(const ConvProblem<T>& p, int group, int slice, int row) {
  return p.partial + ((int64_t{group} * p.slices + slice) * p.m + row) * p.n;
}

// Sums of kCount neighbours, to the result or, where k is sliced, to the slice's place.
template <ConvPass kPass, int kCount, class T>
TW_DEVICE void conv_store(const ConvProblem<T>& p, const ConvTile& tile, int row, int col,
                          Wide<T> (&sums)[kCount]) {
  if (row >= p.m || col >= p.n) return;
  if (p.slices == 1) {
    conv_finish<kPass, kCount>(p, tile.group, row, col, sums);
  } else {
    store_some<kCount, Wide<T>>(conv_partial(p, tile.group, tile.slice, row) + col, sums, p.n - col,
                                p.n % kCount == 0);
  }
}

// A tile from shared memory, where its rows lie kPitch apart: neighbouring threads take neighbouring
// channels, and the code of the activations is there once instead of once a register.
template <ConvPass kPass, int kM, int kN, int kPitch, class T, int kSize>
TW_DEVICE void conv_store_tile(const ConvProblem<T>& p, const ConvTile& tile,
                               SharedArray<Wide<T>, kSize>& sums) {
  constexpr int kStore = kMatmulStore<T>, kPerRow = kN / kStore;
  for (int i = static_cast<int>(threadIdx.x); i < kM * kPerRow; i += static_cast<int>(blockDim.x)) {
    const int row = i / kPerRow, col = i % kPerRow * kStore;
    Vector<Wide<T>, kStore> loaded = load_vector<kStore>(sums, row * kPitch + col);
    conv_store<kPass, kStore>(p, tile, tile.row + row, tile.col + col, loaded.elements);
  }
}

inline constexpr int kConvSumThreads = 256;

// The result from the slices, an element a thread.
template <ConvPass kPass, class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kConvSumThreads) conv2d_sum(ConvProblem<T> p) {
  const int64_t index = int64_t{blockIdx.x} * kConvSumThreads + threadIdx.x;
  const int row = static_cast<int>(index / p.n), col = static_cast<int>(index % p.n);
  if (row >= p.m) return;
  const int group = static_cast<int>(blockIdx.z);
  Wide<T> sum[1] = {};
  for (int slice = 0; slice < p.slices; ++slice) {
    const Wide<T> part = conv_partial(p, group, slice, row)[col];
    sum[0] += part;
  }
  conv_finish<kPass, 1>(p, group, row, col, sum);
}

}  // namespace TW_BACKEND
