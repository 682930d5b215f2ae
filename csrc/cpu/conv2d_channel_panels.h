// SPDX-License-Identifier: Apache-2.0
// Weights as the tiles of conv2d_channels.inl.h read them: panels of a few registers of output channels,
// [group][block of input channels][panel][tap][input channel][lanes of the panel].
#pragma once

#include <limits>

#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {

template <class T>
class ChannelPanels {
 public:
  // A panel of one block of input channels stays in the level-2 cache, and sums of a block are short enough
  // to round little. 96 KB: 2-3 % slower on 3x3 layers; 384 KB: 1 % slower, errors half as large again.
  static constexpr int64_t kPanelBytes = 192 << 10;

  static constexpr int64_t kLine = 16;

  ChannelPanels(const Correlation<T>& problem, const Conv2dTable<T>& table)
      : c_(problem),
        table_(table),
        lanes_(table.lanes),
        vectors_(ceil_div(problem.out_channels, lanes_)),
        panels_(ceil_div(vectors_, table.tile_vectors[problem.joined])) {
    const int64_t taps = std::max<int64_t>(1, c_.taps()), widest = most_vectors() * lanes_;
    const int64_t most = std::max<int64_t>(1, kPanelBytes / (taps * widest * int64_t(sizeof(T))));
    blocks_ = std::max<int64_t>(1, ceil_div(c_.in_channels, most));
    channels_ = ceil_div(c_.in_channels, blocks_);
    if (blocks_ > 1) channels_ = ceil_div(channels_, kLine) * kLine;  // transposing reads whole lines
    if (channels_ > 0) blocks_ = ceil_div(c_.in_channels, channels_);
  }

  int64_t panels() const { return panels_; }
  int64_t blocks() const { return blocks_; }
  int64_t size() const { return c_.groups * c_.taps() * c_.in_channels * vectors_ * lanes_; }
  // Registers of the widest panel, and its weights for one block.
  int64_t most_vectors() const { return ceil_div(vectors_, panels_); }
  int64_t panel_size() const { return c_.taps() * channels_ * most_vectors() * lanes_; }

  // First output channel of a panel, and its number of registers.
  int64_t first(int64_t panel) const { return panel * vectors_ / panels_ * lanes_; }
  int64_t vectors(int64_t panel) const {
    return (panel + 1) * vectors_ / panels_ - panel * vectors_ / panels_;
  }
  // Output channels of a panel that exist.
  int64_t width(int64_t panel) const {
    return std::min(vectors(panel) * lanes_, c_.out_channels - first(panel));
  }
  int64_t first_channel(int64_t block) const { return block * channels_; }
  int64_t channels(int64_t block) const { return std::min(channels_, c_.in_channels - block * channels_); }

  int64_t offset(int64_t group, int64_t block, int64_t panel) const {
    return c_.taps() * ((group * c_.in_channels + first_channel(block)) * vectors_ * lanes_ +
                        channels(block) * first(panel));
  }

  void pack(T* to, int64_t group, int64_t block, int64_t panel) const {
    const int64_t count = channels(block), pitch = vectors(panel) * lanes_, filled = width(panel);
    const FilterStrides& f = c_.filter;
    if (filled < pitch) std::fill_n(to, c_.taps() * count * pitch, T(0));
    const T* first_weight = c_.w + group * f.group + first_channel(block) * f.in + first(panel) * f.out;
    for (size_t i = 0; i < c_.rows.taps.size(); ++i)
      for (size_t j = 0; j < c_.cols.taps.size(); ++j) {
        const auto weights_of = [&](size_t r, size_t s) {
          return first_weight + c_.rows.taps[r].index * f.row + c_.cols.taps[s].index * f.col;
        };
        const T* from = weights_of(i, j);
        if (j + 1 < c_.cols.taps.size())
          fetch(weights_of(i, j + 1), count, filled);
        else if (i + 1 < c_.rows.taps.size())
          fetch(weights_of(i + 1, 0), count, filled);
        if (f.out == 1) {
          table_.copy_rows(to, pitch, from, f.in, count, filled);
        } else if (f.in == 1) {
          table_.transpose(to, pitch, from, f.out, filled, count);
        } else {
          for (int64_t i = 0; i < count; ++i)
            for (int64_t k = 0; k < filled; ++k) to[i * pitch + k] = from[i * f.in + k * f.out];
        }
        to += count * pitch;
      }
  }

 private:
  // Asks for the weights of a tap while another's are packed: 90 to 97 GFLOP/s for the data gradient of
  // 7x7x512, which reads each once.
  void fetch(const T* from, int64_t count, int64_t filled) const {
    const FilterStrides& f = c_.filter;
    const bool turned = f.in == 1;
    const int64_t lines = turned ? filled : count, length = turned ? count : filled;
    for (int64_t r = 0; r < lines; ++r)
      for (int64_t i = 0; i < length; i += kLine)
        __builtin_prefetch(from + r * (turned ? f.out : f.in) + i, 0, 2);
  }

  const Correlation<T>& c_;
  const Conv2dTable<T>& table_;
  const int64_t lanes_, vectors_, panels_;
  int64_t blocks_, channels_;
};

}  // namespace tilewright::cpu
