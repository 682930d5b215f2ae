// SPDX-License-Identifier: Apache-2.0
#include "bindings/bind_rnn.h"

namespace tilewright::bindings {
namespace {

RnnParams gru_params(const char* op, const View& b, bool reverse, bool reset_after) {
  if (b && b.ndim == 2 && !reset_after)
    fail(ErrorKind::value, op,
         "b has shape " + shape_text(b) + ", expected 1 dimension (3 U) without reset_after");
  RnnParams params = rnn_params(reverse);
  params.reset_after = reset_after;
  return params;
}

}  // namespace

void bind_gru(py::module_& m, const Ops& ops) {
  m.def(
      "gru_forward",
      [&ops](py::handle y, py::handle h_last, py::handle gates, py::handle x, py::handle w, py::handle u,
             py::handle b, py::handle h0, py::handle mask, bool reverse, bool reset_after,
             py::handle stream) {
        constexpr const char* op = "gru";
        const RnnInputs in(op, 3, x, w, u, h0, mask);
        const View bv = optional_input(op, "b", b), yv = output(op, "out", y),
                   hv = output(op, "h_last", h_last);
        const View gv = output(op, "gates", gates);
        const RnnParams params = gru_params(op, bv, reverse, reset_after);
        in.bias("b", bv, 3, true);
        in.sequence("out", yv, 1);
        in.state("h_last", hv);
        in.sequence("gates", gv, 4);
        check_apart(op, {{"out", yv}, {"h_last", hv}, {"gates", gv}},
                    {{"x", in.x}, {"w", in.w}, {"u", in.u}, {"b", bv}, {"h0", in.h0}, {"mask", in.mask}});
        run(ops.gru_forward, yv, hv, gv, in.x, in.w, in.u, bv, in.h0, in.mask, params, stream_of(stream));
      },
      "y, h_last of a GRU over x (B, T, I); gates are kept for the gradient", py::arg("y"), py::arg("h_last"),
      py::arg("gates"), py::arg("x"), py::arg("w"), py::arg("u"), py::arg("b"), py::arg("h0"),
      py::arg("mask"), py::arg("reverse"), py::arg("reset_after"), py::arg("stream") = py::none());
  m.def(
      "gru_backward",
      [&ops](py::handle dx, py::handle dw, py::handle du, py::handle db, py::handle dh0, py::handle dgates,
             py::handle dy, py::handle dh_last, py::handle x, py::handle w, py::handle u, py::handle h0,
             py::handle mask, py::handle y, py::handle gates, bool reverse, bool reset_after,
             py::handle stream) {
        constexpr const char* op = "gru_backward";
        const RnnInputs in(op, 3, x, w, u, h0, mask);
        const View yv = input(op, "y", y), gv = input(op, "gates", gates), dyv = optional_input(op, "dy", dy);
        const View dhv = optional_input(op, "dh_last", dh_last);
        const View dxv = optional_output(op, "dx", dx), dwv = optional_output(op, "dw", dw);
        const View duv = optional_output(op, "du", du), dbv = optional_output(op, "db", db);
        const View dh0v = output(op, "dh0", dh0), dgv = output(op, "dgates", dgates);
        const RnnParams params = gru_params(op, dbv, reverse, reset_after);
        in.sequence("y", yv, 1);
        in.sequence("gates", gv, 4);
        in.sequence("dy", dyv, 1);
        in.state("dh_last", dhv);
        in.weights(dxv, dwv, duv);
        in.bias("db", dbv, 3, true);
        in.state("dh0", dh0v);
        in.sequence("dgates", dgv, 4);
        check_apart(op, {{"dx", dxv}, {"dw", dwv}, {"du", duv}, {"db", dbv}, {"dh0", dh0v}, {"dgates", dgv}},
                    {{"x", in.x},
                     {"w", in.w},
                     {"u", in.u},
                     {"h0", in.h0},
                     {"mask", in.mask},
                     {"y", yv},
                     {"gates", gv},
                     {"dy", dyv},
                     {"dh_last", dhv}});
        run(ops.gru_backward, dxv, dwv, duv, dbv, dh0v, dgv, dyv, dhv, in.x, in.w, in.u, in.h0, in.mask, yv,
            gv, params, stream_of(stream));
      },
      "Gradients of a GRU; dgates is a workspace like gates, dx, dw, du and db may be None", py::arg("dx"),
      py::arg("dw"), py::arg("du"), py::arg("db"), py::arg("dh0"), py::arg("dgates"), py::arg("dy"),
      py::arg("dh_last"), py::arg("x"), py::arg("w"), py::arg("u"), py::arg("h0"), py::arg("mask"),
      py::arg("y"), py::arg("gates"), py::arg("reverse"), py::arg("reset_after"),
      py::arg("stream") = py::none());
}

}  // namespace tilewright::bindings
