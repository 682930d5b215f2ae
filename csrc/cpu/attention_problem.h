// SPDX-License-Identifier: Apache-2.0
// What the forward and the backward driver of attention share: the rows of one key head, their borders,
// blocks.
//
// The query heads that share a key head form one list of rows, r = head_in_group * Tq + t, so that packed
// keys serve all of them. Rows are cut into units (the lanes of a few registers); keys into blocks.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/attention.h"

namespace tilewright::cpu {

inline int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// Rows first .. first + count - 1, and how many keys they see: every row at least `lowest`, none over
// `highest`.
struct AttentionUnit {
  int64_t first;
  int count, vectors;
  int64_t lowest, highest;
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

  AttentionUnit unit(int64_t first, int64_t last) const {
    AttentionUnit u = {first, int(std::min<int64_t>(layout.unit, last - first)), 0, keys, keys};
    u.vectors = int(round_up(u.count, layout.lanes) / layout.lanes);
    if (!causal) return u;
    u.highest = 0;
    for (int64_t r = first; r < first + u.count; ++r) {
      u.lowest = std::min(u.lowest, visible(r));
      u.highest = std::max(u.highest, visible(r));
    }
    return u;
  }

  // Rows of `view` side by side: dst[d * unit + query].
  void pack_queries(T* dst, const View& view, int64_t batch, int64_t key_head, const AttentionUnit& u,
                    T factor) const {
    const T* list[kMaxUnit];
    for (int i = 0; i < u.count; ++i) list[i] = row(view, batch, key_head, u.first + i);
    for (int i = 0; i < u.count; i += layout.lanes)
      kernels.pack_lanes(dst + i, layout.unit, list + i, std::min(layout.lanes, u.count - i), depth, factor);
  }

  // Keys first .. first + count - 1 of `view` in groups, zeros up to a whole group.
  void pack_key_groups(T* dst, const View& view, int64_t batch, int64_t key_head, int64_t first,
                       int64_t count) const {
    const T* list[kMaxUnit];
    for (int64_t key = 0; key < round_up(count, layout.group); key += layout.lanes) {
      const int n = int(std::clamp<int64_t>(count - key, 0, layout.lanes));
      for (int i = 0; i < n; ++i) list[i] = key_row(view, batch, key_head, first + key + i);
      const int64_t in_group = key % layout.group;
      kernels.pack_lanes(dst + (key - in_group) * depth + in_group, layout.group, list, n, depth, T(1));
    }
  }

  // The same keys as rows of `stride` elements, zeros behind the first `depth`.
  void pack_key_rows(T* dst, int64_t stride, const View& view, int64_t batch, int64_t key_head, int64_t first,
                     int64_t count) const {
    for (int64_t key = 0; key < count; ++key) {
      const T* source = key_row(view, batch, key_head, first + key);
      kernels.pack_rows(dst + key * stride, stride, &source, 1, depth, T(1));
    }
  }

  // Asks for keys first .. first + count - 1 (those that exist) ahead of their packing: rows that lie many
  // heads apart escape the hardware's prefetcher.
  void prefetch_keys(const View& view, int64_t batch, int64_t key_head, int64_t first, int64_t count) const {
    const int64_t last = std::min(first + count, keys);
    for (int64_t key = first; key < last; ++key) prefetch_row(key_row(view, batch, key_head, key));
  }

  void prefetch_row(const T* row) const {
    constexpr int64_t line = 64 / sizeof(T);
    for (int64_t d = 0; d < depth; d += line) __builtin_prefetch(row + d, 0, 2);
  }

  // Adds the mask and the causal border to the scores of one unit by keys first .. first + count - 1.
  // `bias` is room for (count, unit) and (lanes, count) elements.
  void hide_keys(T* s, T* bias, int64_t batch, int64_t key_head, const AttentionUnit& u, int64_t first,
                 int64_t count) const {
    if (mask) add_mask(s, bias, batch, key_head, u, first, std::min(count, keys - first));
    if (u.lowest >= first + count) return;
    T seen[kMaxUnit];
    for (int i = 0; i < u.vectors * layout.lanes; ++i)
      seen[i] = T(i < u.count ? std::clamp<int64_t>(visible(u.first + i) - first, 0, count) : count);
    kernels.hide(s, seen, u.vectors, std::max<int64_t>(u.lowest - first, 0), count);
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
};

}  // namespace tilewright::cpu
