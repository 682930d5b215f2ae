// SPDX-License-Identifier: Apache-2.0
// Correlation with pixels in the lanes, for few output channels: sums of a block stand in planes
// [channel][pixel] with the strip's row pitch, so that a run of registers may go over row ends, and are
// written out at the end.
#include "core/parallel.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

template <class T>
class PixelPath {
 public:
  explicit PixelPath(const Correlation<T>& problem)
      : c_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        outputs_(std::min<int64_t>(problem.out_channels, kMaxPixelTileOutputs)),
        blocks_(choose_blocks(problem.rows, problem.cols, problem.images * problem.groups,
                              problem.in_channels, problem.taps() * outputs_ * int64_t(sizeof(T)),
                              sizeof(T))),
        strip_(problem.rows, problem.cols, blocks_.rows, blocks_.cols),
        offsets_(step_offsets(strip_, blocks_.channels, 1)),
        weights_(problem.groups * problem.taps() * problem.in_channels * problem.out_channels),
        slack_(kMaxPixelTileVectors * table_.lanes) {
    const int64_t rest = c_.in_channels - (blocks_.channel_blocks - 1) * blocks_.channels;
    if (rest != blocks_.channels) last_offsets_ = step_offsets(strip_, rest, 1);
  }

  void run() {
    for (int64_t g = 0; g < c_.groups; ++g)
      for (int64_t b = 0; b < blocks_.channel_blocks; ++b) pack_weights(g, b);
    parallel_for(c_.groups * c_.images * blocks_.row_blocks * blocks_.col_blocks,
                 [&](int64_t task) { block(task); });
  }

 private:
  int64_t block_channels(int64_t block) const {
    return std::min(blocks_.channels, c_.in_channels - block * blocks_.channels);
  }
  // [group][channel block][outputs of a tile][step][output]
  T* block_weights(int64_t group, int64_t channel_block) const {
    return weights_.data() +
           c_.taps() * c_.out_channels * (group * c_.in_channels + channel_block * blocks_.channels);
  }

  void pack_weights(int64_t group, int64_t channel_block) {
    const FilterStrides& f = c_.filter;
    T* to = block_weights(group, channel_block);
    const T* from = c_.w + group * f.group + channel_block * blocks_.channels * f.in;
    for (int64_t k = 0; k < c_.out_channels; k += outputs_) {
      const int64_t outputs = std::min(outputs_, c_.out_channels - k);
      for (const Tap& row : c_.rows.taps)
        for (const Tap& col : c_.cols.taps)
          for (int64_t i = 0; i < block_channels(channel_block); ++i)
            for (int64_t j = 0; j < outputs; ++j)
              *to++ = from[row.index * f.row + col.index * f.col + i * f.in + (k + j) * f.out];
    }
  }

  void block(int64_t place) {
    const int64_t col_block = place % blocks_.col_blocks,
                  row_block = place / blocks_.col_blocks % blocks_.row_blocks;
    const int64_t n = place / blocks_.col_blocks / blocks_.row_blocks % c_.images;
    const int64_t group = place / blocks_.col_blocks / blocks_.row_blocks / c_.images;
    const int64_t p0 = row_block * blocks_.rows, q0 = col_block * blocks_.cols;
    const int64_t rows = std::min(blocks_.rows, c_.rows.out - p0),
                  cols = std::min(blocks_.cols, c_.cols.out - q0);
    const int64_t plane = blocks_.rows * strip_.row_pitch + slack_;
    Scratch<T> strip(blocks_.channels * strip_.channel_pitch + slack_);
    Scratch<T> sums(c_.out_channels * plane);
    for (int64_t k = 0; k < c_.out_channels; ++k)
      std::fill_n(sums.data() + k * plane, plane, c_.bias ? c_.bias[group * c_.out_channels + k] : T(0));
    for (int64_t b = 0; b < blocks_.channel_blocks && c_.taps() > 0; ++b) {
      const int64_t channels = block_channels(b);
      pack_strip(strip.data(), strip_, c_, n, group * c_.in_channels + b * blocks_.channels, channels, p0,
                 q0);
      add_products(sums.data(), plane, strip.data(), group, b, p0, rows, cols);
    }
    for (int64_t p = 0; p < rows; ++p)
      table_.planes_to_pixels(c_.y.at(n, p0 + p, q0) + group * c_.out_channels, c_.y.pixel,
                              sums.data() + p * strip_.row_pitch, plane, cols, c_.out_channels, c_.low());
    if (!c_.folded()) finish_block(c_, n, p0, rows, q0, cols, group * c_.out_channels, c_.out_channels);
  }

  void add_products(T* sums, int64_t plane, const T* strip, int64_t group, int64_t channel_block, int64_t p0,
                    int64_t rows, int64_t cols) {
    // One run over all rows, ends included, where that takes fewer registers than row by row.
    const int64_t through = (rows - 1) * strip_.row_pitch + cols;
    const bool flat = ceil_div(through, table_.lanes) <= rows * ceil_div(cols, table_.lanes);
    const int64_t runs = flat ? 1 : rows, vectors = ceil_div(flat ? through : cols, table_.lanes);
    const bool ends = channel_block + 1 == blocks_.channel_blocks;
    const auto& offsets = ends && !last_offsets_.empty() ? last_offsets_ : offsets_;
    PixelTileArgs<T> args;
    args.y_output = plane;
    const int64_t tap_row = static_cast<int64_t>(c_.cols.taps.size()) * block_channels(channel_block);
    const T* weights = block_weights(group, channel_block);
    for (int64_t k = 0; k < c_.out_channels; k += outputs_) {
      const int64_t outputs = std::min(outputs_, c_.out_channels - k);
      const int64_t tiles = ceil_div(vectors, table_.max_pixel_vectors[outputs - 1]);
      for (int64_t p = 0; p < runs; ++p) {
        // Rows of taps that read nothing but padding are left out.
        const TapRange taps = taps_inside(c_.rows, p0 + p, p0 + (flat ? rows : p + 1));
        const int64_t first_step = static_cast<int64_t>(taps.first) * tap_row;
        args.offsets = offsets.data() + first_step;
        args.steps = static_cast<int64_t>(taps.last - taps.first) * tap_row;
        args.w = weights + first_step * outputs;
        for (int64_t i = 0; i < tiles; ++i) {
          const int64_t begin = i * vectors / tiles, end = (i + 1) * vectors / tiles;
          const int64_t at = p * strip_.row_pitch + begin * table_.lanes;
          args.x = strip + at;
          args.y = sums + k * plane + at;
          table_.pixel_tile[outputs - 1][end - begin - 1](args);
        }
      }
      weights += static_cast<int64_t>(offsets.size()) * outputs;
    }
  }

  const Correlation<T>& c_;
  const Conv2dTable<T>& table_;
  const int64_t outputs_;
  const Blocks blocks_;
  const Strip strip_;
  const std::vector<int32_t> offsets_;
  std::vector<int32_t> last_offsets_;
  Scratch<T> weights_;
  const int64_t slack_;
};

}  // namespace

template <class T>
void correlate_pixels(const Correlation<T>& problem) {
  PixelPath<T>(problem).run();
}
template void correlate_pixels(const Correlation<float>&);
template void correlate_pixels(const Correlation<double>&);

}  // namespace tilewright::cpu
