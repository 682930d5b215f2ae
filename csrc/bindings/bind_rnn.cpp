// SPDX-License-Identifier: Apache-2.0
#include "bindings/epilogue.h"

namespace tilewright::bindings {
namespace {

// The inputs every cell has, checked: x (B, T, I), w (I, gates U), u (U, gates U), h0? (B, U), mask? (B, T).
class Inputs {
 public:
  Inputs(const char* op, int64_t gates, py::handle x_array, py::handle w_array, py::handle u_array,
         py::handle h0_array, py::handle mask_array)
      : x(input(op, "x", x_array)),
        w(input(op, "w", w_array)),
        u(input(op, "u", u_array)),
        h0(optional_input(op, "h0", h0_array)),
        mask(optional_input(op, "mask", mask_array)),
        op_(op) {
    check_ndim(op, "x", x, 3, "(B, T, I)");
    check_ndim(op, "u", u, 2, gates == 1 ? "(U, U)" : gates == 3 ? "(U, 3 U)" : "(U, 4 U)");
    like_x("x", x, {batch(), steps(), x.dim(2)});
    like_x("u", u, {units(), gates * units()}, "a row per unit, a column per unit and gate");
    like_x("w", w, {x.dim(2), gates * units()}, "a row per column of x, a column per unit and gate");
    like_x("h0", h0, {batch(), units()}, "(B, U)");
    if (mask) {
      check_dtype(op, "mask", mask, {Dtype::b8});
      check_shape(op, "mask", mask, {batch(), steps()}, "(B, T)");
      check_packed("mask", mask);
    }
  }

  int64_t batch() const { return x.dim(0); }
  int64_t steps() const { return x.dim(1); }
  int64_t units() const { return u.dim(0); }

  // `view`, where given, has x's dtype, these sizes and no gaps.
  void like_x(const char* name, const View& view, DimList dims, const char* meaning = nullptr) const {
    if (!view) return;
    check_same_dtype(op_, name, view, "x", x);
    check_shape(op_, name, view, dims, meaning);
    check_packed(name, view);
  }
  void state(const char* name, const View& view) const { like_x(name, view, {batch(), units()}, "(B, U)"); }
  void sequence(const char* name, const View& view, int64_t width) const {
    like_x(name, view, {batch(), steps(), width * units()}, "a row per sequence and time step");
  }
  // GRU's biases may come in pairs.
  void bias(const char* name, const View& view, int64_t gates, bool paired = false) const {
    if (paired && view && view.ndim == 2)
      like_x(name, view, {2, gates * units()}, "the bias of x w and that of h u");
    else
      like_x(name, view, {gates * units()}, "one value per unit and gate");
  }
  void weights(const View& dx, const View& dw, const View& du) const {
    for (const auto& [name, view, like] : {Gradient{"dx", dx, x}, {"dw", dw, w}, {"du", du, u}}) {
      if (!view) continue;
      check_same_dtype(op_, name, view, "x", x);
      check_same_shape(op_, name, view, name + 1, like);
      check_packed(name, view);
    }
  }

  const View x, w, u, h0, mask;

 private:
  struct Gradient {
    const char* name;
    const View &view, &like;
  };

  void check_packed(const char* name, const View& view) const {
    if (!view.contiguous())
      fail(ErrorKind::value, op_,
           std::string(name) + " has strides " + strides_text(view) + " for shape " + shape_text(view) +
               ", expected C order without gaps");
  }

  const char* op_;
};

RnnParams params_of(bool reverse) {
  RnnParams params;
  params.reverse = reverse;
  return params;
}

RnnParams gru_params(const char* op, const View& b, bool reverse, bool reset_after) {
  if (b && b.ndim == 2 && !reset_after)
    fail(ErrorKind::value, op,
         "b has shape " + shape_text(b) + ", expected 1 dimension (3 U) without reset_after");
  RnnParams params = params_of(reverse);
  params.reset_after = reset_after;
  return params;
}

RnnParams simple_params(const char* op, bool reverse, py::handle activation) {
  RnnParams params = params_of(reverse);
  params.activation = epilogue_of(op, activation, py::none()).activation;
  if (params.activation != Activation::tanh && params.activation != Activation::relu)
    fail(ErrorKind::value, op,
         "activation is " + std::string(py::repr(activation)) + ", expected \"tanh\" or \"relu\"");
  return params;
}

void bind_lstm(py::module_& m, const Ops& ops) {
  m.def(
      "lstm_forward",
      [&ops](py::handle y, py::handle h_last, py::handle c_last, py::handle gates, py::handle cells,
             py::handle x, py::handle w, py::handle u, py::handle b, py::handle h0, py::handle c0,
             py::handle mask, bool reverse, py::handle stream) {
        constexpr const char* op = "lstm";
        const Inputs in(op, 4, x, w, u, h0, mask);
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
            params_of(reverse), stream_of(stream));
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
        const Inputs in(op, 4, x, w, u, h0, mask);
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
            c0v, in.mask, yv, gv, cellsv, params_of(reverse), stream_of(stream));
      },
      "Gradients of an LSTM; dgates is a workspace like gates, dx, dw, du and db may be None", py::arg("dx"),
      py::arg("dw"), py::arg("du"), py::arg("db"), py::arg("dh0"), py::arg("dc0"), py::arg("dgates"),
      py::arg("dy"), py::arg("dh_last"), py::arg("dc_last"), py::arg("x"), py::arg("w"), py::arg("u"),
      py::arg("h0"), py::arg("c0"), py::arg("mask"), py::arg("y"), py::arg("gates"), py::arg("cells"),
      py::arg("reverse"), py::arg("stream") = py::none());
}

void bind_gru(py::module_& m, const Ops& ops) {
  m.def(
      "gru_forward",
      [&ops](py::handle y, py::handle h_last, py::handle gates, py::handle x, py::handle w, py::handle u,
             py::handle b, py::handle h0, py::handle mask, bool reverse, bool reset_after,
             py::handle stream) {
        constexpr const char* op = "gru";
        const Inputs in(op, 3, x, w, u, h0, mask);
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
        const Inputs in(op, 3, x, w, u, h0, mask);
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

void bind_simple_rnn(py::module_& m, const Ops& ops) {
  m.def(
      "simple_rnn_forward",
      [&ops](py::handle y, py::handle h_last, py::handle x, py::handle w, py::handle u, py::handle b,
             py::handle h0, py::handle mask, bool reverse, py::handle activation, py::handle stream) {
        constexpr const char* op = "simple_rnn";
        const Inputs in(op, 1, x, w, u, h0, mask);
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
        const Inputs in(op, 1, x, w, u, h0, mask);
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
