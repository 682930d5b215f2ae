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
  return round_up(std::clamp<int64_t>(std::min(keys, p.keys), 32, kMaxKeysPerBlock), p.layout.panel);
}

// A key head of a batch.
struct Head {
  int64_t batch, key_head;
};

// Elements between s and dp, which are written and read in step: at the same place of a page, a read would
// wait for the write of its neighbour (16 cycles a register in place of 10).
constexpr int64_t kApart = 96;

// The buffers of one task.
template <class T>
struct BackwardState {
  BackwardState(const AttentionProblem<T>& p, int64_t block)
      : row_depth(round_up(p.depth, p.layout.lanes)),
        key_depth(round_up(p.depth, p.layout.panel)),
        stride(p.room_stride()),
        k(block * stride),
        v(block * stride),
        dk(block * stride),
        dv(block * stride),
        q(p.depth * p.layout.unit),
        dout(p.depth * p.layout.unit),
        q_rows(stride * p.layout.unit),
        dout_rows(stride * p.layout.unit),
        s(block * p.layout.unit + kApart),
        dp(block * p.layout.unit),
        bias(p.mask ? block * (p.layout.unit + p.layout.lanes) : 0),
        deltas(round_up(p.rows, p.layout.unit)) {}
  const int64_t row_depth, key_depth, stride;          // padded to registers, to panels; between rows
  Scratch<T> k, v, dk, dv;                             // of the block of keys
  Scratch<T> q, dout, q_rows, dout_rows, s, dp, bias;  // of the unit of rows
  Scratch<T> deltas;                                   // of all rows
  T lse[AttentionProblem<T>::kMaxUnit];
};

// y[key] += sum over the unit's rows of w[key][row] x[row], for keys first .. first + keys - 1. Beyond a
// border inside the unit early rows have no weight, and are left out.
template <class T>
void accumulate_keys(const AttentionProblem<T>& p, T* y, int64_t stride, const T* w, RowSpan<T> x,
                     const AttentionUnit& u, int64_t first, int64_t keys, int64_t row_depth) {
  const int panel = p.layout.panel;
  const int64_t open = u.stairs ? std::clamp<int64_t>(u.lowest - first, 0, keys) / panel * panel : keys;
  if (open > 0) p.kernels.accumulate_keys(y, stride, w, x.data, x.stride, u.count, open, row_depth);
  for (int64_t key = open; key < keys; key += panel) {
    const int64_t skip = std::max<int64_t>(first + key - u.lowest + 1, 0);
    if (skip >= u.count) return;
    p.kernels.accumulate_keys(y + key * stride, stride, w + key * p.layout.unit + skip,
                              x.data + skip * x.stride, x.stride, u.count - skip,
                              std::min<int64_t>(panel, keys - key), row_depth);
  }
}

// One unit of rows by keys first .. first + count - 1.
template <class T>
void take_rows(const AttentionProblem<T>& p, const AttentionGradients& g, BackwardState<T>& state, T* dq,
               const Head& head, const AttentionUnit& u, RowSpan<T> k, RowSpan<T> v, int64_t first,
               int64_t count, RowPrefetch& ahead) {
  p.pack_queries(state.q.data(), p.q, head.batch, head.key_head, u, p.scale);
  p.pack_queries(state.dout.data(), g.dout, head.batch, head.key_head, u, T(1));
  const RowSpan<T> q = p.query_rows(state.q_rows.data(), state.stride, p.q, head.batch, head.key_head, u);
  const RowSpan<T> dout =
      p.query_rows(state.dout_rows.data(), state.stride, g.dout, head.batch, head.key_head, u);
  std::fill_n(state.lse, p.layout.unit, T(0));
  p.for_values(g.lse, head.batch, head.key_head, u, [&](int64_t i, T value) { state.lse[i] = value; });
  p.for_groups(u, first, count, [&](int vector, int vectors, int64_t seen) {
    const int64_t lane = vector * p.layout.lanes;
    T *s = state.s.data() + lane, *dp = state.dp.data() + lane;
    p.scores(s, state.q.data() + lane, k, vectors, seen, ahead);
    p.scores(dp, state.dout.data() + lane, v, vectors, seen, ahead);
    p.hide_keys(s, state.bias.data(), head.batch, head.key_head, u, vector, vectors, first, seen);
    p.kernels.softmax_gradient(s, dp, state.lse + lane, state.deltas.data() + u.first + lane, p.scale,
                               vectors, seen);
    p.accumulate(dq + lane, nullptr, dp, k, vectors, seen, ahead);
  });
  const int64_t keys = std::min(count, u.highest - first);
  accumulate_keys(p, state.dv.data(), state.stride, state.s.data(), dout, u, first, keys, state.row_depth);
  accumulate_keys(p, state.dk.data(), state.stride, state.dp.data(), q, u, first, keys, state.row_depth);
}

// Adds the slices of one unit in order and writes its rows of dq.
template <class T>
void write_queries(const AttentionProblem<T>& p, const View& view, T* dq, int64_t slice_size, int64_t slices,
                   const Head& head, const AttentionUnit& u) {
  const int64_t size = p.depth * p.layout.unit;
  for (int64_t slice = 1; slice < slices; ++slice)
    for (int64_t i = 0; i < size; ++i) dq[i] += dq[slice * slice_size + i];
  T* list[AttentionProblem<T>::kMaxUnit];
  p.for_rows(view, head.batch, head.key_head, u, [&](int64_t i, T* row) { list[i] = row; });
  for (int i = 0; i < u.count; i += p.layout.lanes)
    p.kernels.unpack_lanes(list + i, dq + i, p.layout.unit, std::min(p.layout.lanes, u.count - i), p.depth,
                           nullptr);
}

// What is needed after one unit of rows: the next unit's, or what the task that follows begins with.
template <class T>
RowPrefetch ahead_of(const AttentionProblem<T>& p, const AttentionGradients& g, const Head& head,
                     int64_t next_row, bool last_block, const Head& following, int64_t block) {
  RowPrefetch ahead = p.nothing_ahead();
  if (next_row < p.rows) {
    p.add_rows(ahead, p.q, head.batch, head.key_head, next_row, p.layout.unit);
    p.add_rows(ahead, g.dout, head.batch, head.key_head, next_row, p.layout.unit);
  }
  if (!last_block) return ahead;
  const int64_t units = (p.rows + p.layout.unit - 1) / p.layout.unit, share = (block + units - 1) / units;
  const int64_t unit = next_row / p.layout.unit - 1;
  p.add_keys(ahead, p.k, following.batch, following.key_head, unit * share, share);
  p.add_keys(ahead, p.v, following.batch, following.key_head, unit * share, share);
  for (const View* view : {&g.dout, &g.out})
    p.add_rows(ahead, *view, following.batch, following.key_head, unit * p.layout.unit, p.layout.unit);
  return ahead;
}

// Blocks slice, slice + slices, ... of the keys of one key head; dq: (units, key_depth, unit) of this slice.
template <class T>
void backward_keys(const AttentionProblem<T>& p, const AttentionGradients& g, T* dq, const Head& head,
                   int64_t slice, int64_t slices, const Head& following) {
  const int64_t unit = p.layout.unit, units = (p.rows + unit - 1) / unit, block = keys_per_block(p);
  BackwardState<T> state(p, block);
  const int64_t dq_size = state.key_depth * unit;
  std::fill_n(dq, units * dq_size, T(0));
  std::fill_n(state.deltas.data(), round_up(p.rows, unit), T(0));
  for (int64_t i = 0; i < units; ++i)
    g.deltas(p, state.deltas.data() + i * unit, head.batch, head.key_head, p.unit(i * unit, p.rows));
  for (int64_t first = slice * block; first < p.keys; first += slices * block) {
    const int64_t count = std::min(block, p.keys - first);
    const RowSpan<T> k =
        p.key_rows(state.k.data(), state.stride, p.k, head.batch, head.key_head, first, count);
    const RowSpan<T> v =
        p.key_rows(state.v.data(), state.stride, p.v, head.batch, head.key_head, first, count);
    std::fill_n(state.dk.data(), count * state.stride, T(0));
    std::fill_n(state.dv.data(), count * state.stride, T(0));
    for (int64_t i = 0; i < units; ++i) {
      const AttentionUnit u = p.unit(i * unit, p.rows);
      if (u.highest <= first) continue;
      RowPrefetch ahead =
          ahead_of(p, g, head, (i + 1) * unit, slices == 1 && first + block >= p.keys, following, block);
      ahead.spread(2 * p.steps(std::min(count, u.highest - first)));
      take_rows(p, g, state, dq + i * dq_size, head, u, k, v, first, count, ahead);
    }
    for (const auto& [view, rows] : {std::pair<const View&, const T*>{g.dk, state.dk.data()},
                                     std::pair<const View&, const T*>{g.dv, state.dv.data()}})
      p.kernels.copy_rows(p.key_row(view, head.batch, head.key_head, first), view.stride(1), rows,
                          state.stride, count, p.depth, p.depth, T(1));
  }
  if (slices > 1) return;
  for (int64_t i = 0; i < units; ++i)
    write_queries(p, g.dq, dq + i * dq_size, 0, 1, head, p.unit(i * unit, p.rows));
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
  const auto head_at = [&](int64_t index) { return Head{index / p.key_heads, index % p.key_heads}; };
  if (slices == 1)
    return parallel_for(heads, [&](int64_t index) {
      Scratch<T> dq(slice_size);
      backward_keys(p, g, dq.data(), head_at(index), 0, 1, head_at(std::min(index + 1, heads - 1)));
    });
  Scratch<T> dq(heads * slices * slice_size);
  parallel_for(heads * slices, [&](int64_t task) {
    const Head head = head_at(task / slices);
    backward_keys(p, g, dq.data() + task * slice_size, head, task % slices, slices, head);
  });
  parallel_for(heads * units, [&](int64_t task) {
    const int64_t head = task / units, i = task % units;
    write_queries(p, g.dq, dq.data() + head * slices * slice_size + i * unit_size, slice_size, slices,
                  head_at(head), p.unit(i * unit, p.rows));
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
