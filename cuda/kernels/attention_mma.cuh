// SPDX-License-Identifier: Apache-2.0
// Computes    attention forward on the tensor cores, f16 or bf16 with float sums (attention.cuh)
// Layout      shared memory: lines of kD elements padded by 16 bytes: an odd number of 16-byte pieces, so
//             that the 8 lines ldmatrix reads at once lie in different banks whatever kD is
// Method      FlashAttention-2, algorithm 1, the buffers as in attention_fma.cuh. A warp owns 16 kTiles
//             rows and all keys of the block, so maxima and sums stay in the four lanes of a row. Scores
//             come out of one mma as accumulators and go into the next as its left factor, without leaving
//             registers:
//
//                 scores c[0], c[1], c[2], c[3] of keys 16 n ..       ->  a[0] (c0 c1), a[1] (c2 c3)
//                 the same of keys 16 n + 8 ..                        ->  a[2], a[3] of k step n
//
// Work split  a block per kRows rows of a key head and slice of its keys, the last rows first: they see
//             most keys
// Limits      kD 32, 64, 96, 128, 256; what lies behind D is zero
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/mma.cuh"
#include "kernels/attention.cuh"
#include "kernels/matmul.cuh"

namespace TW_BACKEND {

// kOut: columns of a result that one block sums up; the others are other blocks'.
template <class Scalar, int kDepth, int kWarpsOfBlock, int kTilesOfWarp, int kKeys, int kOutDepth = kDepth>
struct AttentionMmaTile {
  using T = Scalar;
  static constexpr int kD = kDepth, kOut = kOutDepth, kColumns = kKeys, kTiles = kTilesOfWarp;
  static constexpr int kRows = 16 * kTiles * kWarpsOfBlock, kThreads = kWarpsOfBlock * kWarpSize;
  // Blocks of a multiprocessor that the registers of dq leave room for.
  static constexpr int kBlocks = (kD <= 96 ? 384 : 256) / kThreads;
  static constexpr int kPitch = kD + 8, kSteps = kD / 16;
  static constexpr int kColumnSteps = kColumns / 16;
  using Scores = float[kTiles][kColumns / 8][4];
  using Weights = uint32_t[kTiles][kColumnSteps][4];
  using Sums = float[kTiles][kOut / 8][4];
  using Lines = SharedArray<T, kRows * kPitch>;
};

// The lane's line of 16 x 16 elements of which ldmatrix takes four 8 x 8: kLinesFirst, the second is 8 lines
// further, else 8 columns.
template <bool kLinesFirst>
TW_DEVICE int attention_fragment_line() {
  return lane_index() % 8 + (kLinesFirst ? lane_index() / 8 % 2 : lane_index() / 16) * 8;
}
template <bool kLinesFirst>
TW_DEVICE int attention_fragment_column() {
  return (kLinesFirst ? lane_index() / 16 : lane_index() / 8 % 2) * 8;
}

// s += lines of a, from `row` on, times lines of b, from line `first` on.
template <class Tile, int kSizeA, int kSizeB, class T = typename Tile::T>
TW_DEVICE void attention_mma_scores(typename Tile::Scores& s, SharedArray<T, kSizeA>& a, int row,
                                    SharedArray<T, kSizeB>& b, int first) {
  const int at_a = (row + attention_fragment_line<true>()) * Tile::kPitch + attention_fragment_column<true>();
  const int at_b =
      (first + attention_fragment_line<false>()) * Tile::kPitch + attention_fragment_column<false>();
  TW_UNROLL
  for (int step = 0; step < Tile::kSteps; ++step) {
    uint32_t left[Tile::kTiles][4];
    TW_UNROLL
    for (int i = 0; i < Tile::kTiles; ++i)
      load_matrix<4>(left[i], a, at_a + i * 16 * Tile::kPitch + step * 16);
    TW_UNROLL
    for (int j = 0; j < Tile::kColumnSteps; ++j) {
      uint32_t both[4];
      load_matrix<4>(both, b, at_b + j * 16 * Tile::kPitch + step * 16);
      TW_UNROLL
      for (int half = 0; half < 2; ++half) {
        const uint32_t right[2] = {both[2 * half], both[2 * half + 1]};
        TW_UNROLL
        for (int i = 0; i < Tile::kTiles; ++i) mma<T>(s[i][2 * j + half], left[i], right);
      }
    }
  }
}

// sums += weights times lines of b from line `first` on, in its columns from `column` on.
template <class Tile, int kSize, class T = typename Tile::T>
TW_DEVICE void attention_mma_sum(typename Tile::Sums& sums, const typename Tile::Weights& weights,
                                 SharedArray<T, kSize>& b, int first, int column) {
  // Transposed: the four matrices are (k, n), (k + 8, n), (k, n + 8), (k + 8, n + 8).
  const int at =
      (first + attention_fragment_line<true>()) * Tile::kPitch + column + attention_fragment_column<true>();
  TW_UNROLL
  for (int step = 0; step < Tile::kColumnSteps; ++step) {
    TW_UNROLL
    for (int j = 0; j < Tile::kOut / 16; ++j) {
      uint32_t both[4];
      load_matrix<4, true>(both, b, at + step * 16 * Tile::kPitch + j * 16);
      TW_UNROLL
      for (int half = 0; half < 2; ++half) {
        const uint32_t right[2] = {both[2 * half], both[2 * half + 1]};
        TW_UNROLL
        for (int i = 0; i < Tile::kTiles; ++i) mma<T>(sums[i][2 * j + half], weights[i][step], right);
      }
    }
  }
}

// Accumulators as the left factor of the next product.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_mma_pack(typename Tile::Weights& weights, const typename Tile::Scores& s) {
  TW_UNROLL
  for (int i = 0; i < Tile::kTiles; ++i) {
    TW_UNROLL
    for (int step = 0; step < Tile::kColumnSteps; ++step) {
      TW_UNROLL
      for (int e = 0; e < 4; ++e) {
        const float* pair = &s[i][2 * step + e / 2][e % 2 * 2];
        weights[i][step][e] = pair_bits<T>(pair[0], pair[1]);
      }
    }
  }
}

// Row `to` of a result from the accumulators' rows g (half 0) or g + 8 (half 1), times `factor`.
template <int kTilesOut, class U>
TW_DEVICE void attention_mma_store(GlobalPtr<U> to, const float (&sums)[kTilesOut][4], int half, float factor,
                                   int first, int depth, bool vectors) {
  TW_UNROLL
  for (int j = 0; j < kTilesOut; ++j) {
    const int d = first + j * 8 + lane_index() % 4 * 2;
    const float pair[2] = {sums[j][2 * half] * factor, sums[j][2 * half + 1] * factor};
    store_some<2, U>(to + d, pair, depth - d, vectors);
  }
}

// Sum and maximum over the four lanes of a row.
TW_DEVICE float attention_quad_sum(float value, Site site = Site::here()) {
  value += shfl_xor(value, 1, site);
  return value + shfl_xor(value, 2, site);
}
TW_DEVICE float attention_quad_max(float value, Site site = Site::here()) {
  value = fmaxf(value, shfl_xor(value, 1, site));
  return fmaxf(value, shfl_xor(value, 2, site));
}

template <class Tile, class T = typename Tile::T>
struct AttentionMmaSmem {
  typename Tile::Lines q;
  SharedArray<T, Tile::kColumns * Tile::kPitch> k, v;
};

// Scores of one block of keys to weights; sums and totals follow the new maxima.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void attention_mma_softmax(typename Tile::Scores& s, AttentionTotal<T> (&totals)[Tile::kTiles][2],
                                     typename Tile::Sums& sums, const AttentionProblem<T>& p,
                                     const AttentionRow (&rows)[Tile::kTiles][2], int first_key, bool plain) {
  constexpr int kColumnTiles = Tile::kColumns / 8;
  const int key = first_key + lane_index() % 4 * 2;
  const float scale = p.scale * kScoreUnit<T>;
  TW_UNROLL
  for (int i = 0; i < Tile::kTiles; ++i) {
    TW_UNROLL
    for (int half = 0; half < 2; ++half) {
      float highest = -INFINITY;
      TW_UNROLL
      for (int j = 0; j < kColumnTiles; ++j) {
        TW_UNROLL
        for (int e = 0; e < 2; ++e) {
          float& score = s[i][j][2 * half + e];
          score = plain ? score * scale : attention_score(p, rows[i][half], key + j * 8 + e, score);
          highest = fmaxf(highest, score);
        }
      }
      AttentionTotal<T>& total = totals[i][half];
      const float factor = total.raise(attention_quad_max(highest));
      const float reference = attention_reference(total.highest);
      float sum = 0;
      TW_UNROLL
      for (int j = 0; j < kColumnTiles; ++j) {
        TW_UNROLL
        for (int e = 0; e < 2; ++e) {
          float& score = s[i][j][2 * half + e];
          score = score_exp<T>(score - reference);
          sum += score;
        }
      }
      total.sum += attention_quad_sum(sum);
      TW_UNROLL
      for (int j = 0; j < Tile::kOut / 8; ++j) {
        sums[i][j][2 * half] *= factor;
        sums[i][j][2 * half + 1] *= factor;
      }
    }
  }
}

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS(Tile::kThreads) attention_mma_forward(AttentionForward<T> f) {
  const AttentionProblem<T>& p = f.problem;
  auto& smem = block_shared<AttentionMmaSmem<Tile>>();
  const AttentionHead at = attention_head(p);
  const int first_row = (p.tiles - 1 - at.tile) * Tile::kRows, slice = static_cast<int>(blockIdx.y);
  const int row = warp_index() * Tile::kTiles * 16, own_row = first_row + row + lane_index() / 4;
  AttentionRow rows[Tile::kTiles][2];
  TW_UNROLL
  for (int i = 0; i < 2 * Tile::kTiles; ++i) rows[i / 2][i % 2] = attention_row(p, at, own_row + i * 8);
  const AttentionSpan span = attention_span(p, first_row, Tile::kRows);
  const int begin = slice * f.slice_keys;
  const int end = span.highest - begin < f.slice_keys ? span.highest : begin + f.slice_keys;
  const bool masked = p.added || p.shown;

  typename Tile::Sums sums = {};
  AttentionTotal<T> totals[Tile::kTiles][2];
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
    attention_mma_scores<Tile>(s, smem.q, row, smem.k, 0);
    attention_mma_softmax<Tile>(s, totals, sums, p, rows, key,
                                !masked && key + Tile::kColumns <= span.lowest);
    typename Tile::Weights weights;
    attention_mma_pack<Tile>(weights, s);
    copy_async_wait<0>();
    block_sync();
    if (key + Tile::kColumns < end) {
      attention_load_keys<Tile, Tile::kColumns>(smem.k, 0, p, p.k, at, key + Tile::kColumns);
      copy_async_commit();
    }
    attention_mma_sum<Tile>(sums, weights, smem.v, 0, 0);
  }

  TW_UNROLL
  for (int i = 0; i < 2 * Tile::kTiles; ++i) {
    const int r = own_row + i * 8, half = i % 2;
    if (r >= p.rows) continue;
    const AttentionTotal<T>& total = totals[i / 2][half];
    if (f.slices == 1) {
      attention_mma_store(attention_line(p, f.out, at, r), sums[i / 2], half, total.inverse(), 0, p.depth,
                          f.out_vectors);
      if (lane_index() % 4 == 0) attention_store_lse(f, at, r, total);
    } else {
      const int64_t partial = attention_partial_row(f, at.index, slice, r);
      attention_mma_store(f.partial + partial * p.depth, sums[i / 2], half, 1.0f, 0, p.depth,
                          p.depth % 2 == 0);
      if (lane_index() % 4 == 0) f.partial_rows[2 * partial] = total.highest;
      if (lane_index() % 4 == 0) f.partial_rows[2 * partial + 1] = total.sum;
    }
  }
}

}  // namespace TW_BACKEND
