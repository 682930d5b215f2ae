// SPDX-License-Identifier: Apache-2.0
#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kRows = "(rows, cols)";

// The checks all four share: like-shaped 2-D Views of one dtype whose rows are contiguous.
void check_rows(const char* operation, const char* name, const View& view, const char* model_name, const View& model) {
  check_ndim(operation, name, view, 2, kRows);
  check_same_dtype(operation, name, view, model_name, model);
  check_same_shape(operation, name, view, model_name, model);
  check_rows_contiguous(operation, name, view);
}

template <class Operation>
auto forward(const Operation& operation, const char* name) {
  return [&operation, name](py::handle y, py::handle x, py::handle stream) {
    const View xv = input(name, "x", x), yv = output(name, "out", y);
    check_rows(name, "x", xv, "x", xv);
    check_rows(name, "out", yv, "x", xv);
    check_same_or_no_overlap(name, "out", yv, "x", xv);
    run(operation, yv, xv, stream_of(stream));
  };
}

template <class Operation>
auto backward(const Operation& operation, const char* name) {
  return [&operation, name](py::handle dx, py::handle dy, py::handle y, py::handle stream) {
    const View yv = input(name, "y", y), dyv = input(name, "dy", dy), dxv = output(name, "out", dx);
    check_rows(name, "y", yv, "y", yv);
    check_rows(name, "dy", dyv, "y", yv);
    check_rows(name, "out", dxv, "y", yv);
    check_same_or_no_overlap(name, "out", dxv, "dy", dyv);
    check_same_or_no_overlap(name, "out", dxv, "y", yv);
    run(operation, dxv, dyv, yv, stream_of(stream));
  };
}

}  // namespace

void bind_softmax(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def("softmax_forward", forward(ops.softmax_forward, "softmax"),
        "y = softmax(x) over the last axis of (rows, cols)", py::arg("y"), py::arg("x"), stream);
  m.def("log_softmax_forward", forward(ops.log_softmax_forward, "log_softmax"),
        "y = x - log(sum(exp(x))) over the last axis of (rows, cols)", py::arg("y"), py::arg("x"), stream);
  m.def("softmax_backward", backward(ops.softmax_backward, "softmax_backward"),
        "dx = y * (dy - sum(dy * y))", py::arg("dx"), py::arg("dy"), py::arg("y"), stream);
  m.def("log_softmax_backward", backward(ops.log_softmax_backward, "log_softmax_backward"),
        "dx = dy - exp(y) * sum(dy)", py::arg("dx"), py::arg("dy"), py::arg("y"), stream);
}

}  // namespace tilewright::bindings
