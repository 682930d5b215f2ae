// SPDX-License-Identifier: Apache-2.0
// Weight gradient by Winograd's transforms: for every point, the transformed tiles of x times those of dy,
// summed over all tiles, and the sums transformed back. Tasks are slices of the tiles, each with sums of its
// own that are added in order; where these would be large, also shares of the output channels, each of which
// transforms x again.
#include "core/parallel.h"
#include "cpu/conv2d_method.h"
#include "cpu/conv2d_winograd.h"
#include "cpu/kernels/matmul.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kWantedTasks = 8, kShareChannels = 64;
// Tiles of a block and of a slice at least: each block reads and writes all sums, each slice has its own.
constexpr int64_t kLeastBlock = 64, kLeastSlice = 32;
constexpr int64_t kMaxSliceElements = 1 << 22;
constexpr int64_t kGradientGrain = 4096;  // filter values that one task transforms back at least

class WinogradWeightPath {
 public:
  WinogradWeightPath(const WeightGradient<float>& problem, const WinogradPlan& plan)
      : g_(problem),
        plan_(plan),
        transforms_(kernels<WinogradKernels>().of[plan.kind]),
        matmul_(kernels<MatmulKernels>().f32),
        planes_(plan.points * plan.points),
        pitch_(winograd_pitch(problem.out_channels)),
        sums_plane_(problem.in_channels * pitch_ + kWinogradLine),
        sums_slice_(planes_ * sums_plane_),
        slices_(std::clamp<int64_t>(std::min(plan.tiles / kLeastSlice, kMaxSliceElements / sums_slice_), 1,
                                    kWantedTasks)),
        shares_(std::min(ceil_div(kWantedTasks, slices_), ceil_div(problem.out_channels, kShareChannels))),
        sums_(slices_ * sums_slice_) {
    plan_.cut(problem.in_channels + problem.out_channels, kLeastBlock, slices_);
  }

  void run() const {
    parallel_for(slices_ * shares_, [&](int64_t task) {
      const int64_t slice = task / shares_, share = task % shares_;
      work(slice, share_begin(share), share_begin(share + 1));
    });
    const int64_t in = g_.in_channels;
    parallel_ranges(in, ceil_div(kGradientGrain, g_.out_channels),
                    [&](int64_t first, int64_t end) { write(first, end); });
  }

 private:
  // Whole cache lines to each share.
  int64_t share_begin(int64_t share) const {
    return std::min(g_.out_channels, share * (pitch_ / kWinogradLine) / shares_ * kWinogradLine);
  }

  void work(int64_t slice, int64_t k0, int64_t k1) const {
    const int64_t pitch = winograd_pitch(g_.in_channels), dy_pitch = winograd_pitch(k1 - k0);
    const int64_t plane = plan_.block * pitch + kWinogradLine,
                  dy_plane = plan_.block * dy_pitch + kWinogradLine;
    Scratch<float> planes(planes_ * plane), dy_planes(planes_ * dy_plane);
    Scratch<float> border(planes_ * std::max(g_.in_channels, k1 - k0));
    float* sums = sums_.data() + slice * sums_slice_ + k0;
    const int64_t first = slice * plan_.blocks / slices_, last = (slice + 1) * plan_.blocks / slices_;
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = plan_.begin(block), count = plan_.begin(block + 1) - begin;
      for (int64_t i = 0; i < count; ++i) {
        const WinogradPlace at = winograd_place(plan_, g_.rows, g_.cols, begin + i);
        const WinogradWindow x =
            winograd_window(g_.x, at.n, at.p + g_.rows.taps[0].shift, at.q + g_.cols.taps[0].shift,
                            g_.rows.in, g_.cols.in, plan_.points, g_.in_channels, border.data());
        transforms_.input({x.data, x.row, x.pixel, g_.in_channels, planes.data() + i * pitch, plane});
        const Image<const float> dy{g_.dy.data + k0, g_.dy.image, g_.dy.row, g_.dy.pixel};
        const WinogradWindow window = winograd_window(dy, at.n, at.p, at.q, g_.rows.out, g_.cols.out,
                                                      plan_.outputs, k1 - k0, border.data());
        transforms_.spread(
            {window.data, window.row, window.pixel, k1 - k0, dy_planes.data() + i * dy_pitch, dy_plane});
      }
      for (int64_t i = 0; i < planes_; ++i)
        multiply(sums + i * sums_plane_, planes.data() + i * plane, pitch, dy_planes.data() + i * dy_plane,
                 dy_pitch, k1 - k0, count, block > first);
    }
  }

  // y (in, out) = x (count, in) turned @ dy (count, out), added to y or not.
  void multiply(float* y, const float* x, int64_t x_row, const float* dy, int64_t dy_row, int64_t out,
                int64_t count, bool accumulate) const {
    MatmulBlock<float> g;
    g.m = g_.in_channels, g.n = out, g.k = count;
    g.a = x, g.a_row = 1, g.a_col = x_row;
    g.a_panel = g.a_panel_rows = ceil_div(g.m, ceil_div(g.m, matmul_.tile_rows));
    g.b = dy, g.b_row = dy_row;
    g.b_panel = g.b_panel_cols = winograd_panel_width(out, matmul_);
    g.y = y, g.y_row = pitch_;
    g.alpha = 1, g.beta = accumulate ? 1 : 0;
    g.finish = nullptr;
    matmul_.block(g);
  }

  // Filters of the input channels [first, end).
  void write(int64_t first, int64_t end) const {
    const int64_t tap = g_.in_channels * g_.out_channels;
    transforms_.filter_gradient({sums_.data() + first * pitch_, sums_plane_, pitch_, slices_, sums_slice_,
                                 end - first, g_.out_channels, g_.dw + first * g_.out_channels, 3 * tap, tap,
                                 g_.out_channels});
  }

  const WeightGradient<float>& g_;
  WinogradPlan plan_;
  const WinogradTable& transforms_;
  const MatmulTable<float>& matmul_;
  const int64_t planes_, pitch_, sums_plane_, sums_slice_, slices_, shares_;
  Scratch<float> sums_;
};

}  // namespace

bool weight_gradient_winograd(const WeightGradient<float>& g) {
  if (conv2d_method() != Conv2dMethod::winograd || !winograd_suits(g.rows, g.cols, g.groups)) return false;
  const WinogradPlan plan = plan_winograd(g.rows, g.cols, g.images, g.in_channels, g.out_channels, false);
  if (!plan) return false;
  WinogradWeightPath(g, plan).run();
  return true;
}

}  // namespace tilewright::cpu
