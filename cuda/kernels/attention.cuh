// SPDX-License-Identifier: Apache-2.0
// Computes    out = softmax(scale * q k^T + mask) v and its gradients: what the kernels on CUDA cores and
//             on tensor cores share; the statistics of rows, and the sum of slices
// Layout      q (B, Tq, Hq, D), k, v (B, Tk, Hkv, D), last axis contiguous, others any strides. The query
//             heads of one key head form one list of rows, r = head_in_group * Tq + query, so that loaded
//             keys serve all of them. statistics (B, Hkv, rows, 2): lse (+inf where a row sees nothing) and
//             delta
// Method      online softmax (Milakov and Gimelshein, arXiv:1805.02867) in blocks of keys; backward
//             computes the weights again from lse (Dao, FlashAttention-2, arXiv:2307.08691). 16-bit kernels
//             count scores in powers of two: exp2 is one instruction
// Work split  block (tile of rows or keys, slice of the keys); slices are added in order by
//             attention_combine
// Limits      D up to 256, padded to a tile's; rows of a key head and keys below 2^31
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/async_copy.cuh"
#include "device/axes.cuh"
#include "device/element.cuh"
#include "device/warp.cuh"

namespace TW_BACKEND {

// A (B, T, H, D) array.
template <class T>
struct AttentionArray {
  GlobalPtr<T> data;
  int64_t batch, time, head;  // strides

  TW_DEVICE GlobalPtr<T> at(int64_t batch_index, int64_t time_index, int64_t head_index) const {
    return data + (batch_index * batch + time_index * time + head_index * head);
  }
};

template <class T>
struct AttentionProblem {
  AttentionArray<const T> q, k, v;
  GlobalPtr<const T> added;     // mask, or null
  GlobalPtr<const Bool> shown;  // mask, or null
  int64_t mask_batch, mask_head, mask_query, mask_key;
  Divisor queries;  // Tq
  int rows, keys, depth;
  int group, key_heads;  // query heads of a key head, key heads
  int tiles;             // of rows or keys, of one key head
  Wide<T> scale;
  bool causal, vectors;  // vectors: all inputs may be read by 16 aligned bytes
};

template <class T>
struct AttentionForward {
  AttentionProblem<T> problem;
  AttentionArray<T> out;
  GlobalPtr<Wide<T>> lse;  // or null
  int64_t lse_batch, lse_head, lse_query;
  int slices, slice_keys;  // a multiple of a kernel's block of keys
  // Of each slice, where there is more than one: sums (B Hkv, slices, rows, D), maximum and total (..,
  // rows, 2).
  GlobalPtr<Wide<T>> partial, partial_rows;
  bool out_vectors;  // out may be written by 16 aligned bytes
};

template <class T>
struct AttentionBackward {
  AttentionProblem<T> problem;
  AttentionArray<const T> y, dy;
  AttentionArray<T> dq, dk, dv;
  GlobalPtr<const Wide<T>> lse, dlse;
  int64_t lse_batch, lse_head, lse_query, dlse_batch, dlse_head, dlse_query;
  GlobalPtr<Wide<T>> statistics;
  bool out_vectors;  // dq, dk and dv may be written by 16 aligned bytes
};

// Scores are kept in units of 1 / kScoreUnit.
template <class T>
inline constexpr Wide<T> kScoreUnit = sizeof(T) == 2 ? Wide<T>(1.44269504088896340736) : Wide<T>(1);

template <class T>
TW_DEVICE Wide<T> score_exp(Wide<T> s) {
  if constexpr (sizeof(T) == 2) {
    return exp2f(s);
  } else {
    return exp(s);
  }
}
template <class T>
TW_DEVICE Wide<T> score_log(Wide<T> x) {
  if constexpr (sizeof(T) == 2) {
    return log2f(x);
  } else {
    return log(x);
  }
}

// Which key head and which tile of it this block has.
struct AttentionHead {
  int64_t index;  // batch * key_heads + key_head
  int64_t batch, key_head;
  int tile;
};

template <class T>
TW_DEVICE AttentionHead attention_head(const AttentionProblem<T>& p) {
  AttentionHead head;
  head.index = static_cast<int>(blockIdx.x) / p.tiles;
  head.tile = static_cast<int>(blockIdx.x) % p.tiles;
  head.batch = head.index / p.key_heads;
  head.key_head = head.index % p.key_heads;
  return head;
}

// What a score needs to know of its row.
struct AttentionRow {
  int visible;   // keys before this one are seen
  int64_t mask;  // offset of its first key
};

template <class T>
TW_DEVICE int attention_visible(const AttentionProblem<T>& p, int64_t query) {
  if (!p.causal) return p.keys;
  const int64_t visible = query + 1 + p.keys - p.queries.size();
  return visible < 0 ? 0 : visible < p.keys ? static_cast<int>(visible) : p.keys;
}

template <class T>
TW_DEVICE AttentionRow attention_row(const AttentionProblem<T>& p, const AttentionHead& at, int r) {
  if (r >= p.rows) return {0, 0};
  int64_t query;
  const int64_t head = p.queries.divide(r, query) + at.key_head * p.group;
  return {attention_visible(p, query), at.batch * p.mask_batch + head * p.mask_head + query * p.mask_query};
}

// Row r of a (B, Tq, Hq, D) array.
template <class T, class U>
TW_DEVICE GlobalPtr<U> attention_line(const AttentionProblem<T>& p, const AttentionArray<U>& a,
                                      const AttentionHead& at, int r) {
  int64_t query;
  const int64_t head = p.queries.divide(r, query);
  return a.at(at.batch, query, head + at.key_head * p.group);
}

// Keys that every row of a stretch sees, and keys that any of them sees.
struct AttentionSpan {
  int lowest, highest;
};

template <class T>
TW_DEVICE AttentionSpan attention_span(const AttentionProblem<T>& p, int first, int count) {
  const int last = (p.rows - first < count ? p.rows : first + count) - 1;
  int64_t first_query, last_query;
  const bool one_head = p.queries.divide(first, first_query) == p.queries.divide(last, last_query);
  if (!one_head) return {attention_visible(p, 0), attention_visible(p, p.queries.size() - 1)};
  return {attention_visible(p, first_query), attention_visible(p, last_query)};
}

// The score of a product, -inf where the row does not see the key.
template <class T>
TW_DEVICE Wide<T> attention_score(const AttentionProblem<T>& p, const AttentionRow& row, int key,
                                  Wide<T> product) {
  const Wide<T> hidden = -INFINITY;
  if (key >= row.visible) return hidden;
  const Wide<T> score = product * (p.scale * kScoreUnit<T>);
  if (p.added) return score + widen(T(p.added[row.mask + key * p.mask_key])) * kScoreUnit<T>;
  if (p.shown) return Bool(p.shown[row.mask + key * p.mask_key]).bits != 0 ? score : hidden;
  return score;
}

// A maximum to subtract: nothing seen yet must not become inf - inf.
template <class W>
TW_DEVICE W attention_reference(W highest) {
  return highest == W(-INFINITY) ? W(0) : highest;
}

// The running softmax of one row.
template <class T>
struct AttentionTotal {
  Wide<T> highest = -INFINITY, sum = 0;

  // Takes a new maximum; returns the factor for everything summed so far.
  TW_DEVICE Wide<T> raise(Wide<T> block_highest) {
    const Wide<T> before = highest;
    highest = fmax(before, block_highest);
    const Wide<T> factor = score_exp<T>(before - attention_reference(highest));
    sum *= factor;
    return factor;
  }
  TW_DEVICE Wide<T> inverse() const { return sum == Wide<T>(0) ? Wide<T>(0) : Wide<T>(1) / sum; }
  TW_DEVICE Wide<T> lse() const {
    if (sum == Wide<T>(0)) return -INFINITY;
    return (attention_reference(highest) + score_log<T>(sum)) / kScoreUnit<T>;
  }
};

template <class T>
TW_DEVICE void attention_store_lse(const AttentionForward<T>& f, const AttentionHead& at, int r,
                                   const AttentionTotal<T>& total) {
  if (!f.lse) return;
  int64_t query;
  const int64_t head = f.problem.queries.divide(r, query) + at.key_head * f.problem.group;
  f.lse[at.batch * f.lse_batch + head * f.lse_head + query * f.lse_query] = total.lse();
}

// Place of row r in the slices' sums; times D, or 2.
template <class T>
TW_DEVICE int64_t attention_partial_row(const AttentionForward<T>& f, int64_t head, int slice, int r) {
  return (head * f.slices + slice) * f.problem.rows + r;
}

// Copies `there` lines of depth elements to lines kPitch apart, from element `base` on; zeros up to kLines
// lines of kD elements. line(i) is where line i begins.
template <class Tile, int kLines, class T, int kSize, class Line>
TW_DEVICE void attention_load(SharedArray<T, kSize>& to, int base, const AttentionProblem<T>& p, int there,
                              Line line) {
  constexpr int kBytes = static_cast<int>(sizeof(T));
  const int thread = static_cast<int>(threadIdx.x);
  if (p.vectors) {
    constexpr int kChunk = kVectorBytes / kBytes, kChunks = Tile::kD / kChunk;
    for (int i = thread; i < kLines * kChunks; i += Tile::kThreads) {
      const int at = i / kChunks, d = i % kChunks * kChunk;
      const int left = at < there ? p.depth - d : 0, count = left < 0 ? 0 : left > kChunk ? kChunk : left;
      const GlobalPtr<const T> from = line(count > 0 ? at : 0) + (count > 0 ? d : 0);
      copy_async<kVectorBytes>(to, base + at * Tile::kPitch + d, from, count * kBytes);
    }
    return;
  }
  constexpr int kPiece = kBytes == 2 ? 2 : 1, kPieces = Tile::kD / kPiece;
  for (int i = thread; i < kLines * kPieces; i += Tile::kThreads) {
    const int at = i / kPieces, d = i % kPieces * kPiece;
    const bool inside = at < there && d < p.depth;
    const GlobalPtr<const T> from = line(inside ? at : 0) + (inside ? d : 0);
    if constexpr (kBytes == 2) {
      Vector<T, 2> pair = {};
      if (inside) pair.elements[0] = from[0];
      if (inside && d + 1 < p.depth) pair.elements[1] = from[1];
      store_vector(to, base + at * Tile::kPitch + d, pair);
    } else {
      copy_async<kBytes>(to, base + at * Tile::kPitch + d, from, inside ? kBytes : 0);
    }
  }
}

// Rows first, first + 1, ... of a (B, Tq, Hq, D) array.
template <class Tile, int kLines, class T, int kSize>
TW_DEVICE void attention_load_rows(SharedArray<T, kSize>& to, int base, const AttentionProblem<T>& p,
                                   const AttentionArray<const T>& a, const AttentionHead& at, int first) {
  attention_load<Tile, kLines>(to, base, p, p.rows - first,
                               [&](int i) { return attention_line(p, a, at, first + i); });
}

// Keys first, first + 1, ... of a (B, Tk, Hkv, D) array.
template <class Tile, int kLines, class T, int kSize>
TW_DEVICE void attention_load_keys(SharedArray<T, kSize>& to, int base, const AttentionProblem<T>& p,
                                   const AttentionArray<const T>& a, const AttentionHead& at, int first) {
  const GlobalPtr<const T> head = a.at(at.batch, first, at.key_head);
  attention_load<Tile, kLines>(to, base, p, p.keys - first, [&](int i) { return head + i * a.time; });
}

inline constexpr int kAttentionRowThreads = 128;

// A warp a row: out and lse from the slices.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kAttentionRowThreads) attention_combine(AttentionForward<T> f, int64_t rows) {
  using W = Wide<T>;
  const AttentionProblem<T>& p = f.problem;
  const int64_t index = int64_t{blockIdx.x} * (kAttentionRowThreads / kWarpSize) + warp_index();
  if (index >= rows) return;
  const AttentionHead at = {index / p.rows, index / p.rows / p.key_heads, index / p.rows % p.key_heads, 0};
  const int r = static_cast<int>(index % p.rows);
  AttentionTotal<T> total;
  for (int slice = 0; slice < f.slices; ++slice) {
    const W highest = f.partial_rows[2 * attention_partial_row(f, at.index, slice, r)];
    total.highest = fmax(total.highest, highest);
  }
  const W reference = attention_reference(total.highest);
  for (int slice = 0; slice < f.slices; ++slice) {
    const int64_t row = 2 * attention_partial_row(f, at.index, slice, r);
    const W highest = f.partial_rows[row], sum = f.partial_rows[row + 1];
    total.sum += sum * score_exp<T>(highest - reference);
  }
  const GlobalPtr<T> out = attention_line(p, f.out, at, r);
  for (int d = lane_index(); d < p.depth; d += kWarpSize) {
    W value = 0;
    for (int slice = 0; slice < f.slices; ++slice) {
      const int64_t row = attention_partial_row(f, at.index, slice, r);
      const W highest = f.partial_rows[2 * row], part = f.partial[row * p.depth + d];
      value += part * score_exp<T>(highest - reference);
    }
    out[d] = narrow<T>(value * total.inverse());
  }
  if (lane_index() == 0) attention_store_lse(f, at, r, total);
}

// A warp a row: lse in score units, and delta = sum of dy * y, less dlse.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kAttentionRowThreads)
    attention_statistics(AttentionBackward<T> b, int64_t rows) {
  using W = Wide<T>;
  const AttentionProblem<T>& p = b.problem;
  const int64_t index = int64_t{blockIdx.x} * (kAttentionRowThreads / kWarpSize) + warp_index();
  if (index >= rows) return;
  const AttentionHead at = {index / p.rows, index / p.rows / p.key_heads, index / p.rows % p.key_heads, 0};
  int64_t query;
  const int64_t head = p.queries.divide(index % p.rows, query) + at.key_head * p.group;
  const GlobalPtr<const T> y = b.y.at(at.batch, query, head), dy = b.dy.at(at.batch, query, head);
  W delta = 0;
  for (int d = lane_index(); d < p.depth; d += kWarpSize) delta += widen(T(dy[d])) * widen(T(y[d]));
  delta = warp_sum(delta);
  if (lane_index() != 0) return;
  const W lse = b.lse[at.batch * b.lse_batch + head * b.lse_head + query * b.lse_query];
  if (b.dlse) delta -= W(b.dlse[at.batch * b.dlse_batch + head * b.dlse_head + query * b.dlse_query]);
  b.statistics[2 * index] = lse == W(-INFINITY) ? W(INFINITY) : lse * kScoreUnit<T>;
  b.statistics[2 * index + 1] = delta;
}

// Of row r of a key head; a row that does not exist weighs nothing.
template <class T>
TW_DEVICE Vector<Wide<T>, 2> attention_row_statistics(const AttentionBackward<T>& b, const AttentionHead& at,
                                                      int r) {
  if (r >= b.problem.rows) return {{Wide<T>(INFINITY), Wide<T>(0)}};
  const GlobalPtr<const Wide<T>> statistics = b.statistics;
  return load_vector<2>(statistics + 2 * (at.index * b.problem.rows + r));
}

// The weight of a score, and from dp the gradient of that score (left in dp).
template <class T>
TW_DEVICE Wide<T> attention_weight_gradient(const AttentionProblem<T>& p, const AttentionRow& row, int key,
                                            Wide<T> product, const Vector<Wide<T>, 2>& statistics,
                                            Wide<T>& dp) {
  const Wide<T> weight = score_exp<T>(attention_score(p, row, key, product) - statistics.elements[0]);
  dp = weight == Wide<T>(0) ? Wide<T>(0) : weight * (dp - statistics.elements[1]);
  return weight;
}

}  // namespace TW_BACKEND
