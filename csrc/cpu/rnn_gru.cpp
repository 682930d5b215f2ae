// SPDX-License-Identifier: Apache-2.0
// GRU, the plan of rnn_lstm.cpp. u is packed in two parts, for z and r and for the candidate: with the reset
// gate before its product the candidate waits for r.
#include "core/dispatch.h"
#include "cpu/rnn.h"
#include "cpu/rnn_steps.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kGates = 3;
constexpr int64_t kKept = 4;  // in a row of `gates`: z, r, the candidate, q

template <class T>
struct GruForward {
  const RnnSteps& s;
  const PackedFactor<T>&for_gates, &for_candidate;
  const T* bias;  // (3 units) of h u, or null
  bool reset_after;
  T *y, *h_last, *gates;

  void group(int64_t begin, int64_t count) const {
    const int64_t units = s.units, width = kGates * units;
    const RnnTable<T>& kernel = rnn_kernels<T>();
    Scratch<T> product(count * width);
    T *h = h_last + begin * units, *candidate = product.data() + 2 * units;
    const T* candidate_bias = bias != nullptr ? bias + 2 * units : nullptr;
    for (int64_t n = 0; n < s.steps; ++n) {
      const auto each = [&](void (*step)(const GruStep<T>&)) {
        for_sequences(s, count, [&](int64_t i) {
          const int64_t row = s.row(begin + i, n);
          T* kept = gates + row * kKept * units;
          if (s.skipped(row))
            std::fill_n(kept, kKept * units, T(0));
          else
            step({units, kept, product.data() + i * width, h + i * units});
        });
      };
      for_gates.multiply(product.data(), width, {h, units, 1}, count, T(0), bias);
      if (reset_after) {
        for_candidate.multiply(candidate, width, {h, units, 1}, count, T(0), candidate_bias);
        each(kernel.gru);
      } else {
        each(kernel.gru_gates);
        const T* q = gates + (s.row(begin, n) * kKept + 3) * units;
        for_candidate.multiply(candidate, width, {q, s.steps * kKept * units, 1}, count, T(0));
        each(kernel.gru_candidate);
      }
      for (int64_t i = 0; i < count; ++i) std::copy_n(h + i * units, units, y + s.row(begin + i, n) * units);
    }
  }
};

template <class T>
struct GruBackward {
  const RnnSteps& s;
  const PackedFactor<T>&for_gates, &for_candidate;  // transposed
  const StatesBefore<T>& before;
  bool reset_after;
  const T *gates, *dy;
  T *dh0, *dgates;

  // dh0 holds the gradient of the state as it travels back.
  void group(int64_t begin, int64_t count) const {
    const int64_t units = s.units;
    const RnnTable<T>& kernel = rnn_kernels<T>();
    Scratch<T> dq(count * units);
    T* dh = dh0 + begin * units;
    for (int64_t n = s.steps - 1; n >= 0; --n) {
      const auto each = [&](void (*step)(const GruGradient<T>&)) {
        for_sequences(s, count, [&](int64_t i) {
          const int64_t row = s.row(begin + i, n), kept = row * kKept * units;
          if (!s.skipped(row))
            step({units, gates + kept, before.at(begin + i, n), dq.data() + i * units, dh + i * units,
                  dgates + kept});
        });
      };
      for_sequences(s, count, [&](int64_t i) {
        const int64_t row = s.row(begin + i, n);
        if (dy != nullptr) kernel.accumulate(dh + i * units, dy + row * units, units);
        if (s.skipped(row)) std::fill_n(dgates + row * kKept * units, kKept * units, T(0));
      });
      const T* dz = dgates + s.row(begin, n) * kKept * units;
      const auto columns = [&](int64_t gate) {
        return StridedMatrix<T>{dz + gate * units, s.steps * kKept * units, 1};
      };
      if (reset_after) {
        each(kernel.gru_backward);
        for_candidate.multiply(dh, units, columns(3), count, T(1));
      } else {
        each(kernel.gru_candidate_backward);
        for_candidate.multiply(dq.data(), units, columns(2), count, T(0));
        each(kernel.gru_gates_backward);
      }
      for_gates.multiply(dh, units, columns(0), count, T(1));
    }
  }
};

// b (3 U) belongs to x w; of b (2, 3 U) the second row belongs to h u.
template <class T>
const T* recurrent_bias(const View& b, int64_t units) {
  return b && b.ndim == 2 ? b.as<const T>() + kGates * units : nullptr;
}

// du: z and r, then the candidate, whose left factor is the state, or r * h where the reset stands before.
template <class T>
void recurrent_gradients(const RnnSteps& s, const RnnProducts<T>& products, const View& du, const View& db,
                         const StatesBefore<T>& before, const View& gates, const Columns<T>& dz,
                         bool reset_after) {
  const int64_t units = s.units, width = kGates * units;
  const Columns<T> dq = dz.from((reset_after ? 3 : 2) * units);
  if (db && db.ndim == 2) {
    T* to = db.as<T>() + width;
    std::copy_n(db.as<const T>(), 2 * units, to);
    products.bias_backward(to + 2 * units, dq, units);
  }
  if (!du) return;
  Scratch<T> states(s.rows() * units);
  before.copy_to(states.data());
  const StridedMatrix<T> h{states.data(), 1, units}, q{gates.as<const T>() + 3 * units, 1, kKept * units};
  products.over_rows({du.as<T>(), width}, h, units, dz, 2 * units);
  products.over_rows({du.as<T>() + 2 * units, width}, reset_after ? h : q, units, dq, units);
}

}  // namespace

void gru_forward(const View& y, const View& h_last, const View& gates, const View& x, const View& w,
                 const View& u, const View& b, const View& h0, const View& mask, const RnnParams& params,
                 Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, mask, params);
    const int64_t width = kGates * s.units;
    RnnProducts<T>(s, x, w).inputs({gates.as<T>(), kKept * s.units}, width, b.as<const T>());
    copy_or_clear(h_last.as<T>(), h0.as<const T>(), s.batch * s.units);
    const StridedMatrix<T> weights{u.as<const T>(), width, 1};
    const PackedFactor<T> for_gates(weights, s.units, 2 * s.units);
    const PackedFactor<T> for_candidate(weights.from(0, 2 * s.units), s.units, s.units);
    const GruForward<T> run{
        s,         for_gates,      for_candidate, recurrent_bias<T>(b, s.units), params.reset_after,
        y.as<T>(), h_last.as<T>(), gates.as<T>()};
    for_groups(s, u.bytes(), [&](int64_t begin, int64_t count) { run.group(begin, count); });
  });
}

void gru_backward(const View& dx, const View& dw, const View& du, const View& db, const View& dh0,
                  const View& dgates, const View& dy, const View& dh_last, const View& x, const View& w,
                  const View& u, const View& h0, const View& mask, const View& y, const View& gates,
                  const RnnParams& params, Stream) {
  for_float(dgates.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const RnnSteps s(x, u, mask, params);
    const int64_t width = kGates * s.units;
    copy_or_clear(dh0.as<T>(), dh_last.as<const T>(), s.batch * s.units);
    const StatesBefore<T> before(s, y, h0);
    {
      const StridedMatrix<T> weights{u.as<const T>(), width, 1};
      const PackedFactor<T> for_gates(weights.transposed(), 2 * s.units, s.units);
      const PackedFactor<T> for_candidate(weights.from(0, 2 * s.units).transposed(), s.units, s.units);
      const GruBackward<T> run{s,
                               for_gates,
                               for_candidate,
                               before,
                               params.reset_after,
                               gates.as<const T>(),
                               dy.as<const T>(),
                               dh0.as<T>(),
                               dgates.as<T>()};
      for_groups(s, u.bytes(), [&](int64_t begin, int64_t count) { run.group(begin, count); });
    }
    const RnnProducts<T> products(s, x, w);
    const Columns<T> dz{dgates.as<T>(), kKept * s.units};
    products.inputs_backward(dx, dw, dz, width);
    if (db) products.bias_backward(db.as<T>(), dz, width);
    recurrent_gradients(s, products, du, db, before, gates, dz, params.reset_after);
  });
}

}  // namespace tilewright::cpu
