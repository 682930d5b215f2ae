// SPDX-License-Identifier: Apache-2.0
#include "cpu/conv2d_plan.h"

#include <limits>

#include "core/check.h"

namespace tilewright::cpu {
namespace {

// A core's level-2 cache holds a strip, a panel of weights and the outputs between them.
constexpr int64_t kPanelBytes = 192 << 10, kStripBytes = 256 << 10;
constexpr int64_t kBlockPixels = 256, kMaxBlockCols = 160;
constexpr int64_t kWantedTasks = 8, kLeastPixels = 56;
constexpr int64_t kLine = 16;

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

}  // namespace

AxisStrip::AxisStrip(const Axis& axis) : stride(axis.stride) {
  if (axis.taps.empty()) return;
  int64_t highest = std::numeric_limits<int64_t>::min();
  lowest = std::numeric_limits<int64_t>::max();
  for (const Tap& tap : axis.taps) {
    const int64_t at = floor_div(tap.shift, stride), phase = tap.shift - at * stride;
    lowest = std::min(lowest, at);
    highest = std::max(highest, at);
    auto found = std::find(phases.begin(), phases.end(), phase);
    if (found == phases.end()) found = phases.insert(phases.end(), phase);
    tap_phase.push_back(found - phases.begin());
    tap_at.push_back(at);
  }
  for (int64_t& at : tap_at) at -= lowest;
  span = highest - lowest;
}

Strip::Strip(const Axis& row_axis, const Axis& col_axis, int64_t block_rows, int64_t block_cols)
    : rows(row_axis), cols(col_axis) {
  plane_rows = block_rows + rows.span;
  row_pitch = block_cols + cols.span;
  plane = plane_rows * row_pitch;
  // An odd number of cache lines: channels then fall into different sets of the cache.
  channel_pitch = (ceil_div(planes() * plane, kLine) | 1) * kLine;
}

std::vector<int32_t> step_offsets(const Strip& strip, int64_t channels, int64_t unit) {
  if (channels * strip.channel_pitch > std::numeric_limits<int32_t>::max() / unit)
    fail(ErrorKind::value, "conv2d", "dilation spreads the filter over more elements than can be addressed");
  std::vector<int32_t> offsets;
  offsets.reserve(strip.rows.tap_at.size() * strip.cols.tap_at.size() * static_cast<size_t>(channels));
  for (size_t i = 0; i < strip.rows.tap_at.size(); ++i)
    for (size_t j = 0; j < strip.cols.tap_at.size(); ++j)
      for (int64_t c = 0; c < channels; ++c)
        offsets.push_back(static_cast<int32_t>((strip.offset(i, j) + c * strip.channel_pitch) * unit));
  return offsets;
}

Blocks choose_blocks(const Axis& rows, const Axis& cols, int64_t images, int64_t channels,
                     int64_t panel_bytes, int64_t item) {
  Blocks b;
  const int64_t most = std::max<int64_t>(1, kPanelBytes / std::max<int64_t>(panel_bytes, 1));
  b.channel_blocks = std::max<int64_t>(1, ceil_div(channels, most));
  b.col_blocks = cols.out <= kMaxBlockCols ? 1 : ceil_div(cols.out, kMaxBlockCols * 4 / 5);
  b.cols = std::max<int64_t>(1, ceil_div(cols.out, b.col_blocks));
  // Rows that two blocks share are packed twice: at most a quarter of them, where the cache allows it.
  const int64_t least_rows = std::max(ceil_div(kBlockPixels, b.cols), 4 * AxisStrip(rows).span);
  b.rows = std::clamp<int64_t>(least_rows, 1, std::max<int64_t>(rows.out, 1));
  const auto strip_bytes = [&] {
    b.channels = ceil_div(channels, b.channel_blocks);
    return Strip(rows, cols, b.rows, b.cols).channel_pitch * b.channels * item;
  };
  while (b.rows > 1 && strip_bytes() > kStripBytes) b.rows = ceil_div(b.rows, 2);
  while (b.channel_blocks < channels && strip_bytes() > 2 * kStripBytes) b.channel_blocks *= 2;
  while (b.rows > 1 && (b.rows - 1) * b.cols >= kLeastPixels &&
         images * ceil_div(rows.out, b.rows) * b.col_blocks < kWantedTasks)
    b.rows = ceil_div(b.rows, 2);
  b.row_blocks = ceil_div(rows.out, b.rows);
  b.rows = std::max<int64_t>(1, ceil_div(rows.out, std::max<int64_t>(b.row_blocks, 1)));
  b.row_blocks = ceil_div(rows.out, b.rows);
  b.channels = ceil_div(channels, b.channel_blocks);
  b.channel_blocks = b.channels > 0 ? std::max<int64_t>(1, ceil_div(channels, b.channels)) : 1;
  b.col_blocks = ceil_div(cols.out, b.cols);
  return b;
}

bool lanes_suit(int64_t groups, int64_t in_channels, int64_t out_channels, int lanes) {
  constexpr int64_t kMost = 16;
  if (groups == 1 || in_channels > kMost || out_channels > kMost) return false;
  const auto filled = [lanes](int64_t n) { return double(n) / double(ceil_div(n, lanes) * lanes); };
  return filled(groups) >= filled(out_channels);
}

template <class T>
T Correlation<T>::low() const {
  return folded() && epilogue.activation == Activation::relu ? T(0) : -std::numeric_limits<T>::infinity();
}
template struct Correlation<float>;
template struct Correlation<double>;

}  // namespace tilewright::cpu
