// SPDX-License-Identifier: Apache-2.0
// Correlation with output channels in the lanes. The image is read where it lies; weights are packed into
// panels (conv2d_channel_panels.h), all of them once per call, or, where few pixels share many weights, each
// by the task that uses it.
//
// A tile is a run of outputs an equal distance apart: neighbours of a row, or, for small images, one place of
// several images, whose taps all end alike at the image's edge.
#include "core/parallel.h"
#include "cpu/conv2d_channel_panels.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kWantedTasks = 8, kLeastPixels = 56;
constexpr int64_t kBlockPixels = 256, kBlockBytes = 256 << 10, kMaxBlockCols = 512;
constexpr int64_t kShortRowTiles = 4;
constexpr int64_t kResidentBytes = 512 << 10;  // of a level-2 cache, for x, y and a panel

// Outputs of one task: rows and columns of image n, or all places of images n .. n + images.
struct Place {
  int64_t n, images, p0, rows, q0, cols;
};

// How outputs are cut into places.
struct Cut {
  bool by_image;  // tiles run along images
  int64_t images, rows, cols;
  int64_t image_blocks, row_blocks, col_blocks;
  int64_t places() const { return image_blocks * row_blocks * col_blocks; }
};

template <class T>
class ChannelPath {
 public:
  explicit ChannelPath(const Correlation<T>& problem)
      : c_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        panels_(problem, table_),
        max_pixels_(table_.max_pixels[problem.joined][panels_.most_vectors() - 1]),
        bias_width_(panels_.first(panels_.panels())),
        pads_(problem.joined && !inside(problem.cols)),
        bias_((problem.groups + 1) * bias_width_) {
    cut();
    std::fill_n(bias_.data(), (c_.groups + 1) * bias_width_, T(0));
    if (c_.bias)
      for (int64_t g = 0; g < c_.groups; ++g)
        std::copy_n(c_.bias + g * c_.out_channels, c_.out_channels, bias_.data() + g * bias_width_);
  }

  void run() {
    const int64_t pixels = c_.images * c_.rows.out * c_.cols.out;
    const int64_t bytes = (c_.images * c_.rows.in * c_.cols.in * panels_.channels(0) +
                           pixels * panels_.most_vectors() * table_.lanes + panels_.panel_size()) *
                          int64_t(sizeof(T));
    if (c_.groups * panels_.panels() >= kWantedTasks / 2 && bytes <= kResidentBytes && !pads_)
      run_panels();
    else
      run_places();
  }

 private:
  static bool inside(const Axis& axis) {
    return axis.taps.empty() || (axis.taps.front().shift >= 0 &&
                                 (axis.out - 1) * axis.stride + axis.taps.back().shift + axis.run <= axis.in);
  }

  void cut() {
    const int64_t image_bytes = c_.rows.in * c_.cols.in * panels_.channels(0) * int64_t(sizeof(T));
    cut_.by_image = c_.images >= max_pixels_ / 2 && c_.cols.out <= max_pixels_ && !pads_ &&
                    max_pixels_ * image_bytes <= 2 * kBlockBytes;
    if (cut_.by_image) {
      cut_.image_blocks = ceil_div(c_.images, max_pixels_);
      cut_.images = ceil_div(c_.images, cut_.image_blocks);
      cut_.image_blocks = ceil_div(c_.images, cut_.images);
      cut_.rows = c_.rows.out, cut_.cols = c_.cols.out;
      cut_.col_blocks = 1;
    } else {
      cut_.images = 1, cut_.image_blocks = c_.images;
      cut_.cols = ceil_div(c_.cols.out, ceil_div(c_.cols.out, kMaxBlockCols));
      cut_.col_blocks = ceil_div(c_.cols.out, cut_.cols);
      const int64_t row_bytes =
          c_.rows.stride * cut_.cols * c_.cols.stride * panels_.channels(0) * int64_t(sizeof(T));
      cut_.rows = std::min(ceil_div(kBlockPixels, cut_.cols),
                           std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(row_bytes, 1)));
      cut_.rows = std::min(cut_.rows, c_.rows.out);
    }
    const int64_t others = cut_.image_blocks * c_.groups * cut_.col_blocks;
    while (cut_.rows > 1 && (cut_.rows - 1) * cut_.cols * cut_.images >= kLeastPixels &&
           others * ceil_div(c_.rows.out, cut_.rows) < kWantedTasks)
      cut_.rows = ceil_div(cut_.rows, 2);
    cut_.row_blocks = ceil_div(c_.rows.out, cut_.rows);
    cut_.rows = ceil_div(c_.rows.out, cut_.row_blocks);
    cut_.row_blocks = ceil_div(c_.rows.out, cut_.rows);
  }

  Place place(int64_t index) const {
    const int64_t q0 = index % cut_.col_blocks * cut_.cols,
                  p0 = index / cut_.col_blocks % cut_.row_blocks * cut_.rows;
    const int64_t n = index / cut_.col_blocks / cut_.row_blocks * cut_.images;
    return {n,  std::min(cut_.images, c_.images - n), p0, std::min(cut_.rows, c_.rows.out - p0),
            q0, std::min(cut_.cols, c_.cols.out - q0)};
  }

  // A task is a place, with all panels or a share of them.
  void run_places() {
    const int64_t panels = panels_.panels(), blocks = panels_.blocks();
    Scratch<T> weights(panels_.size());
    parallel_for(c_.groups * blocks * panels, [&](int64_t task) {
      const int64_t group = task / panels / blocks, block = task / panels % blocks, panel = task % panels;
      panels_.pack(weights.data() + panels_.offset(group, block, panel), group, block, panel);
    });
    const int64_t places = c_.groups * cut_.places();
    const int64_t shares = places >= kWantedTasks ? 1 : std::min(panels, ceil_div(kWantedTasks, places));
    parallel_for(places * shares, [&](int64_t task) {
      const int64_t share = task % shares, group = task / shares / cut_.places();
      const int64_t first = share * panels / shares, end = (share + 1) * panels / shares;
      const Place at = place(task / shares % cut_.places());
      Scratch<T> strip(strip_size(at));
      const Image<const T> x = source(strip.data(), at);
      for (int64_t block = 0; block < blocks; ++block)
        for (int64_t panel = first; panel < end; ++panel)
          tiles(x, weights.data() + panels_.offset(group, block, panel), group, block, panel, at,
                panel == first);
      finish(group, first, end, at);
    });
  }

  // A task is a panel, which it packs itself, and all places.
  void run_panels() {
    const int64_t panels = panels_.panels();
    parallel_for(c_.groups * panels, [&](int64_t task) {
      const int64_t group = task / panels, panel = task % panels;
      Scratch<T> weights(panels_.panel_size());
      for (int64_t block = 0; block < panels_.blocks(); ++block) {
        panels_.pack(weights.data(), group, block, panel);
        for (int64_t i = 0; i < cut_.places(); ++i)
          tiles(c_.x, weights.data(), group, block, panel, place(i), false);
      }
      for (int64_t i = 0; i < cut_.places(); ++i) finish(group, panel, panel + 1, place(i));
    });
  }

  // ---- padded rows: only where several columns of the filter are one run -------------------------------

  int64_t strip_cols(const Place& at) const { return (at.cols - 1) * c_.cols.stride + c_.cols.run; }
  int64_t strip_rows(const Place& at) const {
    return (at.rows - 1) * c_.rows.stride + c_.rows.taps.back().shift - c_.rows.taps.front().shift + 1;
  }
  int64_t strip_size(const Place& at) const {
    return pads_ ? strip_rows(at) * strip_cols(at) * c_.x.pixel : 0;
  }

  // The image, or a copy of the place's rows with zeros where columns leave it, addressed alike.
  Image<const T> source(T* strip, const Place& at) const {
    if (!pads_) return c_.x;
    const int64_t channels = c_.x.pixel, cols = strip_cols(at), pitch = cols * channels;
    const int64_t h0 = at.p0 * c_.rows.stride + c_.rows.taps.front().shift;
    const int64_t w0 = at.q0 * c_.cols.stride + c_.cols.taps.front().shift;
    const Valid v = valid_places(c_.cols.in, w0, 1, cols);
    for (int64_t r = 0; r < strip_rows(at); ++r) {
      if (h0 + r < 0 || h0 + r >= c_.rows.in) continue;  // rows of taps there are left out
      T* to = strip + r * pitch;
      std::fill_n(to, v.low * channels, T(0));
      std::fill_n(to + v.high * channels, (cols - v.high) * channels, T(0));
      if (v.low < v.high)
        table_.copy_rows(to + v.low * channels, 0, c_.x.at(at.n, h0 + r, w0 + v.low), 0, 1,
                         (v.high - v.low) * channels);
    }
    return {strip - h0 * pitch - w0 * channels, 0, pitch, channels};
  }

  // ---- tiles ----------------------------------------------------------------------------------------

  // Everything one panel of weights gives to a place; the panel stays in the cache. first: x of the next rows
  // is brought into it too.
  void tiles(const Image<const T>& x, const T* weights, int64_t group, int64_t block, int64_t panel,
             const Place& at, bool first) const {
    const int64_t vectors = panels_.vectors(panel);
    ChannelTileArgs<T> args;
    args.steps = panels_.channels(block);
    args.w = weights;
    args.ahead = args.ahead_pixels = args.ahead_pixel = args.ahead_channels = 0;
    if (first && !c_.rows.taps.empty() && !cut_.by_image) {
      // The last row of x that the next row of outputs reads, or with gaps between outputs one of them.
      args.ahead = (c_.rows.stride + c_.rows.taps.back().shift) * x.row;
      args.ahead_pixels = c_.cols.stride, args.ahead_pixel = x.pixel;
      args.ahead_channels = args.steps;
    }
    args.bias =
        bias_.data() + (block == 0 ? group * bias_width_ + panels_.first(panel) : c_.groups * bias_width_);
    args.last = static_cast<int>(panels_.width(panel) - (vectors - 1) * table_.lanes);
    args.accumulate = block > 0;
    args.low = block + 1 == panels_.blocks() ? c_.low() : -std::numeric_limits<T>::infinity();
    const int64_t in = group * c_.in_channels + panels_.first_channel(block);
    const int64_t out = group * c_.out_channels + panels_.first(panel);
    const int64_t step = args.steps * vectors * table_.lanes;  // of weights, from one run to the next
    if (cut_.by_image)
      tiles_along_images(args, x, in, out, vectors, step, at);
    else
      tiles_along_rows(args, x, in, out, vectors, step, at);
  }

  void tiles_along_rows(ChannelTileArgs<T> args, const Image<const T>& x, int64_t in, int64_t out,
                        int64_t vectors, int64_t step, const Place& at) const {
    args.x_pixel = c_.cols.stride * x.pixel;
    args.y_pixel = c_.y.pixel;
    RunList list = start_list(args, x);
    args.x_row = c_.rows.stride * x.row;
    args.y_row = c_.y.row;
    const int64_t end = at.p0 + at.rows;
    const bool uneven = at.cols % ceil_div(at.cols, table_.max_pixels[c_.joined][vectors - 1]) != 0;
    for (int64_t p = at.p0; p < end; p += args.rows) {
      // One call: rows with the same taps inside the image, in each neighbouring tiles of one width. Long
      // rows, and rows of two widths, go one by one: y is then written in order, which gains 10-20 % where
      // it comes from memory.
      const TapRange rows = taps_inside(c_.rows, p, p + 1);
      args.rows = 1;
      while (!uneven && at.cols <= kShortRowTiles * max_pixels_ && p + args.rows < end &&
             same(rows, taps_inside(c_.rows, p + args.rows, p + args.rows + 1)))
        ++args.rows;
      for_pieces(at.cols, table_.max_pixels[c_.joined][vectors - 1],
                 [&](int64_t begin, int64_t count, int64_t tiles) {
                   for (int64_t tile = 0; tile < tiles;) {
                     const int64_t q = at.q0 + begin + tile * count;
                     const bool inner = inside_cols(q, count);
                     args.tiles = 1;
                     while (inner && tile + args.tiles < tiles && inside_cols(q, (args.tiles + 1) * count))
                       ++args.tiles;
                     set_runs(args, list, x, rows, step, count, inner, [&](const Tap& col) {
                       return valid_places(c_.cols.in, q * c_.cols.stride + col.shift, c_.cols.stride, count);
                     });
                     args.x = x.at(at.n, p * c_.rows.stride, q * c_.cols.stride) + in;
                     args.y = c_.y.at(at.n, p, q) + out;
                     table_.channel_tiles[c_.joined][vectors - 1][count - 1](args);
                     tile += args.tiles;
                   }
                 });
    }
  }

  void tiles_along_images(ChannelTileArgs<T> args, const Image<const T>& x, int64_t in, int64_t out,
                          int64_t vectors, int64_t step, const Place& at) const {
    args.x_pixel = x.image;
    args.y_pixel = c_.y.image;
    args.rows = 1, args.x_row = args.y_row = 0;
    RunList list = start_list(args, x);
    for (int64_t p = at.p0; p < at.p0 + at.rows; ++p)
      for (int64_t q = 0; q < at.cols; ++q)
        for_pieces(at.images, table_.max_pixels[c_.joined][vectors - 1],
                   [&](int64_t begin, int64_t count, int64_t tiles) {
                     args.tiles = tiles;
                     set_runs(args, list, x, taps_inside(c_.rows, p, p + 1), step, count, inside_cols(q, 1),
                              [&](const Tap& col) {
                                const int64_t w = q * c_.cols.stride + col.shift;
                                return w >= 0 && w < c_.cols.in ? Valid{0, count} : Valid{0, 0};
                              });
                     args.x = x.at(at.n + begin, p * c_.rows.stride, q * c_.cols.stride) + in;
                     args.y = c_.y.at(at.n + begin, p, q) + out;
                     table_.channel_tiles[c_.joined][vectors - 1][count - 1](args);
                   });
  }

  static bool same(const TapRange& a, const TapRange& b) { return a.first == b.first && a.last == b.last; }

  // Whether no tap of outputs q .. q + count leaves what is read along a row.
  bool inside_cols(int64_t q, int64_t count) const {
    return pads_ || c_.cols.taps.empty() ||
           (q * c_.cols.stride + c_.cols.taps.front().shift >= 0 &&
            (q + count - 1) * c_.cols.stride + c_.cols.taps.back().shift + c_.cols.run <= c_.cols.in);
  }

  // The last list of runs, kept while tiles inside the image follow each other, of `channels` channels; where
  // columns are joined, the places in x of all steps.
  struct RunList {
    std::vector<ChannelRun> runs;
    TapRange rows{0, 0};
    int64_t count = 0;
    bool inner = false;
    std::vector<int64_t> offsets;
    int64_t channels = 0;
    const T* weights = nullptr;
  };

  RunList start_list(const ChannelTileArgs<T>& args, const Image<const T>& x) const {
    RunList list;
    list.channels = args.steps;
    if (!c_.joined) return list;
    list.weights = args.w;
    list.offsets.reserve(c_.rows.taps.size() * static_cast<size_t>(list.channels));
    for (const Tap& row : c_.rows.taps)
      for (int64_t i = 0; i < list.channels; ++i)
        list.offsets.push_back(row.shift * x.row + c_.cols.taps[0].shift * x.pixel + i);
    return list;
  }

  // The filter's places that read inside the image, with the pixels of the tile for which they do.
  template <class PixelsOf>
  void set_runs(ChannelTileArgs<T>& args, RunList& list, const Image<const T>& x, const TapRange& rows,
                int64_t step, int64_t count, bool inner, PixelsOf&& pixels_of) const {
    if (c_.joined) {
      args.offsets = list.offsets.data() + rows.first * list.channels;
      args.steps = static_cast<int64_t>(rows.last - rows.first) * list.channels;
      args.w = list.weights + static_cast<int64_t>(rows.first) * step;
      return;
    }
    const size_t cols = c_.cols.taps.size();
    // Inside the image a row of the filter is one run where x has columns and channels side by side.
    const bool wide = inner && cols > 1 && tap_step(c_.cols) == 1 && x.pixel == list.channels;
    args.steps = wide ? static_cast<int64_t>(cols) * list.channels : list.channels;
    if (!(inner && list.inner && list.count == count && same(list.rows, rows))) {
      list.runs.clear();
      for (size_t i = rows.first; i < rows.last; ++i)
        for (size_t j = 0; j < (wide ? 1 : cols); ++j) {
          const Valid pixels = inner ? Valid{0, count} : pixels_of(c_.cols.taps[j]);
          if (pixels.low < pixels.high)
            list.runs.push_back({c_.rows.taps[i].shift * x.row + c_.cols.taps[j].shift * x.pixel,
                                 static_cast<int64_t>(i * cols + j) * step, static_cast<int>(pixels.low),
                                 static_cast<int>(pixels.high)});
        }
      list.rows = rows, list.count = count, list.inner = inner;
    }
    args.runs = list.runs.data();
    args.run_count = static_cast<int64_t>(list.runs.size());
  }

  void finish(int64_t group, int64_t first_panel, int64_t end_panel, const Place& at) const {
    if (c_.folded()) return;
    const int64_t first = panels_.first(first_panel);
    const int64_t end = std::min(panels_.first(end_panel), c_.out_channels);
    for (int64_t n = at.n; n < at.n + at.images; ++n)
      finish_block(c_, n, at.p0, at.rows, at.q0, at.cols, group * c_.out_channels + first, end - first);
  }

  const Correlation<T>& c_;
  const Conv2dTable<T>& table_;
  const ChannelPanels<T> panels_;
  const int64_t max_pixels_, bias_width_;
  const bool pads_;
  Scratch<T> bias_;
  Cut cut_;
};

// Columns of the filter over few channels make one run of columns and channels where both x and w have them
// side by side.
template <class T>
bool joins(const Correlation<T>& c) {
  constexpr int64_t kFewChannels = 8;
  const auto& taps = c.cols.taps;
  if (c.groups != 1 || c.in_channels > kFewChannels || taps.size() < 2 || c.x.pixel != c.in_channels ||
      c.filter.col != c.in_channels * c.filter.in)
    return false;
  for (size_t j = 1; j < taps.size(); ++j)
    if (taps[j].shift != taps[0].shift + int64_t(j) || taps[j].index != taps[0].index + int64_t(j))
      return false;
  return c.rows.taps.size() > 0;
}

}  // namespace

template <class T>
void correlate_channels(const Correlation<T>& problem) {
  if (!joins(problem)) return ChannelPath<T>(problem).run();
  Correlation<T> joined = problem;
  joined.joined = true;
  joined.cols.run = static_cast<int64_t>(problem.cols.taps.size());
  joined.cols.taps.resize(1);
  joined.in_channels *= joined.cols.run;
  ChannelPath<T>(joined).run();
}
template void correlate_channels(const Correlation<float>&);
template void correlate_channels(const Correlation<double>&);

}  // namespace tilewright::cpu
