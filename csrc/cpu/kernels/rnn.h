// SPDX-License-Identifier: Apache-2.0
// Kernels of the rnn family: what stands between the products of a time step, for one sequence of the batch.
// All arrays are contiguous; `units` is the width of the state. A row of gates holds its gates side by side.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// gates (4 units): x w + b on entry, the values of i, f, g, o on return. product (4 units): h u.
// c, h (units): the state before the step, after it on return.
template <class T>
struct LstmStep {
  int64_t units;
  T* gates;
  const T* product;
  T* c;
  T* h;
};

// c and c_before: after and before the step. dh, dc: gradients of the state after the step; on return dc of
// that before it, dh zero, as h reaches back through the product with u alone. dgates: of the
// pre-activations.
template <class T>
struct LstmGradient {
  int64_t units;
  const T* gates;
  const T* c;
  const T* c_before;
  T* dh;
  T* dc;
  T* dgates;
};

// gates (4 units): x w + b for z, r, h on entry, the values of z, r, h on return, then q: what the candidate
// h takes from the state, h u + b (reset after) or r * h (reset before). product (3 units): h u + b, and q u
// in the last third where the reset stands before.
template <class T>
struct GruStep {
  int64_t units;
  T* gates;
  const T* product;
  T* h;
};

// dh: gradient of the state after the step; on return what of it reaches back without a product. dgates (4
// units): of the pre-activations of z, r, h, then of q (reset after). dq: gradient of q = r * h (reset
// before).
template <class T>
struct GruGradient {
  int64_t units;
  const T* gates;
  const T* h_before;
  const T* dq;
  T* dh;
  T* dgates;
};

template <class T>
struct RnnTable {
  void (*lstm)(const LstmStep<T>&);
  void (*lstm_backward)(const LstmGradient<T>&);
  // Reset after: a whole step. Reset before: first the gates and q, then, with q u, candidate and state;
  // backward runs the other way round.
  void (*gru)(const GruStep<T>&);
  void (*gru_gates)(const GruStep<T>&);
  void (*gru_candidate)(const GruStep<T>&);
  void (*gru_backward)(const GruGradient<T>&);
  void (*gru_candidate_backward)(const GruGradient<T>&);
  void (*gru_gates_backward)(const GruGradient<T>&);
  // h = f(z + product); dz = dh * f'(.) by h, dh = 0
  void (*tanh)(T* h, const T* z, const T* product, int64_t units);
  void (*relu)(T* h, const T* z, const T* product, int64_t units);
  void (*tanh_backward)(T* dz, T* dh, const T* h, int64_t units);
  void (*relu_backward)(T* dz, T* dh, const T* h, int64_t units);
  // y += x
  void (*accumulate)(T* y, const T* x, int64_t n);
};

using RnnKernels = FloatTables<RnnTable>;

}  // namespace tilewright::cpu
