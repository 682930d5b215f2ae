// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kRows = "(rows, cols)";
constexpr const char* kPerRow = "one value per row";
constexpr const char* kPerColumn = "one value per normalized element or channel";

void check_x(const char* op, const View& x) {
  check_ndim(op, "x", x, 2, kRows);
  check_float_dtype(op, "x", x);
  check_rows_contiguous(op, "x", x);
}

// Each that is given is like x.
void check_like_x(const char* op, const View& x, std::initializer_list<NamedView> views) {
  for (const NamedView& v : views) {
    if (!v.view) continue;
    check_same_dtype(op, v.name, v.view, "x", x);
    check_same_shape(op, v.name, v.view, "x", x);
    check_rows_contiguous(op, v.name, v.view);
  }
}

// Each that is given has x's dtype and `count` elements.
void check_vectors(const char* op, const View& x, int64_t count, const char* meaning,
                   std::initializer_list<NamedView> views) {
  for (const NamedView& v : views) {
    if (!v.view) continue;
    check_same_dtype(op, v.name, v.view, "x", x);
    check_shape(op, v.name, v.view, {count}, meaning);
    check_rows_contiguous(op, v.name, v.view);
  }
}

void check_residual(const char* op, const View& residual, const View& sum) {
  if (static_cast<bool>(residual) != static_cast<bool>(sum))
    fail(ErrorKind::value, op, "residual and sum have different presence, expected both or none");
}

void check_epsilon(const char* op, double epsilon) {
  if (!(epsilon >= 0) || std::isinf(epsilon))
    fail(ErrorKind::value, op,
         "epsilon is " + std::to_string(epsilon) + ", expected a finite number of at least 0");
}

void bind_layer_norm(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "layer_norm_forward",
      [&ops](py::handle y, py::handle sum, py::handle mean, py::handle rstd, py::handle x,
             py::handle residual, py::handle gamma, py::handle beta, double epsilon, py::handle stream) {
        constexpr const char* op = "layer_norm";
        const View xv = input(op, "x", x), rv = optional_input(op, "residual", residual);
        const View gv = optional_input(op, "gamma", gamma), bv = optional_input(op, "beta", beta);
        const View yv = output(op, "out", y), sv = optional_output(op, "sum", sum);
        const View mv = optional_output(op, "mean", mean), tv = optional_output(op, "rstd", rstd);
        check_x(op, xv);
        check_like_x(op, xv, {{"residual", rv}, {"out", yv}, {"sum", sv}});
        check_vectors(op, xv, xv.dim(1), kPerColumn, {{"gamma", gv}, {"beta", bv}});
        check_vectors(op, xv, xv.dim(0), kPerRow, {{"mean", mv}, {"rstd", tv}});
        check_residual(op, rv, sv);
        check_epsilon(op, epsilon);
        check_apart(op, {"out", yv}, {{"x", xv}, {"residual", rv}}, {{"sum", sv}, {"mean", mv}, {"rstd", tv}},
                    {{"gamma", gv}, {"beta", bv}});
        run(ops.layer_norm_forward, yv, sv, mv, tv, xv, rv, gv, bv, epsilon, stream_of(stream));
      },
      "y = (h - mean) * rstd * gamma + beta over the last axis of (rows, cols), h = sum = x + residual",
      py::arg("y"), py::arg("sum"), py::arg("mean"), py::arg("rstd"), py::arg("x"), py::arg("residual"),
      py::arg("gamma"), py::arg("beta"), py::arg("epsilon"), stream);
  m.def(
      "layer_norm_backward",
      [&ops](py::handle dx, py::handle dgamma, py::handle dbeta, py::handle dy, py::handle dsum, py::handle x,
             py::handle mean, py::handle rstd, py::handle gamma, py::handle stream) {
        constexpr const char* op = "layer_norm_backward";
        const View xv = input(op, "x", x), dyv = input(op, "dy", dy), dsv = optional_input(op, "dsum", dsum);
        const View mv = input(op, "mean", mean), tv = input(op, "rstd", rstd);
        const View gv = optional_input(op, "gamma", gamma), dxv = output(op, "out", dx);
        const View dgv = optional_output(op, "dgamma", dgamma), dbv = optional_output(op, "dbeta", dbeta);
        check_x(op, xv);
        check_like_x(op, xv, {{"dy", dyv}, {"dsum", dsv}, {"out", dxv}});
        check_vectors(op, xv, xv.dim(1), kPerColumn, {{"gamma", gv}, {"dgamma", dgv}, {"dbeta", dbv}});
        check_vectors(op, xv, xv.dim(0), kPerRow, {{"mean", mv}, {"rstd", tv}});
        check_apart(op, {"out", dxv}, {{"dy", dyv}, {"dsum", dsv}, {"x", xv}},
                    {{"dgamma", dgv}, {"dbeta", dbv}}, {{"mean", mv}, {"rstd", tv}, {"gamma", gv}});
        run(ops.layer_norm_backward, dxv, dgv, dbv, dyv, dsv, xv, mv, tv, gv, stream_of(stream));
      },
      "dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) + dsum, g = dy * gamma; dgamma and dbeta over the "
      "rows",
      py::arg("dx"), py::arg("dgamma"), py::arg("dbeta"), py::arg("dy"), py::arg("dsum"), py::arg("x"),
      py::arg("mean"), py::arg("rstd"), py::arg("gamma"), stream);
}

void bind_rms_norm(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "rms_norm_forward",
      [&ops](py::handle y, py::handle sum, py::handle rstd, py::handle x, py::handle residual,
             py::handle gamma, double epsilon, py::handle stream) {
        constexpr const char* op = "rms_norm";
        const View xv = input(op, "x", x), rv = optional_input(op, "residual", residual);
        const View gv = optional_input(op, "gamma", gamma), yv = output(op, "out", y);
        const View sv = optional_output(op, "sum", sum), tv = optional_output(op, "rstd", rstd);
        check_x(op, xv);
        check_like_x(op, xv, {{"residual", rv}, {"out", yv}, {"sum", sv}});
        check_vectors(op, xv, xv.dim(1), kPerColumn, {{"gamma", gv}});
        check_vectors(op, xv, xv.dim(0), kPerRow, {{"rstd", tv}});
        check_residual(op, rv, sv);
        check_epsilon(op, epsilon);
        check_apart(op, {"out", yv}, {{"x", xv}, {"residual", rv}}, {{"sum", sv}, {"rstd", tv}},
                    {{"gamma", gv}});
        run(ops.rms_norm_forward, yv, sv, tv, xv, rv, gv, epsilon, stream_of(stream));
      },
      "y = h / sqrt(mean(h^2) + epsilon) * gamma over the last axis of (rows, cols), h = sum = x + residual",
      py::arg("y"), py::arg("sum"), py::arg("rstd"), py::arg("x"), py::arg("residual"), py::arg("gamma"),
      py::arg("epsilon"), stream);
  m.def(
      "rms_norm_backward",
      [&ops](py::handle dx, py::handle dgamma, py::handle dy, py::handle dsum, py::handle x, py::handle rstd,
             py::handle gamma, py::handle stream) {
        constexpr const char* op = "rms_norm_backward";
        const View xv = input(op, "x", x), dyv = input(op, "dy", dy), dsv = optional_input(op, "dsum", dsum);
        const View tv = input(op, "rstd", rstd), gv = optional_input(op, "gamma", gamma);
        const View dxv = output(op, "out", dx), dgv = optional_output(op, "dgamma", dgamma);
        check_x(op, xv);
        check_like_x(op, xv, {{"dy", dyv}, {"dsum", dsv}, {"out", dxv}});
        check_vectors(op, xv, xv.dim(1), kPerColumn, {{"gamma", gv}, {"dgamma", dgv}});
        check_vectors(op, xv, xv.dim(0), kPerRow, {{"rstd", tv}});
        check_apart(op, {"out", dxv}, {{"dy", dyv}, {"dsum", dsv}, {"x", xv}}, {{"dgamma", dgv}},
                    {{"rstd", tv}, {"gamma", gv}});
        run(ops.rms_norm_backward, dxv, dgv, dyv, dsv, xv, tv, gv, stream_of(stream));
      },
      "dx = rstd * (g - xhat * mean(g * xhat)) + dsum, g = dy * gamma; dgamma over the rows", py::arg("dx"),
      py::arg("dgamma"), py::arg("dy"), py::arg("dsum"), py::arg("x"), py::arg("rstd"), py::arg("gamma"),
      stream);
}

void check_moving(const char* op, const View& x, const View& moving, const char* name) {
  if (!moving) return;
  check_same_dtype(op, name, moving, "x", x);
  check_shape(op, name, moving, {x.dim(1)}, kPerColumn);
}

BatchNormParams batch_norm_params(const char* op, const View& x, double epsilon, double momentum,
                                  bool momentum_is_update, bool unbiased) {
  check_epsilon(op, epsilon);
  if (!(momentum >= 0 && momentum <= 1))
    fail(ErrorKind::value, op, "momentum is " + std::to_string(momentum) + ", expected 0 to 1");
  const int64_t fewest = unbiased ? 2 : 1;
  if (x.dim(0) < fewest && x.dim(1) > 0)
    fail(ErrorKind::value, op,
         "x has " + std::to_string(x.dim(0)) + " values per channel, expected at least " +
             std::to_string(fewest) + (unbiased ? " for an unbiased variance" : " in training"));
  BatchNormParams params;
  params.epsilon = epsilon;
  params.decay = momentum_is_update ? 1 - momentum : momentum;
  params.unbiased = unbiased;
  return params;
}

void bind_batch_norm(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "batch_norm_training",
      [&ops](py::handle y, py::handle mean, py::handle rstd, py::handle moving_mean,
             py::handle moving_variance, py::handle x, py::handle gamma, py::handle beta, double epsilon,
             double momentum, bool momentum_is_update, bool unbiased, py::handle stream) {
        constexpr const char* op = "batch_norm";
        const View xv = input(op, "x", x), yv = output(op, "out", y);
        const View gv = optional_input(op, "gamma", gamma), bv = optional_input(op, "beta", beta);
        const View mv = optional_output(op, "mean", mean), tv = optional_output(op, "rstd", rstd);
        const View mmv = optional_output(op, "moving_mean", moving_mean);
        const View mvv = optional_output(op, "moving_variance", moving_variance);
        check_x(op, xv);
        check_like_x(op, xv, {{"out", yv}});
        check_vectors(op, xv, xv.dim(1), kPerColumn,
                      {{"gamma", gv}, {"beta", bv}, {"mean", mv}, {"rstd", tv}});
        check_moving(op, xv, mmv, "moving_mean");
        check_moving(op, xv, mvv, "moving_variance");
        check_apart(op, {"out", yv}, {{"x", xv}},
                    {{"mean", mv}, {"rstd", tv}, {"moving_mean", mmv}, {"moving_variance", mvv}},
                    {{"gamma", gv}, {"beta", bv}});
        run(ops.batch_norm_training, yv, mv, tv, mmv, mvv, xv, gv, bv,
            batch_norm_params(op, xv, epsilon, momentum, momentum_is_update, unbiased), stream_of(stream));
      },
      "y = (x - mean) * rstd * gamma + beta with the statistics of each column of (rows, cols); moving "
      "statistics "
      "become moving * momentum + batch * (1 - momentum) in place, or the other way round if "
      "momentum_is_update",
      py::arg("y"), py::arg("mean"), py::arg("rstd"), py::arg("moving_mean"), py::arg("moving_variance"),
      py::arg("x"), py::arg("gamma"), py::arg("beta"), py::arg("epsilon"), py::arg("momentum"),
      py::arg("momentum_is_update"), py::arg("unbiased"), stream);
  m.def(
      "batch_norm_inference",
      [&ops](py::handle y, py::handle x, py::handle mean, py::handle variance, py::handle gamma,
             py::handle beta, double epsilon, py::handle stream) {
        constexpr const char* op = "batch_norm";
        const View xv = input(op, "x", x), yv = output(op, "out", y);
        const View mv = input(op, "moving_mean", mean), vv = input(op, "moving_variance", variance);
        const View gv = optional_input(op, "gamma", gamma), bv = optional_input(op, "beta", beta);
        check_x(op, xv);
        check_like_x(op, xv, {{"out", yv}});
        check_moving(op, xv, mv, "moving_mean");
        check_moving(op, xv, vv, "moving_variance");
        check_vectors(op, xv, xv.dim(1), kPerColumn, {{"gamma", gv}, {"beta", bv}});
        check_epsilon(op, epsilon);
        check_apart(op, {"out", yv}, {{"x", xv}}, {},
                    {{"moving_mean", mv}, {"moving_variance", vv}, {"gamma", gv}, {"beta", bv}});
        run(ops.batch_norm_inference, yv, xv, mv, vv, gv, bv, epsilon, stream_of(stream));
      },
      "y = (x - mean) / sqrt(variance + epsilon) * gamma + beta for each column of (rows, cols)",
      py::arg("y"), py::arg("x"), py::arg("mean"), py::arg("variance"), py::arg("gamma"), py::arg("beta"),
      py::arg("epsilon"), stream);
  m.def(
      "batch_norm_backward",
      [&ops](py::handle dx, py::handle dgamma, py::handle dbeta, py::handle dy, py::handle x, py::handle mean,
             py::handle rstd, py::handle gamma, py::handle stream) {
        constexpr const char* op = "batch_norm_backward";
        const View xv = input(op, "x", x), dyv = input(op, "dy", dy), dxv = output(op, "out", dx);
        const View mv = input(op, "mean", mean), tv = input(op, "rstd", rstd);
        const View gv = optional_input(op, "gamma", gamma);
        const View dgv = optional_output(op, "dgamma", dgamma), dbv = optional_output(op, "dbeta", dbeta);
        check_x(op, xv);
        check_like_x(op, xv, {{"dy", dyv}, {"out", dxv}});
        check_vectors(op, xv, xv.dim(1), kPerColumn,
                      {{"mean", mv}, {"rstd", tv}, {"gamma", gv}, {"dgamma", dgv}, {"dbeta", dbv}});
        check_apart(op, {"out", dxv}, {{"dy", dyv}, {"x", xv}}, {{"dgamma", dgv}, {"dbeta", dbv}},
                    {{"mean", mv}, {"rstd", tv}, {"gamma", gv}});
        run(ops.batch_norm_backward, dxv, dgv, dbv, dyv, xv, mv, tv, gv, stream_of(stream));
      },
      "Gradients of batch_norm_training by x, gamma and beta", py::arg("dx"), py::arg("dgamma"),
      py::arg("dbeta"), py::arg("dy"), py::arg("x"), py::arg("mean"), py::arg("rstd"), py::arg("gamma"),
      stream);
}

}  // namespace

void bind_norm(py::module_& m, const Ops& ops) {
  bind_layer_norm(m, ops);
  bind_rms_norm(m, ops);
  bind_batch_norm(m, ops);
}

}  // namespace tilewright::bindings
