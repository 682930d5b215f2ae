// SPDX-License-Identifier: Apache-2.0
// What all convolution drivers share: the problem as taps along two axes, strips of packed input, blocks.
//
// Forward and data gradient are one problem, a correlation: y[p, q, k] = sum over taps (i, j) and channels c
// of x[p * stride + i.shift, q * stride + j.shift, c] * w[i.index, j.index, c, k]. A strip holds the input of
// a block of outputs, one channel after the other, with zeros where a tap leaves the image:
//
//   strip [channel][row phase][column phase][row][column]     input row = (p0 + row + lowest) * stride +
//   phase
//
// Inputs a stride apart become neighbours, so for every tap neighbouring outputs read neighbouring elements.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/scratch.h"
#include "core/view.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Filter position `index` reads the input at output * stride + shift.
struct Tap {
  int64_t shift, index;
};

struct Axis {
  int64_t in, out, stride;
  std::vector<Tap> taps;  // by rising shift
  int64_t run = 1;        // neighbouring inputs that one tap reads: several filter columns joined to one
};

// From one tap to the next; a filter's taps are an equal distance apart.
inline int64_t tap_step(const Axis& axis) {
  return axis.taps.size() > 1 ? axis.taps[1].shift - axis.taps[0].shift : 1;
}

// (N, H, W, C) by strides; channels are contiguous.
template <class T>
struct Image {
  T* data = nullptr;
  int64_t image = 0, row = 0, pixel = 0;
  T* at(int64_t n, int64_t h, int64_t w) const { return data + n * image + h * row + w * pixel; }
  explicit operator bool() const { return data != nullptr; }
};

template <class T>
Image<T> image_of(const View& v) {
  if (!v) return {};
  return {v.as<T>(), v.stride(0), v.stride(1), v.stride(2)};
}

struct FilterStrides {
  int64_t row, col, in, out, group;
};

// Channels are counted per group.
template <class T>
struct Correlation {
  int64_t images, groups, in_channels, out_channels;
  Axis rows, cols;
  bool joined = false;  // in_channels are those of cols.run neighbouring pixels
  bool spread =
      false;  // input j goes to outputs j * cols.stride + shift: all column phases of a data gradient
  FilterStrides filter;
  Image<const T> x;
  const T* w;
  const T* bias;  // (groups * out_channels) or null
  Image<T> y, z;
  Image<const T> residual;
  Epilogue epilogue;

  int64_t taps() const { return static_cast<int64_t>(rows.taps.size() * cols.taps.size()); }
  // Only bias and relu: what tiles do by themselves.
  bool folded() const {
    return !z && !residual &&
           (epilogue.activation == Activation::none || epilogue.activation == Activation::relu);
  }
  T low() const;
};

// One axis of a strip.
struct AxisStrip {
  int64_t stride = 1, lowest = 0, span = 0;
  std::vector<int64_t> phases;             // those that some tap reads
  std::vector<int64_t> tap_phase, tap_at;  // per tap: which of `phases`, and its place counted from `lowest`
  explicit AxisStrip(const Axis& axis);
};

struct Strip {
  AxisStrip rows, cols;
  int64_t plane_rows = 0, row_pitch = 0, plane = 0, channel_pitch = 0;

  // For blocks of block_rows x block_cols outputs; `unit` elements stand at each place (the lanes of a
  // register).
  Strip(const Axis& row_axis, const Axis& col_axis, int64_t block_rows, int64_t block_cols);
  int64_t planes() const { return static_cast<int64_t>(rows.phases.size() * cols.phases.size()); }
  // Whether a place of the block at output (p0, q0) lies outside the image.
  bool leaves_image(const Axis& row_axis, const Axis& col_axis, int64_t p0, int64_t q0) const {
    const auto leaves = [](const AxisStrip& strip, const Axis& axis, int64_t first, int64_t length) {
      return (first + strip.lowest) * strip.stride < 0 ||
             (first + strip.lowest + length) * strip.stride > axis.in;
    };
    return leaves(rows, row_axis, p0, plane_rows) || leaves(cols, col_axis, q0, row_pitch);
  }
  // Place of tap (i, j) for output (0, 0) of the block.
  int64_t offset(size_t i, size_t j) const {
    const int64_t which = rows.tap_phase[i] * static_cast<int64_t>(cols.phases.size()) + cols.tap_phase[j];
    return which * plane + rows.tap_at[i] * row_pitch + cols.tap_at[j];
  }
};

// How outputs and input channels are cut; by shape alone.
struct Blocks {
  int64_t rows, cols, channels;
  int64_t row_blocks, col_blocks, channel_blocks;
};
Blocks choose_blocks(const Axis& rows, const Axis& cols, int64_t images, int64_t channels,
                     int64_t panel_bytes, int64_t item);

// Offsets of all steps, tap by tap, each with `channels` channels; places are `unit` elements wide.
std::vector<int32_t> step_offsets(const Strip& strip, int64_t channels, int64_t unit);

// Where an axis lies inside the image for the places [0, length) of phase `phase`: [low, high) are real.
struct Valid {
  int64_t low, high;
};
inline Valid valid_places(int64_t in, int64_t first, int64_t stride, int64_t length) {
  // input = first + place * stride
  int64_t low = first < 0 ? ceil_div(-first, stride) : 0;
  int64_t high = first >= in ? 0 : ceil_div(in - first, stride);
  low = std::min(low, length);
  high = std::min(std::max(high, low), length);
  return {low, high};
}

// Calls row(place of the row in the strip, input row or -1, column phase's first input, valid columns) for
// every row of every phase of the strip whose block starts at output (p0, q0).
template <class Row>
void for_strip_rows(const Strip& strip, const Axis& row_axis, const Axis& col_axis, int64_t p0, int64_t q0,
                    Row&& row) {
  int64_t plane = 0;
  for (int64_t row_phase : strip.rows.phases)
    for (int64_t col_phase : strip.cols.phases) {
      const int64_t first = (q0 + strip.cols.lowest) * strip.cols.stride + col_phase;
      const Valid columns = valid_places(col_axis.in, first, strip.cols.stride, strip.row_pitch);
      for (int64_t a = 0; a < strip.plane_rows; ++a) {
        const int64_t h = (p0 + a + strip.rows.lowest) * strip.rows.stride + row_phase;
        row(plane + a * strip.row_pitch, h >= 0 && h < row_axis.in ? h : -1, first, columns);
      }
      plane += strip.plane;
    }
}

// Taps [first, last) of `axis` that read inside the image for some of outputs [begin, end).
struct TapRange {
  size_t first, last;
};
inline TapRange taps_inside(const Axis& axis, int64_t begin, int64_t end) {
  const auto reads = [&](const Tap& tap) {
    return (end - 1) * axis.stride + tap.shift >= 0 && begin * axis.stride + tap.shift < axis.in;
  };
  TapRange range{0, axis.taps.size()};
  while (range.first < range.last && !reads(axis.taps[range.first])) ++range.first;
  while (range.last > range.first && !reads(axis.taps[range.last - 1])) --range.last;
  return range;
}

// Packs `channels` channels of image n from `channel` on.
template <class T>
void pack_strip(T* strip, const Strip& shape, const Correlation<T>& c, int64_t n, int64_t channel,
                int64_t channels, int64_t p0, int64_t q0) {
  const auto& table = kernels<Conv2dKernels>().of<T>();
  // One sweep of zeros is cheaper than the ends of every row of every channel.
  if (shape.leaves_image(c.rows, c.cols, p0, q0)) std::fill_n(strip, channels * shape.channel_pitch, T(0));
  for_strip_rows(shape, c.rows, c.cols, p0, q0, [&](int64_t at, int64_t h, int64_t first, Valid v) {
    if (h < 0 || v.low == v.high) return;
    const int64_t step = shape.cols.stride * c.x.pixel;
    const T* from = c.x.at(n, h, first) + v.low * step + channel;
    table.transpose(strip + at + v.low, shape.channel_pitch, from, step, v.high - v.low, channels);
  });
}

// Cuts `length` into the fewest pieces of at most `most`: first some of one length, then the others, of one
// less. body(begin, length of each piece, pieces)
template <class Body>
void for_pieces(int64_t length, int64_t most, Body&& body) {
  if (length <= 0) return;
  const int64_t pieces = ceil_div(length, most), size = length / pieces, longer = length % pieces;
  if (longer > 0) body(0, size + 1, longer);
  body(longer * (size + 1), size, pieces - longer);
}

// One tap, stride 1, no padding; over images without gaps all pixels then form one matrix.
inline bool one_to_one(const Axis& axis) {
  return axis.taps.size() == 1 && axis.taps[0].shift == 0 && axis.stride == 1 && axis.in == axis.out;
}
template <class T>
bool gapless(const Image<T>& image, int64_t rows, int64_t cols) {
  return !image || (image.row == image.pixel * cols && image.image == image.row * rows);
}
// The epilogue's last pass over a block of outputs and `channels` channels from `channel` on.
template <class T>
void finish_block(const Correlation<T>& c, int64_t n, int64_t p0, int64_t rows, int64_t q0, int64_t cols,
                  int64_t channel, int64_t channels) {
  const auto& table = kernels<Conv2dKernels>().of<T>();
  for (int64_t p = p0; p < p0 + rows; ++p)
    table.epilogue({c.y.at(n, p, q0) + channel, c.z ? c.z.at(n, p, q0) + channel : nullptr,
                    c.residual ? c.residual.at(n, p, q0) + channel : nullptr, c.y.pixel, c.z.pixel,
                    c.residual.pixel, cols, channels, c.epilogue.activation,
                    static_cast<T>(c.epilogue.slope)});
}

// The phases of one image y, one after the other by whichever tile suits the shape (conv2d_correlate.cpp).
template <class T>
void correlate(const std::vector<Correlation<T>>& problems);
// Its three ways: output channels, pixels or groups in the lanes.
template <class T>
void correlate_channels(const Correlation<T>& problem);
template <class T>
void correlate_pixels(const Correlation<T>& problem);
template <class T>
void correlate_lanes(const Correlation<T>& problem);

// The same with one filter per channel: several correlations that share x and write rows of one image by
// turns.
template <class T>
void correlate_depthwise(const std::vector<Correlation<T>>& problems);
inline bool depthwise_suits(int64_t groups, int64_t in_channels, int64_t out_channels, int lanes) {
  return in_channels == 1 && out_channels == 1 && groups >= lanes;
}

// Whether its columns have a tile for all phases of a data gradient.
bool depthwise_spreads(int64_t filter_cols, int64_t stride, int64_t dilation);

// Groups in the lanes fill more of a register than the channels of one group.
bool lanes_suit(int64_t groups, int64_t in_channels, int64_t out_channels, int lanes);

// dw (R, S, C / groups, K) from dy and x; rows and cols as for forward (conv2d_weight.cpp).
template <class T>
struct WeightGradient {
  int64_t images, groups, in_channels, out_channels;
  Axis rows, cols;
  Image<const T> x, dy;
  T* dw;  // contiguous
  T* db;  // (groups * out_channels), the sums of dy over all pixels; or null
};
// db by a sweep of its own, where the way of dw reads dy in no order that suits (conv2d_bias.cpp).
template <class T>
void bias_gradient(const WeightGradient<T>& problem);
template <class T>
void weight_gradient(const WeightGradient<T>& problem);
template <class T>
void weight_gradient_lanes(const WeightGradient<T>& problem);
template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& problem);

}  // namespace tilewright::cpu
