// SPDX-License-Identifier: Apache-2.0
// Computes    products of which one side is thin: up to kThinRows rows of a times all of b, or all of a times
//             up to kThinRows columns of b; finished by matmul.cuh
// Layout      the wide operand (the large matrix) is contiguous along k (dot) or across it (stream); the thin
//             one has any strides
// Method      an element of the wide operand is used kThinRows times at most, so what counts is to read it
//             once, by 16 bytes where it is aligned. dot: a warp takes kThinLines lines along k, its lanes
//             neighbouring pieces, a butterfly adds up. stream: a lane takes kVector lines that lie side by
//             side; the warps of a block take every kThinWarps-th k, and their sums are added in order in
//             shared memory
// Work split  block (lines, slice of K, matrix of the batch)
// Limits      rows of the thin side: 1, or up to kThinRows
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/smem.cuh"
#include "device/warp.cuh"
#include "kernels/matmul.cuh"

namespace TW_BACKEND {

inline constexpr int kThinRows = 8;
inline constexpr int kThinWarps = 8;
inline constexpr int kThinThreads = kThinWarps * kWarpSize;
inline constexpr int kThinLines = 4;  // of a warp, in matmul_thin_dot

// The wide and the thin operand, wherever they stand in the product.
template <class T>
struct ThinSides {
  MatmulLines<T> wide, thin;
  bool wide_is_b;
};

template <class T>
TW_DEVICE ThinSides<T> thin_sides(const MatmulProblem<T>& p, const MatmulTile& tile, bool wide_is_b) {
  const MatmulLines<T> a = matmul_lines_a(p, tile), b = matmul_lines_b(p, tile);
  return {wide_is_b ? b : a, wide_is_b ? a : b, wide_is_b};
}

// The slice and the matrix of this block; lines are counted by the kernels themselves.
template <class T>
TW_DEVICE MatmulTile thin_tile(const MatmulProblem<T>& p) {
  MatmulTile tile;
  tile.row = tile.col = 0;
  tile.k_begin = static_cast<int>(blockIdx.y) * p.slice_depth;
  tile.k_end = p.k - tile.k_begin < p.slice_depth ? p.k : tile.k_begin + p.slice_depth;
  tile.matrix = p.first_matrix + blockIdx.z;
  tile.offsets = p.batch.offsets(tile.matrix);
  return tile;
}

template <class T>
TW_DEVICE void thin_store(const MatmulProblem<T>& p, const MatmulTile& tile, bool wide_is_b, int thin,
                          int line, Wide<T> sum) {
  Wide<T> one[1] = {sum};
  matmul_store<1>(p, tile, wide_is_b ? thin : line, wide_is_b ? line : thin, one);
}

template <class T, int kRows, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kThinThreads) matmul_thin_dot(MatmulProblem<T> p, bool wide_is_b) {
  using W = Wide<T>;
  const MatmulTile tile = thin_tile(p);
  const ThinSides<T> sides = thin_sides(p, tile, wide_is_b);
  const int first = (static_cast<int>(blockIdx.x) * kThinWarps + warp_index()) * kThinLines;
  W sums[kThinLines][kRows] = {};
  for (int k = tile.k_begin + lane_index() * kVector; k < tile.k_end; k += kWarpSize * kVector) {
    W wide[kThinLines][kVector], thin[kVector];
    TW_UNROLL
    for (int i = 0; i < kThinLines; ++i) {
      const int there = first + i < sides.wide.limit ? tile.k_end - k : 0;
      load_some<kVector, T>(wide[i], sides.wide.data + (there > 0 ? (first + i) * sides.wide.along + k : 0),
                            there, kVector > 1);
    }
    TW_UNROLL
    for (int row = 0; row < kRows; ++row) {
      if (row >= sides.thin.limit) break;
      const GlobalPtr<const T> from = sides.thin.data + (row * sides.thin.along + k * sides.thin.depth);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v)
        thin[v] = k + v < tile.k_end ? widen(T(from[v * sides.thin.depth])) : W(0);
      TW_UNROLL
      for (int i = 0; i < kThinLines; ++i) {
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) sums[i][row] += wide[i][v] * thin[v];
      }
    }
  }
  // Lane i * kRows + row keeps the sum of that line and row: one place finishes them all.
  static_assert(kThinLines * kRows <= kWarpSize, "a lane for each sum");
  W kept = W(0);
  TW_UNROLL
  for (int i = 0; i < kThinLines; ++i) {
    TW_UNROLL
    for (int row = 0; row < kRows; ++row) {
      if (row >= sides.thin.limit) break;
      const W sum = warp_sum(sums[i][row]);
      if (lane_index() == i * kRows + row) kept = sum;
    }
  }
  const int line = lane_index() / kRows, row = lane_index() % kRows;
  if (line < kThinLines && row < sides.thin.limit) thin_store(p, tile, wide_is_b, row, first + line, kept);
}

// Sum v of lane l and warp w at [w][v][l]; the pitch lets neighbouring lines be read from different banks.
template <class T, int kVector>
struct ThinStreamSmem {
  static constexpr int kPitch = kWarpSize + kWarpSize / kVector;
  TW_DEVICE static int at(int warp, int v, int lane) { return (warp * kVector + v) * kPitch + lane; }
  SharedArray<Wide<T>, kThinWarps * kVector * kPitch> partial;
};

template <class T, int kRows, int kVector>
TW_KERNEL void TW_LAUNCH_BOUNDS(kThinThreads) matmul_thin_stream(MatmulProblem<T> p, bool wide_is_b) {
  using W = Wide<T>;
  constexpr int kLines = kWarpSize * kVector;  // of the block
  using Smem = ThinStreamSmem<T, kVector>;
  auto& smem = block_shared<Smem>();
  const MatmulTile tile = thin_tile(p);
  const ThinSides<T> sides = thin_sides(p, tile, wide_is_b);
  const int block_first = static_cast<int>(blockIdx.x) * kLines;
  const int first = block_first + lane_index() * kVector;
  const int there = sides.wide.limit - first;
  W sums[kRows][kVector] = {};
  for (int k = tile.k_begin + warp_index(); k < tile.k_end; k += kThinWarps) {
    W wide[kVector];
    load_some<kVector, T>(wide, sides.wide.data + (there > 0 ? first + k * sides.wide.depth : 0), there,
                          kVector > 1);
    TW_UNROLL
    for (int row = 0; row < kRows; ++row) {
      if (row >= sides.thin.limit) break;
      const W thin = widen(T(sides.thin.data[row * sides.thin.along + k * sides.thin.depth]));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) sums[row][v] += wide[v] * thin;
    }
  }
  TW_UNROLL
  for (int row = 0; row < kRows; ++row) {
    if (row >= sides.thin.limit) break;
    TW_UNROLL
    for (int v = 0; v < kVector; ++v) smem.partial[Smem::at(warp_index(), v, lane_index())] = sums[row][v];
    block_sync();
    for (int line = static_cast<int>(threadIdx.x); line < kLines; line += kThinThreads) {
      W sum = W(0);
      TW_UNROLL
      for (int warp = 0; warp < kThinWarps; ++warp)
        sum += smem.partial[Smem::at(warp, line % kVector, line / kVector)];
      thin_store(p, tile, wide_is_b, row, block_first + line, sum);
    }
    if (row + 1 < kRows) block_sync();
  }
}

}  // namespace TW_BACKEND
