// SPDX-License-Identifier: Apache-2.0
// The simple RNN's step and the rnn family's table of one instruction set; LSTM and GRU have headers of their
// own. Computes    h' = f(z + product), f = tanh or relu;  backward: dz = dh f'(.), from h' Layout contiguous
// rows of `units` elements Work split  one call per sequence and step Limits      the product with u; tanh is
// hidden behind it
#include "cpu/kernels/rnn_gru.inl.h"
#include "cpu/kernels/rnn_lstm.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

struct Tanh {
  template <class T>
  static TW_INLINE Vec<T> value(Vec<T> z) {
    return tanh(z);
  }
  template <class T>
  static TW_INLINE Vec<T> gradient(Vec<T> dh, Vec<T> h) {
    return through_tanh(dh, h);
  }
};

struct Relu {
  template <class T>
  static TW_INLINE Vec<T> value(Vec<T> z) {
    return max_nan(z, Vec<T>::zero());
  }
  template <class T>
  static TW_INLINE Vec<T> gradient(Vec<T> dh, Vec<T> h) {
    return select(h > Vec<T>::zero(), dh, Vec<T>::zero());
  }
};

template <class F, class T>
void simple(T* h, const T* z, const T* product, int64_t units) {
  for_lanes<T>(units, [&](int64_t j, auto load, auto save) {
    save(h + j, F::value(load(z + j) + load(product + j)));
  });
}

template <class F, class T>
void simple_backward(T* dz, T* dh, const T* h, int64_t units) {
  for_lanes<T>(units, [&](int64_t j, auto load, auto save) {
    save(dz + j, F::gradient(load(dh + j), load(h + j)));
    save(dh + j, Vec<T>::zero());
  });
}

template <class T>
void accumulate(T* y, const T* x, int64_t n) {
  for_lanes<T>(n, [&](int64_t j, auto load, auto save) { save(y + j, load(y + j) + load(x + j)); });
}

template <class T>
constexpr RnnTable<T> table() {
  RnnTable<T> t = {};
  t.lstm = lstm<T>;
  t.lstm_backward = lstm_backward<T>;
  t.gru = gru<T>;
  t.gru_gates = gru_gates<T>;
  t.gru_candidate = gru_candidate<T>;
  t.gru_backward = gru_backward<T>;
  t.gru_candidate_backward = gru_candidate_backward<T>;
  t.gru_gates_backward = gru_gates_backward<T>;
  t.tanh = simple<Tanh, T>;
  t.relu = simple<Relu, T>;
  t.tanh_backward = simple_backward<Tanh, T>;
  t.relu_backward = simple_backward<Relu, T>;
  t.accumulate = accumulate<T>;
  return t;
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(RnnKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
