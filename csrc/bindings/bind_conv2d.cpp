// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <array>

#include "bindings/epilogue.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kImages = "(N, H, W, C)";
constexpr const char* kFilters = "(rows, cols, in / groups, out)";
constexpr int64_t kMost = int64_t{1} << 31;

using Pair = std::array<int64_t, 2>;
using Four = std::array<int64_t, 4>;

Conv2dParams params_of(const char* name, Pair stride, Four padding, Pair dilation, int64_t groups) {
  Conv2dParams p;
  for (int i = 0; i < 2; ++i) {
    check_range(name, "stride", stride[i], 1, kMost);
    check_range(name, "dilation", dilation[i], 1, kMost);
    p.stride[i] = stride[i];
    p.dilation[i] = dilation[i];
  }
  for (int i = 0; i < 4; ++i) {
    check_range(name, "padding", padding[i], 0, kMost);
    p.padding[i] = padding[i];
  }
  check_range(name, "groups", groups, 1, kMost);
  p.groups = groups;
  return p;
}

// Size along one axis of the forward pass's result.
int64_t forward_size(const char* name, int64_t in, int64_t filter, int axis, const Conv2dParams& p) {
  const int64_t reach = (filter - 1) * p.dilation[axis] + 1;
  const int64_t padded = in + p.padding[2 * axis] + p.padding[2 * axis + 1];
  if (filter < 1 || padded < reach)
    fail(ErrorKind::value, name,
         std::string("w spans ") + std::to_string(reach) + (axis == 0 ? " rows" : " columns") +
             ", expected 1 to " + std::to_string(padded) + ", the padded input");
  return (padded - reach) / p.stride[axis] + 1;
}

void check_image(const char* name, const char* argument, const View& v) {
  check_ndim(name, argument, v, 4, kImages);
  check_rows_contiguous(name, argument, v);
}

// x (N, H, W, C), w (R, S, C / groups, K) and y (N, P, Q, K) belong together; the messages name them as the
// pass does.
void check_problem(const char* name, const char* x_name, const View& x, const char* w_name, const View& w,
                   const char* y_name, const View& y, const Conv2dParams& p) {
  check_image(name, x_name, x);
  check_image(name, y_name, y);
  check_ndim(name, w_name, w, 4, kFilters);
  check_same_dtype(name, w_name, w, x_name, x);
  check_same_dtype(name, y_name, y, x_name, x);
  if (w.dim(3) % p.groups != 0 || w.dim(2) * p.groups != x.dim(3))
    fail(ErrorKind::value, name,
         std::string(w_name) + " has shape " + shape_text(w) + ", expected (rows, cols, " +
             (x.dim(3) % p.groups == 0 ? std::to_string(x.dim(3) / p.groups) : "in / groups") +
             ", a multiple of groups) for " + x_name + " of shape " + shape_text(x) +
             " and groups = " + std::to_string(p.groups));
  check_shape(name, y_name, y,
              {x.dim(0), forward_size(name, x.dim(1), w.dim(0), 0, p),
               forward_size(name, x.dim(2), w.dim(1), 1, p), w.dim(3)},
              "(N, P, Q, K)");
}

void check_bias(const char* name, const View& bias, int64_t channels, const View& y) {
  if (!bias) return;
  check_shape(name, "bias", bias, {channels}, "one value per output channel");
  check_same_dtype(name, "bias", bias, "out", y);
  check_rows_contiguous(name, "bias", bias);
  check_no_overlap(name, "out", y, "bias", bias);
}

void check_like_out(const char* name, const char* argument, const View& v, const View& y) {
  if (!v) return;
  check_same_dtype(name, argument, v, "out", y);
  check_same_shape(name, argument, v, "out", y);
  check_rows_contiguous(name, argument, v);
}

void bind_forward(py::module_& m, const Ops& ops) {
  m.def(
      "conv2d_forward",
      [&ops](py::handle y, py::handle x, py::handle w, Pair stride, Four padding, Pair dilation,
             int64_t groups, py::handle bias, py::handle activation, py::handle slope, py::handle residual,
             py::handle z, py::handle stream) {
        constexpr const char* name = "conv2d";
        const View yv = output(name, "out", y), xv = input(name, "x", x), wv = input(name, "w", w);
        const Conv2dParams p = params_of(name, stride, padding, dilation, groups);
        check_problem(name, "x", xv, "w", wv, "out", yv, p);
        const View bv = optional_input(name, "bias", bias), rv = optional_input(name, "residual", residual);
        const View zv = optional_output(name, "z", z);
        check_bias(name, bv, wv.dim(3), yv);
        check_like_out(name, "residual", rv, yv);
        check_like_out(name, "z", zv, yv);
        check_no_overlap(name, "out", yv, "x", xv);
        check_no_overlap(name, "out", yv, "w", wv);
        if (rv) check_no_overlap(name, "out", yv, "residual", rv);
        if (zv) {
          check_no_overlap(name, "z", zv, "out", yv);
          check_no_overlap(name, "z", zv, "x", xv);
          check_no_overlap(name, "z", zv, "w", wv);
          if (rv) check_no_overlap(name, "z", zv, "residual", rv);
        }
        run(ops.conv2d_forward, yv, zv, xv, wv, bv, rv, p, epilogue_of(name, activation, slope),
            stream_of(stream));
      },
      "y = activation(conv(x, w) + bias + residual), channels last; z receives the activation's argument",
      py::arg("y"), py::arg("x"), py::arg("w"), py::arg("stride"), py::arg("padding"), py::arg("dilation"),
      py::arg("groups"), py::arg("bias") = py::none(), py::arg("activation") = py::none(),
      py::arg("slope") = py::none(), py::arg("residual") = py::none(), py::arg("z") = py::none(),
      py::arg("stream") = py::none());
}

void bind_backward_data(py::module_& m, const Ops& ops) {
  m.def(
      "conv2d_backward_data",
      [&ops](py::handle dx, py::handle dy, py::handle w, Pair stride, Four padding, Pair dilation,
             int64_t groups, py::handle bias, py::handle activation, py::handle slope, py::handle stream) {
        constexpr const char* name = "conv2d_backward_data";
        const View dxv = output(name, "out", dx), dyv = input(name, "dy", dy), wv = input(name, "w", w);
        const Conv2dParams p = params_of(name, stride, padding, dilation, groups);
        check_problem(name, "out", dxv, "w", wv, "dy", dyv, p);
        const View bv = optional_input(name, "bias", bias);
        check_bias(name, bv, dxv.dim(3), dxv);
        check_no_overlap(name, "out", dxv, "dy", dyv);
        check_no_overlap(name, "out", dxv, "w", wv);
        run(ops.conv2d_backward_data, dxv, dyv, wv, bv, p, epilogue_of(name, activation, slope),
            stream_of(stream));
      },
      "dx = activation(gradient of conv2d by x + bias): data gradient, and transposed convolution",
      py::arg("dx"), py::arg("dy"), py::arg("w"), py::arg("stride"), py::arg("padding"), py::arg("dilation"),
      py::arg("groups"), py::arg("bias") = py::none(), py::arg("activation") = py::none(),
      py::arg("slope") = py::none(), py::arg("stream") = py::none());
}

void bind_backward_weight(py::module_& m, const Ops& ops) {
  m.def(
      "conv2d_backward_weight",
      [&ops](py::handle dw, py::handle db, py::handle dy, py::handle x, Pair stride, Four padding,
             Pair dilation, int64_t groups, py::handle stream) {
        constexpr const char* name = "conv2d_backward_weight";
        const View dwv = output(name, "out", dw), dyv = input(name, "dy", dy), xv = input(name, "x", x);
        const Conv2dParams p = params_of(name, stride, padding, dilation, groups);
        check_problem(name, "x", xv, "out", dwv, "dy", dyv, p);
        if (!dwv.contiguous())
          fail(ErrorKind::value, name, "out is not contiguous, expected C order without gaps");
        const View dbv = optional_output(name, "db", db);
        if (dbv) {
          check_shape(name, "db", dbv, {dwv.dim(3)}, "one value per output channel");
          check_same_dtype(name, "db", dbv, "out", dwv);
          check_rows_contiguous(name, "db", dbv);
          check_no_overlap(name, "db", dbv, "dy", dyv);
          check_no_overlap(name, "db", dbv, "x", xv);
          check_no_overlap(name, "db", dbv, "out", dwv);
        }
        check_no_overlap(name, "out", dwv, "dy", dyv);
        check_no_overlap(name, "out", dwv, "x", xv);
        run(ops.conv2d_backward_weight, dwv, dbv, dyv, xv, p, stream_of(stream));
      },
      "dw = gradient of conv2d by w; db = sum of dy over N, P, Q", py::arg("dw"), py::arg("db"),
      py::arg("dy"), py::arg("x"), py::arg("stride"), py::arg("padding"), py::arg("dilation"),
      py::arg("groups"), py::arg("stream") = py::none());
}

}  // namespace

void bind_conv2d(py::module_& m, const Ops& ops) {
  bind_forward(m, ops);
  bind_backward_data(m, ops);
  bind_backward_weight(m, ops);
}

}  // namespace tilewright::bindings
