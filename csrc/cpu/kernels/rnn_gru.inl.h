// SPDX-License-Identifier: Apache-2.0
// GRU: the elementwise part of a time step, with the reset gate after or before the product of the candidate.
// Computes    z, r = sigmoid(.);  n = tanh(x w + b + r q), q = h u + b   (reset after)
//                                 n = tanh(x w + b + q u), q = r h       (reset before);  h' = z h + (1 - z)
//                                 n
//             backward: dz = dh (h - n), dn = dh (1 - z), dh' = dh z + ..; through the products in the driver
// Layout      gates: z, r, n, q, `units` elements each
// Method      Cho et al., arXiv:1406.1078v3 (reset before); reset after is cuDNN's form, one product per step
// Work split  one call per sequence and step (two where the reset stands before)
// Limits      three transcendental functions per unit forward, none backward; everything stays in the cache
#pragma once

#include "cpu/kernels/rnn_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
struct GruGates {
  Vec<T> z, r;
};

// z and r from their pre-activations, kept in the row of gates.
template <class T, class Load, class Save>
TW_INLINE GruGates<T> gru_z_r(const GruStep<T>& s, int64_t j, Load load, Save save) {
  const int64_t n = s.units;
  const GruGates<T> gates = {sigmoid(load(s.gates + j) + load(s.product + j)),
                             sigmoid(load(s.gates + n + j) + load(s.product + n + j))};
  save(s.gates + j, gates.z);
  save(s.gates + n + j, gates.r);
  return gates;
}

// The candidate and the new state: z h + (n - z n) is exact at both ends, so a closed gate keeps a state for
// ever.
template <class T, class Load, class Save>
TW_INLINE void gru_state(const GruStep<T>& s, int64_t j, Vec<T> z, Vec<T> from_state, Load load, Save save) {
  const int64_t n = s.units;
  const Vec<T> candidate = tanh(load(s.gates + 2 * n + j) + from_state);
  save(s.gates + 2 * n + j, candidate);
  save(s.h + j, fma(z, load(s.h + j), fnma(z, candidate, candidate)));
}

template <class T>
void gru(const GruStep<T>& s) {
  const int64_t n = s.units;
  for_lanes<T>(n, [&](int64_t j, auto load, auto save) {
    const GruGates<T> gates = gru_z_r(s, j, load, save);
    const Vec<T> q = load(s.product + 2 * n + j);
    save(s.gates + 3 * n + j, q);
    gru_state(s, j, gates.z, gates.r * q, load, save);
  });
}

template <class T>
void gru_gates(const GruStep<T>& s) {
  for_lanes<T>(s.units, [&](int64_t j, auto load, auto save) {
    const GruGates<T> gates = gru_z_r(s, j, load, save);
    save(s.gates + 3 * s.units + j, gates.r * load(s.h + j));
  });
}

template <class T>
void gru_candidate(const GruStep<T>& s) {
  for_lanes<T>(s.units, [&](int64_t j, auto load, auto save) {
    gru_state(s, j, load(s.gates + j), load(s.product + 2 * s.units + j), load, save);
  });
}

// Gradients of z and of the candidate's pre-activation, which it returns; dh keeps what z lets through.
template <class T, class Load, class Save>
TW_INLINE Vec<T> gru_state_backward(const GruGradient<T>& s, int64_t j, Load load, Save save) {
  using V = Vec<T>;
  const int64_t n = s.units;
  const V z = load(s.gates + j), candidate = load(s.gates + 2 * n + j), dh = load(s.dh + j);
  const V dn = through_tanh(dh * (V::set1(T(1)) - z), candidate);
  save(s.dgates + j, through_sigmoid(dh * (load(s.h_before + j) - candidate), z));
  save(s.dgates + 2 * n + j, dn);
  save(s.dh + j, dh * z);
  return dn;
}

template <class T>
void gru_backward(const GruGradient<T>& s) {
  const int64_t n = s.units;
  for_lanes<T>(n, [&](int64_t j, auto load, auto save) {
    const Vec<T> r = load(s.gates + n + j), dn = gru_state_backward(s, j, load, save);
    save(s.dgates + n + j, through_sigmoid(dn * load(s.gates + 3 * n + j), r));
    save(s.dgates + 3 * n + j, dn * r);
  });
}

template <class T>
void gru_candidate_backward(const GruGradient<T>& s) {
  for_lanes<T>(s.units, [&](int64_t j, auto load, auto save) { gru_state_backward(s, j, load, save); });
}

template <class T>
void gru_gates_backward(const GruGradient<T>& s) {
  const int64_t n = s.units;
  for_lanes<T>(n, [&](int64_t j, auto load, auto save) {
    const Vec<T> r = load(s.gates + n + j), dq = load(s.dq + j);
    save(s.dgates + n + j, through_sigmoid(dq * load(s.h_before + j), r));
    save(s.dh + j, fma(dq, r, load(s.dh + j)));
  });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
