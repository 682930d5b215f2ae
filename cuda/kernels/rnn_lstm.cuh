// SPDX-License-Identifier: Apache-2.0
// Computes    LSTM, the elementwise part of a time step: i, f, o = sigmoid(.), g = tanh(.);  c' = f c + i
//             g; h' = o tanh(c'); backward: dc += dh o (1 - tanh(c')^2); di = dc g, df = dc c, dg = dc i,
//             do = dh tanh(c'); dc' = dc f
// Layout      gates (B, T, 4 U): i, f, g, o side by side; x w + b before the step, the gates' values after
//             it
// Method      Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000); tanh(c') is
//             computed again by backward, which is cheaper than storing it
// Work split  a thread per unit of a sequence (rnn.cuh)
// Limits      memory: nine numbers a unit and step
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/rnn.cuh"

namespace TW_BACKEND {

template <class T>
struct LstmArrays {
  GlobalPtr<T> y, h_last, c_last, gates, cells;  // cells may be null
  GlobalPtr<const T> product, h0, c0;
  GlobalPtr<const Bool> mask;
};

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads) rnn_lstm_step(RnnStep s, LstmArrays<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    const int64_t units = s.units.size(), first = at.row * 4 * units + at.unit;
    const W c_before = widen(s.before < 0 ? T(a.c0[at.index]) : T(a.c_last[at.index]));
    W h, c, gate[4];
    if (rnn_skipped(a.mask, at)) {
      h = rnn_before<T>(s, at, a.y, a.h0);
      c = c_before;
      TW_UNROLL
      for (int g = 0; g < 4; ++g) gate[g] = 0;
    } else {
      TW_UNROLL
      for (int g = 0; g < 4; ++g) {
        const W z = widen(T(a.gates[first + g * units])) +
                    widen(T(a.product[at.sequence * 4 * units + g * units + at.unit]));
        gate[g] = g == 2 ? tanh(z) : sigmoid(z);
      }
      c = fma(gate[1], c_before, gate[0] * gate[2]);
      h = gate[3] * tanh(c);
    }
    TW_UNROLL
    for (int g = 0; g < 4; ++g) a.gates[first + g * units] = narrow<T>(gate[g]);
    if (a.cells) a.cells[at.row * units + at.unit] = narrow<T>(c);
    a.c_last[at.index] = narrow<T>(c);
    a.y[at.row * units + at.unit] = narrow<T>(h);
    a.h_last[at.index] = narrow<T>(h);
  });
}

template <class T>
struct LstmGradients {
  GlobalPtr<T> dgates, dh, dc;
  GlobalPtr<const T> dy, gates, cells, c0;  // dy may be null
  GlobalPtr<const Bool> mask;
};

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads) rnn_lstm_backward_step(RnnStep s, LstmGradients<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    const int64_t units = s.units.size(), place = at.row * units + at.unit,
                  first = at.row * 4 * units + at.unit;
    W dh = widen(T(a.dh[at.index])), gate[4] = {}, gradient[4] = {};
    if (a.dy) dh += widen(T(a.dy[place]));
    if (!rnn_skipped(a.mask, at)) {
      TW_UNROLL
      for (int g = 0; g < 4; ++g) gate[g] = widen(T(a.gates[first + g * units]));
      const W t = tanh(widen(T(a.cells[place]))), c_before = rnn_before<T>(s, at, a.cells, a.c0);
      const W dc = widen(T(a.dc[at.index])) + through_tanh(dh * gate[3], t);
      gradient[0] = through_sigmoid(dc * gate[2], gate[0]);
      gradient[1] = through_sigmoid(dc * c_before, gate[1]);
      gradient[2] = through_tanh(dc * gate[0], gate[2]);
      gradient[3] = through_sigmoid(dh * t, gate[3]);
      a.dc[at.index] = narrow<T>(dc * gate[1]);
      dh = 0;
    }
    TW_UNROLL
    for (int g = 0; g < 4; ++g) a.dgates[first + g * units] = narrow<T>(gradient[g]);
    a.dh[at.index] = narrow<T>(dh);
  });
}

}  // namespace TW_BACKEND
