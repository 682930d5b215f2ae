// SPDX-License-Identifier: Apache-2.0
// Computes    attention forward on the CUDA cores, in float or double (attention.cuh)
// Layout      shared memory: lines of kD elements padded by 16 bytes, so that eight lanes read eight lines
//             from different banks; weights [row][key]
// Method      FlashAttention-2, algorithm 1. Keys and values have one buffer each: values travel while
//             scores are computed, the next keys while values are summed. 16 threads share 4 rows (2 where
//             sums are long); a thread computes the scores of every 16th key, then sums of neighbouring
//             columns of v
//
//                 scores:  row 4 ty ..     key tx, tx + 16, ..          tx = thread % 16, ty = thread / 16
//                 sums:    row 4 ty ..     columns kOutVector tx .., and the same 16 kOutVector later
//
// Work split  a block per kRows rows of a key head and slice of its keys, the last rows first: they see
//             most keys
// Limits      kD 32, 64, 96, 128, 256; what lies behind D is zero
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/attention.cuh"
#include "kernels/matmul.cuh"

namespace TW_BACKEND {

template <class Scalar, int kDepth, int kRowsOfThreads, int kKeys, int kOwnRows = 4>
struct AttentionFmaTile {
  using T = Scalar;
  static constexpr int kD = kDepth, kColumns = kKeys;
  static constexpr int kLanes = 16, kRowsOfThread = kOwnRows;
  static constexpr int kRows = kRowsOfThreads * kRowsOfThread, kThreads = kRowsOfThreads * kLanes;
  static constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
  static constexpr int kPitch = kD + kVector;
  // The two rows of threads in a warp write their weights to different banks.
  static constexpr int kPitchP = kColumns + (kRowsOfThread == 2 ? 8 : kVector);
  static constexpr int kOfThread = kColumns / kLanes;  // columns of scores
  static constexpr int kOutVector = kD / kLanes % kVector == 0 ? kVector : 2;
  static constexpr int kOutGroups = kD / kLanes / kOutVector;
  using Scores = T[kRowsOfThread][kOfThread];
  using Sums = T[kRowsOfThread][kOutGroups][kOutVector];
  using Lines = SharedArray<T, kRows * kPitch>;       // that stay
  using Passing = SharedArray<T, kColumns * kPitch>;  // one block of them after the other
  using Weights = SharedArray<T, kRows * kPitchP>;
};

// s += products of the thread's lines of a and of b.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_fma_scores(typename Tile::Scores& s, typename Tile::Lines& a,
                                    typename Tile::Passing& b, int row, int lane) {
  constexpr int kVector = Tile::kVector;
  for (int d = 0; d < Tile::kD; d += kVector) {
    Vector<T, kVector> left[Tile::kRowsOfThread], right[Tile::kOfThread];
    TW_UNROLL
    for (int i = 0; i < Tile::kRowsOfThread; ++i)
      left[i] = load_vector<kVector>(a, (row + i) * Tile::kPitch + d);
    TW_UNROLL
    for (int j = 0; j < Tile::kOfThread; ++j)
      right[j] = load_vector<kVector>(b, (lane + j * Tile::kLanes) * Tile::kPitch + d);
    TW_UNROLL
    for (int i = 0; i < Tile::kRowsOfThread; ++i) {
      TW_UNROLL
      for (int j = 0; j < Tile::kOfThread; ++j) {
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) s[i][j] += left[i].elements[v] * right[j].elements[v];
      }
    }
  }
}

// sums += weights of the thread's rows times lines of b.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_fma_sum(typename Tile::Sums& sums, typename Tile::Weights& weights,
                                 typename Tile::Passing& b, int row, int lane) {
  constexpr int kVector = Tile::kVector, kOutVector = Tile::kOutVector;
  for (int key = 0; key < Tile::kColumns; key += kVector) {
    Vector<T, kVector> weight[Tile::kRowsOfThread];
    TW_UNROLL
    for (int i = 0; i < Tile::kRowsOfThread; ++i)
      weight[i] = load_vector<kVector>(weights, (row + i) * Tile::kPitchP + key);
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) {
      TW_UNROLL
      for (int g = 0; g < Tile::kOutGroups; ++g) {
        const Vector<T, kOutVector> line =
            load_vector<kOutVector>(b, (key + v) * Tile::kPitch + (lane + g * Tile::kLanes) * kOutVector);
        TW_UNROLL
        for (int i = 0; i < Tile::kRowsOfThread; ++i) {
          TW_UNROLL
          for (int e = 0; e < kOutVector; ++e) sums[i][g][e] += weight[i].elements[v] * line.elements[e];
        }
      }
    }
  }
}

// Row `to` of a result from the thread's sums, times `factor`.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_fma_store(GlobalPtr<T> to, const T (&sums)[Tile::kOutGroups][Tile::kOutVector],
                                   T factor, int depth, int lane, bool vectors) {
  TW_UNROLL
  for (int g = 0; g < Tile::kOutGroups; ++g) {
    const int d = (lane + g * Tile::kLanes) * Tile::kOutVector;
    T scaled[Tile::kOutVector];
    TW_UNROLL
    for (int e = 0; e < Tile::kOutVector; ++e) scaled[e] = sums[g][e] * factor;
    store_some<Tile::kOutVector, T>(to + d, scaled, depth - d, vectors);
  }
}

// Sum and maximum over the 16 threads that share rows.
template <class T>
TW_DEVICE T attention_lanes_sum(T value, Site site = Site::here()) {
  TW_UNROLL
  for (int mask = 8; mask > 0; mask /= 2) value += shfl_xor(value, mask, site);
  return value;
}
template <class T>
TW_DEVICE T attention_lanes_max(T value, Site site = Site::here()) {
  TW_UNROLL
  for (int mask = 8; mask > 0; mask /= 2) value = fmax(value, shfl_xor(value, mask, site));
  return value;
}

template <class Tile>
struct AttentionFmaSmem {
  typename Tile::Lines q;
  typename Tile::Passing k, v;
  typename Tile::Weights weights;
};

// Scores of one block of keys to weights in shared memory; sums and totals follow the new maxima.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_fma_softmax(typename Tile::Scores& s,
                                     AttentionTotal<T> (&totals)[Tile::kRowsOfThread],
                                     typename Tile::Sums& sums, typename Tile::Weights& weights,
                                     const AttentionProblem<T>& p, const AttentionRow* rows, int row,
                                     int lane, int first_key) {
  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) {
    T highest = -INFINITY;
    TW_UNROLL
    for (int j = 0; j < Tile::kOfThread; ++j) {
      s[i][j] = attention_score(p, rows[i], first_key + lane + j * Tile::kLanes, s[i][j]);
      highest = fmax(highest, s[i][j]);
    }
    const T factor = totals[i].raise(attention_lanes_max(highest));
    const T reference = attention_reference(totals[i].highest);
    T sum = 0;
    TW_UNROLL
    for (int j = 0; j < Tile::kOfThread; ++j) {
      const T weight = score_exp<T>(s[i][j] - reference);
      sum += weight;
      weights[(row + i) * Tile::kPitchP + lane + j * Tile::kLanes] = weight;
    }
    totals[i].sum += attention_lanes_sum(sum);
    TW_UNROLL
    for (int g = 0; g < Tile::kOutGroups; ++g) {
      TW_UNROLL
      for (int e = 0; e < Tile::kOutVector; ++e) sums[i][g][e] *= factor;
    }
  }
}

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS(Tile::kThreads) attention_fma_forward(AttentionForward<T> f) {
  const AttentionProblem<T>& p = f.problem;
  auto& smem = block_shared<AttentionFmaSmem<Tile>>();
  AttentionHead at = attention_head(p);
  const int first_row = (p.tiles - 1 - at.tile) * Tile::kRows, slice = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % Tile::kLanes;
  const int row = static_cast<int>(threadIdx.x) / Tile::kLanes * Tile::kRowsOfThread;
  AttentionRow rows[Tile::kRowsOfThread];
  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) rows[i] = attention_row(p, at, first_row + row + i);
  const int highest = attention_span(p, first_row, Tile::kRows).highest, begin = slice * f.slice_keys;
  const int end = highest - begin < f.slice_keys ? highest : begin + f.slice_keys;

  typename Tile::Sums sums = {};
  AttentionTotal<T> totals[Tile::kRowsOfThread];
  if (begin < end) {
    attention_load_rows<Tile, Tile::kRows>(smem.q, 0, p, p.q, at, first_row);
    attention_load_keys<Tile, Tile::kColumns>(smem.k, 0, p, p.k, at, begin);
    copy_async_commit();
  }
  for (int key = begin; key < end; key += Tile::kColumns) {
    copy_async_wait<0>();
    block_sync();
    attention_load_keys<Tile, Tile::kColumns>(smem.v, 0, p, p.v, at, key);
    copy_async_commit();
    typename Tile::Scores s = {};
    attention_fma_scores<Tile>(s, smem.q, smem.k, row, lane);
    attention_fma_softmax<Tile>(s, totals, sums, smem.weights, p, rows, row, lane, key);
    copy_async_wait<0>();
    block_sync();
    if (key + Tile::kColumns < end) {
      attention_load_keys<Tile, Tile::kColumns>(smem.k, 0, p, p.k, at, key + Tile::kColumns);
      copy_async_commit();
    }
    attention_fma_sum<Tile>(sums, smem.weights, smem.v, row, lane);
  }

  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) {
    const int r = first_row + row + i;
    if (r >= p.rows) continue;
    if (f.slices == 1) {
      attention_fma_store<Tile>(attention_line(p, f.out, at, r), sums[i], totals[i].inverse(), p.depth, lane,
                                f.out_vectors);
      if (lane == 0) attention_store_lse(f, at, r, totals[i]);
    } else {
      const int64_t partial = attention_partial_row(f, at.index, slice, r);
      attention_fma_store<Tile>(f.partial + partial * p.depth, sums[i], T(1), p.depth, lane,
                                p.depth % Tile::kVector == 0);
      if (lane == 0) f.partial_rows[2 * partial] = totals[i].highest;
      if (lane == 0) f.partial_rows[2 * partial + 1] = totals[i].sum;
    }
  }
}

}  // namespace TW_BACKEND
