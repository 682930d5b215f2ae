// SPDX-License-Identifier: Apache-2.0
// Computes    attention's gradients on the tensor cores, f16 or bf16 with float sums (attention.cuh): p =
//             exp(s - lse), ds = p (dy v^T - delta);  dq = scale ds k;  dk = scale ds^T q, dv = p^T dy
// Layout      as attention_mma.cuh; in the second kernel keys are the rows of a tile and queries its
//             columns, so that p^T and ds^T, too, go from accumulators into the next product
// Method      FlashAttention-2, algorithm 2, in two kernels, so that no sum is shared between blocks:
//             scores are computed twice, and the bits depend on nothing but the shape. Passing lines have a
//             ring of two buffers: the next block travels while one is used
// Work split  a block per kRows rows (dq) or keys (dk, dv) of a key head, and per kOut columns of the
//             result
// Limits      as attention_mma.cuh
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/attention_mma.cuh"

namespace TW_BACKEND {

template <class Tile, class T = typename Tile::T>
struct AttentionMmaBackwardSmem {
  typename Tile::Lines left, left_gradient;                                 // q and dy, or k and v
  SharedArray<T, 2 * Tile::kColumns * Tile::kPitch> right, right_gradient;  // k and v, or q and dy
};

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(Tile::kThreads, Tile::kBlocks)
    attention_mma_dq(AttentionBackward<T> b) {
  constexpr int kColumnTiles = Tile::kColumns / 8, kBuffer = Tile::kColumns * Tile::kPitch;
  const AttentionProblem<T>& p = b.problem;
  auto& smem = block_shared<AttentionMmaBackwardSmem<Tile>>();
  const AttentionHead at = attention_head(p);
  const int first_row = (p.tiles - 1 - at.tile) * Tile::kRows,
            column = static_cast<int>(blockIdx.y) * Tile::kOut;
  const int row = warp_index() * Tile::kTiles * 16, own_row = first_row + row + lane_index() / 4;
  AttentionRow rows[Tile::kTiles][2];
  Vector<float, 2> statistics[Tile::kTiles][2];
  TW_UNROLL
  for (int i = 0; i < 2 * Tile::kTiles; ++i) {
    rows[i / 2][i % 2] = attention_row(p, at, own_row + i * 8);
    statistics[i / 2][i % 2] = attention_row_statistics(b, at, own_row + i * 8);
  }
  const auto load = [&](int key, int stage) {
    attention_load_keys<Tile, Tile::kColumns>(smem.right, stage * kBuffer, p, p.k, at, key);
    attention_load_keys<Tile, Tile::kColumns>(smem.right_gradient, stage * kBuffer, p, p.v, at, key);
    copy_async_commit();
  };
  const int end = attention_span(p, first_row, Tile::kRows).highest;
  typename Tile::Sums dq = {};
  if (end > 0) {
    attention_load_rows<Tile, Tile::kRows>(smem.left, 0, p, p.q, at, first_row);
    attention_load_rows<Tile, Tile::kRows>(smem.left_gradient, 0, p, b.dy, at, first_row);
    load(0, 0);
  }
  int stage = 0;
  for (int key = 0; key < end; key += Tile::kColumns, stage ^= 1) {
    copy_async_wait<0>();
    block_sync();
    if (key + Tile::kColumns < end) load(key + Tile::kColumns, stage ^ 1);
    typename Tile::Scores s = {}, dp = {};
    attention_mma_scores<Tile>(s, smem.left, row, smem.right, stage * Tile::kColumns);
    attention_mma_scores<Tile>(dp, smem.left_gradient, row, smem.right_gradient, stage * Tile::kColumns);
    TW_UNROLL
    for (int i = 0; i < Tile::kTiles; ++i) {
      TW_UNROLL
      for (int j = 0; j < 4 * kColumnTiles; ++j) {
        const int half = j % 4 / 2, at_key = key + j / 4 * 8 + lane_index() % 4 * 2 + j % 2;
        attention_weight_gradient(p, rows[i][half], at_key, s[i][j / 4][j % 4], statistics[i][half],
                                  dp[i][j / 4][j % 4]);
      }
    }
    typename Tile::Weights weights;
    attention_mma_pack<Tile>(weights, dp);
    attention_mma_sum<Tile>(dq, weights, smem.right, stage * Tile::kColumns, column);
  }
  TW_UNROLL
  for (int i = 0; i < 2 * Tile::kTiles; ++i) {
    const int r = own_row + i * 8;
    if (r < p.rows)
      attention_mma_store(attention_line(p, b.dq, at, r), dq[i / 2], i % 2, p.scale, column, p.depth,
                          b.out_vectors);
  }
}

// The first block of rows from `first` on of which one sees key `key`.
template <int kColumns, class T>
TW_DEVICE int attention_next_rows(const AttentionProblem<T>& p, int first, int key) {
  while (first < p.rows && attention_span(p, first, kColumns).highest <= key) first += kColumns;
  return first;
}

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS(Tile::kThreads) attention_mma_dkv(AttentionBackward<T> b) {
  constexpr int kColumnTiles = Tile::kColumns / 8, kBuffer = Tile::kColumns * Tile::kPitch;
  const AttentionProblem<T>& p = b.problem;
  auto& smem = block_shared<AttentionMmaBackwardSmem<Tile>>();
  const AttentionHead at = attention_head(p);
  const int first_key = at.tile * Tile::kRows, column = static_cast<int>(blockIdx.y) * Tile::kOut;
  const int row = warp_index() * Tile::kTiles * 16, own_key = first_key + row + lane_index() / 4;
  const auto load = [&](int first, int stage) {
    attention_load_rows<Tile, Tile::kColumns>(smem.right, stage * kBuffer, p, p.q, at, first);
    attention_load_rows<Tile, Tile::kColumns>(smem.right_gradient, stage * kBuffer, p, b.dy, at, first);
    copy_async_commit();
  };
  int first = attention_next_rows<Tile::kColumns>(p, 0, first_key), stage = 0;
  typename Tile::Sums dk = {}, dv = {};
  if (first < p.rows) {
    attention_load_keys<Tile, Tile::kRows>(smem.left, 0, p, p.k, at, first_key);
    attention_load_keys<Tile, Tile::kRows>(smem.left_gradient, 0, p, p.v, at, first_key);
    load(first, 0);
  }
  while (first < p.rows) {
    const int next = attention_next_rows<Tile::kColumns>(p, first + Tile::kColumns, first_key);
    copy_async_wait<0>();
    block_sync();
    if (next < p.rows) load(next, stage ^ 1);
    typename Tile::Scores s = {}, dp = {};
    attention_mma_scores<Tile>(s, smem.left, row, smem.right, stage * Tile::kColumns);
    attention_mma_scores<Tile>(dp, smem.left_gradient, row, smem.right_gradient, stage * Tile::kColumns);
    TW_UNROLL
    for (int j = 0; j < 2 * kColumnTiles; ++j) {
      const int r = first + j / 2 * 8 + lane_index() % 4 * 2 + j % 2;
      const AttentionRow query = attention_row(p, at, r);
      const Vector<float, 2> statistics = attention_row_statistics(b, at, r);
      TW_UNROLL
      for (int i = 0; i < 2 * Tile::kTiles; ++i) {
        float &score = s[i / 2][j / 2][i % 2 * 2 + j % 2], &gradient = dp[i / 2][j / 2][i % 2 * 2 + j % 2];
        score = attention_weight_gradient(p, query, own_key + i * 8, score, statistics, gradient);
      }
    }
    typename Tile::Weights weights;
    attention_mma_pack<Tile>(weights, s);
    attention_mma_sum<Tile>(dv, weights, smem.right_gradient, stage * Tile::kColumns, column);
    attention_mma_pack<Tile>(weights, dp);
    attention_mma_sum<Tile>(dk, weights, smem.right, stage * Tile::kColumns, column);
    first = next;
    stage ^= 1;
  }
  TW_UNROLL
  for (int i = 0; i < 2 * Tile::kTiles; ++i) {
    const int key = own_key + i * 8;
    if (key >= p.keys) continue;
    attention_mma_store(b.dk.at(at.batch, key, at.key_head), dk[i / 2], i % 2, p.scale, column, p.depth,
                        b.out_vectors);
    attention_mma_store(b.dv.at(at.batch, key, at.key_head), dv[i / 2], i % 2, 1.0f, column, p.depth,
                        b.out_vectors);
  }
}

}  // namespace TW_BACKEND
