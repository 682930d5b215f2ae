// SPDX-License-Identifier: Apache-2.0
// Pooling on the CPU: rows of the result go to threads in groups of about kElementsPerTask elements.
#include "cpu/kernels/pool2d.h"

#include <atomic>

#include "core/check.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

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

// body(n, row) for every row of every image of (N, H, W, C), `cost` elements of work per element of the row.
template <class Body>
void for_image_rows(const View& of, int64_t cost, Body&& body) {
  const int64_t rows = of.dim(1), elements = of.dim(2) * of.dim(3) * cost;
  if (of.size() == 0) return;
  parallel_ranges(of.dim(0) * rows, kElementsPerTask / (elements + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i / rows, i % rows);
  });
}

int64_t window_cost(const Pool2dParams& p) { return p.window[0] * p.window[1]; }

void max_pool2d_forward(const View& y, const View& indices, const View& x, const Pool2dParams& params,
                        Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(x, y, params, 0), cols = axis_of(x, y, params, 1);
    for_image_rows(y, window_cost(params), [&](int64_t n, int64_t p) {
      table<T>().max_row(image<T>(y, n), image<int32_t>(indices, n), image<const T>(x, n), rows, cols, p,
                         y.dim(3));
    });
  });
}

void max_pool2d_backward(const View& dx, const View& dy, const View& indices, const Pool2dParams& params,
                         Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(dx, dy, params, 0), cols = axis_of(dx, dy, params, 1);
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
    for_image_rows(y, window_cost(params), [&](int64_t n, int64_t p) {
      table<T>().avg_row(image<T>(y, n), image<const T>(x, n), rows, cols, p, y.dim(3));
    });
  });
}

void avg_pool2d_backward(const View& dx, const View& dy, const Pool2dParams& params, Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolAxis rows = axis_of(dx, dy, params, 0), cols = axis_of(dx, dy, params, 1);
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
