// SPDX-License-Identifier: Apache-2.0
// What the forward and the backward driver of attention share: the rows of one key head, their borders,
// blocks.
//
// The query heads that share a key head form one list of rows, r = head_in_group * Tq + t, so that packed
// keys serve all of them. Rows are cut into units (the lanes of a few registers); keys into blocks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/ops.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/attention.h"
#include "cpu/row_prefetch.h"

namespace tilewright::cpu {

inline int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

inline constexpr int kMaxUnitVectors = 3;

// Rows first .. first + count - 1 of a key head, and the keys they see.
struct AttentionUnit {
  int64_t first;
  int count, vectors;
  bool one_head;                  // all rows belong to one query head, so they lie evenly spaced
  bool stairs;                    // row i sees max(0, lowest + i) keys; `lowest` may then be negative
  int64_t lowest, highest;        // every row sees `lowest` keys at least, none over `highest`
  int64_t seen[kMaxUnitVectors];  // the rows of one register see so many at most
};

// Rows to read, `stride` elements apart.
template <class T>
struct RowSpan {
  const T* data;
  int64_t stride;
};

template <class T>
struct AttentionProblem {
  AttentionProblem(const View& q, const View& k, const View& v, const View& mask,
                   const AttentionParams& params)
      : q(q),
        k(k),
        v(v),
        mask(mask),
        kernels(cpu::kernels<AttentionKernels>().of<T>()),
        layout(kernels.layout),
        batches(q.dim(0)),
        queries(q.dim(1)),
        heads(q.dim(2)),
        depth(q.dim(3)),
        keys(k.dim(1)),
        key_heads(k.dim(2)),
        heads_per_key(key_heads > 0 ? heads / key_heads : 0),
        rows(heads_per_key * queries),
        scale(T(params.scale)),
        causal(params.causal) {}

  const View &q, &k, &v, &mask;
  const AttentionTile<T>& kernels;
  const AttentionLayout layout;
  const int64_t batches, queries, heads, depth, keys, key_heads, heads_per_key, rows;
  const T scale;
  const bool causal;

  // Keys that row r may see: the last query sees all.
  int64_t visible(int64_t r) const {
    if (!causal) return keys;
    return std::clamp<int64_t>(r % queries + 1 + keys - queries, 0, keys);
  }

  // Row r of a (B, Tq, Hq, D) array.
  T* row(const View& view, int64_t batch, int64_t key_head, int64_t r) const {
    const int64_t head = key_head * heads_per_key + r / queries;
    return view.as<T>() + batch * view.stride(0) + (r % queries) * view.stride(1) + head * view.stride(2);
  }
  // Value of row r in a (B, Hq, Tq) array.
  T& value(const View& view, int64_t batch, int64_t key_head, int64_t r) const {
    const int64_t head = key_head * heads_per_key + r / queries;
    return view.as<T>()[batch * view.stride(0) + head * view.stride(1) + (r % queries) * view.stride(2)];
  }
  // Row `key` of a (B, Tk, Hkv, D) array.
  T* key_row(const View& view, int64_t batch, int64_t key_head, int64_t key) const {
    return view.as<T>() + batch * view.stride(0) + key * view.stride(1) + key_head * view.stride(2);
  }

  // Calls body(i, address) for the rows of `u` in a (B, Tq, Hq, D) array: one division for all.
  template <class Body>
  void for_rows(const View& view, int64_t batch, int64_t key_head, const AttentionUnit& u, Body body) const {
    const int64_t query_step = view.stride(1), head_step = view.stride(2) - queries * query_step;
    T* at = row(view, batch, key_head, u.first);
    for (int64_t i = 0, t = u.first % queries; i < u.count; ++i, at += query_step) {
      body(i, at);
      if (++t == queries) t = 0, at += head_step;
    }
  }
  // The same for their values in a (B, Hq, Tq) array.
  template <class Body>
  void for_values(const View& view, int64_t batch, int64_t key_head, const AttentionUnit& u,
                  Body body) const {
    const int64_t query_step = view.stride(2), head_step = view.stride(1) - queries * query_step;
    T* at = &value(view, batch, key_head, u.first);
    for (int64_t i = 0, t = u.first % queries; i < u.count; ++i, at += query_step) {
      body(i, *at);
      if (++t == queries) t = 0, at += head_step;
    }
  }

  AttentionUnit unit(int64_t first, int64_t last) const {
    AttentionUnit u = {};
    u.first = first, u.count = int(std::min<int64_t>(layout.unit, last - first));
    u.vectors = int(round_up(u.count, layout.lanes) / layout.lanes);
    const int64_t query = first % queries;
    u.one_head = query + u.count <= queries;
    u.lowest = u.highest = keys;
    if (causal) {
      const int64_t spare = 1 + keys - queries;  // keys that query 0 sees
      u.stairs = u.one_head && !mask;
      u.lowest = u.one_head ? query + spare : spare;
      u.highest = u.one_head ? std::clamp<int64_t>(query + u.count - 1 + spare, 0, keys) : keys;
      if (!u.stairs) u.lowest = std::max<int64_t>(u.lowest, 0);
    }
    for (int v = 0; v < u.vectors; ++v) {
      const int64_t rows_up_to = std::min<int64_t>((v + 1) * layout.lanes, u.count);
      u.seen[v] = u.stairs ? std::clamp<int64_t>(u.lowest + rows_up_to - 1, 0, keys) : u.highest;
    }
    return u;
  }

  // Calls body(register, registers, seen) for groups of registers whose rows see equally many, `seen`, of
  // keys first .. first + count - 1, whole panels where there are so many. With a border inside the unit
  // the early rows are thus spared most of the keys that only late rows see.
  template <class Body>
  void for_groups(const AttentionUnit& u, int64_t first, int64_t count, Body body) const {
    for (int v = 0, end; v < u.vectors; v = end) {
      const int64_t seen = seen_of(u.seen[v] - first, count);
      for (end = v + 1; end < u.vectors && seen_of(u.seen[end] - first, count) == seen; ++end) {
      }
      if (seen > 0) body(v, end - v, seen);
    }
  }

  // Rows of `view` side by side: dst[d * unit + query].
  void pack_queries(T* dst, const View& view, int64_t batch, int64_t key_head, const AttentionUnit& u,
                    T factor) const {
    const T* list[kMaxUnit];
    for_rows(view, batch, key_head, u, [&](int64_t i, const T* row) { list[i] = row; });
    for (int i = 0; i < u.count; i += layout.lanes)
      kernels.pack_lanes(dst + i, layout.unit, list + i, std::min(layout.lanes, u.count - i), depth, factor);
  }

  // Rows of a unit for reading in whole registers: in place, or copied to `room`, `room_stride` apart.
  RowSpan<T> query_rows(T* room, int64_t room_stride, const View& view, int64_t batch, int64_t key_head,
                        const AttentionUnit& u) const {
    if (u.one_head && depth % layout.lanes == 0 && in_place(view, u.count))
      return {row(view, batch, key_head, u.first), view.stride(1)};
    const int64_t width = round_up(depth, layout.lanes);
    for_rows(view, batch, key_head, u, [&](int64_t i, const T* row) {
      kernels.copy_rows(room + i * room_stride, room_stride, row, 0, 1, depth, width, T(1));
    });
    return {room, room_stride};
  }

  // Keys first .. first + count - 1 of `view`, for reading in whole panels: in place, or copied to `room`.
  RowSpan<T> key_rows(T* room, int64_t room_stride, const View& view, int64_t batch, int64_t key_head,
                      int64_t first, int64_t count) const {
    const T* source = key_row(view, batch, key_head, first);
    if (depth % layout.panel == 0 && in_place(view, count)) return {source, view.stride(1)};
    kernels.copy_rows(room, room_stride, source, view.stride(1), count, depth, round_up(depth, layout.panel),
                      T(1));
    return {room, room_stride};
  }

  // Copied rows begin an odd number of cache lines apart, so that equal elements of all of them do not meet
  // in a few sets of the cache.
  int64_t room_stride() const {
    constexpr int64_t line = 64 / sizeof(T);
    const int64_t padded = round_up(depth, std::max<int64_t>(line, std::max(layout.lanes, layout.panel)));
    return padded / line % 2 == 0 ? padded + line : padded;
  }

  // Keys first .. first + count - 1, those that exist, for asking for them ahead of their use: rows that lie
  // many heads apart escape the hardware's prefetcher.
  void add_keys(RowPrefetch& ahead, const View& view, int64_t batch, int64_t key_head, int64_t first,
                int64_t count) const {
    ahead.add(key_row(view, batch, key_head, first), view.stride(1) * int64_t(sizeof(T)),
              std::min(first + count, keys) - first);
  }
  // The same for rows of a (B, Tq, Hq, D) array; of those of several heads, for the first head's.
  void add_rows(RowPrefetch& ahead, const View& view, int64_t batch, int64_t key_head, int64_t first,
                int64_t count) const {
    ahead.add(row(view, batch, key_head, first), view.stride(1) * int64_t(sizeof(T)),
              std::min(std::min(first + count, rows) - first, queries - first % queries));
  }
  RowPrefetch nothing_ahead() const { return RowPrefetch(depth * int64_t(sizeof(T))); }

  // The two products over keys, in pieces between which rows that are needed later are asked for.
  static constexpr int64_t kKeysPerStep = 32, kPanelsPerStep = 2;
  int64_t steps(int64_t count) const {
    return (count + kKeysPerStep - 1) / kKeysPerStep + depth / (kPanelsPerStep * layout.panel);
  }
  void scores(T* s, const T* q, RowSpan<T> k, int vectors, int64_t count, RowPrefetch& ahead) const {
    for (int64_t key = 0; key < count; key += kKeysPerStep) {
      kernels.scores(s + key * layout.unit, q, k.data + key * k.stride, k.stride, vectors,
                     std::min(kKeysPerStep, count - key), depth);
      ahead.step();
    }
  }
  void accumulate(T* o, const T* factor, const T* p, RowSpan<T> rows, int vectors, int64_t count,
                  RowPrefetch& ahead) const {
    const int64_t step = kPanelsPerStep * layout.panel;
    for (int64_t d = 0; d < depth; d += step) {
      kernels.accumulate(o + d * layout.unit, factor, p, rows.data + d, rows.stride, vectors, count,
                         std::min(step, depth - d));
      ahead.step();
    }
  }

  // Adds the mask and the causal border to the scores of registers `vector` .. of one unit by keys first ..
  // first + count - 1. `bias` is room for (count, unit) and (lanes, count) elements. A mask wants all
  // registers.
  void hide_keys(T* s, T* bias, int64_t batch, int64_t key_head, const AttentionUnit& u, int vector,
                 int vectors, int64_t first, int64_t count) const {
    if (mask) add_mask(s, bias, batch, key_head, u, first, count);
    const int64_t begin = vector * layout.lanes, end = begin + vectors * layout.lanes;
    const int64_t lowest = u.stairs ? std::max<int64_t>(u.lowest + begin, 0) : u.lowest;
    if (lowest >= first + count) return;
    T seen[kMaxUnit];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t sees = u.stairs ? u.lowest + i : i < u.count ? visible(u.first + i) : keys;
      seen[i - begin] = T(std::clamp<int64_t>(sees - first, 0, count));
    }
    kernels.hide(s, seen, vectors, std::max<int64_t>(lowest - first, 0), count);
  }

  // What row r adds to the scores of keys first .. first + count - 1: in the mask itself, or spelt out in
  // `room`.
  const T* mask_row(T* room, int64_t batch, int64_t key_head, int64_t r, int64_t first, int64_t count) const {
    const int64_t head = key_head * heads_per_key + r / queries, step = mask.stride(3);
    const int64_t at =
        batch * mask.stride(0) + head * mask.stride(1) + (r % queries) * mask.stride(2) + first * step;
    if (mask.dtype == Dtype::b8) {
      const uint8_t* row = mask.as<uint8_t>() + at;
      for (int64_t i = 0; i < count; ++i)
        room[i] = row[i * step] ? T(0) : -std::numeric_limits<T>::infinity();
      return room;
    }
    const T* row = mask.as<T>() + at;
    if (step == 1) return row;
    for (int64_t i = 0; i < count; ++i) room[i] = row[i * step];
    return room;
  }

  // Rows so few that keys are better read in place.
  bool few() const { return rows <= layout.few; }

  static constexpr int kMaxUnit = 64;

 private:
  // Rows whose span, gaps included, is small are read where they lie: copying them would cost more than the
  // cache sets over which they compete.
  static constexpr int64_t kInPlaceBytes = 512 << 10;
  static bool in_place(const View& view, int64_t count) {
    return std::abs(view.stride(1)) * count * int64_t(sizeof(T)) <= kInPlaceBytes;
  }

  int64_t seen_of(int64_t seen, int64_t count) const {
    return std::min(round_up(std::max<int64_t>(seen, 0), layout.panel), count);
  }

  void add_mask(T* s, T* bias, int64_t batch, int64_t key_head, const AttentionUnit& u, int64_t first,
                int64_t count) const {
    const bool one_row = mask.stride(2) == 0 &&
                         (mask.stride(1) == 0 || u.first / queries == (u.first + u.count - 1) / queries);
    if (one_row) {
      const T* row = mask_row(bias, batch, key_head, u.first, first, count);
      return kernels.add_key_bias(s, row, u.vectors, count);
    }
    T* expanded = bias + count * layout.unit;
    for (int i = 0; i < u.count; i += layout.lanes) {
      const T* list[kMaxUnit];
      const int n = std::min(layout.lanes, u.count - i);
      for (int j = 0; j < n; ++j)
        list[j] = mask_row(expanded + j * count, batch, key_head, u.first + i + j, first, count);
      kernels.pack_lanes(bias + i, layout.unit, list, n, count, T(1));
    }
    kernels.add_bias(s, bias, u.vectors, count);
  }
};

// What the backward pass reads and writes beside the inputs; dlse may be none.
struct AttentionGradients {
  const View &dq, &dk, &dv, &dout, &dlse, &out, &lse;

  // sum_d dout * out - dlse, which is sum_key p * dp: what normalising takes from every ds of row r.
  template <class T>
  T delta(const AttentionProblem<T>& p, int64_t batch, int64_t key_head, int64_t r) const {
    const T sum = p.kernels.dot(p.row(dout, batch, key_head, r), p.row(out, batch, key_head, r), p.depth);
    return dlse ? sum - p.value(dlse, batch, key_head, r) : sum;
  }
  // The same for the rows of one unit.
  template <class T>
  void deltas(const AttentionProblem<T>& p, T* sums, int64_t batch, int64_t key_head,
              const AttentionUnit& u) const {
    const T* list[AttentionProblem<T>::kMaxUnit];
    p.for_rows(dout, batch, key_head, u, [&](int64_t i, const T* row) { list[i] = row; });
    p.for_rows(out, batch, key_head, u,
               [&](int64_t i, const T* row) { sums[i] = p.kernels.dot(list[i], row, p.depth); });
    if (dlse) p.for_values(dlse, batch, key_head, u, [&](int64_t i, T value) { sums[i] -= value; });
  }
};

}  // namespace tilewright::cpu
