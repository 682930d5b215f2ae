// SPDX-License-Identifier: Apache-2.0
#include "bindings/bind_elementwise_fused.h"

#include "bindings/arrays.h"
#include "bindings/epilogue.h"

namespace tilewright::bindings {
namespace {

void check_contiguous(const char* operation, const char* name, const View& view) {
  if (!view.contiguous())
    fail(ErrorKind::value, operation,
         std::string(name) + " has strides " + strides_text(view) + ", expected C order");
}

// An array of y's shape and dtype in C order, or none.
View like(const char* operation, const char* name, const View& view, const char* model_name,
          const View& model) {
  if (!view) return view;
  check_same_dtype(operation, name, view, model_name, model);
  check_same_shape(operation, name, view, model_name, model);
  check_contiguous(operation, name, view);
  return view;
}

// A bias or its gradient: one value for each position along the last axis of `model`.
View per_column(const char* operation, const char* name, const View& view, const char* model_name,
                const View& model) {
  if (!view) return view;
  check_min_ndim(operation, model_name, model, 1, "(..., channels)");
  check_same_dtype(operation, name, view, model_name, model);
  check_shape(operation, name, view, {model.dim(-1)}, "one value per position along the last axis");
  return view;
}

// The gradient tells the sides of a corner apart by y's sign, which a negative slope would turn.
Epilogue checked_epilogue(const char* operation, py::handle activation, py::handle slope) {
  const Epilogue epilogue = epilogue_of(operation, activation, slope);
  if (!(epilogue.slope >= 0))
    fail(ErrorKind::value, operation, "slope is " + std::to_string(epilogue.slope) + ", expected at least 0");
  return epilogue;
}

void bias_activation_forward(const Ops& ops, py::handle y, py::handle z, py::handle x, py::handle bias,
                             py::handle residual, py::handle activation, py::handle slope,
                             py::handle stream) {
  const char* name = "bias_activation";
  const View xv = input(name, "x", x);
  check_contiguous(name, "x", xv);
  const View yv = like(name, "out", output(name, "out", y), "x", xv);
  const View zv = like(name, "z", optional_output(name, "z", z), "x", xv);
  const View rv = like(name, "residual", optional_input(name, "residual", residual), "x", xv);
  const View bv = per_column(name, "bias", optional_input(name, "bias", bias), "x", xv);
  if (bv) check_contiguous(name, "bias", bv);
  check_same_or_no_overlap(name, "out", yv, "x", xv);
  check_same_or_no_overlap(name, "out", yv, "residual", rv);
  check_no_overlap(name, "out", yv, "bias", bv);
  check_no_overlap(name, "z", zv, "out", yv);
  check_same_or_no_overlap(name, "z", zv, "x", xv);
  check_same_or_no_overlap(name, "z", zv, "residual", rv);
  check_no_overlap(name, "z", zv, "bias", bv);
  run(ops.bias_activation_forward, yv, zv, xv, bv, rv, checked_epilogue(name, activation, slope),
      stream_of(stream));
}

void bias_activation_backward(const Ops& ops, py::handle dz, py::handle db, py::handle dy, py::handle saved,
                              py::handle activation, py::handle slope, py::handle stream) {
  const char* name = "bias_activation_backward";
  const View dyv = input(name, "dy", dy);
  check_contiguous(name, "dy", dyv);
  const View dzv = like(name, "out", output(name, "out", dz), "dy", dyv);
  const View sv = like(name, "saved", input(name, "saved", saved), "dy", dyv);
  const View dbv = per_column(name, "db", optional_output(name, "db", db), "dy", dyv);
  check_same_or_no_overlap(name, "out", dzv, "dy", dyv);
  check_same_or_no_overlap(name, "out", dzv, "saved", sv);
  check_no_overlap(name, "db", dbv, "out", dzv);
  check_no_overlap(name, "db", dbv, "dy", dyv);
  check_no_overlap(name, "db", dbv, "saved", sv);
  run(ops.bias_activation_backward, dzv, dbv, dyv, sv, checked_epilogue(name, activation, slope),
      stream_of(stream));
}

void dropout(const Ops& ops, py::handle y, py::handle x, py::handle key, double rate, py::handle stream) {
  const char* name = "dropout";
  const View xv = input(name, "x", x), kv = input(name, "key", key);
  check_contiguous(name, "x", xv);
  const View yv = like(name, "out", output(name, "out", y), "x", xv);
  check_dtype(name, "key", kv, {Dtype::s64});
  check_shape(name, "key", kv, {2}, "seed and offset");
  check_same_or_no_overlap(name, "out", yv, "x", xv);
  check_no_overlap(name, "out", yv, "key", kv);
  if (!(rate >= 0 && rate <= 1))
    fail(ErrorKind::value, name, "rate is " + std::to_string(rate) + ", expected 0 to 1");
  run(ops.dropout, yv, xv, kv, rate, stream_of(stream));
}

}  // namespace

void bind_elementwise_fused(py::module_& m, const Ops& ops) {
  const auto y = py::arg("y"), x = py::arg("x"), activation = py::arg("activation"), slope = py::arg("slope");
  const auto stream = py::arg("stream") = py::none();
  define(m, ops, "bias_activation_forward", bias_activation_forward,
         "z = x + bias + residual, y = activation(z); bias, residual and z may be None", y, py::arg("z"), x,
         py::arg("bias"), py::arg("residual"), activation, slope, stream);
  define(m, ops, "bias_activation_backward", bias_activation_backward,
         "dz = dy * activation', db = sum of dz over all axes but the last; saved is y, or z for gelu, "
         "gelu_tanh, silu",
         py::arg("dz"), py::arg("db"), py::arg("dy"), py::arg("saved"), activation, slope, stream);
  define(m, ops, "dropout", dropout, "y = x / (1 - rate) where Philox(key) keeps the element, else 0", y, x,
         py::arg("key"), py::arg("rate"), stream);
}

}  // namespace tilewright::bindings
