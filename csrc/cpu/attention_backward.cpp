// SPDX-License-Identifier: Apache-2.0
// Attention backward on the CPU, in one sweep (FlashAttention-2, algorithm 2). A task owns every n-th block
// of keys of one key head: for each it keeps dk and dv in the cache while all units of rows pass. dq is
// summed by each task in a buffer of its own, and these buffers are added in order at the end: n depends on
// the shape alone.
#include "cpu/attention_backward.h"

#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/attention_decode.h"
#include "cpu/attention_problem.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kTasksWanted = 16;
constexpr int64_t kKeyElementsPerBlock = 1 << 14;
constexpr int64_t kMaxKeysPerBlock = 256;

template <class T>
int64_t keys_per_block(const AttentionProblem<T>& p) {
  const int64_t keys = kKeyElementsPerBlock / std::max<int64_t>(p.depth, 1);
  return round_up(std::clamp<int64_t>(std::min(keys, p.keys), 32, kMaxKeysPerBlock), p.layout.group);
}

// The buffers of one task.
template <class T>
struct BackwardState {
  BackwardState(const AttentionProblem<T>& p, int64_t block)
      : row_depth(round_up(p.depth, p.layout.lanes)),
        key_depth(round_up(p.depth, p.layout.panel)),
        k(block * p.depth),
        v(block * p.depth),
        k_rows(block * key_depth),
        dk(block * row_depth),
        dv(block * row_depth),
        q(p.depth * p.layout.unit),
        dout(p.depth * p.layout.unit),
        q_rows(row_depth * p.layout.unit),
        dout_rows(row_depth * p.layout.unit),
        s(block * p.layout.unit),
        dp(block * p.layout.unit),
        bias(p.mask ? block * (p.layout.unit + p.layout.lanes) : 0),
        deltas(p.rows) {}
  const int64_t row_depth, key_depth;                  // padded to whole registers, to whole panels
  Scratch<T> k, v, k_rows, dk, dv;                     // of the block of keys
  Scratch<T> q, dout, q_rows, dout_rows, s, dp, bias;  // of the unit of rows
  Scratch<T> deltas;                                   // of all rows
  T lse[AttentionProblem<T>::kMaxUnit], delta[AttentionProblem<T>::kMaxUnit];
};

template <class T>
void load_rows(const AttentionProblem<T>& p, const AttentionGradients& g, BackwardState<T>& state,
               int64_t batch, int64_t key_head, const AttentionUnit& u) {
  p.pack_queries(state.q.data(), p.q, batch, key_head, u, p.scale);
  p.pack_queries(state.dout.data(), g.dout, batch, key_head, u, T(1));
  for (int64_t r = u.first + u.count; r < std::min(u.first + u.count + p.layout.unit, p.rows); ++r) {
    p.prefetch_row(p.row(p.q, batch, key_head, r));
    p.prefetch_row(p.row(g.dout, batch, key_head, r));
  }
  for (int i = 0; i < u.vectors * p.layout.lanes; ++i) {
    state.lse[i] = state.delta[i] = T(0);
    if (i >= u.count) continue;
    const int64_t r = u.first + i;
    const T* q = p.row(p.q, batch, key_head, r);
    const T* dout = p.row(g.dout, batch, key_head, r);
    p.kernels.pack_rows(state.q_rows.data() + i * state.row_depth, state.row_depth, &q, 1, p.depth, p.scale);
    p.kernels.pack_rows(state.dout_rows.data() + i * state.row_depth, state.row_depth, &dout, 1, p.depth,
                        T(1));
    state.lse[i] = p.value(g.lse, batch, key_head, r);
    state.delta[i] = state.deltas[r];
  }
}

// One unit of rows by keys first .. first + count - 1, of which the unit sees at least one.
template <class T>
void take_rows(const AttentionProblem<T>& p, const AttentionGradients& g, BackwardState<T>& state, T* dq,
               int64_t batch, int64_t key_head, const AttentionUnit& u, int64_t first, int64_t count) {
  load_rows(p, g, state, batch, key_head, u);
  // Whole panels: keys that padding or the border put beyond `count` get p = 0, or rows of dk nobody reads.
  const int64_t keys = round_up(std::min(count, u.highest - first), p.layout.panel);
  T *s = state.s.data(), *dp = state.dp.data();
  p.kernels.scores(s, state.q.data(), state.k.data(), u.vectors, keys, p.depth);
  p.kernels.scores(dp, state.dout.data(), state.v.data(), u.vectors, keys, p.depth);
  p.hide_keys(s, state.bias.data(), batch, key_head, u, first, keys);
  p.kernels.softmax_gradient(s, dp, state.lse, state.delta, u.vectors, keys);
  p.kernels.accumulate_keys(state.dv.data(), s, state.dout_rows.data(), u.count, keys, state.row_depth);
  p.kernels.accumulate_keys(state.dk.data(), dp, state.q_rows.data(), u.count, keys, state.row_depth);
  p.kernels.accumulate(dq, nullptr, dp, state.k_rows.data(), state.key_depth, u.vectors,
                       std::min(keys, count), p.depth);
}

template <class T>
void write_keys(const AttentionProblem<T>& p, const View& view, const Scratch<T>& rows, int64_t stride,
                int64_t batch, int64_t key_head, int64_t first, int64_t count) {
  for (int64_t key = 0; key < count; ++key)
    std::copy_n(rows.data() + key * stride, p.depth, p.key_row(view, batch, key_head, first + key));
}

// Blocks slice, slice + slices, ... of the keys of one key head; dq: (units, depth, unit) of this slice.
template <class T>
void backward_keys(const AttentionProblem<T>& p, const AttentionGradients& g, T* dq, int64_t batch,
                   int64_t key_head, int64_t slice, int64_t slices) {
  const int64_t unit = p.layout.unit, units = (p.rows + unit - 1) / unit, block = keys_per_block(p);
  BackwardState<T> state(p, block);
  const int64_t dq_size = state.key_depth * unit;
  std::fill_n(dq, units * dq_size, T(0));
  for (int64_t r = 0; r < p.rows; ++r) state.deltas[r] = g.delta(p, batch, key_head, r);
  for (int64_t first = slice * block; first < p.keys; first += slices * block) {
    const int64_t count = std::min(block, p.keys - first);
    p.pack_key_groups(state.k.data(), p.k, batch, key_head, first, count);
    p.pack_key_groups(state.v.data(), p.v, batch, key_head, first, count);
    p.pack_key_rows(state.k_rows.data(), state.key_depth, p.k, batch, key_head, first, count);
    std::fill_n(state.dk.data(), block * state.row_depth, T(0));
    std::fill_n(state.dv.data(), block * state.row_depth, T(0));
    for (int64_t i = 0; i < units; ++i) {
      const AttentionUnit u = p.unit(i * unit, p.rows);
      if (u.highest > first) take_rows(p, g, state, dq + i * dq_size, batch, key_head, u, first, count);
    }
    write_keys(p, g.dk, state.dk, state.row_depth, batch, key_head, first, count);
    write_keys(p, g.dv, state.dv, state.row_depth, batch, key_head, first, count);
  }
}

// Adds the slices of one unit in order and writes its rows of dq.
template <class T>
void write_queries(const AttentionProblem<T>& p, const View& view, T* dq, int64_t slice_size, int64_t slices,
                   int64_t batch, int64_t key_head, const AttentionUnit& u) {
  const int64_t size = p.depth * p.layout.unit;
  for (int64_t slice = 1; slice < slices; ++slice)
    for (int64_t i = 0; i < size; ++i) dq[i] += dq[slice * slice_size + i];
  T* list[AttentionProblem<T>::kMaxUnit];
  T scale[AttentionProblem<T>::kMaxUnit];
  for (int i = 0; i < u.count; ++i) {
    list[i] = p.row(view, batch, key_head, u.first + i);
    scale[i] = p.scale;
  }
  for (int i = 0; i < u.count; i += p.layout.lanes)
    p.kernels.unpack_lanes(list + i, dq + i, p.layout.unit, std::min(p.layout.lanes, u.count - i), p.depth,
                           scale + i);
}

template <class T>
void backward(const AttentionProblem<T>& p, const AttentionGradients& g) {
  const int64_t heads = p.batches * p.key_heads;
  if (heads == 0) return;
  if (p.few()) return decode_backward(p, g);
  const int64_t block = keys_per_block(p), blocks = (p.keys + block - 1) / block;
  const int64_t slices =
      std::clamp<int64_t>((kTasksWanted + heads - 1) / heads, 1, std::max<int64_t>(blocks, 1));
  const int64_t unit = p.layout.unit, units = (p.rows + unit - 1) / unit;
  const int64_t unit_size = round_up(p.depth, p.layout.panel) * unit, slice_size = units * unit_size;
  Scratch<T> dq(heads * slices * slice_size);
  parallel_for(heads * slices, [&](int64_t task) {
    const int64_t head = task / slices;
    backward_keys(p, g, dq.data() + task * slice_size, head / p.key_heads, head % p.key_heads, task % slices,
                  slices);
  });
  parallel_for(heads * units, [&](int64_t task) {
    const int64_t head = task / units, i = task % units;
    write_queries(p, g.dq, dq.data() + head * slices * slice_size + i * unit_size, slice_size, slices,
                  head / p.key_heads, head % p.key_heads, p.unit(i * unit, p.rows));
  });
}

}  // namespace

void attention_backward(const View& dq, const View& dk, const View& dv, const View& dout, const View& dlse,
                        const View& q, const View& k, const View& v, const View& out, const View& lse,
                        const View& mask, const AttentionParams& params, Stream) {
  for_float(dq.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    backward(AttentionProblem<T>(q, k, v, mask, params),
             AttentionGradients{dq, dk, dv, dout, dlse, out, lse});
  });
}

}  // namespace tilewright::cpu
