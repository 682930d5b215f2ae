// SPDX-License-Identifier: Apache-2.0
// Correlation with output channels in the lanes: weights packed once per call into panels
// [group][channel block][panel][step][channels of the panel], input packed into a strip per block of outputs.
#include "core/parallel.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kWantedTasks = 8;

template <class T>
class ChannelPath {
 public:
  explicit ChannelPath(const Correlation<T>& problem)
      : c_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        lanes_(table_.lanes),
        vectors_(ceil_div(problem.out_channels, lanes_)),
        blocks_(
            choose_blocks(problem.rows, problem.cols, problem.images * problem.groups, problem.in_channels,
                          problem.taps() * panel_vectors(vectors_) * lanes_ * int64_t(sizeof(T)), sizeof(T))),
        strip_(problem.rows, problem.cols, blocks_.rows, blocks_.cols),
        offsets_(step_offsets(strip_, blocks_.channels, 1)),
        weights_(problem.groups * problem.taps() * problem.in_channels * vectors_ * lanes_),
        bias_(problem.groups * vectors_ * lanes_) {
    // The last block of channels may be shorter: its steps lie at other offsets.
    const int64_t rest = c_.in_channels - (blocks_.channel_blocks - 1) * blocks_.channels;
    if (rest != blocks_.channels) last_offsets_ = step_offsets(strip_, rest, 1);
  }

  void run() {
    pack_bias();
    const int64_t panels = panel_count();
    parallel_for(c_.groups * blocks_.channel_blocks * panels, [&](int64_t task) {
      pack_panel(task / panels / blocks_.channel_blocks, task / panels % blocks_.channel_blocks,
                 task % panels);
    });
    const int64_t places = c_.groups * c_.images * blocks_.row_blocks * blocks_.col_blocks;
    // Few outputs: the panels are shared out too, and each share packs the strip again.
    const int64_t shares =
        places >= kWantedTasks || places == 0 ? 1 : std::min(panels, ceil_div(kWantedTasks, places));
    parallel_for(places * shares, [&](int64_t task) {
      const int64_t share = task % shares;
      block(task / shares, share * panels / shares, (share + 1) * panels / shares);
    });
  }

 private:
  // Panels of two vectors; an odd one out joins the last panel.
  static int64_t panel_vectors(int64_t vectors) { return std::min<int64_t>(vectors, 2); }
  int64_t panel_count() const { return vectors_ == 1 ? 1 : vectors_ / 2; }
  int panel_width(int64_t panel) const {
    return static_cast<int>(vectors_ == 1 ? 1 : panel + 1 == panel_count() ? vectors_ - 2 * panel : 2);
  }

  int64_t block_channels(int64_t block) const {
    return std::min(blocks_.channels, c_.in_channels - block * blocks_.channels);
  }

  T* panel_weights(int64_t group, int64_t channel_block, int64_t panel) const {
    const int64_t width = vectors_ * lanes_;
    return weights_.data() +
           c_.taps() * ((group * c_.in_channels + channel_block * blocks_.channels) * width +
                        block_channels(channel_block) * 2 * panel * lanes_);
  }

  void pack_bias() {
    std::fill_n(bias_.data(), c_.groups * vectors_ * lanes_, T(0));
    if (c_.bias)
      for (int64_t g = 0; g < c_.groups; ++g)
        std::copy_n(c_.bias + g * c_.out_channels, c_.out_channels, bias_.data() + g * vectors_ * lanes_);
  }

  void pack_panel(int64_t group, int64_t channel_block, int64_t panel) {
    const int64_t channels = block_channels(channel_block), width = panel_width(panel) * lanes_;
    const int64_t first = 2 * panel * lanes_, filled = std::min(width, c_.out_channels - first);
    const FilterStrides& f = c_.filter;
    T* to = panel_weights(group, channel_block, panel);
    if (filled < width) std::fill_n(to, c_.taps() * channels * width, T(0));
    for (const Tap& row : c_.rows.taps)
      for (const Tap& col : c_.cols.taps) {
        const T* from = c_.w + group * f.group + row.index * f.row + col.index * f.col +
                        channel_block * blocks_.channels * f.in + first * f.out;
        if (f.out == 1) {
          table_.copy_rows(to, width, from, f.in, channels, filled);
        } else if (f.in == 1) {
          table_.transpose(to, width, from, f.out, filled, channels);
        } else {
          for (int64_t i = 0; i < channels; ++i)
            for (int64_t k = 0; k < filled; ++k) to[i * width + k] = from[i * f.in + k * f.out];
        }
        to += channels * width;
      }
  }

  void block(int64_t place, int64_t first_panel, int64_t last_panel) {
    const int64_t col_block = place % blocks_.col_blocks,
                  row_block = place / blocks_.col_blocks % blocks_.row_blocks;
    const int64_t n = place / blocks_.col_blocks / blocks_.row_blocks % c_.images;
    const int64_t group = place / blocks_.col_blocks / blocks_.row_blocks / c_.images;
    const int64_t p0 = row_block * blocks_.rows, q0 = col_block * blocks_.cols;
    const int64_t rows = std::min(blocks_.rows, c_.rows.out - p0),
                  cols = std::min(blocks_.cols, c_.cols.out - q0);
    Scratch<T> strip(blocks_.channels * strip_.channel_pitch);
    for (int64_t b = 0; b < blocks_.channel_blocks; ++b) {
      const int64_t channels = block_channels(b);
      if (c_.taps() > 0)
        pack_strip(strip.data(), strip_, c_, n, group * c_.in_channels + b * blocks_.channels, channels, p0,
                   q0);
      for (int64_t panel = first_panel; panel < last_panel; ++panel)
        tiles(strip.data(), group, b, panel, c_.y.at(n, p0, q0), p0, rows, cols);
    }
    if (!c_.folded()) {
      const int64_t first = 2 * first_panel * lanes_;
      const int64_t end = last_panel == panel_count() ? c_.out_channels : 2 * last_panel * lanes_;
      finish_block(c_, n, p0, rows, q0, cols, group * c_.out_channels + first, end - first);
    }
  }

  // All tiles of one panel over one strip; the panel stays in the cache.
  void tiles(const T* strip, int64_t group, int64_t channel_block, int64_t panel, T* y, int64_t p0,
             int64_t rows, int64_t cols) {
    const int vectors = panel_width(panel);
    const int64_t first = 2 * panel * lanes_;
    const bool ends = channel_block + 1 == blocks_.channel_blocks;
    const auto& offsets = ends && !last_offsets_.empty() ? last_offsets_ : offsets_;
    ChannelTileArgs<T> args;
    args.x_row = strip_.row_pitch;
    const T* weights = panel_weights(group, channel_block, panel);
    const int64_t tap_row = static_cast<int64_t>(c_.cols.taps.size()) * block_channels(channel_block);
    args.bias = bias_.data() + group * vectors_ * lanes_ + first;
    args.y_pixel = c_.y.pixel;
    args.y_row = c_.y.row;
    args.last = static_cast<int>(std::min<int64_t>(lanes_, c_.out_channels - first - (vectors - 1) * lanes_));
    args.accumulate = channel_block > 0;
    args.low = ends ? c_.low() : -std::numeric_limits<T>::infinity();
    y += group * c_.out_channels + first;
    for_tiles(rows, cols, table_.max_pixels[vectors - 1],
              [&](int64_t p, int64_t q, int log_rows, int64_t pixels) {
                // Rows of taps that read nothing but padding are left out.
                const TapRange taps = taps_inside(c_.rows, p0 + p, p0 + p + (1 << log_rows));
                const int64_t first_step = static_cast<int64_t>(taps.first) * tap_row;
                args.offsets = offsets.data() + first_step;
                args.steps = static_cast<int64_t>(taps.last - taps.first) * tap_row;
                args.w = weights + first_step * vectors * lanes_;
                args.x = strip + p * strip_.row_pitch + q;
                args.y = y + p * c_.y.row + q * c_.y.pixel;
                table_.channel_tile[log_rows][vectors - 1][pixels - 1](args);
              });
  }

  const Correlation<T>& c_;
  const Conv2dTable<T>& table_;
  const int64_t lanes_, vectors_;
  const Blocks blocks_;
  const Strip strip_;
  const std::vector<int32_t> offsets_;
  std::vector<int32_t> last_offsets_;
  Scratch<T> weights_, bias_;
};

}  // namespace

template <class T>
void correlate_channels(const Correlation<T>& problem) {
  ChannelPath<T>(problem).run();
}
template void correlate_channels(const Correlation<float>&);
template void correlate_channels(const Correlation<double>&);

}  // namespace tilewright::cpu
