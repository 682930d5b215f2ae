// SPDX-License-Identifier: Apache-2.0
// What the drivers of LSTM, GRU and simple RNN share: the order of the time steps, tasks, products over all
// steps.
#pragma once

#include <algorithm>

#include "core/parallel.h"
#include "core/params.h"
#include "core/scratch.h"
#include "core/view.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/rnn.h"
#include "cpu/matmul_packed.h"

namespace tilewright::cpu {

template <class T>
const RnnTable<T>& rnn_kernels() {
  return kernels<RnnKernels>().of<T>();
}

// Sizes of one call and the way through its time steps. "Row" counts (sequence, time) pairs of a (B, T, ..)
// array.
struct RnnSteps {
  int64_t batch, steps, inputs, units;
  bool reverse;
  const uint8_t* mask;

  RnnSteps(const View& x, const View& u, const View& mask_view, const RnnParams& params)
      : batch(x.dim(0)),
        steps(x.dim(1)),
        inputs(x.dim(2)),
        units(u.dim(0)),
        reverse(params.reverse),
        mask(mask_view.as<const uint8_t>()) {}

  int64_t rows() const { return batch * steps; }
  int64_t row(int64_t sequence, int64_t step) const {
    return sequence * steps + (reverse ? steps - 1 - step : step);
  }
  bool skipped(int64_t row) const { return mask != nullptr && mask[row] == 0; }
};

// Calls body(begin, count) for groups of sequences, each of which a task takes through all time steps. A
// group fills one register tile's rows; weights that no core's cache holds are read by one group, whose
// products use all threads.
template <class Body>
void for_groups(const RnnSteps& s, int64_t weight_bytes, Body&& body) {
  constexpr int64_t kGroup = 8, kCacheBytes = 1 << 20;
  const int64_t group = weight_bytes <= kCacheBytes ? kGroup : s.batch;
  parallel_ranges(s.batch, group, [&](int64_t begin, int64_t end) { body(begin, end - begin); });
}

// body(i) for the sequences of a group, on all threads where there is only one group.
template <class Body>
void for_sequences(const RnnSteps& s, int64_t count, Body&& body) {
  constexpr int64_t kTaskUnits = 1 << 12;
  parallel_ranges(count, kTaskUnits / (s.units + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i);
  });
}

// to (n) = from, or zeros where there is none.
template <class T>
void copy_or_clear(T* to, const T* from, int64_t n) {
  if (from != nullptr)
    std::copy_n(from, n, to);
  else
    std::fill_n(to, n, T(0));
}

// An array (rows, width) with rows without gaps, or some columns of it.
template <class T>
struct Columns {
  T* data;
  int64_t width;

  Columns from(int64_t column) const { return {data + column, width}; }
  StridedMatrix<T> matrix() const { return {data, width, 1}; }
};

// The products over all rows at once: forward of x with w, backward of every weight.
template <class T>
class RnnProducts {
 public:
  RnnProducts(const RnnSteps& s, const View& x, const View& w)
      : s_(s), x_(x.as<const T>()), w_(w.as<const T>()) {}

  // z (rows, gates * units) = x @ w + bias?
  void inputs(const Columns<T>& z, int64_t width, const T* bias) const {
    MatmulProblem<T> p;
    p.m = s_.rows(), p.n = width, p.k = s_.inputs;
    p.a = {x_, s_.inputs, 1}, p.b = {w_, width, 1};
    p.y = z.data, p.y_row = z.width;
    p.finish.bias = bias;
    matmul_2d(p);
  }

  // dx? = dz @ w^T, dw? = x^T @ dz
  void inputs_backward(const View& dx, const View& dw, const Columns<T>& dz, int64_t width) const {
    if (dx) {
      MatmulProblem<T> p;
      p.m = s_.rows(), p.n = s_.inputs, p.k = width;
      p.a = dz.matrix(), p.b = {w_, 1, width};
      p.y = dx.as<T>(), p.y_row = s_.inputs;
      matmul_2d(p);
    }
    if (dw) over_rows({dw.as<T>(), width}, {x_, 1, s_.inputs}, s_.inputs, dz, width);
  }

  // db (n) = sums of n columns of dz: a product with ones
  void bias_backward(T* db, const Columns<T>& dz, int64_t n) const {
    const T one = 1;
    over_rows({db, n}, {&one, 0, 0}, 1, dz, n);
  }

  // y (m, n) = a (m, rows) @ n columns of dz
  void over_rows(const Columns<T>& y, const StridedMatrix<T>& a, int64_t m, const Columns<T>& dz,
                 int64_t n) const {
    MatmulProblem<T> p;
    p.m = m, p.n = n, p.k = s_.rows();
    p.a = a, p.b = dz.matrix();
    p.y = y.data, p.y_row = y.width;
    matmul_2d(p);
  }

 private:
  const RnnSteps& s_;
  const T *x_, *w_;
};

// The state before each row (B, T, U): h0 or zeros, then the state after the step before.
template <class T>
class StatesBefore {
 public:
  StatesBefore(const RnnSteps& s, const View& y, const View& h0)
      : s_(s), y_(y.as<const T>()), h0_(h0.as<const T>()), zeros_(h0 ? 0 : s.units) {
    std::fill_n(zeros_.data(), h0 ? 0 : s.units, T(0));
  }

  const T* at(int64_t sequence, int64_t step) const {
    if (step > 0) return y_ + s_.row(sequence, step - 1) * s_.units;
    return h0_ != nullptr ? h0_ + sequence * s_.units : zeros_.data();
  }

  // All of them, in the order of y.
  void copy_to(T* all) const {
    parallel_for(s_.batch, [&](int64_t b) {
      for (int64_t n = 0; n < s_.steps; ++n) std::copy_n(at(b, n), s_.units, all + s_.row(b, n) * s_.units);
    });
  }

 private:
  const RnnSteps& s_;
  const T *y_, *h0_;
  Scratch<T> zeros_;
};

}  // namespace tilewright::cpu
