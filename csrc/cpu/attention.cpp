// SPDX-License-Identifier: Apache-2.0
// Attention forward on the CPU. A task is one block of rows of one key head; it runs over blocks of keys,
// packs each once, and takes its units of rows through them, so packed keys stay in the second-level cache.
#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/attention_backward.h"
#include "cpu/attention_decode.h"
#include "cpu/attention_problem.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kTasksWanted = 32;
constexpr int64_t kRowsPerTask = 256;
constexpr int64_t kRowElementsPerTask =
    1 << 15;  // packed queries and output: twice this, in the second-level cache
constexpr int64_t kKeyElementsPerBlock = 1 << 13;
constexpr int64_t kMaxKeysPerBlock = 128;

template <class T>
int64_t rows_per_task(const AttentionProblem<T>& p) {
  const int64_t unit = p.layout.unit;
  int64_t rows = std::min(kRowsPerTask, kRowElementsPerTask / std::max<int64_t>(p.depth, 1));
  while (rows > 4 * unit && p.batches * p.key_heads * ((p.rows + rows - 1) / rows) < kTasksWanted) rows /= 2;
  return std::max(round_up(rows, unit), unit);
}

template <class T>
int64_t keys_per_block(const AttentionProblem<T>& p) {
  const int64_t keys = kKeyElementsPerBlock / std::max<int64_t>(p.depth, 1);
  return round_up(std::clamp<int64_t>(std::min(keys, p.keys), 32, kMaxKeysPerBlock), p.layout.group);
}

// The buffers of one task, and the running softmax of its rows.
template <class T>
struct ForwardState {
  ForwardState(const AttentionProblem<T>& p, int64_t units, int64_t block)
      : depth(round_up(p.depth, p.layout.panel)),
        q(units * p.depth * p.layout.unit),
        o(units * depth * p.layout.unit),
        max(units * p.layout.unit),
        sum(units * p.layout.unit),
        s(block * p.layout.unit),
        k(block * p.depth),
        v(block * depth),
        bias(p.mask ? block * (p.layout.unit + p.layout.lanes) : 0) {}
  const int64_t depth;  // padded to whole panels
  Scratch<T> q, o, max, sum, s, k, v, bias;
};

template <class T>
void take_keys(const AttentionProblem<T>& p, ForwardState<T>& state, int64_t index, const AttentionUnit& u,
               int64_t batch, int64_t key_head, int64_t first, int64_t count) {
  const int64_t unit = p.layout.unit;
  T factor[AttentionProblem<T>::kMaxUnit];
  p.kernels.scores(state.s.data(), state.q.data() + index * p.depth * unit, state.k.data(), u.vectors, count,
                   p.depth);
  p.hide_keys(state.s.data(), state.bias.data(), batch, key_head, u, first, count);
  p.kernels.softmax_step(state.s.data(), state.max.data() + index * unit, state.sum.data() + index * unit,
                         factor, u.vectors, count);
  p.kernels.accumulate(state.o.data() + index * state.depth * unit, factor, state.s.data(), state.v.data(),
                       state.depth, u.vectors, count, p.depth);
}

template <class T>
void write_rows(const AttentionProblem<T>& p, ForwardState<T>& state, int64_t index, const AttentionUnit& u,
                int64_t batch, int64_t key_head, const View& out, const View& lse) {
  const int64_t unit = p.layout.unit;
  T logs[AttentionProblem<T>::kMaxUnit], inverse[AttentionProblem<T>::kMaxUnit];
  T* list[AttentionProblem<T>::kMaxUnit];
  p.kernels.softmax_finish(logs, inverse, state.max.data() + index * unit, state.sum.data() + index * unit,
                           u.vectors);
  for (int i = 0; i < u.count; ++i) {
    list[i] = p.row(out, batch, key_head, u.first + i);
    if (lse) p.value(lse, batch, key_head, u.first + i) = logs[i];
  }
  for (int i = 0; i < u.count; i += p.layout.lanes)
    p.kernels.unpack_lanes(list + i, state.o.data() + index * state.depth * unit + i, unit,
                           std::min(p.layout.lanes, u.count - i), p.depth, inverse + i);
}

// Rows begin .. end - 1 of one key head.
template <class T>
void forward_rows(const AttentionProblem<T>& p, const View& out, const View& lse, int64_t batch,
                  int64_t key_head, int64_t begin, int64_t end) {
  const int64_t unit = p.layout.unit, units = (end - begin + unit - 1) / unit, block = keys_per_block(p);
  ForwardState<T> state(p, units, block);
  std::fill_n(state.o.data(), units * state.depth * unit, T(0));
  std::fill_n(state.sum.data(), units * unit, T(0));
  std::fill_n(state.max.data(), units * unit, -std::numeric_limits<T>::infinity());
  int64_t highest = 0;
  p.prefetch_keys(p.k, batch, key_head, 0, block);
  p.prefetch_keys(p.v, batch, key_head, 0, block);
  for (int64_t i = 0; i < units; ++i) {
    const AttentionUnit u = p.unit(begin + i * unit, end);
    p.pack_queries(state.q.data() + i * p.depth * unit, p.q, batch, key_head, u, p.scale);
    highest = std::max(highest, u.highest);
  }
  for (int64_t first = 0; first < highest; first += block) {
    const int64_t count = std::min(block, highest - first);
    p.pack_key_groups(state.k.data(), p.k, batch, key_head, first, count);
    p.pack_key_rows(state.v.data(), state.depth, p.v, batch, key_head, first, count);
    const int64_t share = (block + units - 1) / units, next = first + block;
    for (int64_t i = 0; i < units; ++i) {
      if (next < highest) {
        p.prefetch_keys(p.k, batch, key_head, next + i * share, share);
        p.prefetch_keys(p.v, batch, key_head, next + i * share, share);
      }
      const AttentionUnit u = p.unit(begin + i * unit, end);
      const int64_t seen = std::min(count, u.highest - first);
      if (seen > 0) take_keys(p, state, i, u, batch, key_head, first, seen);
    }
  }
  for (int64_t i = 0; i < units; ++i)
    write_rows(p, state, i, p.unit(begin + i * unit, end), batch, key_head, out, lse);
}

void attention_forward(const View& out, const View& lse, const View& q, const View& k, const View& v,
                       const View& mask, const AttentionParams& params, Stream) {
  for_float(out.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const AttentionProblem<T> p(q, k, v, mask, params);
    if (p.few()) return decode_forward(p, out, lse);
    const int64_t step = rows_per_task(p), blocks = (p.rows + step - 1) / step;
    parallel_for(p.batches * p.key_heads * blocks, [&](int64_t task) {
      // Late rows see most keys: they start first, so that no long task is left for the end.
      const int64_t block = blocks - 1 - task % blocks, head = task / blocks;
      forward_rows(p, out, lse, head / p.key_heads, head % p.key_heads, block * step,
                   std::min(p.rows, (block + 1) * step));
    });
  });
}

}  // namespace

void fill_attention(Ops& ops) {
  ops.attention_forward.set(attention_forward, kF32F64);
  ops.attention_backward.set(attention_backward, kF32F64);
}

}  // namespace tilewright::cpu
