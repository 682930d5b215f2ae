// SPDX-License-Identifier: Apache-2.0
// Pooling on the CPU: rows of the result go to threads in groups of about kElementsPerTask elements.
#include "cpu/kernels/pool2d.h"

#include <algorithm>
#include <atomic>
#include <initializer_list>

#include "core/check.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;
// Pixels of no more bytes lie side by side in the lanes: few where strides have to be taken apart, more where windows
// begin at every column. (Windows of 3 x 3, maximum with positions, against channels in the lanes: stride 2, 16 floats 46
// and 48 us, 50 floats 243 and 210; stride 1, 32 floats 216 and 282, 128 floats 840 and 828.)
constexpr int64_t kNarrowBytes = 64;
constexpr int64_t kNarrowUnitBytes = 512;
constexpr int64_t kPieceNumbers = 1024;   // of the image: a piece's lines and phases stay in the first cache
constexpr int64_t kRegisterNumbers = 16;  // at least those of a register

template <class T>
const Pool2dTable<T>& table() {
  return kernels<Pool2dKernels>().of<T>();
}

PoolAxis axis_of(const View& x, const View& y, const Pool2dParams& p, int axis) {
  return {x.dim(1 + axis), y.dim(1 + axis),     p.window[axis],
          p.stride[axis],  p.padding[2 * axis], p.count_padding};
}

template <class P>
PoolImage<P> image(const View& v, int64_t n) {
  if (!v) return {nullptr, 0, 0};
  return {static_cast<P*>(v.data) + n * v.stride(0), v.stride(1), v.stride(2)};
}

// body(begin, end) for ranges of at least `least` of all rows of the images (N, H, W, C), `cost` elements of work per
// element of a row.
template <class Body>
void for_row_ranges(const View& of, int64_t cost, int64_t least, Body&& body) {
  const int64_t elements = of.dim(2) * of.dim(3) * cost;
  if (of.size() == 0) return;
  parallel_ranges(of.dim(0) * of.dim(1), std::max(kElementsPerTask / (elements + 1) + 1, least), body);
}

// body(n, begin, end) for the parts of [begin, end) of all rows that lie in one image each.
template <class Body>
void for_images(int64_t rows, int64_t begin, int64_t end, Body&& body) {
  for (int64_t i = begin; i < end;) {
    const int64_t row = i % rows, count = std::min(rows - row, end - i);
    body(i / rows, row, row + count);
    i += count;
  }
}

// body(n, begin, end) for ranges of rows of every image.
template <class Body>
void for_image_row_ranges(const View& of, int64_t cost, int64_t least, Body&& body) {
  for_row_ranges(of, cost, least, [&](int64_t begin, int64_t end) { for_images(of.dim(1), begin, end, body); });
}

// body(n, row) for every row of every image.
template <class Body>
void for_image_rows(const View& of, int64_t cost, Body&& body) {
  for_image_row_ranges(of, cost, 1, [&](int64_t n, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(n, row);
  });
}

int64_t window_cost(const Pool2dParams& p) { return p.window[0] * p.window[1]; }

// Pixels of few bytes without gaps between them, and windows that fit into a piece.
bool is_narrow(const PoolAxis& rows, const PoolAxis& cols, std::initializer_list<const View*> images,
               int64_t most = kNarrowBytes) {
  const View& first = **images.begin();
  const int64_t channels = first.dim(3);
  if (cols.stride == 1) most = kNarrowUnitBytes;
  for (const View* view : images)
    if (*view && view->dim(2) != 1 && view->stride(2) != channels) return false;
  return channels > 0 && channels * dtype_size(first.dtype) <= most && cols.window * channels <= kPieceNumbers &&
         cols.stride <= 2 * cols.window && rows.window * cols.in < int64_t{1} << 29;
}

// How rows of narrow images are cut, and the memory for it.
template <class T>
class NarrowPlan {
 public:
  using Position = typename PoolPosition<T>::Type;
  NarrowPlan(const PoolAxis& rows, const PoolAxis& cols, int64_t channels)
      : piece_(std::clamp<int64_t>(kPieceNumbers / (cols.stride * channels), 1, cols.in + cols.pad)),
        steps_(piece_ * channels + kRegisterNumbers),
        narrow_{rows, cols, channels, piece_, steps_.data(), 0, 0, nullptr} {
    narrow_.line = padded((piece_ * cols.stride + cols.window) * channels);
    narrow_.phase = padded((piece_ + (cols.window - 1) / cols.stride) * channels);
    for (int64_t a = 0; a < piece_; ++a)
      std::fill_n(steps_.data() + a * channels, channels, Position(a * cols.stride));
  }

  // kernel(n, narrow, begin, end) for rows [begin, end) of image n of (N, H, W, C).
  template <class Kernel>
  void for_rows(const View& of, int64_t cost, Kernel&& kernel) const {
    for_row_ranges(of, cost, 1, [&](int64_t begin, int64_t end) {
      const Scratch<char> scratch((narrow_.line + narrow_.cols.stride * narrow_.phase) *
                                  int64_t(sizeof(T) + sizeof(Position)));
      PoolNarrow<T> narrow = narrow_;
      narrow.scratch = scratch.data();
      for_images(of.dim(1), begin, end,
                 [&](int64_t n, int64_t first, int64_t last) { kernel(n, narrow, first, last); });
    });
  }

 private:
  // Whole registers, and one to spare.
  static int64_t padded(int64_t numbers) { return (numbers / kRegisterNumbers + 2) * kRegisterNumbers; }

  int64_t piece_;
  Scratch<Position> steps_;
  PoolNarrow<T> narrow_;
};

void max_pool2d_forward(const View& y, const View& indices, const View& x, const Pool2dParams& params,
                        Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(x, y, params, 0), cols = axis_of(x, y, params, 1);
    if (is_narrow(rows, cols, {&x, &y, &indices}))
      return NarrowPlan<T>(rows, cols, y.dim(3))
          .for_rows(y, window_cost(params), [&](int64_t n, const PoolNarrow<T>& narrow, int64_t begin, int64_t end) {
            table<T>().narrow_max(image<T>(y, n), image<int32_t>(indices, n), image<const T>(x, n), narrow, begin, end);
          });
    for_image_rows(y, window_cost(params), [&](int64_t n, int64_t p) {
      table<T>().max_row(image<T>(y, n), image<int32_t>(indices, n), image<const T>(x, n), rows, cols, p,
                         y.dim(3));
    });
  });
}

// Whether dy is better scattered than gathered: cycles a pixel of dx, as measured from 1 to 256 channels. Gathering looks
// at the windows of the pixel and, for each of its cache lines, at dy and index of every one of them; where windows are
// apart that is one (2 x 2 windows of 32 channels: 16 cycles). Scattering sets the pixel to zero and then takes one number
// after the other (31), of which windows with strides have few.
bool scatters(const PoolAxis& rows, const PoolAxis& cols, int64_t channels, int64_t item) {
  const auto ratio = [](int64_t a, int64_t b) { return double(a) / double(b); };
  const double lines = double((channels * item + 63) / 64), outputs = ratio(1, rows.stride) * ratio(1, cols.stride);
  const double windows = ratio(rows.window, rows.stride) * ratio(cols.window, cols.stride);
  const bool apart = rows.stride >= rows.window && cols.stride >= cols.window;
  const double gather = apart ? 4 + 6 * lines : 10 + 6 * windows + 4 * lines * (windows + 1);
  return double(channels) * (0.3 + 4.5 * outputs) < gather;
}

void max_pool2d_backward(const View& dx, const View& dy, const View& indices, const Pool2dParams& params,
                         Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(dx, dy, params, 0), cols = axis_of(dx, dy, params, 1);
    if (scatters(rows, cols, dx.dim(3), dtype_size(dx.dtype)))
      return for_image_row_ranges(dx, 1, 4 * rows.window, [&](int64_t n, int64_t begin, int64_t end) {
        table<T>().max_scatter(image<T>(dx, n), image<const T>(dy, n), image<const int32_t>(indices, n), rows, cols, begin,
                               end, dx.dim(3));
      });
    for_image_rows(dx, 2, [&](int64_t n, int64_t h) {
      table<T>().max_row_backward(image<T>(dx, n), image<const T>(dy, n), image<const int32_t>(indices, n),
                                  rows, cols, h, dx.dim(3));
    });
  });
}

// A position outside the image would be read from foreign memory; any bad one will do for the message.
void check_positions(const View& indices, int64_t pixels) {
  std::atomic<int64_t> bad{-1};
  for_image_rows(indices, 1, [&](int64_t n, int64_t p) {
    const PoolImage<const int32_t> positions = image<const int32_t>(indices, n);
    for (int64_t q = 0; q < indices.dim(2); ++q)
      for (int64_t c = 0; c < indices.dim(3); ++c) {
        const int32_t position = positions.data[p * positions.row + q * positions.pixel + c];
        if (position < 0 || position >= pixels)
          bad = ((n * indices.dim(1) + p) * indices.dim(2) + q) * indices.dim(3) + c;
      }
  });
  if (bad >= 0)
    fail(ErrorKind::value, "max_pool2d_gather",
         "indices has a value out of range at flat position " + std::to_string(bad) + ", expected 0 to " +
             std::to_string(pixels - 1));
}

void max_pool2d_gather(const View& y, const View& x, const View& indices, Stream) {
  check_positions(indices, x.dim(1) * x.dim(2));
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    for_image_rows(y, 1, [&](int64_t n, int64_t p) {
      table<T>().gather_row(image<T>(y, n), image<const T>(x, n), image<const int32_t>(indices, n), x.dim(2),
                            p, y.dim(2), y.dim(3));
    });
  });
}

void avg_pool2d_forward(const View& y, const View& x, const Pool2dParams& params, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(x, y, params, 0), cols = axis_of(x, y, params, 1);
    if (is_narrow(rows, cols, {&x, &y}))
      return NarrowPlan<T>(rows, cols, y.dim(3))
          .for_rows(y, window_cost(params), [&](int64_t n, const PoolNarrow<T>& narrow, int64_t begin, int64_t end) {
            table<T>().narrow_avg(image<T>(y, n), image<const T>(x, n), narrow, begin, end);
          });
    for_image_rows(y, window_cost(params), [&](int64_t n, int64_t p) {
      table<T>().avg_row(image<T>(y, n), image<const T>(x, n), rows, cols, p, y.dim(3));
    });
  });
}

void avg_pool2d_backward(const View& dx, const View& dy, const Pool2dParams& params, Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(dx, dy, params, 0), cols = axis_of(dx, dy, params, 1);
    // Where windows overlap, the sums over rows are taken once for all columns. (32 floats: 750 us and 490.)
    const int64_t most = cols.stride < cols.window ? 2 * kNarrowBytes : kNarrowBytes;
    if (is_narrow(rows, cols, {&dx, &dy}, most))
      return NarrowPlan<T>(rows, cols, dx.dim(3))
          .for_rows(dx, 2, [&](int64_t n, const PoolNarrow<T>& narrow, int64_t begin, int64_t end) {
            table<T>().narrow_avg_backward(image<T>(dx, n), image<const T>(dy, n), narrow, begin, end);
          });
    for_image_rows(dx, 2, [&](int64_t n, int64_t h) {
      table<T>().avg_row_backward(image<T>(dx, n), image<const T>(dy, n), rows, cols, h, dx.dim(3));
    });
  });
}

}  // namespace

void fill_pool2d(Ops& ops) {
  ops.max_pool2d_forward.set(max_pool2d_forward, kF32F64);
  ops.max_pool2d_backward.set(max_pool2d_backward, kF32F64);
  ops.max_pool2d_gather.set(max_pool2d_gather, kF32F64);
  ops.avg_pool2d_forward.set(avg_pool2d_forward, kF32F64);
  ops.avg_pool2d_backward.set(avg_pool2d_backward, kF32F64);
}

}  // namespace tilewright::cpu
