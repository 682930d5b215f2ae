// SPDX-License-Identifier: Apache-2.0
// Packing with groups in the lanes: places of `lanes` elements, one group each; lanes beyond the last group
// are left as they are, their results are never stored.
#pragma once

#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {

// count places from x, `step` elements apart there: channel `channel` of `groups` groups of `channels`
// channels.
template <class T>
void pack_lanes(T* to, const T* x, int64_t step, int64_t count, int64_t channel, int64_t channels,
                int64_t groups, int64_t lanes) {
  if (channels == 1) return kernels<Conv2dKernels>().of<T>().copy_rows(to, lanes, x, step, count, groups);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t g = 0; g < groups; ++g) to[i * lanes + g] = x[i * step + g * channels + channel];
}

// Strip [channel of the group][place][lane] of groups first .. first + groups.
template <class T>
void pack_lane_strip(T* strip, const Strip& shape, const Axis& rows, const Axis& cols,
                     const Image<const T>& x, int64_t n, int64_t first, int64_t groups, int64_t channels,
                     int64_t lanes, int64_t p0, int64_t q0) {
  for_strip_rows(shape, rows, cols, p0, q0, [&](int64_t at, int64_t h, int64_t first_col, Valid v) {
    if (h < 0) v = {0, 0};
    const int64_t step = shape.cols.stride * x.pixel;
    for (int64_t i = 0; i < channels; ++i) {
      T* to = strip + (i * shape.channel_pitch + at) * lanes;
      std::fill_n(to, v.low * lanes, T(0));
      std::fill_n(to + v.high * lanes, (shape.row_pitch - v.high) * lanes, T(0));
      if (v.low < v.high)
        pack_lanes(to + v.low * lanes, x.at(n, h, first_col) + v.low * step + first * channels, step,
                   v.high - v.low, i, channels, groups, lanes);
    }
  });
}

}  // namespace tilewright::cpu
