// SPDX-License-Identifier: Apache-2.0
// Computes    what the recurrent cells share, and the simple one: h' = f(z + product), f = tanh or relu;
//             backward dz = dh f'(.), from h'
// Layout      y (B, T, U) and the gates (B, T, ..) contiguous; product (B, ..): the state times u
// Method      products with u are matmul's, one a time step; a step kernel does the elementwise rest. The
//             state before a step is y of the step before it, so nothing is copied; a masked step repeats
//             the state
// Work split  a thread per unit of a sequence
// Limits      two launches a time step; a short step waits for them
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/axes.cuh"
#include "device/element.cuh"
#include "device/vector.cuh"
#include "kernels/activation.cuh"

namespace TW_BACKEND {

inline constexpr int kRnnThreads = 256;

// One time step of all sequences.
struct RnnStep {
  int64_t batch, steps;
  Divisor units;
  int64_t time, before;  // place of this step and of the one before it; -1: the initial state
};

// One unit of one sequence at that step.
struct RnnPlace {
  int64_t index, sequence, unit, row;  // row counts (sequence, time) pairs
};

// body(place) for each unit of each sequence.
template <class Body>
TW_DEVICE void rnn_for_units(const RnnStep& s, Body body) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < s.batch * s.units.size(); i += step) {
    RnnPlace at;
    at.index = i;
    at.sequence = s.units.divide(i, at.unit);
    at.row = at.sequence * s.steps + s.time;
    body(at);
  }
}

// The state before the step: of y, or of the initial one.
template <class T, class U>
TW_DEVICE Wide<T> rnn_before(const RnnStep& s, const RnnPlace& at, const GlobalPtr<U>& states,
                             const GlobalPtr<const T>& initial) {
  if (s.before < 0) return widen(T(initial[at.index]));
  return widen(T(states[(at.sequence * s.steps + s.before) * s.units.size() + at.unit]));
}

TW_DEVICE bool rnn_skipped(const GlobalPtr<const Bool>& mask, const RnnPlace& at) {
  return mask && Bool(mask[at.row]).bits == 0;
}

// Gradient of a sigmoid, of a tanh by its argument, from its value.
template <class W>
TW_DEVICE W through_sigmoid(W dy, W y) {
  return dy * y * (W(1) - y);
}
template <class W>
TW_DEVICE W through_tanh(W dy, W y) {
  return dy * (W(1) - y * y);
}

// to = from, or `value` where there is none.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads)
    rnn_start(GlobalPtr<T> to, GlobalPtr<const T> from, Wide<T> value, int64_t count) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    to[i] = from ? T(from[i]) : narrow<T>(value);
}

// all (B, T, U): the state before each step; time runs from `first` by `direction`.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads)
    rnn_states_before(GlobalPtr<T> all, GlobalPtr<const T> y, GlobalPtr<const T> initial, RnnStep s,
                      int64_t first, int direction) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    for (int64_t time = 0; time < s.steps; ++time) {
      RnnStep here = s;
      here.before = time == first ? -1 : time - direction;
      all[(at.sequence * s.steps + time) * s.units.size() + at.unit] =
          narrow<T>(rnn_before<T>(here, at, y, initial));
    }
  });
}

// y holds x w + b of this step.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads)
    rnn_simple_step(RnnStep s, bool relu, GlobalPtr<T> y, GlobalPtr<T> h_last, GlobalPtr<const T> product,
                    GlobalPtr<const T> h0, GlobalPtr<const Bool> mask) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    const int64_t place = at.row * s.units.size() + at.unit;
    W h;
    if (rnn_skipped(mask, at)) {
      h = rnn_before<T>(s, at, y, h0);
    } else {
      const W z = widen(T(y[place])) + widen(T(product[at.index]));
      h = relu ? max_nan(z, W(0)) : tanh(z);
    }
    y[place] = narrow<T>(h);
    h_last[at.index] = narrow<T>(h);
  });
}

// dh gathers the gradient of the state; what passes on through u is added by the caller.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kRnnThreads)
    rnn_simple_backward_step(RnnStep s, bool relu, GlobalPtr<T> dgates, GlobalPtr<T> dh,
                             GlobalPtr<const T> dy, GlobalPtr<const T> y, GlobalPtr<const Bool> mask) {
  rnn_for_units(s, [&](const RnnPlace& at) {
    using W = Wide<T>;
    const int64_t place = at.row * s.units.size() + at.unit;
    W gradient = widen(T(dh[at.index]));
    if (dy) gradient += widen(T(dy[place]));
    const bool skipped = rnn_skipped(mask, at);
    const W h = widen(T(y[place]));
    const W dz = relu ? (h > W(0) ? gradient : W(0)) : through_tanh(gradient, h);
    dgates[place] = narrow<T>(skipped ? W(0) : dz);
    dh[at.index] = narrow<T>(skipped ? gradient : W(0));
  });
}

}  // namespace TW_BACKEND
