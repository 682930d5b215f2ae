// SPDX-License-Identifier: Apache-2.0
#include "bindings/bind_rnn.h"

namespace tilewright::bindings {

void bind_lstm(py::module_& m, const Ops& ops) {
  m.def(
      "lstm_forward",
      [&ops](py::handle y, py::handle h_last, py::handle c_last, py::handle gates, py::handle cells,
             py::handle x, py::handle w, py::handle u, py::handle b, py::handle h0, py::handle c0,
             py::handle mask, bool reverse, py::handle stream) {
        constexpr const char* op = "lstm";
        const RnnInputs in(op, 4, x, w, u, h0, mask);
        const View bv = optional_input(op, "b", b), c0v = optional_input(op, "c0", c0);
        const View yv = output(op, "out", y), hv = output(op, "h_last", h_last),
                   cv = output(op, "c_last", c_last);
        const View gv = output(op, "gates", gates), cellsv = optional_output(op, "cells", cells);
        in.bias("b", bv, 4);
        in.state("c0", c0v);
        in.sequence("out", yv, 1);
        in.state("h_last", hv);
        in.state("c_last", cv);
        in.sequence("gates", gv, 4);
        in.sequence("cells", cellsv, 1);
        check_apart(op, {{"out", yv}, {"h_last", hv}, {"c_last", cv}, {"gates", gv}, {"cells", cellsv}},
                    {{"x", in.x},
                     {"w", in.w},
                     {"u", in.u},
                     {"b", bv},
                     {"h0", in.h0},
                     {"c0", c0v},
                     {"mask", in.mask}});
        run(ops.lstm_forward, yv, hv, cv, gv, cellsv, in.x, in.w, in.u, bv, in.h0, c0v, in.mask,
            rnn_params(reverse), stream_of(stream));
      },
      "y, h_last, c_last of an LSTM over x (B, T, I); gates and cells are kept for the gradient",
      py::arg("y"), py::arg("h_last"), py::arg("c_last"), py::arg("gates"), py::arg("cells"), py::arg("x"),
      py::arg("w"), py::arg("u"), py::arg("b"), py::arg("h0"), py::arg("c0"), py::arg("mask"),
      py::arg("reverse"), py::arg("stream") = py::none());
  m.def(
      "lstm_backward",
      [&ops](py::handle dx, py::handle dw, py::handle du, py::handle db, py::handle dh0, py::handle dc0,
             py::handle dgates, py::handle dy, py::handle dh_last, py::handle dc_last, py::handle x,
             py::handle w, py::handle u, py::handle h0, py::handle c0, py::handle mask, py::handle y,
             py::handle gates, py::handle cells, bool reverse, py::handle stream) {
        constexpr const char* op = "lstm_backward";
        const RnnInputs in(op, 4, x, w, u, h0, mask);
        const View c0v = optional_input(op, "c0", c0), yv = input(op, "y", y), gv = input(op, "gates", gates);
        const View cellsv = input(op, "cells", cells), dyv = optional_input(op, "dy", dy);
        const View dhv = optional_input(op, "dh_last", dh_last), dcv = optional_input(op, "dc_last", dc_last);
        const View dxv = optional_output(op, "dx", dx), dwv = optional_output(op, "dw", dw);
        const View duv = optional_output(op, "du", du), dbv = optional_output(op, "db", db);
        const View dh0v = output(op, "dh0", dh0), dc0v = output(op, "dc0", dc0),
                   dgv = output(op, "dgates", dgates);
        in.state("c0", c0v);
        in.sequence("y", yv, 1);
        in.sequence("gates", gv, 4);
        in.sequence("cells", cellsv, 1);
        in.sequence("dy", dyv, 1);
        in.state("dh_last", dhv);
        in.state("dc_last", dcv);
        in.weights(dxv, dwv, duv);
        in.bias("db", dbv, 4);
        in.state("dh0", dh0v);
        in.state("dc0", dc0v);
        in.sequence("dgates", dgv, 4);
        check_apart(op,
                    {{"dx", dxv},
                     {"dw", dwv},
                     {"du", duv},
                     {"db", dbv},
                     {"dh0", dh0v},
                     {"dc0", dc0v},
                     {"dgates", dgv}},
                    {{"x", in.x},
                     {"w", in.w},
                     {"u", in.u},
                     {"h0", in.h0},
                     {"c0", c0v},
                     {"mask", in.mask},
                     {"y", yv},
                     {"gates", gv},
                     {"cells", cellsv},
                     {"dy", dyv},
                     {"dh_last", dhv},
                     {"dc_last", dcv}});
        run(ops.lstm_backward, dxv, dwv, duv, dbv, dh0v, dc0v, dgv, dyv, dhv, dcv, in.x, in.w, in.u, in.h0,
            c0v, in.mask, yv, gv, cellsv, rnn_params(reverse), stream_of(stream));
      },
      "Gradients of an LSTM; dgates is a workspace like gates, dx, dw, du and db may be None", py::arg("dx"),
      py::arg("dw"), py::arg("du"), py::arg("db"), py::arg("dh0"), py::arg("dc0"), py::arg("dgates"),
      py::arg("dy"), py::arg("dh_last"), py::arg("dc_last"), py::arg("x"), py::arg("w"), py::arg("u"),
      py::arg("h0"), py::arg("c0"), py::arg("mask"), py::arg("y"), py::arg("gates"), py::arg("cells"),
      py::arg("reverse"), py::arg("stream") = py::none());
}

}  // namespace tilewright::bindings
