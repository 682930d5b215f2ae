// SPDX-License-Identifier: Apache-2.0
#include "bindings/arrays.h"
#include "bindings/bind_elementwise_fused.h"
#include "core/function_names.h"

namespace tilewright::bindings {
namespace {

// `view` with stride 0 wherever it is repeated to fill `model`'s shape.
View broadcast(const char* operation, const char* name, const View& view, const View& model) {
  if (view.same_shape(model)) return view;
  View wide = model;
  wide.data = view.data;
  wide.dtype = view.dtype;
  wide.writable = false;
  const int missing = model.ndim - view.ndim;
  bool fits = missing >= 0;
  for (int i = 0; fits && i < model.ndim; ++i) {
    const bool repeated = i < missing || (view.shape[i - missing] == 1 && model.shape[i] != 1);
    wide.strides[i] = repeated ? 0 : view.strides[i - missing];
    fits = repeated || view.shape[i - missing] == model.shape[i];
  }
  if (!fits)
    fail(ErrorKind::value, operation,
         std::string(name) + " has shape " + shape_text(view) + ", expected one that broadcasts to " +
             shape_text(model));
  return wide;
}

void check_result(const char* name, const View& y, const View& x, bool is_bool) {
  if (is_bool)
    check_dtype(name, "out", y, {Dtype::b8});
  else
    check_same_dtype(name, "out", y, "x", x);
}

void unary(const Ops& ops, py::handle y, py::handle x, const std::string& function, double p, double q,
           py::handle stream) {
  const Unary f = unary_named("unary", function);
  const char* name = name_of(f);
  const View yv = output(name, "out", y), xv = broadcast(name, "x", input(name, "x", x), yv);
  check_result(name, yv, xv, gives_bool(f));
  check_same_or_no_overlap(name, "out", yv, "x", xv);
  run(ops.unary, yv, xv, f, p, q, stream_of(stream));
}

// The operands of a derivative, each like dx.
struct Derivative {
  View dx, dy, x, y;

  Derivative(const char* name, py::handle dx_array, py::handle dy_array, py::handle x_array,
             py::handle y_array)
      : dx(output(name, "out", dx_array)) {
    dy = like_dx(name, "dy", input(name, "dy", dy_array));
    x = like_dx(name, "x", input(name, "x", x_array));
    if (!y_array.is_none()) y = like_dx(name, "y", input(name, "y", y_array));
  }

 private:
  View like_dx(const char* name, const char* argument, const View& view) const {
    check_same_dtype(name, argument, view, "out", dx);
    const View wide = broadcast(name, argument, view, dx);
    check_same_or_no_overlap(name, "out", dx, argument, wide);
    return wide;
  }
};

void unary_backward(const Ops& ops, py::handle dx, py::handle dy, py::handle x, py::handle y,
                    const std::string& function, double p, double q, py::handle stream) {
  const Derivative d("unary_backward", dx, dy, x, y);
  run(ops.unary_backward, d.dx, d.dy, d.x, d.y, unary_named("unary_backward", function), p, q,
      stream_of(stream));
}

void unary_backward2(const Ops& ops, py::handle dx, py::handle dy, py::handle x, const std::string& function,
                     double p, double q, py::handle stream) {
  const Derivative d("unary_backward2", dx, dy, x, py::none());
  run(ops.unary_backward2, d.dx, d.dy, d.x, unary_named("unary_backward2", function), p, q,
      stream_of(stream));
}

void binary(const Ops& ops, py::handle y, py::handle a, py::handle b, const std::string& function,
            py::handle stream) {
  const Binary f = binary_named("binary", function);
  const char* name = name_of(f);
  const View yv = output(name, "out", y);
  const View av = broadcast(name, "a", input(name, "a", a), yv),
             bv = broadcast(name, "b", input(name, "b", b), yv);
  check_same_dtype(name, "b", bv, "a", av);
  check_result(name, yv, av, gives_bool(f));
  check_same_or_no_overlap(name, "out", yv, "a", av);
  check_same_or_no_overlap(name, "out", yv, "b", bv);
  run(ops.binary, yv, av, bv, f, stream_of(stream));
}

void where(const Ops& ops, py::handle y, py::handle condition, py::handle a, py::handle b,
           py::handle stream) {
  const char* name = "where";
  const View yv = output(name, "out", y),
             cv = broadcast(name, "condition", input(name, "condition", condition), yv);
  const View av = broadcast(name, "a", input(name, "a", a), yv),
             bv = broadcast(name, "b", input(name, "b", b), yv);
  check_dtype(name, "condition", cv, {Dtype::b8});
  check_same_dtype(name, "a", av, "out", yv);
  check_same_dtype(name, "b", bv, "out", yv);
  check_same_or_no_overlap(name, "out", yv, "condition", cv);
  check_same_or_no_overlap(name, "out", yv, "a", av);
  check_same_or_no_overlap(name, "out", yv, "b", bv);
  run(ops.where, yv, cv, av, bv, stream_of(stream));
}

void copy(const Ops& ops, py::handle y, py::handle x, py::handle stream) {
  const View yv = output("copy", "out", y), xv = broadcast("copy", "x", input("copy", "x", x), yv);
  check_same_or_no_overlap("copy", "out", yv, "x", xv);
  run(ops.copy, yv, xv, stream_of(stream));
}

void fill(const Ops& ops, py::handle y, double value, py::handle stream) {
  run(ops.fill, output("fill", "x", y), value, stream_of(stream));
}

}  // namespace

void bind_elementwise(py::module_& m, const Ops& ops) {
  const auto y = py::arg("y"), x = py::arg("x"), a = py::arg("a"), b = py::arg("b"),
             function = py::arg("function");
  const auto stream = py::arg("stream") = py::none();
  define(m, ops, "unary", unary, "y = function(x); p and q are the function's constants", y, x, function,
         py::arg("p") = 0.0, py::arg("q") = 0.0, stream);
  define(m, ops, "unary_backward", unary_backward,
         "dx = dy * function'(x); y = function(x), if given, saves work", py::arg("dx"), py::arg("dy"), x, y,
         function, py::arg("p") = 0.0, py::arg("q") = 0.0, stream);
  define(m, ops, "unary_backward2", unary_backward2, "dx = dy * function''(x)", py::arg("dx"), py::arg("dy"),
         x, function, py::arg("p") = 0.0, py::arg("q") = 0.0, stream);
  define(m, ops, "binary", binary, "y = function(a, b), both broadcast to y's shape", y, a, b, function,
         stream);
  define(m, ops, "where", where, "y = condition ? a : b, all broadcast to y's shape", y, py::arg("condition"),
         a, b, stream);
  define(m, ops, "copy", copy, "y = x in y's dtype, broadcast to y's shape", y, x, stream);
  define(m, ops, "fill", fill, "y = value", y, py::arg("value"), stream);
  bind_elementwise_plain(m, ops);
  bind_elementwise_fused(m, ops);
}

}  // namespace tilewright::bindings
