// SPDX-License-Identifier: Apache-2.0
// Depthwise correlation, one filter per channel: x, y and their padding stay where they are. The phases of a
// data gradient with a stride take turns row by row, so that dy is read from memory once and dx written in order;
// those of the columns share tiles where there are such.
#include <memory>

#include "core/parallel.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kTaskBytes = 128 << 10;  // of y
constexpr int64_t kWantedTasks = 8;

// The kind's number, `count` if there is none.
int find_kind(const DepthwiseKind* kinds, int count, int64_t cols, int64_t stride) {
  const auto fits = [=](const DepthwiseKind& kind) { return kind.cols == cols && kind.stride == stride; };
  return static_cast<int>(std::find_if(kinds, kinds + count, fits) - kinds);
}
int spread_kind(int64_t cols, int64_t stride) {
  return find_kind(kDepthwiseSpreadKinds, kDepthwiseSpreadKindCount, cols, stride);
}

// Weights and bias by registers of channels: [block of lanes][row][column][lane]. The last block ends with
// the last channel.
template <class T>
class DepthwisePhase {
 public:
  DepthwisePhase(const Correlation<T>& problem, const Conv2dTable<T>& table)
      : c_(problem),
        table_(table),
        lanes_(table.lanes),
        rows_(static_cast<int64_t>(problem.rows.taps.size())),
        cols_(static_cast<int64_t>(problem.cols.taps.size())),
        blocks_(ceil_div(problem.groups, lanes_)),
        col_step_(tap_step(problem.cols)),
        kind_(kind()),
        weights_(blocks_ * problem.taps() * lanes_),
        bias_(blocks_ * lanes_) {
    T *to = weights_.data(), *bias = bias_.data();
    const FilterStrides& f = c_.filter;
    for (int64_t b = 0; b < blocks_; ++b) {
      const int64_t first = std::min(b * lanes_, c_.groups - lanes_);
      for (const Tap& row : c_.rows.taps)
        for (const Tap& col : c_.cols.taps)
          for (int64_t l = 0; l < lanes_; ++l)
            *to++ = c_.w[row.index * f.row + col.index * f.col + (first + l) * f.group];
      for (int64_t l = 0; l < lanes_; ++l) *bias++ = c_.bias ? c_.bias[first + l] : T(0);
    }
  }

  int64_t rows() const { return c_.rows.out; }

  // Row p of image n.
  void run_row(int64_t n, int64_t p) const {
    const TapRange taps = cols_ > 0 ? taps_inside(c_.rows, p, p + 1) : TapRange{0, 0};
    DepthwiseArgs<T> args;
    args.channels = c_.groups;
    args.rows = static_cast<int64_t>(taps.last - taps.first);
    args.cols = cols_;
    args.stride = c_.cols.stride, args.dilation = col_step_;
    args.x_pixel = c_.x.pixel, args.x_row = tap_step(c_.rows) * c_.x.row;
    args.w = weights_.data() + static_cast<int64_t>(taps.first) * cols_ * lanes_;
    args.w_block = rows_ * cols_ * lanes_;
    args.bias = bias_.data();
    args.y_pixel = c_.y.pixel;
    args.low = c_.low();
    // The rows that only the next row of outputs reads.
    const bool more = p + 1 < c_.rows.out && args.rows > 0;
    args.ahead = args.rows * args.x_row;
    args.ahead_rows =
        more ? std::min(args.rows, std::max<int64_t>(1, c_.rows.stride / tap_step(c_.rows))) : 0;
    const int64_t h = p * c_.rows.stride + (args.rows > 0 ? c_.rows.taps[taps.first].shift : 0);
    if (c_.spread)
      spread_tiles(args, n, h, p);
    else
      row_tiles(args, n, h, p);
    if (!c_.folded()) finish_block(c_, n, p, 1, 0, c_.cols.out, 0, c_.groups);
  }

 private:
  void row_tiles(DepthwiseArgs<T> args, int64_t n, int64_t h, int64_t p) const {
    const int64_t stride = c_.cols.stride, left = cols_ > 0 ? c_.cols.taps[0].shift : 0;
    for (int64_t q = 0; q < c_.cols.out;) {
      int log_pixels = kMaxDepthwiseLogPixels;
      while (q + (int64_t{1} << log_pixels) > c_.cols.out) --log_pixels;
      const int64_t pixels = int64_t{1} << log_pixels;
      const int64_t w = q * stride + left, length = (pixels - 1) * stride + (cols_ - 1) * col_step_ + 1;
      args.x = c_.x.at(n, h, w);
      args.y = c_.y.at(n, p, q);
      args.first = -w, args.end = c_.cols.in - w;
      const bool edge = args.first > 0 || args.end < length;
      table_.depthwise_tile[kind_][edge][log_pixels](args);
      q += pixels;
    }
  }

  // Output w lies at place w + padding, which input j and column s reach as j * stride + s.
  void spread_tiles(DepthwiseArgs<T> args, int64_t n, int64_t h, int64_t p) const {
    const int64_t stride = c_.cols.stride, padding = -c_.cols.taps[0].shift, end = padding + c_.cols.out;
    const int64_t before = (cols_ - 1) / stride;
    for (int64_t place = padding / stride * stride; place < end;) {
      int log_inputs = kMaxDepthwiseLogInputs;
      while (log_inputs > 0 && (int64_t{1} << log_inputs) > ceil_div(end - place, stride)) --log_inputs;
      const int64_t inputs = int64_t{1} << log_inputs, j = place / stride - before;
      args.x = c_.x.at(n, h, j);
      args.y = c_.y.at(n, p, place - padding);
      args.first = -j, args.end = c_.cols.in - j;
      args.y_first = padding - place, args.y_end = end - place;
      const bool edge =
          args.first > 0 || args.end < before + inputs || args.y_first > 0 || args.y_end < inputs * stride;
      table_.depthwise_spread[kind_][edge][log_inputs](args);
      place += inputs * stride;
    }
  }

  int kind() const {
    if (c_.spread) return spread_kind(cols_, c_.cols.stride);
    if (cols_ > 1 && col_step_ != 1) return kDepthwiseKindCount - 1;
    return find_kind(kDepthwiseKinds, kDepthwiseKindCount - 1, cols_, c_.cols.stride);
  }

  const Correlation<T> c_;
  const Conv2dTable<T>& table_;
  const int64_t lanes_, rows_, cols_, blocks_, col_step_;
  const int kind_;
  Scratch<T> weights_, bias_;
};

}  // namespace

bool depthwise_spreads(int64_t filter_cols, int64_t stride, int64_t dilation) {
  return dilation == 1 && spread_kind(filter_cols, stride) < kDepthwiseSpreadKindCount;
}

template <class T>
void correlate_depthwise(const std::vector<Correlation<T>>& problems) {
  const auto& table = kernels<Conv2dKernels>().of<T>();
  std::vector<std::unique_ptr<DepthwisePhase<T>>> phases;
  int64_t rows = 0, row_bytes = 1;
  for (const Correlation<T>& c : problems) {
    phases.push_back(std::make_unique<DepthwisePhase<T>>(c, table));
    rows = std::max(rows, c.rows.out);
    row_bytes += c.cols.out * c.groups * int64_t(sizeof(T));
  }
  const int64_t images = problems[0].images;
  int64_t task_rows = std::clamp<int64_t>(kTaskBytes / row_bytes, 1, rows);
  while (task_rows > 1 && images * ceil_div(rows, task_rows) < kWantedTasks)
    task_rows = ceil_div(task_rows, 2);
  const int64_t row_blocks = ceil_div(rows, task_rows);
  parallel_for(images * row_blocks, [&](int64_t task) {
    const int64_t n = task / row_blocks, p0 = task % row_blocks * task_rows;
    for (int64_t p = p0; p < std::min(p0 + task_rows, rows); ++p)
      for (const auto& phase : phases)
        if (p < phase->rows()) phase->run_row(n, p);
  });
}
template void correlate_depthwise(const std::vector<Correlation<float>>&);
template void correlate_depthwise(const std::vector<Correlation<double>>&);

}  // namespace tilewright::cpu
