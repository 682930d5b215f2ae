// SPDX-License-Identifier: Apache-2.0
// Correlation with groups in the lanes: depthwise convolutions and groups of few channels. A strip holds
// [input channel of the group][row][column][lane], one strip per register of groups.
#include "core/parallel.h"
#include "cpu/conv2d_lane_strip.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

template <class T>
class LanePath {
 public:
  explicit LanePath(const Correlation<T>& problem)
      : c_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        lanes_(table_.lanes),
        lane_blocks_(ceil_div(problem.groups, lanes_)),
        steps_(problem.taps() * problem.in_channels),
        blocks_(choose_blocks(problem.rows, problem.cols, problem.images * lane_blocks_, 1, 0,
                              problem.in_channels * lanes_ * int64_t(sizeof(T)))),
        strip_(problem.rows, problem.cols, blocks_.rows, blocks_.cols),
        offsets_(step_offsets(strip_, problem.in_channels, lanes_)),
        weights_(lane_blocks_ * steps_ * problem.out_channels * lanes_),
        bias_(lane_blocks_ * problem.out_channels * lanes_) {}

  void run() {
    pack_weights();
    parallel_for(lane_blocks_ * c_.images * blocks_.row_blocks * blocks_.col_blocks,
                 [&](int64_t task) { block(task); });
  }

 private:
  int64_t groups_of(int64_t lane_block) const { return std::min(lanes_, c_.groups - lane_block * lanes_); }

  void pack_weights() {
    const FilterStrides& f = c_.filter;
    T* to = weights_.data();
    T* bias = bias_.data();
    for (int64_t block = 0; block < lane_blocks_; ++block) {
      const auto lanes = [&](T*& out, auto value) {
        for (int64_t l = 0; l < lanes_; ++l) *out++ = l < groups_of(block) ? value(block * lanes_ + l) : T(0);
      };
      for (const Tap& row : c_.rows.taps)
        for (const Tap& col : c_.cols.taps)
          for (int64_t i = 0; i < c_.in_channels; ++i)
            for (int64_t j = 0; j < c_.out_channels; ++j) {
              const T* from = c_.w + row.index * f.row + col.index * f.col + i * f.in + j * f.out;
              lanes(to, [&](int64_t g) { return from[g * f.group]; });
            }
      for (int64_t j = 0; j < c_.out_channels; ++j)
        lanes(bias, [&](int64_t g) { return c_.bias ? c_.bias[g * c_.out_channels + j] : T(0); });
    }
  }

  void block(int64_t task) {
    const int64_t col_block = task % blocks_.col_blocks,
                  row_block = task / blocks_.col_blocks % blocks_.row_blocks;
    const int64_t lane_block = task / blocks_.col_blocks / blocks_.row_blocks % lane_blocks_;
    const int64_t n = task / blocks_.col_blocks / blocks_.row_blocks / lane_blocks_;
    const int64_t p0 = row_block * blocks_.rows, q0 = col_block * blocks_.cols;
    const int64_t rows = std::min(blocks_.rows, c_.rows.out - p0),
                  cols = std::min(blocks_.cols, c_.cols.out - q0);
    const int64_t groups = groups_of(lane_block), first = lane_block * lanes_;
    Scratch<T> strip(c_.in_channels * strip_.channel_pitch * lanes_);
    pack_lane_strip(strip.data(), strip_, c_.rows, c_.cols, c_.x, n, first, groups, c_.in_channels, lanes_,
                    p0, q0);
    // A group's outputs lie side by side in y; with more than one, a row is collected by lanes first.
    Scratch<T> collected(c_.out_channels > 1 ? cols * c_.out_channels * lanes_ : 0);
    for (int64_t p = 0; p < rows; ++p) {
      T* y = c_.y.at(n, p0 + p, q0) + first * c_.out_channels;
      const T* x = strip.data() + p * strip_.row_pitch * lanes_;
      if (c_.out_channels == 1) {
        row_tiles(x, lane_block, y, c_.y.pixel, cols);
      } else {
        row_tiles(x, lane_block, collected.data(), c_.out_channels * lanes_, cols);
        for (int64_t q = 0; q < cols; ++q)
          table_.transpose(y + q * c_.y.pixel, c_.out_channels,
                           collected.data() + q * c_.out_channels * lanes_, lanes_, c_.out_channels, groups);
      }
    }
    if (!c_.folded())
      finish_block(c_, n, p0, rows, q0, cols, first * c_.out_channels, groups * c_.out_channels);
  }

  void row_tiles(const T* x, int64_t lane_block, T* y, int64_t y_pixel, int64_t cols) {
    const int64_t shares = ceil_div(c_.out_channels, kMaxLaneOutputs);
    LaneTileArgs<T> args;
    args.offsets = offsets_.data();
    args.steps = static_cast<int64_t>(offsets_.size());
    args.w_step = c_.out_channels * lanes_;
    args.y_pixel = y_pixel;
    args.y_output = lanes_;
    args.last = static_cast<int>(groups_of(lane_block));
    args.low = c_.low();
    for (int64_t share = 0; share < shares; ++share) {
      const int64_t j = share * c_.out_channels / shares,
                    outputs = (share + 1) * c_.out_channels / shares - j;
      args.w = weights_.data() + (lane_block * steps_ * c_.out_channels + j) * lanes_;
      args.bias = bias_.data() + (lane_block * c_.out_channels + j) * lanes_;
      for_pieces(cols, table_.max_lane_pixels[outputs - 1],
                 [&](int64_t begin, int64_t pixels, int64_t tiles) {
                   for (int64_t q = begin; q < begin + tiles * pixels; q += pixels) {
                     args.x = x + q * lanes_;
                     args.y = y + q * y_pixel + j * lanes_;
                     table_.lane_tile[outputs - 1][pixels - 1](args);
                   }
                 });
    }
  }

  const Correlation<T>& c_;
  const Conv2dTable<T>& table_;
  const int64_t lanes_, lane_blocks_, steps_;
  const Blocks blocks_;
  const Strip strip_;
  const std::vector<int32_t> offsets_;
  Scratch<T> weights_, bias_;
};

}  // namespace

template <class T>
void correlate_lanes(const Correlation<T>& problem) {
  LanePath<T>(problem).run();
}
template void correlate_lanes(const Correlation<float>&);
template void correlate_lanes(const Correlation<double>&);

}  // namespace tilewright::cpu
