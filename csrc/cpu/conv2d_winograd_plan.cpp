// SPDX-License-Identifier: Apache-2.0
// Where Winograd's transforms pay, and how their work is cut.
#include <cstdlib>
#include <limits>

#include "cpu/conv2d_winograd.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kLeastChannels = 8;
// Planes of a block, before and after the product: half of a level-2 cache of 1 MiB.
constexpr int64_t kBlockBytes = 640 << 10;
constexpr int64_t kLeastBlock = 32, kTileRows = 8, kWantedTasks = 8;

bool neighbours(const Axis& axis) {
  if (axis.taps.size() != 3 || axis.stride != 1) return false;
  const int64_t step = axis.taps[1].index - axis.taps[0].index;
  return (step == 1 || step == -1) && axis.taps[2].index - axis.taps[1].index == step &&
         axis.taps[1].shift - axis.taps[0].shift == 1 && axis.taps[2].shift - axis.taps[1].shift == 1;
}

// In multiply-adds: what a register's transforms take besides loads and stores, and the products.
double cost(const WinogradPlan& plan, int64_t in_channels, int64_t out_channels) {
  const double points = double(plan.points * plan.points), pairs = double(in_channels * out_channels);
  const double transforms = 6 * points;
  return double(plan.tiles) * (points * pairs + transforms * double(in_channels + out_channels)) +
         transforms * pairs;
}

}  // namespace

bool winograd_suits(const Axis& rows, const Axis& cols, int64_t groups) {
  return groups == 1 && neighbours(rows) && neighbours(cols);
}

WinogradPlan plan_winograd(const Axis& rows, const Axis& cols, int64_t images, int64_t in_channels,
                           int64_t out_channels) {
  WinogradPlan best;
  if (std::min(in_channels, out_channels) < kLeastChannels) return best;
  double least = 9.0 * double(images * rows.out * cols.out) * double(in_channels * out_channels);
  for (int kind = 0; kind < kWinogradKinds; ++kind) {
    WinogradPlan plan;
    plan.kind = kind;
    plan.outputs = kWinogradOutputs[kind], plan.points = plan.outputs + 2;
    plan.row_tiles = ceil_div(rows.out, plan.outputs), plan.col_tiles = ceil_div(cols.out, plan.outputs);
    plan.tiles = images * plan.row_tiles * plan.col_tiles;
    const double spent = cost(plan, in_channels, out_channels);
    if (spent < least) best = plan, least = spent;
  }
  if (!best) return best;
  const int64_t tile_bytes =
      best.points * best.points * (in_channels + out_channels) * int64_t(sizeof(float));
  int64_t block = std::max(kLeastBlock, kBlockBytes / tile_bytes / kTileRows * kTileRows);
  block = std::min(block, std::max(kTileRows, ceil_div(best.tiles, kWantedTasks)));
  best.blocks = ceil_div(best.tiles, block);
  best.block = ceil_div(best.tiles, best.blocks);
  return best;
}

WinogradWindow winograd_window(const Image<const float>& image, int64_t n, int64_t h, int64_t w,
                               int64_t height, int64_t width, int64_t size, int64_t channels, float* border) {
  if (h >= 0 && w >= 0 && h + size <= height && w + size <= width)
    return {image.at(n, h, w), image.row, image.pixel};
  const auto& table = kernels<Conv2dKernels>().f32;
  std::fill_n(border, size * size * channels, 0.0f);
  const Valid rows = valid_places(height, h, 1, size), cols = valid_places(width, w, 1, size);
  for (int64_t i = rows.low; i < rows.high && cols.low < cols.high; ++i)
    table.copy_rows(border + (i * size + cols.low) * channels, channels, image.at(n, h + i, w + cols.low),
                    image.pixel, cols.high - cols.low, channels);
  return {border, size * channels, channels};
}

}  // namespace tilewright::cpu
