// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kRows = "(rows, cols)";

void check_rows(const char* op, const NamedView& model, std::initializer_list<NamedView> views) {
  check_ndim(op, model.name, model.view, 2, kRows);
  check_float_dtype(op, model.name, model.view);
  check_rows_contiguous(op, model.name, model.view);
  for (const NamedView& v : views) {
    if (!v.view) continue;
    check_same_dtype(op, v.name, v.view, model.name, model.view);
    check_same_shape(op, v.name, v.view, model.name, model.view);
    check_rows_contiguous(op, v.name, v.view);
  }
}

// One loss per row, apart from everything else.
void check_loss(const char* op, const View& loss, const NamedView& model, std::initializer_list<NamedView> others) {
  check_same_dtype(op, "out", loss, model.name, model.view);
  check_shape(op, "out", loss, {model.view.dim(0)}, "one loss per row");
  check_rows_contiguous(op, "out", loss);
  check_apart(op, {{"out", loss}}, others);
}

void check_smoothing(const char* op, double smoothing) {
  if (!(smoothing >= 0 && smoothing <= 1))
    fail(ErrorKind::value, op, "label_smoothing is " + std::to_string(smoothing) + ", expected 0 to 1");
}

void check_labels(const char* op, const View& labels, const View& logits) {
  if (labels.ndim == 1) {
    check_index_dtype(op, "labels", labels);
    check_shape(op, "labels", labels, {logits.dim(0)}, "one class per row");
    return;
  }
  check_rows(op, {"logits", logits}, {{"labels", labels}});
}

CrossEntropyParams cross_entropy_params(const char* op, double label_smoothing, py::handle ignore_index) {
  check_smoothing(op, label_smoothing);
  CrossEntropyParams params;
  params.label_smoothing = label_smoothing;
  params.has_ignore_index = !ignore_index.is_none();
  if (params.has_ignore_index) params.ignore_index = ignore_index.cast<int64_t>();
  return params;
}

}  // namespace

void bind_loss(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "softmax_cross_entropy",
      [&ops](py::handle loss, py::handle dlogits, py::handle logits, py::handle labels,
             double label_smoothing, py::handle ignore_index, py::handle stream) {
        constexpr const char* op = "softmax_cross_entropy";
        const View xv = input(op, "logits", logits), lv = input(op, "labels", labels);
        const View yv = output(op, "out", loss), dv = optional_output(op, "dlogits", dlogits);
        check_rows(op, {"logits", xv}, {{"dlogits", dv}});
        if (xv.dim(1) == 0)
          fail(ErrorKind::value, op, "logits has shape " + shape_text(xv) + ", expected at least 1 class");
        check_labels(op, lv, xv);
        check_loss(op, yv, {"logits", xv}, {{"logits", xv}, {"labels", lv}, {"dlogits", dv}});
        check_apart(op, {{"dlogits", dv}}, {{"logits", xv}, {"labels", lv}});
        run(ops.softmax_cross_entropy, yv, dv, xv, lv,
            cross_entropy_params(op, label_smoothing, ignore_index), stream_of(stream));
      },
      "loss (rows,) = -sum q log softmax(logits), and its gradient by the logits where dlogits is given; "
      "labels are "
      "ids (rows,) or probabilities (rows, cols)",
      py::arg("loss"), py::arg("dlogits"), py::arg("logits"), py::arg("labels"),
      py::arg("label_smoothing") = 0.0, py::arg("ignore_index") = py::none(), stream);
  m.def(
      "sigmoid_cross_entropy",
      [&ops](py::handle loss, py::handle dlogits, py::handle logits, py::handle labels,
             double label_smoothing, py::handle stream) {
        constexpr const char* op = "sigmoid_cross_entropy";
        const View xv = input(op, "logits", logits), lv = input(op, "labels", labels);
        const View yv = output(op, "out", loss), dv = optional_output(op, "dlogits", dlogits);
        check_ndim(op, "logits", xv, 1, "(n)");
        check_float_dtype(op, "logits", xv);
        for (const NamedView& v :
             {NamedView{"logits", xv}, NamedView{"labels", lv}, NamedView{"out", yv}, NamedView{"dlogits", dv}}) {
          if (!v.view) continue;
          check_same_dtype(op, v.name, v.view, "logits", xv);
          check_same_shape(op, v.name, v.view, "logits", xv);
          check_rows_contiguous(op, v.name, v.view);
        }
        check_smoothing(op, label_smoothing);
        check_apart(op, {{"out", yv}}, {{"logits", xv}, {"labels", lv}, {"dlogits", dv}});
        check_apart(op, {{"dlogits", dv}}, {{"logits", xv}, {"labels", lv}});
        run(ops.sigmoid_cross_entropy, yv, dv, xv, lv, label_smoothing, stream_of(stream));
      },
      "loss = max(x, 0) - x * label + log(1 + exp(-|x|)) of (n,) arrays, and its gradient by the logits "
      "where "
      "dlogits is given",
      py::arg("loss"), py::arg("dlogits"), py::arg("logits"), py::arg("labels"),
      py::arg("label_smoothing") = 0.0, stream);
  m.def(
      "mean_squared_error",
      [&ops](py::handle loss, py::handle dprediction, py::handle prediction, py::handle target,
             py::handle stream) {
        constexpr const char* op = "mean_squared_error";
        const View pv = input(op, "prediction", prediction), tv = input(op, "target", target);
        const View yv = output(op, "out", loss), dv = optional_output(op, "dprediction", dprediction);
        check_rows(op, {"prediction", pv}, {{"target", tv}, {"dprediction", dv}});
        check_loss(op, yv, {"prediction", pv}, {{"prediction", pv}, {"target", tv}, {"dprediction", dv}});
        check_apart(op, {{"dprediction", dv}}, {{"prediction", pv}, {"target", tv}});
        run(ops.mean_squared_error, yv, dv, pv, tv, stream_of(stream));
      },
      "loss (rows,) = mean over cols of (prediction - target)^2, and its gradient where dprediction is given",
      py::arg("loss"), py::arg("dprediction"), py::arg("prediction"), py::arg("target"), stream);
}

}  // namespace tilewright::bindings
