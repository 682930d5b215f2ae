// SPDX-License-Identifier: Apache-2.0
// Attention forward on the CPU. A task is one block of rows of one key head; it runs over blocks of keys and
// takes its units of rows through each, so a block's keys stay in the second-level cache.
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
  return round_up(std::clamp<int64_t>(std::min(keys, p.keys), 32, kMaxKeysPerBlock), p.layout.panel);
}

// Rows begin .. end - 1 of one key head.
struct ForwardTask {
  int64_t batch, key_head, begin, end;
};

// The buffers of one task, and the running softmax of its rows.
template <class T>
struct ForwardState {
  ForwardState(const AttentionProblem<T>& p, int64_t units, int64_t block)
      : depth(round_up(p.depth, p.layout.panel)),
        stride(p.room_stride()),
        q(units * p.depth * p.layout.unit),
        o(units * depth * p.layout.unit),
        max(units * p.layout.unit),
        sum(units * p.layout.unit),
        s(block * p.layout.unit),
        k(block * stride),
        v(block * stride),
        bias(p.mask ? block * (p.layout.unit + p.layout.lanes) : 0) {}
  const int64_t depth, stride;  // of o, padded to whole panels; between copied rows
  Scratch<T> q, o, max, sum, s, k, v, bias;
};

// One unit by keys first .. first + count - 1.
template <class T>
void take_keys(const AttentionProblem<T>& p, ForwardState<T>& state, int64_t index, const AttentionUnit& u,
               const ForwardTask& task, RowSpan<T> k, RowSpan<T> v, int64_t first, int64_t count,
               RowPrefetch& ahead) {
  const int64_t unit = p.layout.unit;
  p.for_groups(u, first, count, [&](int vector, int vectors, int64_t seen) {
    T factor[AttentionProblem<T>::kMaxUnit];
    const int64_t lane = vector * p.layout.lanes;
    T *s = state.s.data() + lane, *running = state.max.data() + index * unit + lane;
    p.scores(s, state.q.data() + index * p.depth * unit + lane, k, vectors, seen, ahead);
    p.hide_keys(s, state.bias.data(), task.batch, task.key_head, u, vector, vectors, first, seen);
    p.kernels.softmax_step(s, running, state.sum.data() + index * unit + lane, factor, vectors, seen);
    p.accumulate(state.o.data() + index * state.depth * unit + lane, factor, s, v, vectors, seen, ahead);
  });
}

template <class T>
void write_rows(const AttentionProblem<T>& p, ForwardState<T>& state, int64_t index, const AttentionUnit& u,
                const ForwardTask& task, const View& out, const View& lse) {
  const int64_t unit = p.layout.unit;
  T logs[AttentionProblem<T>::kMaxUnit], inverse[AttentionProblem<T>::kMaxUnit];
  T* list[AttentionProblem<T>::kMaxUnit];
  p.kernels.softmax_finish(logs, inverse, state.max.data() + index * unit, state.sum.data() + index * unit,
                           u.vectors);
  p.for_rows(out, task.batch, task.key_head, u, [&](int64_t i, T* row) { list[i] = row; });
  if (lse) p.for_values(lse, task.batch, task.key_head, u, [&](int64_t i, T& value) { value = logs[i]; });
  for (int i = 0; i < u.count; i += p.layout.lanes)
    p.kernels.unpack_lanes(list + i, state.o.data() + index * state.depth * unit + i, unit,
                           std::min(p.layout.lanes, u.count - i), p.depth, inverse + i);
}

// What is needed after keys .. `next` - 1 of a task: the block of keys from `next` on, or the first keys
// and the rows of the task that follows.
template <class T>
RowPrefetch ahead_of(const AttentionProblem<T>& p, const ForwardTask& task, const ForwardTask& following,
                     int64_t next, int64_t highest, int64_t block) {
  RowPrefetch ahead = p.nothing_ahead();
  const bool same = next < highest;
  const ForwardTask& of = same ? task : following;
  p.add_keys(ahead, p.k, of.batch, of.key_head, same ? next : 0, block);
  p.add_keys(ahead, p.v, of.batch, of.key_head, same ? next : 0, block);
  if (!same) p.add_rows(ahead, p.q, of.batch, of.key_head, of.begin, of.end - of.begin);
  return ahead;
}

template <class T>
void forward_rows(const AttentionProblem<T>& p, const View& out, const View& lse, const ForwardTask& task,
                  const ForwardTask& following) {
  const int64_t unit = p.layout.unit, begin = task.begin, end = task.end, block = keys_per_block(p);
  const int64_t units = (end - begin + unit - 1) / unit;
  ForwardState<T> state(p, units, block);
  std::fill_n(state.o.data(), units * state.depth * unit, T(0));
  std::fill_n(state.sum.data(), units * unit, T(0));
  std::fill_n(state.max.data(), units * unit, -std::numeric_limits<T>::infinity());
  int64_t highest = 0;
  for (int64_t i = 0; i < units; ++i) {
    const AttentionUnit u = p.unit(begin + i * unit, end);
    p.pack_queries(state.q.data() + i * p.depth * unit, p.q, task.batch, task.key_head, u, p.scale);
    highest = std::max(highest, u.highest);
  }
  for (int64_t first = 0; first < highest; first += block) {
    const int64_t count = std::min(block, highest - first);
    const RowSpan<T> k =
        p.key_rows(state.k.data(), state.stride, p.k, task.batch, task.key_head, first, count);
    const RowSpan<T> v =
        p.key_rows(state.v.data(), state.stride, p.v, task.batch, task.key_head, first, count);
    RowPrefetch ahead = ahead_of(p, task, following, first + block, highest, block);
    ahead.spread(units * p.steps(count));
    for (int64_t i = 0; i < units; ++i)
      take_keys(p, state, i, p.unit(begin + i * unit, end), task, k, v, first, count, ahead);
  }
  for (int64_t i = 0; i < units; ++i) write_rows(p, state, i, p.unit(begin + i * unit, end), task, out, lse);
}

void attention_forward(const View& out, const View& lse, const View& q, const View& k, const View& v,
                       const View& mask, const AttentionParams& params, Stream) {
  for_float(out.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const AttentionProblem<T> p(q, k, v, mask, params);
    if (p.few()) return decode_forward(p, out, lse);
    const int64_t step = rows_per_task(p), blocks = (p.rows + step - 1) / step;
    const int64_t tasks = p.batches * p.key_heads * blocks;
    const auto task_at = [&](int64_t index) {
      // Late rows see most keys: they start first, so that no long task is left for the end.
      const int64_t block = blocks - 1 - index % blocks, head = index / blocks;
      return ForwardTask{head / p.key_heads, head % p.key_heads, block * step,
                         std::min(p.rows, (block + 1) * step)};
    };
    parallel_for(tasks, [&](int64_t index) {
      forward_rows(p, out, lse, task_at(index), task_at(std::min(index + 1, tasks - 1)));
    });
  });
}

}  // namespace

void fill_attention(Ops& ops) {
  ops.attention_forward.set(attention_forward, kF32F64);
  ops.attention_backward.set(attention_backward, kF32F64);
}

}  // namespace tilewright::cpu
