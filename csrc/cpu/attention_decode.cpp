// SPDX-License-Identifier: Apache-2.0
// Attention of a few queries over many keys, forward and backward. A task is a slice of the keys of one
// batch, for all heads: keys and values are then read as they lie in memory, once. Slices are combined in
// order; how many there are depends on the number of keys alone.
#include "cpu/attention_decode.h"

#include "core/parallel.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kKeysPerSlice = 128;  // at least
constexpr int64_t kMaxSlices = 64;

int64_t keys_per_slice(int64_t keys) {
  return round_up(std::max<int64_t>((keys + kMaxSlices - 1) / kMaxSlices, 1), kKeysPerSlice);
}

// All rows of one batch, key head by key head: `total` rows of `depth` elements, and their scores by one
// slice.
template <class T>
struct SliceState {
  SliceState(const AttentionProblem<T>& p, int64_t slice)
      : slice(slice), total(p.key_heads * p.rows), q(total * p.depth), s(total * slice), row_bias(slice) {}
  const int64_t slice, total;
  Scratch<T> q, s, row_bias;
};

template <class T, class Body>
void for_rows(const AttentionProblem<T>& p, Body&& body) {
  for (int64_t key_head = 0; key_head < p.key_heads; ++key_head)
    for (int64_t r = 0; r < p.rows; ++r) body(key_head, r, key_head * p.rows + r);
}

template <class T>
void load_rows(const AttentionProblem<T>& p, T* dst, const View& view, int64_t batch, T factor) {
  for_rows(p, [&](int64_t key_head, int64_t r, int64_t i) {
    p.kernels.copy_rows(dst + i * p.depth, p.depth, p.row(view, batch, key_head, r), 0, 1, p.depth, p.depth,
                        factor);
  });
}

// Calls body(first key of a few, how many, key head) so that memory is walked in order.
template <class T, class Body>
void for_keys(const AttentionProblem<T>& p, int64_t count, Body&& body) {
  for (int64_t key = 0; key < count; key += kDecodeKeys)
    for (int64_t head = 0; head < p.key_heads; ++head) body(key, std::min(kDecodeKeys, count - key), head);
}

// scores[row][key] = rows of `x` by keys first .. first + count - 1 of `view`.
template <class T>
void score_keys(const AttentionProblem<T>& p, T* scores, int64_t slice, const T* x, const View& view,
                int64_t batch, int64_t first, int64_t count) {
  for_keys(p, count, [&](int64_t key, int64_t n, int64_t head) {
    p.kernels.decode_scores(scores + head * p.rows * slice + key, slice, x + head * p.rows * p.depth, p.depth,
                            int(p.rows), p.key_row(view, batch, head, first + key), view.stride(1), n,
                            p.depth);
  });
}

template <class T>
void hide_keys(const AttentionProblem<T>& p, SliceState<T>& state, int64_t batch, int64_t first,
               int64_t count) {
  if (!p.mask && !p.causal) return;
  for_rows(p, [&](int64_t key_head, int64_t r, int64_t i) {
    T* s = state.s.data() + i * state.slice;
    if (p.mask) {
      const T* bias = p.mask_row(state.row_bias.data(), batch, key_head, r, first, count);
      for (int64_t key = 0; key < count; ++key) {
        s[key] += bias[key];
        if (s[key] < kLowestScore<T> && !std::isinf(s[key])) s[key] = kLowestScore<T>;
      }
    }
    const int64_t seen = std::clamp<int64_t>(p.visible(r) - first, 0, count);
    std::fill(s + seen, s + count, -std::numeric_limits<T>::infinity());
  });
}

// o (total, depth) and per row max and sum, over one slice alone.
template <class T>
void forward_slice(const AttentionProblem<T>& p, T* o, T* max, T* sum, int64_t batch, int64_t first,
                   int64_t count) {
  SliceState<T> state(p, count);
  load_rows(p, state.q.data(), p.q, batch, p.scale);
  score_keys(p, state.s.data(), state.slice, state.q.data(), p.k, batch, first, count);
  hide_keys(p, state, batch, first, count);
  for (int64_t i = 0; i < state.total; ++i)
    p.kernels.decode_softmax(state.s.data() + i * state.slice, max + i, sum + i, count);
  std::fill_n(o, state.total * p.depth, T(0));
  for_keys(p, count, [&](int64_t key, int64_t n, int64_t head) {
    p.kernels.decode_accumulate(o + head * p.rows * p.depth, p.depth,
                                state.s.data() + head * p.rows * state.slice + key, state.slice, int(p.rows),
                                p.key_row(p.v, batch, head, first + key), p.v.stride(1), n, p.depth);
  });
}

// Row i of all slices, brought to their common maximum and added in order.
template <class T>
void combine_row(const AttentionProblem<T>& p, T* out, T* lse, const T* o, const T* max, const T* sum,
                 int64_t slices, int64_t total) {
  constexpr T kNothing = -std::numeric_limits<T>::infinity();
  T high = kNothing, all = 0;
  for (int64_t j = 0; j < slices; ++j) high = std::max(high, max[j * total]);
  std::fill_n(out, p.depth, T(0));
  const T shift = high == kNothing ? T(0) : high;
  for (int64_t j = 0; j < slices; ++j) {
    const T weight = std::exp(max[j * total] - shift);
    all += weight * sum[j * total];
    for (int64_t d = 0; d < p.depth; ++d) out[d] += weight * o[j * total * p.depth + d];
  }
  const T inverse = all == T(0) ? T(0) : T(1) / all;
  for (int64_t d = 0; d < p.depth; ++d) out[d] *= inverse;
  if (lse != nullptr) *lse = all == T(0) ? kNothing : high + std::log(all);
}

template <class T>
void write_keys(const AttentionProblem<T>& p, const View& view, const T* weights, int64_t slice,
                const T* rows, int64_t batch, int64_t head, int64_t first, int64_t key, int64_t n) {
  p.kernels.decode_outer(p.key_row(view, batch, head, first + key), view.stride(1),
                         weights + head * p.rows * slice + key, slice, int(p.rows),
                         rows + head * p.rows * p.depth, p.depth, n, p.depth);
}

// dk and dv of one slice of keys, and what the slice adds to dq (total, depth), unscaled.
template <class T>
void backward_slice(const AttentionProblem<T>& p, const AttentionGradients& g, T* dq, int64_t batch,
                    int64_t first, int64_t count) {
  SliceState<T> state(p, count);
  Scratch<T> dout(state.total * p.depth), dp_buffer(state.total * count);
  T *s = state.s.data(), *dp = dp_buffer.data(), *q = state.q.data();
  load_rows(p, q, p.q, batch, p.scale);
  load_rows(p, dout.data(), g.dout, batch, T(1));
  score_keys(p, s, count, q, p.k, batch, first, count);
  score_keys(p, dp, count, dout.data(), p.v, batch, first, count);
  hide_keys(p, state, batch, first, count);
  for_rows(p, [&](int64_t key_head, int64_t r, int64_t i) {
    p.kernels.decode_gradient(s + i * count, dp + i * count, p.value(g.lse, batch, key_head, r),
                              g.delta(p, batch, key_head, r), count);
  });
  std::fill_n(dq, state.total * p.depth, T(0));
  for_keys(p, count, [&](int64_t key, int64_t n, int64_t head) {
    write_keys(p, g.dv, s, count, dout.data(), batch, head, first, key, n);
    write_keys(p, g.dk, dp, count, q, batch, head, first, key, n);
    p.kernels.decode_accumulate(dq + head * p.rows * p.depth, p.depth, dp + head * p.rows * count + key,
                                count, int(p.rows), p.key_row(p.k, batch, head, first + key), p.k.stride(1),
                                n, p.depth);
  });
}

}  // namespace

template <class T>
void decode_forward(const AttentionProblem<T>& p, const View& out, const View& lse) {
  const int64_t slice = keys_per_slice(p.keys), slices = std::max<int64_t>((p.keys + slice - 1) / slice, 1);
  const int64_t total = p.key_heads * p.rows;
  Scratch<T> o(p.batches * slices * total * p.depth), max(p.batches * slices * total),
      sum(p.batches * slices * total);
  parallel_for(p.batches * slices, [&](int64_t task) {
    const int64_t first = task % slices * slice;
    forward_slice(p, o.data() + task * total * p.depth, max.data() + task * total, sum.data() + task * total,
                  task / slices, first, std::min(slice, p.keys - first));
  });
  parallel_for(p.batches * p.key_heads, [&](int64_t task) {
    const int64_t batch = task / p.key_heads, key_head = task % p.key_heads;
    for (int64_t r = 0; r < p.rows; ++r) {
      const int64_t at = batch * slices * total + key_head * p.rows + r;
      combine_row(p, p.row(out, batch, key_head, r), lse ? &p.value(lse, batch, key_head, r) : nullptr,
                  o.data() + at * p.depth, max.data() + at, sum.data() + at, slices, total);
    }
  });
}

template <class T>
void decode_backward(const AttentionProblem<T>& p, const AttentionGradients& g) {
  const int64_t slice = keys_per_slice(p.keys), slices = std::max<int64_t>((p.keys + slice - 1) / slice, 1);
  const int64_t size = p.key_heads * p.rows * p.depth;
  Scratch<T> parts(p.batches * slices * size);
  parallel_for(p.batches * slices, [&](int64_t task) {
    const int64_t first = task % slices * slice;
    backward_slice(p, g, parts.data() + task * size, task / slices, first, std::min(slice, p.keys - first));
  });
  parallel_for(p.batches * p.key_heads, [&](int64_t task) {
    const int64_t batch = task / p.key_heads, key_head = task % p.key_heads;
    for (int64_t r = 0; r < p.rows; ++r) {
      T* dq = p.row(g.dq, batch, key_head, r);
      std::fill_n(dq, p.depth, T(0));
      for (int64_t j = 0; j < slices; ++j) {
        const T* part = parts.data() + (batch * slices + j) * size + (key_head * p.rows + r) * p.depth;
        for (int64_t d = 0; d < p.depth; ++d) dq[d] += part[d];
      }
      for (int64_t d = 0; d < p.depth; ++d) dq[d] *= p.scale;
    }
  });
}

template void decode_forward(const AttentionProblem<float>&, const View&, const View&);
template void decode_forward(const AttentionProblem<double>&, const View&, const View&);
template void decode_backward(const AttentionProblem<float>&, const AttentionGradients&);
template void decode_backward(const AttentionProblem<double>&, const AttentionGradients&);

}  // namespace tilewright::cpu
