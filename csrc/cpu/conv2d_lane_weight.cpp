// SPDX-License-Identifier: Apache-2.0
// Weight gradient with groups in the lanes: strips of x and of dy, products of registers summed over pixels.
#include "core/parallel.h"
#include "cpu/conv2d_lane_strip.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kWantedTasks = 8;

template <class T>
class LaneWeightPath {
 public:
  explicit LaneWeightPath(const WeightGradient<T>& problem)
      : g_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        lanes_(table_.lanes),
        lane_blocks_(ceil_div(problem.groups, lanes_)),
        taps_(static_cast<int64_t>(problem.rows.taps.size() * problem.cols.taps.size())),
        steps_(taps_ * problem.in_channels),
        blocks_(choose_blocks(problem.rows, problem.cols, problem.images * lane_blocks_, 1, 0,
                              problem.in_channels * lanes_ * int64_t(sizeof(T)))),
        strip_(problem.rows, problem.cols, blocks_.rows, blocks_.cols),
        offsets_(step_offsets(strip_, problem.in_channels, lanes_)),
        block_count_(problem.images * blocks_.row_blocks * blocks_.col_blocks),
        slices_(std::min(block_count_, ceil_div(kWantedTasks, lane_blocks_))) {}

  void run() {
    const int64_t size = steps_ * g_.out_channels * lanes_;  // of one block of lanes
    Scratch<T> partial(slices_ * lane_blocks_ * size);
    std::fill_n(partial.data(), slices_ * lane_blocks_ * size, T(0));
    parallel_for(slices_ * lane_blocks_, [&](int64_t task) {
      const int64_t slice = task / lane_blocks_;
      work(partial.data() + task * size, task % lane_blocks_, slice * block_count_ / slices_,
           (slice + 1) * block_count_ / slices_);
    });
    for (int64_t block = 0; block < lane_blocks_; ++block)
      scatter(partial.data() + block * size, lane_blocks_ * size, block);
  }

 private:
  void work(T* sums, int64_t lane_block, int64_t first_block, int64_t last_block) {
    const int64_t first = lane_block * lanes_, groups = std::min(lanes_, g_.groups - first);
    Scratch<T> strip(g_.in_channels * strip_.channel_pitch * lanes_);
    Scratch<T> dy(g_.out_channels * blocks_.rows * blocks_.cols * lanes_);
    for (int64_t block = first_block; block < last_block; ++block) {
      const int64_t q0 = block % blocks_.col_blocks * blocks_.cols;
      const int64_t p0 = block / blocks_.col_blocks % blocks_.row_blocks * blocks_.rows;
      const int64_t n = block / blocks_.col_blocks / blocks_.row_blocks;
      const int64_t rows = std::min(blocks_.rows, g_.rows.out - p0),
                    cols = std::min(blocks_.cols, g_.cols.out - q0);
      pack_lane_strip(strip.data(), strip_, g_.rows, g_.cols, g_.x, n, first, groups, g_.in_channels, lanes_,
                      p0, q0);
      for (int64_t j = 0; j < g_.out_channels; ++j)
        for (int64_t p = 0; p < rows; ++p)
          pack_lanes(dy.data() + (j * rows + p) * cols * lanes_,
                     g_.dy.at(n, p0 + p, q0) + first * g_.out_channels, g_.dy.pixel, cols, j, g_.out_channels,
                     groups, lanes_);
      add_block(sums, strip.data(), dy.data(), rows, cols);
    }
  }

  void add_block(T* sums, const T* strip, const T* dy, int64_t rows, int64_t cols) {
    LaneWeightArgs<T> args;
    args.x = strip;
    args.x_row = strip_.row_pitch * lanes_;
    args.dy_row = cols * lanes_;
    args.rows = rows;
    args.cols = cols;
    args.out_step = g_.out_channels * lanes_;
    const int64_t step_shares = ceil_div(steps_, kMaxWeightSteps),
                  shares = ceil_div(g_.out_channels, kMaxWeightOutputs);
    for (int64_t i = 0; i < step_shares; ++i)
      for (int64_t o = 0; o < shares; ++o) {
        const int64_t t = i * steps_ / step_shares, steps = (i + 1) * steps_ / step_shares - t;
        const int64_t j = o * g_.out_channels / shares, outputs = (o + 1) * g_.out_channels / shares - j;
        args.offsets = offsets_.data() + t;
        args.dy = dy + j * rows * cols * lanes_;
        args.out = sums + (t * g_.out_channels + j) * lanes_;
        table_.lane_weight[steps - 1][outputs - 1](args);
      }
  }

  // Slices are added in order and lanes go to their groups' columns of dw.
  void scatter(const T* sums, int64_t slice_size, int64_t lane_block) {
    const int64_t first = lane_block * lanes_, groups = std::min(lanes_, g_.groups - first);
    for (int64_t t = 0; t < steps_; ++t)
      for (int64_t j = 0; j < g_.out_channels; ++j)
        for (int64_t g = 0; g < groups; ++g) {
          const T* from = sums + (t * g_.out_channels + j) * lanes_ + g;
          T total = from[0];
          for (int64_t slice = 1; slice < slices_; ++slice) total += from[slice * slice_size];
          g_.dw[(t * g_.groups + first + g) * g_.out_channels + j] = total;
        }
  }

  const WeightGradient<T>& g_;
  const Conv2dTable<T>& table_;
  const int64_t lanes_, lane_blocks_, taps_, steps_;
  const Blocks blocks_;
  const Strip strip_;
  const std::vector<int32_t> offsets_;
  const int64_t block_count_, slices_;
};

}  // namespace

template <class T>
void weight_gradient_lanes(const WeightGradient<T>& problem) {
  LaneWeightPath<T>(problem).run();
}
template void weight_gradient_lanes(const WeightGradient<float>&);
template void weight_gradient_lanes(const WeightGradient<double>&);

}  // namespace tilewright::cpu
