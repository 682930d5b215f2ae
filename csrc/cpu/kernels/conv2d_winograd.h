// SPDX-License-Identifier: Apache-2.0
// Winograd's transforms of 3 x 3 convolutions (conv2d_winograd.inl.h). A tile of outputs x outputs results
// reads points x points inputs, points = outputs + 2; "planes" are the points * points transformed values of
// a tile, each a plane of an array of its own.
#pragma once

#include <stdint.h>

namespace tilewright::cpu {

// planes[i * plane + c] = point i of the transformed tile at `tile`: (points, points, channels) of the image
// (input), or (outputs, outputs, channels) of dy (spread).
struct WinogradTileArgs {
  const float* tile;
  int64_t row, pixel;
  int64_t channels;
  float* planes;
  int64_t plane;
};

// y[row, col] = max(low, transformed planes + bias), of which rows x cols exist.
struct WinogradOutputArgs {
  const float* planes;
  int64_t plane;
  int64_t channels;
  const float* bias;  // (channels) or null
  float* y;
  int64_t y_row, y_pixel;
  int rows, cols;
  float low;
};

// planes[i * plane + c * pitch + k] for a (3, 3, count, channels) filter; channels up to a whole register are
// filled with zeros.
struct WinogradFilterArgs {
  const float* w;
  int64_t row, col, in;
  int64_t count, channels;
  float* planes;
  int64_t plane, pitch;
};

// dw (3, 3, count, channels) from planes summed over `slices`, in order.
struct WinogradFilterGradientArgs {
  const float* planes;
  int64_t plane, pitch;
  int64_t slices, slice;
  int64_t count, channels;
  float* dw;
  int64_t row, col, in;
};

struct WinogradTable {
  int lanes;
  void (*input)(const WinogradTileArgs&);
  void (*spread)(const WinogradTileArgs&);
  void (*output)(const WinogradOutputArgs&);
  void (*filter)(const WinogradFilterArgs&);
  void (*filter_gradient)(const WinogradFilterGradientArgs&);
};

// Tiles of 2 x 2 and of 4 x 4 outputs. float32 alone: float64 is there for accuracy.
inline constexpr int kWinogradKinds = 2, kWinogradOutputs[kWinogradKinds] = {2, 4};
struct WinogradKernels {
  WinogradTable of[kWinogradKinds];
};

}  // namespace tilewright::cpu
