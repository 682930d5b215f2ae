// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <array>
#include <limits>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kImages = "(N, H, W, C)";
constexpr int64_t kMost = int64_t{1} << 31;

using Pair = std::array<int64_t, 2>;
using Four = std::array<int64_t, 4>;

Pool2dParams params_of(const char* name, Pair window, Pair stride, Four padding, bool count_padding) {
  Pool2dParams p;
  for (int i = 0; i < 2; ++i) {
    check_range(name, "pool_size", window[i], 1, kMost);
    check_range(name, "stride", stride[i], 1, kMost);
    p.window[i] = window[i];
    p.stride[i] = stride[i];
  }
  // Every window then holds at least one pixel.
  for (int i = 0; i < 4; ++i) {
    check_range(name, "padding", padding[i], 0, window[i / 2] - 1);
    p.padding[i] = padding[i];
  }
  p.count_padding = count_padding;
  return p;
}

int64_t pooled_size(const char* name, int64_t in, int axis, const Pool2dParams& p) {
  const int64_t padded = in + p.padding[2 * axis] + p.padding[2 * axis + 1];
  if (in < 1 || padded < p.window[axis])
    fail(ErrorKind::value, name,
         std::string("pool_size spans ") + std::to_string(p.window[axis]) +
             (axis == 0 ? " rows" : " columns") + ", expected 1 to " + std::to_string(padded) + " for " +
             std::to_string(in) + " rows or columns of x");
  return (padded - p.window[axis]) / p.stride[axis] + 1;
}

void check_image(const char* name, const char* argument, const View& v) {
  check_ndim(name, argument, v, 4, kImages);
  check_rows_contiguous(name, argument, v);
}

// y = pool(x): shapes and dtypes.
void check_problem(const char* name, const char* x_name, const View& x, const char* y_name, const View& y,
                   const Pool2dParams& p) {
  check_image(name, x_name, x);
  check_image(name, y_name, y);
  check_same_dtype(name, y_name, y, x_name, x);
  check_shape(name, y_name, y,
              {x.dim(0), pooled_size(name, x.dim(1), 0, p), pooled_size(name, x.dim(2), 1, p), x.dim(3)},
              "(N, P, Q, C)");
}

void check_indices(const char* name, const View& indices, const char* like_name, const View& like,
                   const View& x) {
  check_image(name, "indices", indices);
  check_dtype(name, "indices", indices, {Dtype::s32});
  check_same_shape(name, "indices", indices, like_name, like);
  if (x.dim(1) * x.dim(2) > std::numeric_limits<int32_t>::max())
    fail(ErrorKind::value, name,
         "x has shape " + shape_text(x) + ", expected fewer than 2^31 pixels in an image");
}

void bind_max(py::module_& m, const Ops& ops) {
  m.def(
      "max_pool2d_forward",
      [&ops](py::handle y, py::handle indices, py::handle x, Pair window, Pair stride, Four padding,
             py::handle stream) {
        constexpr const char* name = "max_pool2d";
        const View yv = output(name, "out", y), xv = input(name, "x", x),
                   iv = optional_output(name, "indices", indices);
        const Pool2dParams p = params_of(name, window, stride, padding, false);
        check_problem(name, "x", xv, "out", yv, p);
        check_no_overlap(name, "out", yv, "x", xv);
        if (iv) {
          check_indices(name, iv, "out", yv, xv);
          check_no_overlap(name, "indices", iv, "x", xv);
          check_no_overlap(name, "indices", iv, "out", yv);
        }
        run(ops.max_pool2d_forward, yv, iv, xv, p, stream_of(stream));
      },
      "y = largest of each window; indices: its row * W + column", py::arg("y"), py::arg("indices"),
      py::arg("x"), py::arg("pool_size"), py::arg("stride"), py::arg("padding"),
      py::arg("stream") = py::none());
  m.def(
      "max_pool2d_backward",
      [&ops](py::handle dx, py::handle dy, py::handle indices, Pair window, Pair stride, Four padding,
             py::handle stream) {
        constexpr const char* name = "max_pool2d_backward";
        const View dxv = output(name, "out", dx), dyv = input(name, "dy", dy),
                   iv = input(name, "indices", indices);
        const Pool2dParams p = params_of(name, window, stride, padding, false);
        check_problem(name, "out", dxv, "dy", dyv, p);
        check_indices(name, iv, "dy", dyv, dxv);
        check_no_overlap(name, "out", dxv, "dy", dyv);
        check_no_overlap(name, "out", dxv, "indices", iv);
        run(ops.max_pool2d_backward, dxv, dyv, iv, p, stream_of(stream));
      },
      "dx[indices] += dy", py::arg("dx"), py::arg("dy"), py::arg("indices"), py::arg("pool_size"),
      py::arg("stride"), py::arg("padding"), py::arg("stream") = py::none());
  m.def(
      "max_pool2d_gather",
      [&ops](py::handle y, py::handle x, py::handle indices, py::handle stream) {
        constexpr const char* name = "max_pool2d_gather";
        const View yv = output(name, "out", y), xv = input(name, "x", x),
                   iv = input(name, "indices", indices);
        check_image(name, "x", xv);
        check_image(name, "out", yv);
        check_same_dtype(name, "out", yv, "x", xv);
        check_shape(name, "out", yv, {xv.dim(0), kAnySize, kAnySize, xv.dim(3)}, "(N, P, Q, C)");
        check_indices(name, iv, "out", yv, xv);
        check_no_overlap(name, "out", yv, "x", xv);
        check_no_overlap(name, "out", yv, "indices", iv);
        run(ops.max_pool2d_gather, yv, xv, iv, stream_of(stream));
      },
      "y = x[indices]: the gradient of max_pool2d_backward", py::arg("y"), py::arg("x"), py::arg("indices"),
      py::arg("stream") = py::none());
}

void bind_avg(py::module_& m, const Ops& ops) {
  m.def(
      "avg_pool2d_forward",
      [&ops](py::handle y, py::handle x, Pair window, Pair stride, Four padding, bool count_padding,
             py::handle stream) {
        constexpr const char* name = "avg_pool2d";
        const View yv = output(name, "out", y), xv = input(name, "x", x);
        const Pool2dParams p = params_of(name, window, stride, padding, count_padding);
        check_problem(name, "x", xv, "out", yv, p);
        check_no_overlap(name, "out", yv, "x", xv);
        run(ops.avg_pool2d_forward, yv, xv, p, stream_of(stream));
      },
      "y = mean of each window", py::arg("y"), py::arg("x"), py::arg("pool_size"), py::arg("stride"),
      py::arg("padding"), py::arg("count_padding"), py::arg("stream") = py::none());
  m.def(
      "avg_pool2d_backward",
      [&ops](py::handle dx, py::handle dy, Pair window, Pair stride, Four padding, bool count_padding,
             py::handle stream) {
        constexpr const char* name = "avg_pool2d_backward";
        const View dxv = output(name, "out", dx), dyv = input(name, "dy", dy);
        const Pool2dParams p = params_of(name, window, stride, padding, count_padding);
        check_problem(name, "out", dxv, "dy", dyv, p);
        check_no_overlap(name, "out", dxv, "dy", dyv);
        run(ops.avg_pool2d_backward, dxv, dyv, p, stream_of(stream));
      },
      "dx = dy spread over its windows", py::arg("dx"), py::arg("dy"), py::arg("pool_size"),
      py::arg("stride"), py::arg("padding"), py::arg("count_padding"), py::arg("stream") = py::none());
}

}  // namespace

void bind_pool2d(py::module_& m, const Ops& ops) {
  bind_max(m, ops);
  bind_avg(m, ops);
}

}  // namespace tilewright::bindings
