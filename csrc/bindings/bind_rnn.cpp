// SPDX-License-Identifier: Apache-2.0
#include "bindings/bind_rnn.h"

#include "bindings/epilogue.h"

namespace tilewright::bindings {
namespace {

RnnParams simple_params(const char* op, bool reverse, py::handle activation) {
  RnnParams params = rnn_params(reverse);
  params.activation = epilogue_of(op, activation, py::none()).activation;
  if (params.activation != Activation::tanh && params.activation != Activation::relu)
    fail(ErrorKind::value, op,
         "activation is " + std::string(py::repr(activation)) + ", expected \"tanh\" or \"relu\"");
  return params;
}

void bind_simple_rnn(py::module_& m, const Ops& ops) {
  m.def(
      "simple_rnn_forward",
      [&ops](py::handle y, py::handle h_last, py::handle x, py::handle w, py::handle u, py::handle b,
             py::handle h0, py::handle mask, bool reverse, py::handle activation, py::handle stream) {
        constexpr const char* op = "simple_rnn";
        const RnnInputs in(op, 1, x, w, u, h0, mask);
        const View bv = optional_input(op, "b", b), yv = output(op, "out", y),
                   hv = output(op, "h_last", h_last);
        const RnnParams params = simple_params(op, reverse, activation);
        in.bias("b", bv, 1);
        in.sequence("out", yv, 1);
        in.state("h_last", hv);
        check_apart(op, {{"out", yv}, {"h_last", hv}},
                    {{"x", in.x}, {"w", in.w}, {"u", in.u}, {"b", bv}, {"h0", in.h0}, {"mask", in.mask}});
        run(ops.simple_rnn_forward, yv, hv, in.x, in.w, in.u, bv, in.h0, in.mask, params, stream_of(stream));
      },
      "y, h_last of h = activation(x w + b + h u) over x (B, T, I)", py::arg("y"), py::arg("h_last"),
      py::arg("x"), py::arg("w"), py::arg("u"), py::arg("b"), py::arg("h0"), py::arg("mask"),
      py::arg("reverse"), py::arg("activation"), py::arg("stream") = py::none());
  m.def(
      "simple_rnn_backward",
      [&ops](py::handle dx, py::handle dw, py::handle du, py::handle db, py::handle dh0, py::handle dgates,
             py::handle dy, py::handle dh_last, py::handle x, py::handle w, py::handle u, py::handle h0,
             py::handle mask, py::handle y, bool reverse, py::handle activation, py::handle stream) {
        constexpr const char* op = "simple_rnn_backward";
        const RnnInputs in(op, 1, x, w, u, h0, mask);
        const View yv = input(op, "y", y), dyv = optional_input(op, "dy", dy);
        const View dhv = optional_input(op, "dh_last", dh_last);
        const View dxv = optional_output(op, "dx", dx), dwv = optional_output(op, "dw", dw);
        const View duv = optional_output(op, "du", du), dbv = optional_output(op, "db", db);
        const View dh0v = output(op, "dh0", dh0), dgv = output(op, "dgates", dgates);
        const RnnParams params = simple_params(op, reverse, activation);
        in.sequence("y", yv, 1);
        in.sequence("dy", dyv, 1);
        in.state("dh_last", dhv);
        in.weights(dxv, dwv, duv);
        in.bias("db", dbv, 1);
        in.state("dh0", dh0v);
        in.sequence("dgates", dgv, 1);
        check_apart(op, {{"dx", dxv}, {"dw", dwv}, {"du", duv}, {"db", dbv}, {"dh0", dh0v}, {"dgates", dgv}},
                    {{"x", in.x},
                     {"w", in.w},
                     {"u", in.u},
                     {"h0", in.h0},
                     {"mask", in.mask},
                     {"y", yv},
                     {"dy", dyv},
                     {"dh_last", dhv}});
        run(ops.simple_rnn_backward, dxv, dwv, duv, dbv, dh0v, dgv, dyv, dhv, in.x, in.w, in.u, in.h0,
            in.mask, yv, params, stream_of(stream));
      },
      "Gradients of simple_rnn; dgates is a workspace like y, dx, dw, du and db may be None", py::arg("dx"),
      py::arg("dw"), py::arg("du"), py::arg("db"), py::arg("dh0"), py::arg("dgates"), py::arg("dy"),
      py::arg("dh_last"), py::arg("x"), py::arg("w"), py::arg("u"), py::arg("h0"), py::arg("mask"),
      py::arg("y"), py::arg("reverse"), py::arg("activation"), py::arg("stream") = py::none());
}

}  // namespace

void bind_rnn(py::module_& m, const Ops& ops) {
  bind_lstm(m, ops);
  bind_gru(m, ops);
  bind_simple_rnn(m, ops);
}

}  // namespace tilewright::bindings
