// SPDX-License-Identifier: Apache-2.0
// LSTM: the elementwise part of a time step.
// Computes    i, f, o = sigmoid(.), g = tanh(.);  c' = f c + i g;  h' = o tanh(c')
//             backward: dc += dh o (1 - tanh(c')^2); di = dc g, df = dc c, dg = dc i, do = dh tanh(c'); dc' =
//             dc f
// Layout      gates: i, f, g, o, `units` elements each
// Method      Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000); one pass, tanh(c')
// is
//             computed again by backward, which is cheaper than storing it
// Work split  one call per sequence and step
// Limits      five transcendental functions per unit forward, one backward; everything stays in the cache
#pragma once

#include "cpu/kernels/rnn_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void lstm(const LstmStep<T>& s) {
  using V = Vec<T>;
  const int64_t n = s.units;
  for_lanes<T>(n, [&](int64_t j, auto load, auto save) {
    const auto pre = [&](int gate) { return load(s.gates + gate * n + j) + load(s.product + gate * n + j); };
    const V i = sigmoid(pre(0)), f = sigmoid(pre(1)), g = tanh(pre(2)), o = sigmoid(pre(3));
    const V c = fma(f, load(s.c + j), i * g);
    save(s.gates + j, i);
    save(s.gates + n + j, f);
    save(s.gates + 2 * n + j, g);
    save(s.gates + 3 * n + j, o);
    save(s.c + j, c);
    save(s.h + j, o * tanh(c));
  });
}

template <class T>
void lstm_backward(const LstmGradient<T>& s) {
  using V = Vec<T>;
  const int64_t n = s.units;
  for_lanes<T>(n, [&](int64_t j, auto load, auto save) {
    const V i = load(s.gates + j), f = load(s.gates + n + j), g = load(s.gates + 2 * n + j);
    const V o = load(s.gates + 3 * n + j), dh = load(s.dh + j), tanh_c = tanh(load(s.c + j));
    const V dc = load(s.dc + j) + through_tanh(dh * o, tanh_c);
    save(s.dgates + j, through_sigmoid(dc * g, i));
    save(s.dgates + n + j, through_sigmoid(dc * load(s.c_before + j), f));
    save(s.dgates + 2 * n + j, through_tanh(dc * i, g));
    save(s.dgates + 3 * n + j, through_sigmoid(dh * tanh_c, o));
    save(s.dc + j, dc * f);
    save(s.dh + j, V::zero());
  });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
