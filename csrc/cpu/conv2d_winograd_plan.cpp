// SPDX-License-Identifier: Apache-2.0
// Where Winograd's transforms pay, and how their work is cut.
#include <limits>

#include "cpu/conv2d_method.h"
#include "cpu/conv2d_winograd.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kLeastChannels = 8;
// In multiply-adds of a register: what transforming one register of channels takes for each point of a tile,
// there or back, and of the filter, whose planes are written and read again.
constexpr double kTileCost = 11, kFilterCost = 14;
// The direct way keeps what would gain less than a tenth: it needs less memory.
constexpr double kDirectGain = 0.9;
// Planes of a block, before and after the product: two thirds of a level-2 cache of 1 MiB.
constexpr int64_t kBlockBytes = 640 << 10;

bool neighbours(const Axis& axis) {
  if (axis.taps.size() != 3 || axis.stride != 1) return false;
  const int64_t step = axis.taps[1].index - axis.taps[0].index;
  return (step == 1 || step == -1) && axis.taps[2].index - axis.taps[1].index == step &&
         axis.taps[1].shift - axis.taps[0].shift == 1 && axis.taps[2].shift - axis.taps[1].shift == 1;
}

// Pairs of an output and a tap that read inside the image.
int64_t pairs_inside(const Axis& axis) {
  int64_t pairs = 0;
  for (const Tap& tap : axis.taps) {
    const Valid outputs = valid_places(axis.in, tap.shift, 1, axis.out);
    pairs += outputs.high - outputs.low;
  }
  return pairs;
}

}  // namespace

bool winograd_suits(const Axis& rows, const Axis& cols, int64_t groups) {
  return groups == 1 && neighbours(rows) && neighbours(cols);
}

WinogradPlan plan_winograd(const Axis& rows, const Axis& cols, int64_t images, int64_t in_channels,
                           int64_t out_channels, bool direct_skips_padding) {
  WinogradPlan best;
  if (std::min(in_channels, out_channels) < kLeastChannels) return best;
  const int64_t lanes = kernels<WinogradKernels>().of[0].lanes;
  const double in = double(ceil_div(in_channels, lanes)), out = double(ceil_div(out_channels, lanes));
  const double pairs = double(in_channels) * out;
  double least =
      kDirectGain * double(images) * pairs *
      double(direct_skips_padding ? pairs_inside(rows) * pairs_inside(cols) : 9 * rows.out * cols.out);
  const int forced = winograd_outputs();
  if (forced != 0) least = std::numeric_limits<double>::infinity();
  for (int kind = 0; kind < kWinogradKinds; ++kind) {
    if (forced != 0 && forced != kWinogradOutputs[kind]) continue;
    WinogradPlan plan;
    plan.kind = kind;
    plan.outputs = kWinogradOutputs[kind], plan.points = plan.outputs + 2;
    plan.row_tiles = ceil_div(rows.out, plan.outputs), plan.col_tiles = ceil_div(cols.out, plan.outputs);
    plan.tiles = images * plan.row_tiles * plan.col_tiles;
    const double cost = double(plan.points * plan.points) *
                        (double(plan.tiles) * (pairs + kTileCost * (in + out)) + kFilterCost * pairs);
    if (cost < least) best = plan, least = cost;
  }
  return best;
}

void WinogradPlan::cut(int64_t channels, int64_t least, int64_t pieces) {
  const int64_t tile_bytes = points * points * channels * int64_t(sizeof(float));
  const int64_t most = std::max(least, kBlockBytes / tile_bytes);
  blocks = pieces * ceil_div(tiles, pieces * most);
  block = ceil_div(tiles, blocks);
}

WinogradWindow winograd_window(const Image<const float>& image, int64_t n, int64_t h, int64_t w,
                               int64_t height, int64_t width, int64_t size, int64_t channels, float* border) {
  if (h >= 0 && w >= 0 && h + size <= height && w + size <= width)
    return {image.at(n, h, w), image.row, image.pixel};
  const auto& table = kernels<Conv2dKernels>().f32;
  std::fill_n(border, size * size * channels, 0.0f);
  const Valid rows = valid_places(height, h, 1, size), cols = valid_places(width, w, 1, size);
  for (int64_t i = rows.low; i < rows.high && cols.low < cols.high; ++i) {
    float* to = border + (i * size + cols.low) * channels;
    const float* from = image.at(n, h + i, w + cols.low);
    const int64_t count = cols.high - cols.low;
    if (image.pixel == channels)
      table.copy_rows(to, 0, from, 0, 1, count * channels);
    else
      table.copy_rows(to, channels, from, image.pixel, count, channels);
  }
  return {border, size * channels, channels};
}

}  // namespace tilewright::cpu
