// SPDX-License-Identifier: Apache-2.0
// Weight gradient of a depthwise convolution: x and dy where they lie, sums of all places of the filter in
// registers over a run of pixels. Slices of rows have sums of their own, added in order.
#include "core/parallel.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kWantedTasks = 8;
// Pixels whose sums stay in registers: a few lines of memory of all channels side by side, read in order.
constexpr int64_t kRunPixels = 16;

template <class T>
class DepthwiseWeightPath {
 public:
  explicit DepthwiseWeightPath(const WeightGradient<T>& problem)
      : g_(problem),
        table_(kernels<Conv2dKernels>().of<T>()),
        lanes_(table_.lanes),
        rows_(static_cast<int64_t>(problem.rows.taps.size())),
        cols_(static_cast<int64_t>(problem.cols.taps.size())),
        blocks_(ceil_div(problem.groups, lanes_)),
        size_(blocks_ * rows_ * cols_ * lanes_),
        lines_(problem.images * problem.rows.out),
        slices_(std::min(lines_, kWantedTasks)) {
    const auto* end = kDepthwiseWeightCols + kDepthwiseWeightKinds;
    const auto* found = std::find(kDepthwiseWeightCols, end, cols_);
    kind_ = found == end ? 0 : static_cast<int>(found - kDepthwiseWeightCols);
    // Outputs whose taps all lie in the image.
    const int64_t reach = problem.cols.taps.back().shift + 1;
    const Valid left =
        valid_places(problem.cols.in, problem.cols.taps[0].shift, problem.cols.stride, problem.cols.out);
    const Valid right = valid_places(problem.cols.in, reach - 1, problem.cols.stride, problem.cols.out);
    inner_ = {left.low, std::max(left.low, right.high)};
  }

  void run() {
    Scratch<T> sums(slices_ * size_);
    std::fill_n(sums.data(), slices_ * size_, T(0));
    parallel_for(slices_, [&](int64_t slice) {
      for (int64_t line = slice * lines_ / slices_; line < (slice + 1) * lines_ / slices_; ++line)
        add_row(sums.data() + slice * size_, line / g_.rows.out, line % g_.rows.out);
    });
    for (int64_t b = 0; b < blocks_; ++b) {
      const int64_t first = std::min(b * lanes_, g_.groups - lanes_);
      for (int64_t t = 0; t < rows_ * cols_; ++t)
        for (int64_t l = 0; l < lanes_; ++l) {
          const T* from = sums.data() + (b * rows_ * cols_ + t) * lanes_ + l;
          T total = from[0];
          for (int64_t slice = 1; slice < slices_; ++slice) total += from[slice * size_];
          g_.dw[t * g_.groups + first + l] = total;
        }
    }
  }

 private:
  void add_row(T* sums, int64_t n, int64_t p) const {
    const TapRange taps = taps_inside(g_.rows, p, p + 1);
    if (taps.first == taps.last) return;
    if (kDepthwiseWeightCols[kind_] != cols_) return add_columns(sums, n, p, taps, {0, g_.cols.out});
    add_columns(sums, n, p, taps, {0, inner_.low});
    for (int64_t q = inner_.low; q < inner_.high; q += kRunPixels)
      add_run(sums, n, p, taps, kind_, 0, {q, std::min(q + kRunPixels, inner_.high)});
    add_columns(sums, n, p, taps, {inner_.high, g_.cols.out});
  }

  // Column by column of the filter, each over those of outputs q that read inside the image.
  void add_columns(T* sums, int64_t n, int64_t p, const TapRange& taps, Valid q) const {
    for (int64_t s = 0; s < cols_; ++s) {
      const Valid valid =
          valid_places(g_.cols.in, g_.cols.taps[static_cast<size_t>(s)].shift, g_.cols.stride, g_.cols.out);
      const int64_t end = std::min(q.high, valid.high);
      for (int64_t begin = std::max(q.low, valid.low); begin < end; begin += kRunPixels)
        add_run(sums, n, p, taps, 0, s, {begin, std::min(begin + kRunPixels, end)});
    }
  }

  // Outputs q of row p, places of the filter from column s on.
  void add_run(T* sums, int64_t n, int64_t p, const TapRange& taps, int kind, int64_t s, Valid q) const {
    DepthwiseWeightArgs<T> args;
    args.channels = g_.groups;
    args.pixels = q.high - q.low;
    args.x_step = g_.cols.stride * g_.x.pixel;
    args.x_col = tap_step(g_.cols) * g_.x.pixel;
    args.x_row = tap_step(g_.rows) * g_.x.row;
    args.dy = g_.dy.at(n, p, q.low);
    args.dy_pixel = g_.dy.pixel;
    // The next row's.
    const bool more = p + 1 < g_.rows.out;
    args.dy_ahead = more ? g_.dy.row : 0;
    args.x_ahead =
        more ? (g_.rows.taps[taps.last - 1].shift - g_.rows.taps[taps.first].shift + 1) * g_.x.row : 0;
    args.sums_row = cols_ * lanes_;
    args.sums_block = rows_ * cols_ * lanes_;
    const int64_t first = static_cast<int64_t>(taps.first), count = static_cast<int64_t>(taps.last) - first;
    for_pieces(count, table_.max_depthwise_rows[kind], [&](int64_t begin, int64_t rows, int64_t pieces) {
      for (int64_t r = first + begin; r < first + begin + pieces * rows; r += rows) {
        args.x = g_.x.at(n, p * g_.rows.stride + g_.rows.taps[static_cast<size_t>(r)].shift,
                         q.low * g_.cols.stride + g_.cols.taps[static_cast<size_t>(s)].shift);
        args.sums = sums + (r * cols_ + s) * lanes_;
        table_.depthwise_weight[kind][rows - 1](args);
      }
    });
  }

  const WeightGradient<T>& g_;
  const Conv2dTable<T>& table_;
  const int64_t lanes_, rows_, cols_, blocks_, size_, lines_, slices_;
  int kind_;
  Valid inner_;
};

}  // namespace

template <class T>
void weight_gradient_depthwise(const WeightGradient<T>& problem) {
  DepthwiseWeightPath<T>(problem).run();
}
template void weight_gradient_depthwise(const WeightGradient<float>&);
template void weight_gradient_depthwise(const WeightGradient<double>&);

}  // namespace tilewright::cpu
