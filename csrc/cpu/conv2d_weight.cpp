// SPDX-License-Identifier: Apache-2.0
// Weight gradient: tiles of dw held in registers while a block of pixels streams by. Rows of x are copied
// with their padding only where there is any. Where K fills few lanes, x and dy change roles and the result
// is turned.
#include "core/parallel.h"
#include "cpu/conv2d_plan.h"
#include "cpu/conv2d_winograd.h"
#include "cpu/matmul.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kWantedTasks = 8, kBlockBytes = 384 << 10, kLeastPixels = 64, kMaxBlockCols = 512;
constexpr int64_t kMaxSliceElements = 1 << 21, kShareChannels = 64;

// The block's inputs along an axis, from its first to its last.
int64_t reach(const Axis& axis, int64_t outputs) {
  return (outputs - 1) * axis.stride + axis.taps.back().shift - axis.taps.front().shift + 1;
}
bool inside(const Axis& axis) {
  return axis.taps.front().shift >= 0 && (axis.out - 1) * axis.stride + axis.taps.back().shift < axis.in;
}

template <class T>
class WeightPath {
 public:
  explicit WeightPath(const WeightGradient<T>& problem)
      : g_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        filter_rows_(problem.rows.taps.size()),
        filter_cols_(problem.cols.taps.size()),
        pads_(!inside(problem.rows) || !inside(problem.cols)),
        // Filter column and channel are one axis where x has them side by side.
        joined_(tap_step(problem.cols) == 1 && (pads_ || problem.x.pixel == problem.in_channels)),
        width_(joined_ ? filter_cols_ * problem.in_channels : problem.in_channels),
        turned_(2 * problem.out_channels <= table_.lanes && width_ > problem.out_channels) {
    cut();
  }

  void run() {
    const int64_t size = g_.groups * filter_rows_ * filter_cols_ * g_.in_channels * g_.out_channels;
    const bool direct = slices_ == 1 && !turned_;
    Scratch<T> partial(direct ? 0 : slices_ * size);
    T* sums = direct ? g_.dw : partial.data();
    parallel_for(slices_ * g_.groups * shares_, [&](int64_t task) {
      const int64_t share = task % shares_, group = task / shares_ % g_.groups,
                    slice = task / shares_ / g_.groups;
      work(sums + slice * size, group, share * panels_ / shares_, (share + 1) * panels_ / shares_,
           slice * blocks_ / slices_, (slice + 1) * blocks_ / slices_);
    });
    if (!direct) add_slices(sums, size);
  }

 private:
  void cut() {
    col_blocks_ = ceil_div(g_.cols.out, kMaxBlockCols);
    block_cols_ = ceil_div(g_.cols.out, col_blocks_);
    // In the level-2 cache: x of a block, and one panel of dy.
    const int64_t pixel_bytes =
        (g_.in_channels * g_.rows.stride * g_.cols.stride + 2 * table_.lanes) * int64_t(sizeof(T));
    const int64_t pixels = std::max(kLeastPixels, kBlockBytes / pixel_bytes);
    block_rows_ = std::clamp<int64_t>(pixels / block_cols_, 1, g_.rows.out);
    row_blocks_ = ceil_div(g_.rows.out, block_rows_);
    block_rows_ = ceil_div(g_.rows.out, row_blocks_);
    row_blocks_ = ceil_div(g_.rows.out, block_rows_);
    blocks_ = g_.images * row_blocks_ * col_blocks_;
    vectors_ = ceil_div(turned_ ? width_ : g_.out_channels, table_.lanes);
    panels_ = ceil_div(vectors_, table_.tile_vectors[0]);
    // dy of all lanes is read in place; that of a panel is copied together first: pixels of many channels
    // would lie in a few sets of the cache.
    copies_dy_ = !turned_ && panels_ > 1;
    // All rows of a small filter in one tile.
    const int64_t most = table_.max_pixels[1][ceil_div(vectors_, panels_) - 1];
    groups_ = joined_ && !turned_ && panels_ == 1 && vectors_ <= 2 && filter_rows_ <= kMaxWeightGroups &&
                      filter_rows_ * width_ <= most
                  ? filter_rows_
                  : 1;
    // Panels are shared out first: that needs no second dw. Each share packs padded rows again.
    shares_ =
        turned_ ? 1 : std::min(kWantedTasks, pads_ ? ceil_div(g_.out_channels, kShareChannels) : panels_);
    shares_ = std::min(shares_, panels_);
    const int64_t size = g_.groups * filter_rows_ * filter_cols_ * g_.in_channels * g_.out_channels;
    slices_ = std::min({ceil_div(kWantedTasks, shares_ * g_.groups), blocks_,
                        std::max<int64_t>(1, kMaxSliceElements / size)});
  }

  // Places of one block in memory: x from its first row and column on, padded if need be, and dy.
  struct Place {
    const T* x;
    int64_t x_row, x_pixel;
    const T* dy;
    int64_t rows, cols;
  };

  void work(T* sums, int64_t group, int64_t first_panel, int64_t last_panel, int64_t first_block,
            int64_t last_block) {
    const int64_t strip_cols = reach(g_.cols, block_cols_);
    Scratch<T> panel_dy(copies_dy_ ? block_rows_ * block_cols_ * kMaxTileVectors * table_.lanes : 0);
    Scratch<T> strip(pads_ ? reach(g_.rows, block_rows_) * strip_cols * g_.in_channels : 0);
    for (int64_t block = first_block; block < last_block; ++block) {
      const int64_t q0 = block % col_blocks_ * block_cols_,
                    p0 = block / col_blocks_ % row_blocks_ * block_rows_;
      const int64_t n = block / col_blocks_ / row_blocks_;
      Place place;
      place.rows = std::min(block_rows_, g_.rows.out - p0);
      place.cols = std::min(block_cols_, g_.cols.out - q0);
      place.dy = g_.dy.at(n, p0, q0) + group * g_.out_channels;
      const int64_t h0 = p0 * g_.rows.stride + g_.rows.taps.front().shift;
      const int64_t w0 = q0 * g_.cols.stride + g_.cols.taps.front().shift;
      if (pads_) {
        pack(strip.data(), n, group, h0, reach(g_.rows, place.rows), w0, strip_cols);
        place.x = strip.data();
        place.x_row = strip_cols * g_.in_channels;
        place.x_pixel = g_.in_channels;
      } else {
        place.x = g_.x.at(n, h0, w0) + group * g_.in_channels;
        place.x_row = g_.x.row;
        place.x_pixel = g_.x.pixel;
      }
      for (int64_t panel = first_panel; panel < last_panel; ++panel)
        add_block(sums, panel_dy.data(), group, panel, place, block > first_block);
    }
  }

  // Rows h0 .. of the image with zeros around it.
  void pack(T* strip, int64_t n, int64_t group, int64_t h0, int64_t rows, int64_t w0, int64_t cols) {
    const Valid v = valid_places(g_.cols.in, w0, 1, cols);
    const int64_t channels = g_.in_channels;
    for (int64_t r = 0; r < rows; ++r) {
      T* to = strip + r * cols * channels;
      const int64_t h = h0 + r;
      const Valid row = h >= 0 && h < g_.rows.in ? v : Valid{0, 0};
      std::fill_n(to, row.low * channels, T(0));
      std::fill_n(to + row.high * channels, (cols - row.high) * channels, T(0));
      if (row.low == row.high) continue;
      const T* from = g_.x.at(n, h, w0 + row.low) + group * channels;
      if (g_.x.pixel == channels)
        table_.copy_rows(to + row.low * channels, 0, from, 0, 1, (row.high - row.low) * channels);
      else
        table_.copy_rows(to + row.low * channels, channels, from, g_.x.pixel, row.high - row.low, channels);
    }
  }

  // One panel of lanes against everything on the other side.
  void add_block(T* sums, T* panel_dy, int64_t group, int64_t panel, const Place& place, bool accumulate) {
    const int64_t before = panel * vectors_ / panels_, vectors = (panel + 1) * vectors_ / panels_ - before;
    const int64_t first = before * table_.lanes, length = turned_ ? width_ : g_.out_channels;
    const int64_t dw_col = g_.in_channels, dw_rows = filter_cols_ * g_.in_channels;
    WeightTileArgs<T> args;
    args.rows = place.rows;
    args.cols = place.cols;
    args.accumulate = accumulate;
    args.last =
        static_cast<int>(std::min<int64_t>(table_.lanes, length - first - (vectors - 1) * table_.lanes));
    const int64_t panel_width = vectors * table_.lanes;
    if (copies_dy_)
      for (int64_t p = 0; p < place.rows; ++p)
        table_.copy_rows(panel_dy + p * place.cols * panel_width, panel_width,
                         place.dy + p * g_.dy.row + first, g_.dy.pixel, place.cols,
                         std::min(panel_width, g_.out_channels - first));
    args.a_group = tap_step(g_.rows) * place.x_row;
    for (int64_t r = 0; r < filter_rows_; r += groups_)
      for (int64_t s = 0; s < (joined_ ? 1 : filter_cols_); ++s) {
        const T* x = place.x + r * tap_step(g_.rows) * place.x_row + s * tap_step(g_.cols) * place.x_pixel;
        const int64_t x_pixel = g_.cols.stride * place.x_pixel, x_row = g_.rows.stride * place.x_row;
        const int64_t at = r * dw_rows + s * dw_col;  // first of the width_ rows (r, s, c) of dw
        if (turned_) {
          args.a = place.dy, args.a_pixel = g_.dy.pixel, args.a_row = g_.dy.row;
          args.b = x + first, args.b_pixel = x_pixel, args.b_row = x_row;
          args.out_row = filter_rows_ * dw_rows;
          args.out = sums + group * g_.out_channels * args.out_row + at + first;
          tiles(args, g_.out_channels, vectors);
        } else {
          args.a = x, args.a_pixel = x_pixel, args.a_row = x_row;
          if (copies_dy_)
            args.b = panel_dy, args.b_pixel = panel_width, args.b_row = place.cols * panel_width;
          else
            args.b = place.dy + first, args.b_pixel = g_.dy.pixel, args.b_row = g_.dy.row;
          args.out_row = g_.groups * g_.out_channels;
          args.out_group = dw_rows * args.out_row;
          args.out = sums + at * args.out_row + group * g_.out_channels + first;
          tiles(args, width_, vectors);
        }
      }
  }

  void tiles(WeightTileArgs<T> args, int64_t length, int64_t vectors) {
    const T* a = args.a;
    T* out = args.out;
    if (groups_ > 1) return table_.weight_tile[groups_ - 1][vectors - 1][length - 1](args);
    for_pieces(length, table_.max_pixels[1][vectors - 1], [&](int64_t begin, int64_t count, int64_t pieces) {
      for (int64_t m = begin; m < begin + pieces * count; m += count) {
        args.a = a + m;
        args.out = out + m * args.out_row;
        table_.weight_tile[0][vectors - 1][count - 1](args);
      }
    });
  }

  // dw = slice 0 + slice 1 + ...; turned sums (group, k, (r, s, c)) become rows (r, s, c) of (group, k).
  void add_slices(T* sums, int64_t size) {
    parallel_ranges(size, 1 << 14, [&](int64_t begin, int64_t end) {
      for (int64_t slice = 1; slice < slices_; ++slice)
        for (int64_t i = begin; i < end; ++i) sums[i] += sums[slice * size + i];
      if (!turned_) std::copy(sums + begin, sums + end, g_.dw + begin);
    });
    if (turned_)
      table_.transpose(g_.dw, g_.groups * g_.out_channels, sums, size / (g_.groups * g_.out_channels),
                       g_.groups * g_.out_channels, size / (g_.groups * g_.out_channels));
  }

  const WeightGradient<T>& g_;
  const Conv2dTable<T>& table_;
  const int64_t filter_rows_, filter_cols_;
  const bool pads_, joined_;
  const int64_t width_;
  const bool turned_;
  bool copies_dy_;
  int64_t groups_;  // rows of the filter in one tile
  int64_t block_rows_, block_cols_, row_blocks_, col_blocks_, blocks_, vectors_, panels_, shares_, slices_;
};

}  // namespace

template <class T>
void weight_gradient(const WeightGradient<T>& problem) {
  const auto& g = problem;
  if (g.groups == 1 && one_to_one(g.rows) && one_to_one(g.cols) && gapless(g.x, g.rows.in, g.cols.in) &&
      gapless(g.dy, g.rows.in, g.cols.in)) {
    MatmulProblem<T> p;
    p.m = g.in_channels, p.n = g.out_channels, p.k = g.images * g.rows.in * g.cols.in;
    p.a = {g.x.data, 1, g.x.pixel};
    p.b = {g.dy.data, g.dy.pixel, 1};
    p.y = g.dw, p.y_row = g.out_channels;
    return matmul_2d(p);
  }
  if (weight_gradient_winograd(g)) return;
  const int lanes = kernels<Conv2dKernels>().of<T>().lanes;
  if (depthwise_suits(g.groups, g.in_channels, g.out_channels, lanes)) return weight_gradient_depthwise(g);
  if (lanes_suit(g.groups, g.in_channels, g.out_channels, lanes)) return weight_gradient_lanes(g);
  WeightPath<T>(g).run();
}
template void weight_gradient(const WeightGradient<float>&);
template void weight_gradient(const WeightGradient<double>&);

}  // namespace tilewright::cpu
