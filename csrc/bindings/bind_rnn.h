// SPDX-License-Identifier: Apache-2.0
// What the bindings of LSTM, GRU and simple RNN share: the checks of their inputs.
#pragma once

#include "bindings/arrays.h"

namespace tilewright::bindings {

// The inputs every cell has, checked: x (B, T, I), w (I, gates U), u (U, gates U), h0? (B, U), mask? (B, T).
class RnnInputs {
 public:
  RnnInputs(const char* op, int64_t gates, py::handle x_array, py::handle w_array, py::handle u_array,
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

inline RnnParams rnn_params(bool reverse) {
  RnnParams params;
  params.reverse = reverse;
  return params;
}

void bind_lstm(py::module_& m, const Ops& ops);
void bind_gru(py::module_& m, const Ops& ops);

}  // namespace tilewright::bindings
