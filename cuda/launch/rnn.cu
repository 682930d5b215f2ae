// SPDX-License-Identifier: Apache-2.0
// Simple RNN on CUDA: one gate whose value is the state, so y holds x w + b until its step.
#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/rnn_steps.h"

namespace TW_BACKEND {
namespace {

void simple_rnn_forward(const View& y, const View& h_last, const View& x, const View& w, const View& u,
                        const View& b, const View& h0, const View& mask, const RnnParams& params,
                        Stream stream) {
  for_any_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, params, stream);
    if (s.empty()) return;
    const RnnInitial<T> initial(h0, y.dtype, s);
    if (s.steps == 0) return rnn_copy<T>(h_last, initial.view(), stream);
    RnnProducts<T>(s, y.dtype).inputs(y, s.units, x, w, b, s.units);
    const RnnBuffer<T> product(y.dtype, s.batch, s.units, stream);
    for (int64_t n = 0; n < s.steps; ++n) {
      run_matmul(product.view(), rnn_state_before(s, n, y, initial.view()), u, View(), 0, stream);
      s.run("rnn_simple_step", rnn_simple_step<T>, s.step(n), params.activation == Activation::relu,
            global_pointer<T>(y, "y"), global_pointer<T>(h_last, "h_last"),
            global_pointer<const T>(product.view(), "product"), initial.pointer(),
            optional_pointer<const Bool>(mask, "mask"));
    }
  });
}

void simple_rnn_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                         const View& dgates, const View& dy, const View& dh_last, const View& x,
                         const View& w, const View& u, const View& h0, const View& mask, const View& y,
                         const RnnParams& params, Stream stream) {
  for_any_float(dgates.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, params, stream);
    rnn_copy<T>(dh0, dh_last, stream);
    const RnnInitial<T> initial(h0, y.dtype, s);
    const View transposed = rnn_matrix(u, 0, s.units, s.units, s.units).transposed();
    for (int64_t n = s.empty() ? -1 : s.steps - 1; n >= 0; --n) {
      s.run("rnn_simple_backward_step", rnn_simple_backward_step<T>, s.step(n),
            params.activation == Activation::relu, global_pointer<T>(dgates, "dgates"),
            global_pointer<T>(dh0, "dh0"), optional_pointer<const T>(dy, "dy"),
            global_pointer<const T>(y, "y"), optional_pointer<const Bool>(mask, "mask"));
      const View dz = rnn_matrix(dgates, s.time(n) * s.units, s.batch, s.units, s.steps * s.units).view();
      run_matmul(dh0, dz, transposed, View(), 1, stream);
    }
    const RnnProducts<T> products(s, y.dtype);
    products.inputs_backward(dx, dw, x, w, dgates, s.units, s.units);
    if (db) products.bias_backward(db, 0, dgates, 0, s.units, s.units);
    if (!du) return;
    const RnnBuffer<T> before(y.dtype, s.rows(), s.units, stream);
    rnn_all_before<T>(s, before.view(), y, initial.pointer());
    products.state_backward(du, s.units, 0, before.view(), 0, s.units, dgates, 0, s.units, s.units);
  });
}

}  // namespace

void fill_rnn(Ops& ops) {
  constexpr DtypeMask kTaken = kF32 | kF64 | kF16 | kBF16;
  fill_lstm(ops);
  fill_gru(ops);
  ops.simple_rnn_forward.set(simple_rnn_forward, kTaken);
  ops.simple_rnn_backward.set(simple_rnn_backward, kTaken);
}

}  // namespace TW_BACKEND
