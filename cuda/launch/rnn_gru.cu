// SPDX-License-Identifier: Apache-2.0
// GRU on CUDA, the plan of rnn_lstm.cu. With the reset gate before its product the candidate waits for r: two
// products a step.
#include "kernels/rnn_gru.cuh"
#include "launch/dtypes.h"
#include "launch/rnn_steps.h"

namespace TW_BACKEND {
namespace {

constexpr int64_t kGates = 3;
constexpr int64_t kKept = 4;  // in a row of `gates`: z, r, the candidate, q

void gru_forward(const View& y, const View& h_last, const View& gates, const View& x, const View& w,
                 const View& u, const View& b, const View& h0, const View& mask, const RnnParams& params,
                 Stream stream) {
  for_any_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, params, stream);
    if (s.empty()) return;
    const int64_t units = s.units, width = kGates * units, kept = kKept * units;
    const RnnInitial<T> initial(h0, y.dtype, s);
    if (s.steps == 0) return rnn_copy<T>(h_last, initial.view(), stream);
    RnnProducts<T>(s, y.dtype).inputs(gates, kept, x, w, b, width);
    const RnnBuffer<T> product(y.dtype, s.batch, width, stream);
    const GruArrays<T> arrays = {global_pointer<T>(y, "y"),
                                 global_pointer<T>(h_last, "h_last"),
                                 global_pointer<T>(gates, "gates"),
                                 global_pointer<const T>(product.view(), "product"),
                                 initial.pointer(),
                                 optional_pointer<const Bool>(mask, "mask")};
    // b (3 U) belongs to x w; of b (2, 3 U) the second row belongs to h u.
    const View state_bias = b && b.ndim == 2 ? rnn_bias(b, width, width) : View();
    for (int64_t n = 0; n < s.steps; ++n) {
      const View h = rnn_state_before(s, n, y, initial.view());
      if (params.reset_after) {
        run_matmul(product.view(), h, u, state_bias, 0, stream);
        s.run("rnn_gru_step", rnn_gru_step<T>, s.step(n), arrays);
        continue;
      }
      run_matmul(rnn_matrix(product.view(), 0, s.batch, 2 * units, width).view(), h,
                 rnn_matrix(u, 0, units, 2 * units, width).view(), View(), 0, stream);
      s.run("rnn_gru_gates", rnn_gru_gates<T>, s.step(n), arrays);
      run_matmul(rnn_matrix(product.view(), 2 * units, s.batch, units, width).view(),
                 rnn_matrix(gates, s.time(n) * kept + 3 * units, s.batch, units, s.steps * kept).view(),
                 rnn_matrix(u, 2 * units, units, units, width).view(), View(), 0, stream);
      s.run("rnn_gru_candidate", rnn_gru_candidate<T>, s.step(n), arrays);
    }
  });
}

// One step back: dgates of the step, and dh goes on through u.
template <class T>
void step_back(const RnnSteps& s, int64_t n, bool reset_after, const GruGradients<T>& arrays, const View& dh,
               const View& dq, const View& dgates, const View& u) {
  const int64_t units = s.units, width = kGates * units, kept = kKept * units;
  const auto columns = [&](int64_t gate, int64_t cols) {
    return rnn_matrix(dgates, s.time(n) * kept + gate * units, s.batch, cols, s.steps * kept).view();
  };
  const View for_gates = rnn_matrix(u, 0, units, 2 * units, width).transposed();
  const View for_candidate = rnn_matrix(u, 2 * units, units, units, width).transposed();
  s.run("rnn_gru_backward_step", rnn_gru_backward_step<T>, s.step(n), reset_after, arrays);
  if (reset_after) {
    run_matmul(dh, columns(3, units), for_candidate, View(), 1, s.stream);
  } else {
    run_matmul(dq, columns(2, units), for_candidate, View(), 0, s.stream);
    s.run("rnn_gru_backward_reset", rnn_gru_backward_reset<T>, s.step(n), arrays);
  }
  run_matmul(dh, columns(0, 2 * units), for_gates, View(), 1, s.stream);
}

void gru_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                  const View& dgates, const View& dy, const View& dh_last, const View& x, const View& w,
                  const View& u, const View& h0, const View& mask, const View& y, const View& gates,
                  const RnnParams& params, Stream stream) {
  for_any_float(dgates.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, params, stream);
    const int64_t units = s.units, width = kGates * units, kept = kKept * units;
    const bool after = params.reset_after;
    rnn_copy<T>(dh0, dh_last, stream);
    const RnnInitial<T> initial(h0, y.dtype, s);
    const RnnBuffer<T> dq(y.dtype, s.batch, units, stream);
    const GruGradients<T> arrays = {
        global_pointer<T>(dgates, "dgates"),      global_pointer<T>(dh0, "dh0"),
        optional_pointer<const T>(dy, "dy"),      global_pointer<const T>(gates, "gates"),
        global_pointer<const T>(y, "y"),          initial.pointer(),
        global_pointer<const T>(dq.view(), "dq"), optional_pointer<const Bool>(mask, "mask")};
    for (int64_t n = s.empty() ? -1 : s.steps - 1; n >= 0; --n)
      step_back(s, n, after, arrays, dh0, dq.view(), dgates, u);
    const RnnProducts<T> products(s, y.dtype);
    products.inputs_backward(dx, dw, x, w, dgates, kept, width);
    if (db) products.bias_backward(db, 0, dgates, 0, width, kept);
    const int64_t candidate = (after ? 3 : 2) * units;  // its gradient's columns, as h u sees it
    if (db && db.ndim == 2) {
      products.bias_backward(db, width, dgates, 0, 2 * units, kept);
      products.bias_backward(db, width + 2 * units, dgates, candidate, units, kept);
    }
    if (!du) return;
    const RnnBuffer<T> before(y.dtype, s.rows(), units, stream);
    rnn_all_before<T>(s, before.view(), y, initial.pointer());
    products.state_backward(du, width, 0, before.view(), 0, units, dgates, 0, 2 * units, kept);
    if (after) {
      products.state_backward(du, width, 2 * units, before.view(), 0, units, dgates, candidate, units, kept);
    } else {
      products.state_backward(du, width, 2 * units, gates, 3 * units, kept, dgates, candidate, units, kept);
    }
  });
}

}  // namespace

void fill_gru(Ops& ops) {
  constexpr DtypeMask kTaken = kF32 | kF64 | kF16 | kBF16;
  ops.gru_forward.set(gru_forward, kTaken);
  ops.gru_backward.set(gru_backward, kTaken);
}

}  // namespace TW_BACKEND
