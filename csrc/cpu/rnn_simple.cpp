// SPDX-License-Identifier: Apache-2.0
// Simple RNN: one gate whose value is the state, so y serves as the row of gates. The plan is that of
// rnn_lstm.cpp.
#include "core/dispatch.h"
#include "cpu/rnn.h"
#include "cpu/rnn_steps.h"

namespace tilewright::cpu {
namespace {

template <class T>
struct SimpleForward {
  const RnnSteps& s;
  const PackedFactor<T>& recurrent;
  bool relu;
  T *y, *h_last;

  // y holds x w + b until its step.
  void group(int64_t begin, int64_t count) const {
    const int64_t units = s.units;
    const auto step = relu ? rnn_kernels<T>().relu : rnn_kernels<T>().tanh;
    Scratch<T> product(count * units);
    T* h = h_last + begin * units;
    for (int64_t n = 0; n < s.steps; ++n) {
      recurrent.multiply(product.data(), units, {h, units, 1}, count, T(0));
      for_sequences(s, count, [&](int64_t i) {
        const int64_t row = s.row(begin + i, n);
        T* to = y + row * units;
        if (!s.skipped(row)) step(h + i * units, to, product.data() + i * units, units);
        std::copy_n(h + i * units, units, to);
      });
    }
  }
};

template <class T>
struct SimpleBackward {
  const RnnSteps& s;
  const PackedFactor<T>& recurrent;  // u^T
  bool relu;
  const T *y, *dy;
  T *dh0, *dgates;

  // dh0 holds the gradient of the state as it travels back.
  void group(int64_t begin, int64_t count) const {
    const int64_t units = s.units;
    const RnnTable<T>& kernel = rnn_kernels<T>();
    const auto step = relu ? kernel.relu_backward : kernel.tanh_backward;
    T* dh = dh0 + begin * units;
    for (int64_t n = s.steps - 1; n >= 0; --n) {
      for_sequences(s, count, [&](int64_t i) {
        const int64_t row = s.row(begin + i, n);
        if (dy != nullptr) kernel.accumulate(dh + i * units, dy + row * units, units);
        if (s.skipped(row))
          std::fill_n(dgates + row * units, units, T(0));
        else
          step(dgates + row * units, dh + i * units, y + row * units, units);
      });
      recurrent.multiply(dh, units, {dgates + s.row(begin, n) * units, s.steps * units, 1}, count, T(1));
    }
  }
};

}  // namespace

void simple_rnn_forward(const View& y, const View& h_last, const View& x, const View& w, const View& u,
                        const View& b, const View& h0, const View& mask, const RnnParams& params, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, mask, params);
    RnnProducts<T>(s, x, w).inputs({y.as<T>(), s.units}, s.units, b.as<const T>());
    copy_or_clear(h_last.as<T>(), h0.as<const T>(), s.batch * s.units);
    const PackedFactor<T> recurrent({u.as<const T>(), s.units, 1}, s.units, s.units);
    const SimpleForward<T> run{s, recurrent, params.activation == Activation::relu, y.as<T>(),
                               h_last.as<T>()};
    for_groups(s, u.bytes(), [&](int64_t begin, int64_t count) { run.group(begin, count); });
  });
}

void simple_rnn_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                         const View& dgates, const View& dy, const View& dh_last, const View& x,
                         const View& w, const View& u, const View& h0, const View& mask, const View& y,
                         const RnnParams& params, Stream) {
  for_float(dgates.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, mask, params);
    copy_or_clear(dh0.as<T>(), dh_last.as<const T>(), s.batch * s.units);
    {
      const PackedFactor<T> recurrent({u.as<const T>(), 1, s.units}, s.units, s.units);
      const SimpleBackward<T> run{s,
                                  recurrent,
                                  params.activation == Activation::relu,
                                  y.as<const T>(),
                                  dy.as<const T>(),
                                  dh0.as<T>(),
                                  dgates.as<T>()};
      for_groups(s, u.bytes(), [&](int64_t begin, int64_t count) { run.group(begin, count); });
    }
    const RnnProducts<T> products(s, x, w);
    const Columns<T> dz{dgates.as<T>(), s.units};
    products.inputs_backward(dx, dw, dz, s.units);
    if (db) products.bias_backward(db.as<T>(), dz, s.units);
    if (du) {
      Scratch<T> before(s.rows() * s.units);
      StatesBefore<T>(s, y, h0).copy_to(before.data());
      products.over_rows({du.as<T>(), s.units}, {before.data(), 1, s.units}, s.units, dz, s.units);
    }
  });
}

}  // namespace tilewright::cpu
