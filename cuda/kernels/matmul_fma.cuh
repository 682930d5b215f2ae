// SPDX-License-Identifier: Apache-2.0
// Computes    sums over k of a[m, k] * b[k, n] on the CUDA cores, in float or double; finished by matmul.cuh
// Layout      shared memory: a ring of kStages panels [k][m] and [k][n], rows padded by 16 bytes. What lies
//             contiguous along m (n) travels by 16 bytes, anything else by single elements, transposed on the
//             way
// Method      cp.async ring: while a panel is used, the kStages - 1 after it are under way; one barrier a
//             panel,
//             which both publishes the panel and frees the last one. Register tile by vectors: a lane's rows
//             are kVector neighbours of each of kGroupsM groups, so that eight lanes read 128 bytes side by
//             side
//
//                 warp, kVector = 4        n: lane % 4 takes 4 columns of every 16
//                 m: lane / 4 takes      ->  0..3 | 4..7 | 8..11 | 12..15 | 16..19 (lane % 4 = 0 again) ...
//                 4 rows of every 32
//
// Work split  kWarpsM x kWarpsN warps, each kM / kWarpsM x kN / kWarpsN
// Limits      tiles past the edge are filled with zeros and not stored
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/async_copy.cuh"
#include "device/warp.cuh"
#include "kernels/matmul.cuh"

namespace TW_BACKEND {

template <class Scalar, int kRows, int kCols, int kDepth, int kWarpsAlongM, int kWarpsAlongN, int kRing>
struct FmaTile {
  using T = Scalar;
  static constexpr int kM = kRows, kN = kCols, kK = kDepth, kStages = kRing;
  static constexpr int kWarpsM = kWarpsAlongM, kWarpsN = kWarpsAlongN;
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
  static constexpr int kLanesM = 8, kLanesN = 4;
  static constexpr int kGroupsM = kM / (kWarpsM * kLanesM * kVector);
  static constexpr int kGroupsN = kN / (kWarpsN * kLanesN * kVector);
  static constexpr int kPitchM = kM + kVector, kPitchN = kN + kVector;
  // Blocks of a multiprocessor that registers leave room for.
  static constexpr int kBlocks = kThreads == 256 ? 1 : sizeof(T) == 8 ? 3 : 512 / kThreads;
  static constexpr int kPitchSums = kN + 4;  // groups of rows that are stored together use all banks
  struct Ring {
    SharedArray<T, kStages * kK * kPitchM> a;
    SharedArray<T, kStages * kK * kPitchN> b;
  };
  union Smem {
    Ring ring;
    SharedArray<T, kM * kPitchSums> sums;
  };
};

// Copies lines k..k + kK of elements first..first + kSpan to [k][kPitch] from element `base` on.
template <class Tile, int kSpan, int kPitch, class T, int kSize>
TW_DEVICE void fma_load_vectors(SharedArray<T, kSize>& panel, int base, const MatmulLines<T>& lines,
                                int first, int k, int k_end) {
  constexpr int kVector = Tile::kVector, kCopies = Tile::kK * kSpan / kVector;
  static_assert(kCopies % Tile::kThreads == 0, "every thread copies as much");
  TW_UNROLL
  for (int step = 0; step < kCopies / Tile::kThreads; ++step) {
    const int i = step * Tile::kThreads + static_cast<int>(threadIdx.x);
    const int at = i % (kSpan / kVector) * kVector, row = i / (kSpan / kVector);
    const int left = k + row < k_end ? lines.limit - first - at : 0;
    const int there = left < 0 ? 0 : left > kVector ? kVector : left;
    const int64_t offset = (first + at) + (k + row) * lines.depth;
    copy_async<kVectorBytes>(panel, base + row * kPitch + at, lines.data + (there > 0 ? offset : 0),
                             there * static_cast<int>(sizeof(T)));
  }
}

// Neighbouring lanes run along what lies closer together. Along k they take eight elements of four lines:
// whole sectors on one side, all banks on the other.
template <class Tile, int kSpan, int kPitch, class T, int kSize>
TW_DEVICE void fma_load_elements(SharedArray<T, kSize>& panel, int base, const MatmulLines<T>& lines,
                                 int first, int k, int k_end) {
  constexpr int kCopies = Tile::kK * kSpan, kBytes = static_cast<int>(sizeof(T));
  static_assert(kCopies % Tile::kThreads == 0, "every thread copies as much");
  const bool along_k = lines.depth == 1;
  TW_UNROLL_BY(1)
  for (int step = 0; step < kCopies / Tile::kThreads; ++step) {
    const int i = step * Tile::kThreads + static_cast<int>(threadIdx.x);
    const int at = along_k ? i / 8 % kSpan : i % kSpan;
    const int row = along_k ? i % 8 + i / (8 * kSpan) * 8 : i / kSpan;
    const bool there = k + row < k_end && first + at < lines.limit;
    const int64_t offset = (first + at) * lines.along + (k + row) * lines.depth;
    copy_async<kBytes>(panel, base + row * kPitch + at, lines.data + (there ? offset : 0),
                       there ? kBytes : 0);
  }
}

template <class Tile, int kSpan, int kPitch, class T, int kSize>
TW_DEVICE void fma_load(SharedArray<T, kSize>& panel, int base, const MatmulLines<T>& lines, int first, int k,
                        int k_end) {
  if (lines.vectors) {
    fma_load_vectors<Tile, kSpan, kPitch>(panel, base, lines, first, k, k_end);
  } else {
    fma_load_elements<Tile, kSpan, kPitch>(panel, base, lines, first, k, k_end);
  }
}

// One panel's products. `row` and `col` are the thread's first of the tile.
template <class Tile, class T = typename Tile::T>
TW_DEVICE void fma_panel(T (&sums)[Tile::kGroupsM][Tile::kVector][Tile::kGroupsN][Tile::kVector],
                         typename Tile::Ring& ring, int stage, int row, int col) {
  constexpr int kVector = Tile::kVector;
  TW_UNROLL_BY(8)
  for (int k = 0; k < Tile::kK; ++k) {
    Vector<T, kVector> a[Tile::kGroupsM], b[Tile::kGroupsN];
    TW_UNROLL
    for (int g = 0; g < Tile::kGroupsM; ++g)
      a[g] = load_vector<kVector>(ring.a,
                                  (stage * Tile::kK + k) * Tile::kPitchM + row + g * Tile::kLanesM * kVector);
    TW_UNROLL
    for (int g = 0; g < Tile::kGroupsN; ++g)
      b[g] = load_vector<kVector>(ring.b,
                                  (stage * Tile::kK + k) * Tile::kPitchN + col + g * Tile::kLanesN * kVector);
    TW_UNROLL
    for (int i = 0; i < Tile::kGroupsM * kVector; ++i) {
      TW_UNROLL
      for (int j = 0; j < Tile::kGroupsN * kVector; ++j) {
        sums[i / kVector][i % kVector][j / kVector][j % kVector] +=
            a[i / kVector].elements[i % kVector] * b[j / kVector].elements[j % kVector];
      }
    }
  }
}

template <class Tile, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(Tile::kThreads, Tile::kBlocks) matmul_fma(MatmulProblem<T> p) {
  constexpr int kVector = Tile::kVector, kStages = Tile::kStages, kK = Tile::kK;
  auto& smem = block_shared<typename Tile::Smem>();
  const MatmulTile tile = matmul_tile<Tile::kM, Tile::kN>(p);
  const MatmulLines<T> a = matmul_lines_a(p, tile), b = matmul_lines_b(p, tile);
  const auto load = [&](int panel) {
    const int k = tile.k_begin + panel * kK, stage = panel % kStages;
    fma_load<Tile, Tile::kM, Tile::kPitchM>(smem.ring.a, stage * kK * Tile::kPitchM, a, tile.row, k,
                                            tile.k_end);
    fma_load<Tile, Tile::kN, Tile::kPitchN>(smem.ring.b, stage * kK * Tile::kPitchN, b, tile.col, k,
                                            tile.k_end);
  };

  const int panels = (tile.k_end - tile.k_begin + kK - 1) / kK;
  TW_UNROLL
  for (int panel = 0; panel < kStages - 1; ++panel) {
    if (panel < panels) load(panel);
    copy_async_commit();
  }
  const int warp_m = warp_index() / Tile::kWarpsN, warp_n = warp_index() % Tile::kWarpsN;
  const int row = warp_m * (Tile::kM / Tile::kWarpsM) + lane_index() / Tile::kLanesN * kVector;
  const int col = warp_n * (Tile::kN / Tile::kWarpsN) + lane_index() % Tile::kLanesN * kVector;
  T sums[Tile::kGroupsM][kVector][Tile::kGroupsN][kVector] = {};
  for (int panel = 0; panel < panels; ++panel) {
    copy_async_wait<kStages - 2>();
    block_sync();
    if (panel + kStages - 1 < panels) load(panel + kStages - 1);
    copy_async_commit();
    fma_panel<Tile>(sums, smem.ring, panel % kStages, row, col);
  }

  block_sync();  // the ring has been read: its memory takes the sums
  TW_UNROLL
  for (int i = 0; i < Tile::kGroupsM * kVector; ++i) {
    const int at = (row + i / kVector * Tile::kLanesM * kVector + i % kVector) * Tile::kPitchSums + col;
    TW_UNROLL
    for (int g = 0; g < Tile::kGroupsN; ++g) {
      Vector<T, kVector> group;
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) group.elements[v] = sums[i / kVector][i % kVector][g][v];
      store_vector(smem.sums, at + g * Tile::kLanesN * kVector, group);
    }
  }
  block_sync();
  matmul_store_tile<Tile::kM, Tile::kN, Tile::kPitchSums>(p, tile, smem.sums);
}

}  // namespace TW_BACKEND
