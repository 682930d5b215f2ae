// SPDX-License-Identifier: Apache-2.0
// Resizing of images on the CPU: rows go to threads; the places of rows and columns are found once per call.
#include <string.h>

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/shape.h"
#include "cpu/shape_parts.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

// Where place i of `count` falls among `size` places. Quotients of whole numbers are exact where a floor follows.
double source_place(int64_t i, int64_t count, int64_t size, Resize method, bool align_corners) {
  if (align_corners) {
    const double at = count > 1 ? double(i) * double(size - 1) / double(count - 1) : 0;
    return method == Resize::bilinear ? at : std::floor(at + 0.5);
  }
  switch (method) {
    case Resize::nearest: return double((2 * i + 1) * size / (2 * count));
    case Resize::nearest_floor: return double(i * size / count);
    case Resize::bilinear: break;
  }
  const double at = (double(i) + 0.5) * double(size) / double(count) - 0.5;
  return std::min(std::max(at, 0.0), double(size - 1));
}

// The two source places of every destination place, and the share of the second.
struct Places {
  Places(int64_t count, int64_t size, Resize method, bool align_corners) : first(count), second(count), share(count) {
    for (int64_t i = 0; i < count; ++i) {
      const double at = source_place(i, count, size, method, align_corners);
      first[i] = int32_t(at);
      share[i] = at - double(first[i]);
      second[i] = first[i] + (share[i] > 0);
    }
  }
  ResizeColumns columns(int64_t count) const { return {first.data(), second.data(), share.data(), count}; }

  Scratch<int32_t> first, second;
  Scratch<double> share;
};

template <class T>
void forward(const View& y, const View& x, const Places& rows, const ResizeColumns& columns) {
  const int64_t P = y.dim(1), C = y.dim(3);
  const auto row = kernels<ShapeKernels>().of<T>().resize_row;
  parallel_ranges(y.dim(0) * P, kElementsPerTask / (y.dim(2) * C + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / P, p = r % P;
      const T* image = x.as<T>() + n * x.stride(0);
      row(y.as<T>() + r * y.stride(1), image + rows.first[p] * x.stride(1), image + rows.second[p] * x.stride(1),
          rows.share[p], columns, C);
    }
  });
}

// Every row of dx gathers the rows of dy that were made from it: rows.first is not decreasing, so they are a run.
template <class T>
void backward(const View& dx, const View& dy, const Places& rows, const ResizeColumns& columns) {
  const int64_t H = dx.dim(1), P = dy.dim(1), C = dx.dim(3), row_size = dx.dim(2) * C;
  const Scratch<int64_t> start(H);  // the first p whose second row is h or later
  for (int64_t h = 0, p = 0; h < H; ++h) {
    while (p < P && rows.second[p] < h) ++p;
    start[h] = p;
  }
  const auto spread = kernels<ShapeKernels>().of<T>().spread_row;
  parallel_ranges(dx.dim(0) * H, kElementsPerTask / (dy.dim(2) * C + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / H, h = r % H;
      T* to = dx.as<T>() + r * dx.stride(1);
      memset(to, 0, static_cast<size_t>(row_size) * sizeof(T));
      for (int64_t p = start[h]; p < P && rows.first[p] <= h; ++p) {
        const T* from = dy.as<T>() + n * dy.stride(0) + p * dy.stride(1);
        const double weight = (rows.first[p] == h ? 1 - rows.share[p] : 0) + (rows.second[p] == h ? rows.share[p] : 0);
        if (weight != 0) spread(to, from, weight, columns, C);
      }
    }
  });
}

}  // namespace

void resize_forward(const View& y, const View& x, Resize method, bool align_corners, Stream) {
  if (y.size() == 0) return;
  const Places rows(y.dim(1), x.dim(1), method, align_corners), columns(y.dim(2), x.dim(2), method, align_corners);
  for_float(y.dtype, [&](auto type) { forward<type_t<decltype(type)>>(y, x, rows, columns.columns(y.dim(2))); });
}

void resize_backward(const View& dx, const View& dy, Resize method, bool align_corners, Stream) {
  if (dx.size() == 0) return;
  const Places rows(dy.dim(1), dx.dim(1), method, align_corners), columns(dy.dim(2), dx.dim(2), method, align_corners);
  for_float(dx.dtype, [&](auto type) { backward<type_t<decltype(type)>>(dx, dy, rows, columns.columns(dy.dim(2))); });
}

}  // namespace tilewright::cpu
