// SPDX-License-Identifier: Apache-2.0
// What the launchers of LSTM, GRU and simple RNN share: the order of the time steps, matrices inside
// arrays, the products over all steps. Arrays are contiguous, as the bindings ask.
#pragma once

#include <algorithm>

#include "core/ops.h"
#include "device/launch.cuh"
#include "device/scratch.cuh"
#include "kernels/rnn.cuh"
#include "launch/grid.h"
#include "launch/matmul_launch.h"

namespace TW_BACKEND {

// Sizes of one call and the way through its time steps.
struct RnnSteps {
  int64_t batch, steps, inputs, units;
  bool reverse;
  Stream stream;

  RnnSteps(const View& x, const View& u, const RnnParams& params, Stream stream)
      : batch(x.dim(0)),
        steps(x.dim(1)),
        inputs(x.dim(2)),
        units(u.dim(0)),
        reverse(params.reverse),
        stream(stream) {}

  int64_t rows() const { return batch * steps; }
  bool empty() const { return batch == 0 || units == 0; }
  int64_t time(int64_t n) const { return reverse ? steps - 1 - n : n; }
  RnnStep step(int64_t n) const { return {batch, steps, Divisor(units), time(n), n > 0 ? time(n - 1) : -1}; }

  template <class... Params, class... Args>
  void run(const char* name, void (*kernel)(Params...), Args... args) const {
    launch_map(name, kernel, MapGrid(batch * units, kRnnThreads), stream, args...);
  }
};

// Columns first .. first + cols - 1 of `rows` rows that lie `step` elements apart.
struct RnnMatrix {
  const View& of;
  int64_t first, rows, cols, step;

  View view() const { return made(rows, cols, step, 1); }
  View transposed() const { return made(cols, rows, 1, step); }

 private:
  View made(int64_t m, int64_t n, int64_t row, int64_t col) const {
    View v;
    v.data = static_cast<char*>(of.data) + first * dtype_size(of.dtype);
    v.dtype = of.dtype;
    v.writable = of.writable;
    v.ndim = 2;
    v.shape[0] = m, v.shape[1] = n;
    v.strides[0] = row, v.strides[1] = col;
    return v;
  }
};

inline RnnMatrix rnn_matrix(const View& of, int64_t first, int64_t rows, int64_t cols, int64_t step) {
  return {of, first, rows, cols, step};
}

// A bias of n elements, or none.
inline View rnn_bias(const View& b, int64_t first, int64_t n) {
  if (!b) return View();
  View v = rnn_matrix(b, first, 1, n, n).view();
  v.ndim = 1;
  v.shape[0] = n, v.strides[0] = 1;
  return v;
}

// to = from, or zeros where there is none.
template <class T>
void rnn_copy(const View& to, const View& from, Stream stream, double value = 0) {
  if (to.size() == 0) return;
  launch_map("rnn_start", rnn_start<T>, MapGrid(to.size(), kRnnThreads), stream,
             global_pointer<T>(to, "state"), optional_pointer<const T>(from, "initial state"),
             static_cast<Wide<T>>(value), to.size());
}

// An array of our own.
template <class T>
class RnnBuffer {
 public:
  RnnBuffer(Dtype dtype, int64_t rows, int64_t cols, Stream stream) : memory_(rows * cols, stream, "rnn") {
    View model;
    model.dtype = dtype;
    model.ndim = 2;
    model.shape[0] = rows, model.shape[1] = cols;
    view_ = memory_.view(model);
  }
  const View& view() const { return view_; }

 private:
  Scratch<T> memory_;
  View view_;
};

// An initial state, zeros where none is given.
template <class T>
class RnnInitial {
 public:
  RnnInitial(const View& given, Dtype dtype, const RnnSteps& s)
      : zeros_(dtype, given ? 0 : s.batch, given ? 0 : s.units, s.stream),
        view_(given ? given : zeros_.view()) {
    if (!given) rnn_copy<T>(view_, View(), s.stream);
  }
  const View& view() const { return view_; }
  GlobalPtr<const T> pointer() const { return global_pointer<const T>(view_, "initial state"); }

 private:
  RnnBuffer<T> zeros_;
  View view_;
};

// The state before step n as a matrix (B, U).
inline View rnn_state_before(const RnnSteps& s, int64_t n, const View& y, const View& initial) {
  if (n == 0) return rnn_matrix(initial, 0, s.batch, s.units, s.units).view();
  return rnn_matrix(y, s.time(n - 1) * s.units, s.batch, s.units, s.steps * s.units).view();
}

// Products over all rows: of x with w, and the gradients of every weight. dz: the first `width` columns of
// rows that lie `step` apart.
template <class T>
class RnnProducts {
 public:
  explicit RnnProducts(const RnnSteps& s, Dtype dtype) : s_(s), one_(dtype, 1, 1, s.stream) {
    rnn_copy<T>(one_.view(), View(), s.stream, 1);
  }

  void inputs(const View& gates, int64_t step, const View& x, const View& w, const View& b,
              int64_t width) const {
    multiply(rnn_matrix(gates, 0, s_.rows(), width, step).view(), rows_of(x, s_.inputs), whole(w),
             rnn_bias(b, 0, width));
  }

  void inputs_backward(const View& dx, const View& dw, const View& x, const View& w, const View& dgates,
                       int64_t step, int64_t width) const {
    const View dz = rnn_matrix(dgates, 0, s_.rows(), width, step).view();
    if (dx)
      multiply(rows_of(dx, s_.inputs), dz, rnn_matrix(w, 0, s_.inputs, width, width).transposed(), View());
    if (dw) multiply(whole(dw), rnn_matrix(x, 0, s_.rows(), s_.inputs, s_.inputs).transposed(), dz, View());
  }

  // Elements first .. of db = sums of `cols` columns of dgates: a product with ones.
  void bias_backward(const View& db, int64_t first, const View& dgates, int64_t column, int64_t cols,
                     int64_t step) const {
    View ones = rnn_matrix(one_.view(), 0, 1, s_.rows(), 0).view();
    ones.strides[1] = 0;
    multiply(rnn_matrix(db, first, 1, cols, cols).view(), ones,
             rnn_matrix(dgates, column, s_.rows(), cols, step).view(), View());
  }

  // Columns of du = left^T @ columns of dgates; left has `units` columns in rows `left_step` apart.
  void state_backward(const View& du, int64_t du_step, int64_t du_column, const View& left,
                      int64_t left_column, int64_t left_step, const View& dgates, int64_t column,
                      int64_t cols, int64_t step) const {
    multiply(rnn_matrix(du, du_column, s_.units, cols, du_step).view(),
             rnn_matrix(left, left_column, s_.rows(), s_.units, left_step).transposed(),
             rnn_matrix(dgates, column, s_.rows(), cols, step).view(), View());
  }

 private:
  static View whole(const View& v) { return rnn_matrix(v, 0, v.dim(0), v.dim(1), v.dim(1)).view(); }
  View rows_of(const View& v, int64_t cols) const { return rnn_matrix(v, 0, s_.rows(), cols, cols).view(); }
  void multiply(const View& y, const View& a, const View& b, const View& bias) const {
    run_matmul(y, a, b, bias, 0, s_.stream);
  }

  const RnnSteps& s_;
  RnnBuffer<T> one_;
};

// The state before each row, in the order of y.
template <class T>
void rnn_all_before(const RnnSteps& s, const View& all, const View& y, const GlobalPtr<const T>& initial) {
  if (s.empty() || s.steps == 0) return;
  s.run("rnn_states_before", rnn_states_before<T>, global_pointer<T>(all, "states"),
        global_pointer<const T>(y, "y"), initial, s.step(0), s.time(0), s.reverse ? -1 : 1);
}

void fill_lstm(Ops& ops);
void fill_gru(Ops& ops);

}  // namespace TW_BACKEND
