// SPDX-License-Identifier: Apache-2.0
// Computes    GRU, the elementwise part of a time step: z, r = sigmoid(.); n = tanh(x w + b + r q), q = h u
//             + b (reset after);  n = tanh(x w + b + q u), q = r h (reset before); h' = z h + (1 - z) n;
//             backward: dz = dh (h - n), dn = dh (1 - z), dh' = dh z + ..
// Layout      gates (B, T, 4 U): z, r, n, q side by side; x w + b before the step in the first three
// Method      Cho et al., arXiv:1406.1078v3 (reset before: two kernels, a product between them); reset
//             after is cuDNN's form, one product a step. z h + (n - z n) is exact at both ends: a closed
//             gate keeps a state
// Work split  a thread per unit of a sequence (rnn.cuh)
// Limits      memory: nine numbers a unit and step
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/rnn.cuh"

namespace TW_BACKEND {

template <class T>
struct GruArrays {
  GlobalPtr<T> y, h_last, gates;
  GlobalPtr<const T> product, h0;  // product (B, 3 U): with u for z, r and the candidate
  GlobalPtr<const Bool> mask;
};

// Where a unit's numbers are in gates and in product.
template <class T>
struct GruPlace {
  int64_t units, gate, product;

  TW_DEVICE GruPlace(const RnnStep& s, const RnnPlace& at)
      : units(s.units.size()),
        gate(at.row * 4 * units + at.unit),
        product(at.sequence * 3 * units + at.unit) {}

  // Gate g's argument: its share of x plus its share of the state.
  TW_DEVICE Wide<T> argument(const GruArrays<T>& a, int g) const {
    return widen(T(a.gates[gate + g * units])) + widen(T(a.product[product + g * units]));
  }
};

template <class T>
TW_DEVICE void gru_keep(const RnnStep& s, const RnnPlace& at, const GruArrays<T>& a, Wide<T> h) {
  a.y[at.row * s.units.size() + at.unit] = narrow<T>(h);
  a.h_last[at.index] = narrow<T>(h);
}

template <class T>
TW_DEVICE void gru_keep_masked(const RnnStep& s, const RnnPlace& at, const GruArrays<T>& a) {
  const GruPlace<T> place(s, at);
  TW_UNROLL
  for (int g = 0; g < 4; ++g) a.gates[place.gate + g * place.units] = narrow<T>(Wide<T>(0));
  gru_keep(s, at, a, rnn_before<T>(s, at, a.y, a.h0));
}

// Reset after: the whole step.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads) rnn_gru_step(RnnStep s, GruArrays<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    if (rnn_skipped(a.mask, at)) return gru_keep_masked(s, at, a);
    const GruPlace<T> place(s, at);
    const W z = sigmoid(place.argument(a, 0)), r = sigmoid(place.argument(a, 1));
    const W q = widen(T(a.product[place.product + 2 * place.units]));
    const W n = tanh(widen(T(a.gates[place.gate + 2 * place.units])) + r * q);
    const W kept[4] = {z, r, n, q};
    TW_UNROLL
    for (int g = 0; g < 4; ++g) a.gates[place.gate + g * place.units] = narrow<T>(kept[g]);
    gru_keep(s, at, a, fma(z, rnn_before<T>(s, at, a.y, a.h0), fma(-z, n, n)));
  });
}

// Reset before: z, r and r h, which the next product takes.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads) rnn_gru_gates(RnnStep s, GruArrays<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    if (rnn_skipped(a.mask, at)) return gru_keep_masked(s, at, a);
    const GruPlace<T> place(s, at);
    const W z = sigmoid(place.argument(a, 0)), r = sigmoid(place.argument(a, 1));
    a.gates[place.gate] = narrow<T>(z);
    a.gates[place.gate + place.units] = narrow<T>(r);
    a.gates[place.gate + 3 * place.units] = narrow<T>(r * rnn_before<T>(s, at, a.y, a.h0));
  });
}

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads) rnn_gru_candidate(RnnStep s, GruArrays<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    if (rnn_skipped(a.mask, at)) return;
    const GruPlace<T> place(s, at);
    const W z = widen(T(a.gates[place.gate])), n = tanh(place.argument(a, 2));
    a.gates[place.gate + 2 * place.units] = narrow<T>(n);
    gru_keep(s, at, a, fma(z, rnn_before<T>(s, at, a.y, a.h0), fma(-z, n, n)));
  });
}

template <class T>
struct GruGradients {
  GlobalPtr<T> dgates, dh;
  GlobalPtr<const T> dy, gates, y, h0, dq;  // dy may be null; dq (B, U) where the reset stands before
  GlobalPtr<const Bool> mask;
};

// dz and the candidate's dn; where the reset stands after, dr and dq too. dh keeps what z lets through.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads)
    rnn_gru_backward_step(RnnStep s, bool reset_after, GruGradients<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    const int64_t units = s.units.size(), first = at.row * 4 * units + at.unit;
    W dh = widen(T(a.dh[at.index])), gradient[4] = {};
    if (a.dy) dh += widen(T(a.dy[at.row * units + at.unit]));
    if (!rnn_skipped(a.mask, at)) {
      const W z = widen(T(a.gates[first])), r = widen(T(a.gates[first + units]));
      const W n = widen(T(a.gates[first + 2 * units])), q = widen(T(a.gates[first + 3 * units]));
      const W dn = through_tanh(dh * (W(1) - z), n);
      gradient[0] = through_sigmoid(dh * (rnn_before<T>(s, at, a.y, a.h0) - n), z);
      gradient[2] = dn;
      if (reset_after) {
        gradient[1] = through_sigmoid(dn * q, r);
        gradient[3] = dn * r;
      }
      dh *= z;
    }
    TW_UNROLL
    for (int g = 0; g < 4; ++g) a.dgates[first + g * units] = narrow<T>(gradient[g]);
    a.dh[at.index] = narrow<T>(dh);
  });
}

// Reset before: dr, and what r lets through to the state.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads) rnn_gru_backward_reset(RnnStep s, GruGradients<T> a) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    if (rnn_skipped(a.mask, at)) return;
    const int64_t units = s.units.size(), place = at.row * 4 * units + at.unit + units;
    const W r = widen(T(a.gates[place])), dq = widen(T(a.dq[at.index]));
    a.dgates[place] = narrow<T>(through_sigmoid(dq * rnn_before<T>(s, at, a.y, a.h0), r));
    a.dh[at.index] = narrow<T>(fma(dq, r, widen(T(a.dh[at.index]))));
  });
}

}  // namespace TW_BACKEND
