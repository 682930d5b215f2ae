// SPDX-License-Identifier: Apache-2.0
// Forward pass and data gradient by Winograd's transforms. The filter is transformed once per call; a task
// is a block of tiles: transform, one matrix product per point, transform back.
#include "cpu/conv2d_winograd.h"

#include "core/parallel.h"
#include "cpu/conv2d_method.h"
#include "cpu/kernels/matmul.h"

namespace tilewright::cpu {
namespace {

// Tiles of a block at least, so that the filter's planes are read seldom: 16 are 5 % slower, 64 equal.
constexpr int64_t kLeastBlock = 32, kLeastTask = 8, kWantedTasks = 8;
constexpr int64_t kTransformGrain = 4096;  // filter values that one task transforms at least

class WinogradPath {
 public:
  WinogradPath(const Correlation<float>& problem, const WinogradPlan& plan)
      : c_(problem),
        plan_(plan),
        table_(kernels<Conv2dKernels>().f32),
        transforms_(kernels<WinogradKernels>().of[plan.kind]),
        matmul_(kernels<MatmulKernels>().f32),
        planes_(plan.points * plan.points),
        width_(winograd_panel_width(problem.out_channels, matmul_)),
        panels_(ceil_div(problem.out_channels, width_)),
        filter_plane_(panels_ * width_ * problem.in_channels),
        filter_(planes_ * filter_plane_) {}

  void run() {
    const int64_t pieces = std::clamp<int64_t>(width_ * c_.in_channels / kTransformGrain, 1, c_.in_channels);
    parallel_for(panels_ * pieces, [&](int64_t task) {
      const int64_t piece = task % pieces;
      transform_filter(task / pieces, piece * c_.in_channels / pieces, (piece + 1) * c_.in_channels / pieces);
    });
    parallel_for(plan_.blocks, [&](int64_t block) { work(plan_.begin(block), plan_.begin(block + 1)); });
  }

 private:
  // Panel of the rows [c0, c0 + depth): element (c, k) lies at c * width_ + k.
  float* panel(int64_t c0, int64_t depth, int64_t p) const {
    return filter_.data() + (c0 * panels_ + depth * p) * width_;
  }

  // Input channels [first, end) of a panel's filters.
  void transform_filter(int64_t p, int64_t first, int64_t end) const {
    const FilterStrides& f = c_.filter;
    const Tap *rows = c_.rows.taps.data(), *cols = c_.cols.taps.data();
    const int64_t k0 = p * width_;
    WinogradFilterArgs args;
    args.channels = std::min(width_, c_.out_channels - k0);
    args.plane = filter_plane_, args.pitch = width_;
    const float* from = c_.w + rows[0].index * f.row + cols[0].index * f.col + k0 * f.out;
    const int64_t row = (rows[1].index - rows[0].index) * f.row,
                  col = (cols[1].index - cols[0].index) * f.col;
    Scratch<float> turned(f.out == 1 ? 0 : 9 * (end - first) * width_);
    for (int64_t c = first; c < end;) {
      const int64_t block = c / matmul_.kc * matmul_.kc, depth = std::min(matmul_.kc, c_.in_channels - block);
      args.count = std::min(end, block + depth) - c;
      args.planes = panel(block, depth, p) + (c - block) * width_;
      if (f.out == 1) {
        args.w = from + c * f.in, args.row = row, args.col = col, args.in = f.in;
      } else {
        for (int64_t tap = 0; tap < 9; ++tap)
          turn(turned.data() + tap * args.count * width_, from + c * f.in + tap / 3 * row + tap % 3 * col,
               args.count, args.channels);
        args.w = turned.data();
        args.in = width_, args.col = args.count * width_, args.row = 3 * args.col;
      }
      transforms_.filter(args);
      c += args.count;
    }
  }

  // to (count, width_) from one tap's weights of any strides.
  void turn(float* to, const float* from, int64_t count, int64_t channels) const {
    const FilterStrides& f = c_.filter;
    if (f.in == 1) return table_.transpose(to, width_, from, f.out, channels, count);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < channels; ++k) to[i * width_ + k] = from[i * f.in + k * f.out];
  }

  void work(int64_t first, int64_t end) const {
    const int64_t count = end - first, pitch = winograd_pitch(c_.in_channels);
    const int64_t out_pitch = winograd_pitch(c_.out_channels);
    // An odd number of lines from plane to plane: those of a tile then fall into different sets of the cache.
    const int64_t plane = count * pitch + kWinogradLine, out_plane = count * out_pitch + kWinogradLine;
    Scratch<float> planes(planes_ * plane), products(planes_ * out_plane);
    Scratch<float> border(planes_ * c_.in_channels);
    for (int64_t tile = first; tile < end; ++tile) {
      const WinogradPlace at = winograd_place(plan_, c_.rows, c_.cols, tile);
      const WinogradWindow window =
          winograd_window(c_.x, at.n, at.p + c_.rows.taps[0].shift, at.q + c_.cols.taps[0].shift, c_.rows.in,
                          c_.cols.in, plan_.points, c_.in_channels, border.data());
      transforms_.input({window.data, window.row, window.pixel, c_.in_channels,
                         planes.data() + (tile - first) * pitch, plane});
    }
    for (int64_t i = 0; i < planes_; ++i)
      multiply(products.data() + i * out_plane, out_pitch, planes.data() + i * plane, pitch, count, i);
    for (int64_t tile = first; tile < end; ++tile)
      write(winograd_place(plan_, c_.rows, c_.cols, tile), products.data() + (tile - first) * out_pitch,
            out_plane);
  }

  // y (count, out) = a (count, in) @ the filter of one point.
  void multiply(float* y, int64_t y_row, const float* a, int64_t a_row, int64_t count, int64_t point) const {
    MatmulBlock<float> g;
    g.m = count, g.n = c_.out_channels;
    g.a_row = a_row, g.a_col = 1;
    g.a_panel_rows = ceil_div(count, ceil_div(count, matmul_.tile_rows));
    g.a_panel = g.a_panel_rows * a_row;
    g.b_row = g.b_panel_cols = width_;
    g.y = y, g.y_row = y_row;
    g.alpha = 1;
    g.finish = nullptr;
    for (int64_t c0 = 0; c0 < c_.in_channels; c0 += matmul_.kc) {
      g.k = std::min(matmul_.kc, c_.in_channels - c0);
      g.a = a + c0;
      g.b = panel(c0, g.k, 0) + point * filter_plane_;
      g.b_panel = g.k * width_;
      g.beta = c0 == 0 ? 0 : 1;
      matmul_.block(g);
    }
  }

  void write(const WinogradPlace& at, const float* planes, int64_t plane) const {
    WinogradOutputArgs args;
    args.planes = planes, args.plane = plane;
    args.channels = c_.out_channels;
    args.bias = c_.bias;
    args.y = c_.y.at(at.n, at.p, at.q);
    args.y_row = c_.y.row, args.y_pixel = c_.y.pixel;
    args.rows = static_cast<int>(at.rows), args.cols = static_cast<int>(at.cols);
    args.low = c_.low();
    transforms_.output(args);
    if (!c_.folded()) finish_block(c_, at.n, at.p, at.rows, at.q, at.cols, 0, c_.out_channels);
  }

  const Correlation<float>& c_;
  const WinogradPlan& plan_;
  const Conv2dTable<float>& table_;
  const WinogradTable& transforms_;
  const MatmulTable<float>& matmul_;
  const int64_t planes_, width_, panels_, filter_plane_;
  Scratch<float> filter_;
};

}  // namespace

bool correlate_winograd(const Correlation<float>& c) {
  if (conv2d_method() != Conv2dMethod::winograd || !winograd_suits(c.rows, c.cols, c.groups)) return false;
  WinogradPlan plan = plan_winograd(c.rows, c.cols, c.images, c.in_channels, c.out_channels, true);
  if (!plan) return false;
  plan.cut(c.in_channels + c.out_channels, kLeastBlock,
           std::clamp<int64_t>(plan.tiles / kLeastTask, 1, kWantedTasks));
  WinogradPath(c, plan).run();
  return true;
}

}  // namespace tilewright::cpu
