// SPDX-License-Identifier: Apache-2.0
// Weight gradient: tiles of dw held in registers while a block of pixels streams by. Rows of x are copied
// with their padding only where there is any. Where K fills few lanes, x and dy change roles and the result
// is turned. The gradient of the bias is summed from each block of dy as it comes into the cache.
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
        turned_(2 * problem.out_channels <= table_.lanes && width_ > problem.out_channels),
        size_(problem.groups * filter_rows_ * filter_cols_ * problem.in_channels * problem.out_channels) {
    cut();
  }

  void run() {
    const bool direct = slices_ == 1 && !turned_;
    Scratch<T> partial(direct ? 0 : slices_ * size_);
    T* sums = direct ? g_.dw : partial.data();
    const int64_t channels = g_.groups * g_.out_channels;
    Scratch<T> bias(g_.db ? slices_ * channels : 0);
    if (g_.db) std::fill_n(bias.data(), slices_ * channels, T(0));
    parallel_for(slices_ * g_.groups * row_shares_ * shares_, [&](int64_t task) {
      const int64_t share = task % shares_, row_share = task / shares_ % row_shares_;
      const int64_t group = task / shares_ / row_shares_ % g_.groups,
                    slice = task / shares_ / row_shares_ / g_.groups;
      Part part;
      part.group = group;
      part.first_row = row_share * filter_rows_ / row_shares_;
      part.last_row = (row_share + 1) * filter_rows_ / row_shares_;
      part.first_panel = share * panels_ / shares_, part.last_panel = (share + 1) * panels_ / shares_;
      part.first_block = slice * blocks_ / slices_, part.last_block = (slice + 1) * blocks_ / slices_;
      part.db = g_.db && row_share == 0 ? bias.data() + slice * channels + group * g_.out_channels : nullptr;
      work(sums + slice * size_, part);
    });
    if (!direct) add_slices(sums);
    for (int64_t k = 0; g_.db && k < channels; ++k) {
      g_.db[k] = bias[k];
      for (int64_t slice = 1; slice < slices_; ++slice) g_.db[k] += bias[slice * channels + k];
    }
  }

 private:
  // Of a task: rows of the filter, panels of lanes, blocks of pixels.
  struct Part {
    int64_t group, first_row, last_row, first_panel, last_panel, first_block, last_block;
    T* db;  // of the group, null if another task sums it
  };

  // Places of one block in memory: x from the first image, row and column on that the part reads, padded if
  // need be, and dy.
  struct Place {
    const T* x;
    int64_t x_image, x_row, x_pixel;
    const T* dy;
    int64_t images, rows, cols;
  };

  void cut() {
    cut_lanes();
    cut_tasks();
    cut_blocks();
    blocks_ = image_blocks_ * row_blocks_ * col_blocks_;
    slices_ = std::min(slices_, blocks_);
  }

  void cut_lanes() {
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
  }

  // More tasks than panels: a slice of the pixels takes a dw of its own, which is written, read and added; a row
  // of the filter reads x and dy again. The smaller of the two.
  void cut_tasks() {
    row_shares_ = 1;
    const int64_t wanted = kWantedTasks / std::min(kWantedTasks, shares_ * g_.groups);
    const int64_t most = std::max<int64_t>(1, kMaxSliceElements / size_);
    slices_ = std::min({ceil_div(kWantedTasks, shares_ * g_.groups), most, g_.images * g_.rows.out});
    const int64_t again =
        g_.images * g_.groups *
        (g_.rows.in * g_.cols.in * g_.in_channels + g_.rows.out * g_.cols.out * g_.out_channels);
    if (groups_ > 1 || filter_rows_ == 1 || (slices_ - 1) * 3 * size_ <= (filter_rows_ - 1) * again) return;
    row_shares_ = filter_rows_;
    slices_ = std::clamp<int64_t>(wanted / row_shares_, 1, slices_);
  }

  void cut_blocks() {
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
    // Small images share a block: each block loads and stores all of dw.
    block_images_ = 1;
    if (row_blocks_ == 1 && col_blocks_ == 1)
      block_images_ =
          std::clamp<int64_t>(pixels / (block_rows_ * block_cols_), 1, ceil_div(g_.images, slices_));
    image_blocks_ = ceil_div(g_.images, block_images_);
    block_images_ = ceil_div(g_.images, image_blocks_);
    image_blocks_ = ceil_div(g_.images, block_images_);
  }

  // Rows of the image that `outputs` rows of dy read with the part's rows of the filter.
  int64_t rows_read(const Part& part, int64_t outputs) const {
    return (outputs - 1) * g_.rows.stride + (part.last_row - 1 - part.first_row) * tap_step(g_.rows) + 1;
  }

  void work(T* sums, const Part& part) {
    const int64_t strip_cols = reach(g_.cols, block_cols_);
    const int64_t strip_image = rows_read(part, block_rows_) * strip_cols * g_.in_channels;
    Scratch<T> panel_dy(
        copies_dy_ ? block_images_ * block_rows_ * block_cols_ * kMaxTileVectors * table_.lanes : 0);
    Scratch<T> strip(pads_ ? block_images_ * strip_image : 0);
    for (int64_t block = part.first_block; block < part.last_block; ++block) {
      const int64_t q0 = block % col_blocks_ * block_cols_,
                    p0 = block / col_blocks_ % row_blocks_ * block_rows_;
      const int64_t n0 = block / col_blocks_ / row_blocks_ * block_images_;
      Place place;
      place.images = std::min(block_images_, g_.images - n0);
      place.rows = std::min(block_rows_, g_.rows.out - p0);
      place.cols = std::min(block_cols_, g_.cols.out - q0);
      place.dy = g_.dy.at(n0, p0, q0) + part.group * g_.out_channels;
      const int64_t h0 = p0 * g_.rows.stride + g_.rows.taps[static_cast<size_t>(part.first_row)].shift;
      const int64_t w0 = q0 * g_.cols.stride + g_.cols.taps.front().shift;
      if (pads_) {
        for (int64_t i = 0; i < place.images; ++i)
          pack(strip.data() + i * strip_image, n0 + i, part.group, h0, rows_read(part, place.rows), w0,
               strip_cols);
        place.x = strip.data();
        place.x_image = strip_image;
        place.x_row = strip_cols * g_.in_channels;
        place.x_pixel = g_.in_channels;
      } else {
        place.x = g_.x.at(n0, h0, w0) + part.group * g_.in_channels;
        place.x_image = g_.x.image;
        place.x_row = g_.x.row;
        place.x_pixel = g_.x.pixel;
      }
      for (int64_t panel = part.first_panel; panel < part.last_panel; ++panel)
        add_block(sums, panel_dy.data(), part, panel, place, block > part.first_block);
      if (part.db) add_bias(part, place);  // last, when dy is in the cache
    }
  }

  // Sums of the part's columns of dy: of the block by themselves first, so that long sums lose less.
  void add_bias(const Part& part, const Place& place) const {
    const auto column = [this](int64_t panel) {
      return std::min(panel * vectors_ / panels_ * table_.lanes, g_.out_channels);
    };
    const int64_t first = turned_ ? 0 : column(part.first_panel);
    const int64_t channels = (turned_ ? g_.out_channels : column(part.last_panel)) - first;
    Scratch<T> sums(channels);
    std::fill_n(sums.data(), channels, T(0));
    const bool whole = g_.dy.row == place.cols * g_.dy.pixel;
    for (int64_t i = 0; i < place.images; ++i)
      for (int64_t p = 0; p < (whole ? 1 : place.rows); ++p)
        table_.add_rows(sums.data(), place.dy + i * g_.dy.image + p * g_.dy.row + first, g_.dy.pixel,
                        whole ? place.rows * place.cols : place.cols, channels);
    for (int64_t k = 0; k < channels; ++k) part.db[first + k] += sums[k];
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
  void add_block(T* sums, T* panel_dy, const Part& part, int64_t panel, const Place& place, bool accumulate) {
    const int64_t group = part.group;
    const int64_t before = panel * vectors_ / panels_, vectors = (panel + 1) * vectors_ / panels_ - before;
    const int64_t first = before * table_.lanes, length = turned_ ? width_ : g_.out_channels;
    const int64_t dw_col = g_.in_channels, dw_rows = filter_cols_ * g_.in_channels;
    WeightTileArgs<T> args;
    args.images = place.images;
    args.rows = place.rows;
    args.cols = place.cols;
    args.accumulate = accumulate;
    args.last =
        static_cast<int>(std::min<int64_t>(table_.lanes, length - first - (vectors - 1) * table_.lanes));
    const int64_t panel_width = vectors * table_.lanes;
    for (int64_t line = 0; copies_dy_ && line < place.images * place.rows; ++line)
      table_.copy_rows(panel_dy + line * place.cols * panel_width, panel_width,
                       place.dy + line / place.rows * g_.dy.image + line % place.rows * g_.dy.row + first,
                       g_.dy.pixel, place.cols, std::min(panel_width, g_.out_channels - first));
    args.a_group = tap_step(g_.rows) * place.x_row;
    for (int64_t r = part.first_row; r < part.last_row; r += groups_)
      for (int64_t s = 0; s < (joined_ ? 1 : filter_cols_); ++s) {
        const T* x = place.x + (r - part.first_row) * tap_step(g_.rows) * place.x_row +
                     s * tap_step(g_.cols) * place.x_pixel;
        const int64_t x_pixel = g_.cols.stride * place.x_pixel, x_row = g_.rows.stride * place.x_row;
        const int64_t at = r * dw_rows + s * dw_col;  // first of the width_ rows (r, s, c) of dw
        if (turned_) {
          args.a = place.dy, args.a_pixel = g_.dy.pixel, args.a_row = g_.dy.row, args.a_image = g_.dy.image;
          args.b = x + first, args.b_pixel = x_pixel, args.b_row = x_row, args.b_image = place.x_image;
          args.out_row = filter_rows_ * dw_rows;
          args.out = sums + group * g_.out_channels * args.out_row + at + first;
          tiles(args, g_.out_channels, vectors);
        } else {
          args.a = x, args.a_pixel = x_pixel, args.a_row = x_row, args.a_image = place.x_image;
          if (copies_dy_) {
            args.b = panel_dy, args.b_pixel = panel_width, args.b_row = place.cols * panel_width;
            args.b_image = place.rows * args.b_row;
          } else {
            args.b = place.dy + first, args.b_pixel = g_.dy.pixel, args.b_row = g_.dy.row;
            args.b_image = g_.dy.image;
          }
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
  void add_slices(T* sums) {
    const int64_t size = size_;
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
  const int64_t size_;  // of dw
  bool copies_dy_;
  int64_t groups_;  // rows of the filter in one tile
  int64_t vectors_, panels_, shares_, row_shares_, slices_;
  int64_t block_images_, block_rows_, block_cols_, image_blocks_, row_blocks_, col_blocks_, blocks_;
};

// A 1 x 1 filter of stride 1 over images without gaps: the product of all pixels of x and dy.
template <class T>
void multiply_pixels(const WeightGradient<T>& g) {
  MatmulProblem<T> p;
  p.m = g.in_channels, p.n = g.out_channels, p.k = g.images * g.rows.in * g.cols.in;
  p.a = {g.x.data, 1, g.x.pixel};
  p.b = {g.dy.data, g.dy.pixel, 1};
  p.y = g.dw, p.y_row = g.out_channels;
  matmul_2d(p);
}

}  // namespace

template <class T>
void weight_gradient(const WeightGradient<T>& problem) {
  const auto& g = problem;
  if (weight_gradient_winograd(g)) {
    if (g.db) bias_gradient(g);
    return;
  }
  const int lanes = kernels<Conv2dKernels>().of<T>().lanes;
  const bool pointwise = g.groups == 1 && one_to_one(g.rows) && one_to_one(g.cols) &&
                         gapless(g.x, g.rows.in, g.cols.in) && gapless(g.dy, g.rows.in, g.cols.in);
  const bool depthwise = depthwise_suits(g.groups, g.in_channels, g.out_channels, lanes);
  const bool by_lanes = lanes_suit(g.groups, g.in_channels, g.out_channels, lanes);
  if (!pointwise && !depthwise && !by_lanes) return WeightPath<T>(g).run();
  if (g.db) bias_gradient(g);
  if (pointwise)
    multiply_pixels(g);
  else if (depthwise)
    weight_gradient_depthwise(g);
  else
    weight_gradient_lanes(g);
}
template void weight_gradient(const WeightGradient<float>&);
template void weight_gradient(const WeightGradient<double>&);

}  // namespace tilewright::cpu
