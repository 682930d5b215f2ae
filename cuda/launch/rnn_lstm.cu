// SPDX-License-Identifier: Apache-2.0
// LSTM on CUDA: x @ w for all time steps in one product; then step by step a product with u and the
// elementwise rest. Backward collects dgates step by step; the weights' gradients are products over all
// steps.
#include "kernels/rnn_lstm.cuh"
#include "launch/dtypes.h"
#include "launch/rnn_steps.h"

namespace TW_BACKEND {
namespace {

constexpr int64_t kGates = 4;

void lstm_forward(const View& y, const View& h_last, const View& c_last, const View& gates, const View& cells,
                  const View& x, const View& w, const View& u, const View& b, const View& h0, const View& c0,
                  const View& mask, const RnnParams& params, Stream stream) {
  for_any_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, params, stream);
    if (s.empty()) return;
    const int64_t width = kGates * s.units;
    const RnnInitial<T> h(h0, y.dtype, s), c(c0, y.dtype, s);
    if (s.steps == 0) {
      rnn_copy<T>(h_last, h.view(), stream);
      return rnn_copy<T>(c_last, c.view(), stream);
    }
    RnnProducts<T>(s, y.dtype).inputs(gates, width, x, w, b, width);
    const RnnBuffer<T> product(y.dtype, s.batch, width, stream);
    const LstmArrays<T> arrays = {global_pointer<T>(y, "y"),
                                  global_pointer<T>(h_last, "h_last"),
                                  global_pointer<T>(c_last, "c_last"),
                                  global_pointer<T>(gates, "gates"),
                                  optional_pointer<T>(cells, "cells"),
                                  global_pointer<const T>(product.view(), "product"),
                                  h.pointer(),
                                  c.pointer(),
                                  optional_pointer<const Bool>(mask, "mask")};
    for (int64_t n = 0; n < s.steps; ++n) {
      run_matmul(product.view(), rnn_state_before(s, n, y, h.view()), u, View(), 0, stream);
      s.run("rnn_lstm_step", rnn_lstm_step<T>, s.step(n), arrays);
    }
  });
}

void lstm_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                   const View& dc0, const View& dgates, const View& dy, const View& dh_last,
                   const View& dc_last, const View& x, const View& w, const View& u, const View& h0,
                   const View& c0, const View& mask, const View& y, const View& gates, const View& cells,
                   const RnnParams& params, Stream stream) {
  for_any_float(dgates.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, params, stream);
    const int64_t width = kGates * s.units;
    rnn_copy<T>(dh0, dh_last, stream);
    rnn_copy<T>(dc0, dc_last, stream);
    const RnnInitial<T> h(h0, y.dtype, s), c(c0, y.dtype, s);
    const LstmGradients<T> arrays = {global_pointer<T>(dgates, "dgates"),
                                     global_pointer<T>(dh0, "dh0"),
                                     global_pointer<T>(dc0, "dc0"),
                                     optional_pointer<const T>(dy, "dy"),
                                     global_pointer<const T>(gates, "gates"),
                                     global_pointer<const T>(cells, "cells"),
                                     c.pointer(),
                                     optional_pointer<const Bool>(mask, "mask")};
    const View transposed = rnn_matrix(u, 0, s.units, width, width).transposed();
    for (int64_t n = s.empty() ? -1 : s.steps - 1; n >= 0; --n) {
      s.run("rnn_lstm_backward_step", rnn_lstm_backward_step<T>, s.step(n), arrays);
      const View dz = rnn_matrix(dgates, s.time(n) * width, s.batch, width, s.steps * width).view();
      run_matmul(dh0, dz, transposed, View(), 1, stream);
    }
    const RnnProducts<T> products(s, y.dtype);
    products.inputs_backward(dx, dw, x, w, dgates, width, width);
    if (db) products.bias_backward(db, 0, dgates, 0, width, width);
    if (!du) return;
    const RnnBuffer<T> before(y.dtype, s.rows(), s.units, stream);
    rnn_all_before<T>(s, before.view(), y, h.pointer());
    products.state_backward(du, width, 0, before.view(), 0, s.units, dgates, 0, width, width);
  });
}

}  // namespace

void fill_lstm(Ops& ops) {
  constexpr DtypeMask kTaken = kF32 | kF64 | kF16 | kBF16;
  ops.lstm_forward.set(lstm_forward, kTaken);
  ops.lstm_backward.set(lstm_backward, kTaken);
}

}  // namespace TW_BACKEND
