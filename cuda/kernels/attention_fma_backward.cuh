// SPDX-License-Identifier: Apache-2.0
// Computes    attention's gradients on the CUDA cores, in float or double (attention.cuh): p = exp(s -
//             lse), ds = p (dy v^T - delta);  dq = scale ds k;  dk = scale ds^T q, dv = p^T dy
// Layout      as attention_fma.cuh; in the second kernel keys are the rows of a tile, and queries its
//             columns
// Method      FlashAttention-2, algorithm 2, in two kernels, so that no sum is shared between blocks:
//             scores are computed twice, and the bits depend on nothing but the shape. Lines that stay are
//             loaded once, the passing ones a block at a time. Weights are read only by the 16 threads that
//             wrote their row
// Work split  a block per kRows rows (dq), or per kRows keys (dk, dv) of a key head
// Limits      as attention_fma.cuh
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/attention_fma.cuh"

namespace TW_BACKEND {

template <class Tile>
struct AttentionFmaBackwardSmem {
  typename Tile::Lines left, left_gradient;      // q and dy, or k and v
  typename Tile::Passing right, right_gradient;  // k and v, or q and dy
  typename Tile::Weights weights;
};

template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_fma_keep(typename Tile::Weights& weights, const typename Tile::Scores& s, int row,
                                  int lane) {
  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) {
    TW_UNROLL
    for (int j = 0; j < Tile::kOfThread; ++j)
      weights[(row + i) * Tile::kPitchP + lane + j * Tile::kLanes] = s[i][j];
  }
}

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS(Tile::kThreads) attention_fma_dq(AttentionBackward<T> b) {
  const AttentionProblem<T>& p = b.problem;
  auto& smem = block_shared<AttentionFmaBackwardSmem<Tile>>();
  const AttentionHead at = attention_head(p);
  const int first_row = (p.tiles - 1 - at.tile) * Tile::kRows;
  const int lane = static_cast<int>(threadIdx.x) % Tile::kLanes;
  const int row = static_cast<int>(threadIdx.x) / Tile::kLanes * Tile::kRowsOfThread;
  AttentionRow rows[Tile::kRowsOfThread];
  Vector<T, 2> statistics[Tile::kRowsOfThread];
  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) {
    rows[i] = attention_row(p, at, first_row + row + i);
    statistics[i] = attention_row_statistics(b, at, first_row + row + i);
  }
  const int end = attention_span(p, first_row, Tile::kRows).highest;
  typename Tile::Sums dq = {};
  if (end > 0) {
    attention_load_rows<Tile, Tile::kRows>(smem.left, 0, p, p.q, at, first_row);
    attention_load_rows<Tile, Tile::kRows>(smem.left_gradient, 0, p, b.dy, at, first_row);
  }
  for (int key = 0; key < end; key += Tile::kColumns) {
    if (key > 0) block_sync();
    attention_load_keys<Tile, Tile::kColumns>(smem.right, 0, p, p.k, at, key);
    attention_load_keys<Tile, Tile::kColumns>(smem.right_gradient, 0, p, p.v, at, key);
    copy_async_commit();
    copy_async_wait<0>();
    block_sync();
    typename Tile::Scores s = {}, dp = {};
    attention_fma_scores<Tile>(s, smem.left, smem.right, row, lane);
    attention_fma_scores<Tile>(dp, smem.left_gradient, smem.right_gradient, row, lane);
    TW_UNROLL
    for (int i = 0; i < Tile::kRowsOfThread; ++i) {
      TW_UNROLL
      for (int j = 0; j < Tile::kOfThread; ++j)
        attention_weight_gradient(p, rows[i], key + lane + j * Tile::kLanes, s[i][j], statistics[i],
                                  dp[i][j]);
    }
    attention_fma_keep<Tile>(smem.weights, dp, row, lane);
    warp_sync();
    attention_fma_sum<Tile>(dq, smem.weights, smem.right, row, lane);
  }
  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) {
    const int r = first_row + row + i;
    if (r < p.rows)
      attention_fma_store<Tile>(attention_line(p, b.dq, at, r), dq[i], p.scale, p.depth, lane, b.out_vectors);
  }
}

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS(Tile::kThreads) attention_fma_dkv(AttentionBackward<T> b) {
  const AttentionProblem<T>& p = b.problem;
  auto& smem = block_shared<AttentionFmaBackwardSmem<Tile>>();
  const AttentionHead at = attention_head(p);
  const int first_key = at.tile * Tile::kRows;
  const int lane = static_cast<int>(threadIdx.x) % Tile::kLanes;
  const int row = static_cast<int>(threadIdx.x) / Tile::kLanes * Tile::kRowsOfThread;
  typename Tile::Sums dk = {}, dv = {};
  bool loaded = false;
  for (int first = 0; first < p.rows; first += Tile::kColumns) {
    if (attention_span(p, first, Tile::kColumns).highest <= first_key) continue;
    if (loaded) block_sync();
    if (!loaded) {
      attention_load_keys<Tile, Tile::kRows>(smem.left, 0, p, p.k, at, first_key);
      attention_load_keys<Tile, Tile::kRows>(smem.left_gradient, 0, p, p.v, at, first_key);
    }
    loaded = true;
    attention_load_rows<Tile, Tile::kColumns>(smem.right, 0, p, p.q, at, first);
    attention_load_rows<Tile, Tile::kColumns>(smem.right_gradient, 0, p, b.dy, at, first);
    copy_async_commit();
    copy_async_wait<0>();
    block_sync();
    typename Tile::Scores s = {}, dp = {};
    attention_fma_scores<Tile>(s, smem.left, smem.right, row, lane);
    attention_fma_scores<Tile>(dp, smem.left_gradient, smem.right_gradient, row, lane);
    TW_UNROLL
    for (int j = 0; j < Tile::kOfThread; ++j) {
      const int r = first + lane + j * Tile::kLanes;
      const AttentionRow query = attention_row(p, at, r);
      const Vector<T, 2> statistics = attention_row_statistics(b, at, r);
      TW_UNROLL
      for (int i = 0; i < Tile::kRowsOfThread; ++i)
        s[i][j] = attention_weight_gradient(p, query, first_key + row + i, s[i][j], statistics, dp[i][j]);
    }
    attention_fma_keep<Tile>(smem.weights, s, row, lane);
    warp_sync();
    attention_fma_sum<Tile>(dv, smem.weights, smem.right_gradient, row, lane);
    warp_sync();
    attention_fma_keep<Tile>(smem.weights, dp, row, lane);
    warp_sync();
    attention_fma_sum<Tile>(dk, smem.weights, smem.right, row, lane);
  }
  TW_UNROLL
  for (int i = 0; i < Tile::kRowsOfThread; ++i) {
    const int key = first_key + row + i;
    if (key >= p.keys) continue;
    attention_fma_store<Tile>(b.dk.at(at.batch, key, at.key_head), dk[i], p.scale, p.depth, lane,
                              b.out_vectors);
    attention_fma_store<Tile>(b.dv.at(at.batch, key, at.key_head), dv[i], T(1), p.depth, lane, b.out_vectors);
  }
}

}  // namespace TW_BACKEND
