// SPDX-License-Identifier: Apache-2.0
// LSTM: x @ w for all time steps in one product; then, for a group of sequences at a time, step by step a
// small product with u and the elementwise rest. Backward collects dgates step by step; the weights'
// gradients are products over all steps.
#include "core/dispatch.h"
#include "cpu/rnn.h"
#include "cpu/rnn_steps.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kGates = 4;

template <class T>
struct LstmForward {
  const RnnSteps& s;
  const PackedFactor<T>& recurrent;
  T *y, *h_last, *c_last, *gates, *cells;

  void group(int64_t begin, int64_t count) const {
    const int64_t units = s.units, width = kGates * units;
    const RnnTable<T>& kernel = rnn_kernels<T>();
    Scratch<T> product(count * width);
    T *h = h_last + begin * units, *c = c_last + begin * units;
    for (int64_t n = 0; n < s.steps; ++n) {
      recurrent.multiply(product.data(), width, {h, units, 1}, count, T(0));
      for_sequences(s, count, [&](int64_t i) {
        const int64_t row = s.row(begin + i, n);
        const LstmStep<T> step{units, gates + row * width, product.data() + i * width, c + i * units,
                               h + i * units};
        if (s.skipped(row))
          std::fill_n(step.gates, width, T(0));
        else
          kernel.lstm(step);
        std::copy_n(step.h, units, y + row * units);
        if (cells != nullptr) std::copy_n(step.c, units, cells + row * units);
      });
    }
  }
};

template <class T>
struct LstmBackward {
  const RnnSteps& s;
  const PackedFactor<T>& recurrent;  // u^T
  const StatesBefore<T>& cells_before;
  const T *gates, *cells, *dy;
  T *dh0, *dc0, *dgates;

  // dh0 and dc0 hold the gradients of the state as they travel back.
  void group(int64_t begin, int64_t count) const {
    const int64_t units = s.units, width = kGates * units;
    const RnnTable<T>& kernel = rnn_kernels<T>();
    T *dh = dh0 + begin * units, *dc = dc0 + begin * units;
    for (int64_t n = s.steps - 1; n >= 0; --n) {
      for_sequences(s, count, [&](int64_t i) {
        const int64_t row = s.row(begin + i, n);
        const LstmGradient<T> step{
            units,          gates + row * width, cells + row * units, cells_before.at(begin + i, n),
            dh + i * units, dc + i * units,      dgates + row * width};
        if (dy != nullptr) kernel.accumulate(step.dh, dy + row * units, units);
        if (s.skipped(row))
          std::fill_n(step.dgates, width, T(0));
        else
          kernel.lstm_backward(step);
      });
      recurrent.multiply(dh, units, {dgates + s.row(begin, n) * width, s.steps * width, 1}, count, T(1));
    }
  }
};

}  // namespace

void lstm_forward(const View& y, const View& h_last, const View& c_last, const View& gates, const View& cells,
                  const View& x, const View& w, const View& u, const View& b, const View& h0, const View& c0,
                  const View& mask, const RnnParams& params, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, mask, params);
    const int64_t width = kGates * s.units;
    RnnProducts<T>(s, x, w).inputs({gates.as<T>(), width}, width, b.as<const T>());
    copy_or_clear(h_last.as<T>(), h0.as<const T>(), s.batch * s.units);
    copy_or_clear(c_last.as<T>(), c0.as<const T>(), s.batch * s.units);
    const PackedFactor<T> recurrent({u.as<const T>(), width, 1}, s.units, width);
    const LstmForward<T> run{
        s, recurrent, y.as<T>(), h_last.as<T>(), c_last.as<T>(), gates.as<T>(), cells.as<T>()};
    for_groups(s, u.bytes(), [&](int64_t begin, int64_t count) { run.group(begin, count); });
  });
}

void lstm_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                   const View& dc0, const View& dgates, const View& dy, const View& dh_last,
                   const View& dc_last, const View& x, const View& w, const View& u, const View& h0,
                   const View& c0, const View& mask, const View& y, const View& gates, const View& cells,
                   const RnnParams& params, Stream) {
  for_float(dgates.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, mask, params);
    const int64_t width = kGates * s.units;
    copy_or_clear(dh0.as<T>(), dh_last.as<const T>(), s.batch * s.units);
    copy_or_clear(dc0.as<T>(), dc_last.as<const T>(), s.batch * s.units);
    {
      const PackedFactor<T> recurrent({u.as<const T>(), 1, width}, width, s.units);
      const StatesBefore<T> cells_before(s, cells, c0);
      const LstmBackward<T> run{
          s,           recurrent,   cells_before,  gates.as<const T>(), cells.as<const T>(), dy.as<const T>(),
          dh0.as<T>(), dc0.as<T>(), dgates.as<T>()};
      for_groups(s, u.bytes(), [&](int64_t begin, int64_t count) { run.group(begin, count); });
    }
    const RnnProducts<T> products(s, x, w);
    const Columns<T> dz{dgates.as<T>(), width};
    products.inputs_backward(dx, dw, dz, width);
    if (db) products.bias_backward(db.as<T>(), dz, width);
    if (du) {
      Scratch<T> before(s.rows() * s.units);
      StatesBefore<T>(s, y, h0).copy_to(before.data());
      products.over_rows({du.as<T>(), width}, {before.data(), 1, s.units}, s.units, dz, width);
    }
  });
}

}  // namespace tilewright::cpu
