// SPDX-License-Identifier: Apache-2.0
// Computes    sums over k of a[m, k] * b[k, n] on the tensor cores, f16, bf16 or tf32 (f32 rounded) with
//             float sums; finished by matmul.cuh
// Layout      shared memory: a ring of kStages panels, 128 bytes of k for each of kM rows of a and kN columns
//             of
//             b. A 16-byte chunk c of line i lies at chunk c ^ (i % 8), so that the 8 rows ldmatrix reads at
//             once lie in different banks:
//
//                 line 0:  0 1 2 3 4 5 6 7        an operand contiguous along m (n) keeps its lines, one a k,
//                 line 1:  1 0 3 2 5 4 7 6        with the same swizzle over each 128 bytes, and ldmatrix
//                 line 2:  2 3 0 1 6 7 4 5        transposes (16-bit types only)
// Method      cp.async ring as matmul_fma.cuh; ldmatrix feeds mma.sync m16n8k16 (tf32: m16n8k8, each fragment
//             rounded by cvt.rna). Operands with no aligned 16 bytes are gathered element by element
// Work split  kWarpsM x kWarpsN warps, each kM / kWarpsM x kN / kWarpsN of the tile
// Limits      tiles past the edge are filled with zeros and not stored; warp tiles of 16 x 16 blocks
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/async_copy.cuh"
#include "device/mma.cuh"
#include "device/warp.cuh"
#include "kernels/matmul.cuh"

namespace TW_BACKEND {

// How an operand lies in shared memory: its lines along k, or across it.
enum class MmaLines { along_k, across_k };

template <class Scalar, int kRows, int kCols, int kWarpsAlongM, int kWarpsAlongN, int kRing>
struct MmaTile {
  using T = Scalar;
  using Product = std::conditional_t<sizeof(T) == 4, Tf32, T>;
  static constexpr int kM = kRows, kN = kCols, kStages = kRing;
  static constexpr int kWarpsM = kWarpsAlongM, kWarpsN = kWarpsAlongN;
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kK = 128 / static_cast<int>(sizeof(T));               // of a panel
  static constexpr int kChunk = kVectorBytes / static_cast<int>(sizeof(T));  // elements of 16 bytes
  static constexpr int kSteps = kK / kMmaDepth<Product>;
  static constexpr int kTilesM = kM / kWarpsM / 16, kTilesN = kN / kWarpsN / 8;
  static_assert(kTilesM > 0 && kTilesN % 2 == 0, "two columns of tiles load together");
  static constexpr int kBlocks =
      kThreads == 256 ? 1 : 4;               // of a multiprocessor, which registers leave room for
  static constexpr int kPitchSums = kN + 8;  // rows g, g + 1, ... of a fragment use different banks
  struct Ring {
    SharedArray<T, kStages * kM * kK> a;
    SharedArray<T, kStages * kN * kK> b;
  };
  union Smem {
    Ring ring;
    SharedArray<float, kM * kPitchSums> sums;
  };
};

// Element (line, chunk) of a panel whose lines have kLength elements. Lines of 64 bytes lie in pairs.
template <int kLength, int kChunk>
TW_DEVICE int swizzled(int line, int chunk) {
  constexpr int kChunks = kLength / kChunk;
  static_assert(kChunks == 4 || kChunks % 8 == 0, "lines of 64 bytes or whole banks");
  return line * kLength + (chunk ^ (kChunks == 4 ? line / 2 % 4 : line % 8)) * kChunk;
}

// Copies elements first..first + kSpan at k..k + kK to the panel at element `base`, by 16 bytes.
template <class Tile, int kSpan, MmaLines kLines, class T, int kSize>
TW_DEVICE void mma_load_vectors(SharedArray<T, kSize>& panel, int base, const MatmulLines<T>& from, int first,
                                int k, int k_end) {
  constexpr bool kAlongK = kLines == MmaLines::along_k;
  constexpr int kK = Tile::kK, kChunk = Tile::kChunk, kCopies = kSpan * kK / kChunk;
  constexpr int kPerLine = (kAlongK ? kK : kSpan) / kChunk;
  static_assert(kCopies % Tile::kThreads == 0, "every thread copies as much");
  TW_UNROLL
  for (int step = 0; step < kCopies / Tile::kThreads; ++step) {
    const int i = step * Tile::kThreads + static_cast<int>(threadIdx.x);
    const int chunk = i % kPerLine, line = i / kPerLine;
    const int at_k = k + (kAlongK ? chunk * kChunk : line), at = first + (kAlongK ? line : chunk * kChunk);
    const int left = kAlongK ? (at < from.limit ? k_end - at_k : 0) : (at_k < k_end ? from.limit - at : 0);
    const int there = left < 0 ? 0 : left > kChunk ? kChunk : left;
    const int64_t offset = kAlongK ? at * from.along + at_k : at + at_k * from.depth;
    copy_async<kVectorBytes>(panel, base + swizzled < kAlongK ? kK : kSpan, kChunk > (line, chunk),
                             from.data + (there > 0 ? offset : 0), there * static_cast<int>(sizeof(T)));
  }
}

// The same for any strides, to lines along k: 4 bytes at a time, which are two 16-bit elements that cp.async
// cannot fetch apart. Neighbouring lanes run along what lies closer together, and on the other side hit all
// banks.
template <class Tile, int kSpan, class T, int kSize>
TW_DEVICE void mma_load_elements(SharedArray<T, kSize>& panel, int base, const MatmulLines<T>& from,
                                 int first, int k, int k_end) {
  constexpr int kK = Tile::kK, kChunk = Tile::kChunk;
  constexpr int kPiece = 4 / static_cast<int>(sizeof(T)), kPerLine = kK / kPiece;
  const bool along_k = from.depth == 1;
  TW_UNROLL_BY(1)
  for (int i = static_cast<int>(threadIdx.x); i < kSpan * kPerLine; i += Tile::kThreads) {
    const int piece = along_k ? i % kPerLine : i / 8 % 4 + i / (4 * kSpan) * 4;
    const int line = along_k ? i / kPerLine : i % 8 + i / 32 % (kSpan / 8) * 8;
    const int at_k = k + piece * kPiece;
    const bool inside = first + line < from.limit;
    const int target = base + swizzled<kK, kChunk>(line, piece * kPiece / kChunk) + piece * kPiece % kChunk;
    const int64_t offset = (first + line) * from.along + at_k * from.depth;
    if constexpr (sizeof(T) == 4) {
      const bool there = inside && at_k < k_end;
      copy_async<4>(panel, target, from.data + (there ? offset : 0), there ? 4 : 0);
    } else {
      Vector<T, 2> pair = {};
      if (inside && at_k < k_end) pair.elements[0] = from.data[offset];
      if (inside && at_k + 1 < k_end) pair.elements[1] = from.data[offset + from.depth];
      store_vector(panel, target, pair);
    }
  }
}

template <class Tile, int kSpan, MmaLines kLines, class T, int kSize>
TW_DEVICE void mma_load(SharedArray<T, kSize>& panel, int base, const MatmulLines<T>& from, int first, int k,
                        int k_end) {
  if (kLines == MmaLines::across_k || from.vectors) {
    mma_load_vectors<Tile, kSpan, kLines>(panel, base, from, first, k, k_end);
  } else {
    mma_load_elements<Tile, kSpan>(panel, base, from, first, k, k_end);
  }
}

// Four 8x8 matrices (8 x 16 bytes) that make up 16 lines by 32 bytes of k, from line `line` and k step `step`
// on. kLinesFirst: matrix 1 is the next 8 lines (a's fragment), else the next 16 bytes of k (two of b's).
template <class Tile, int kSpan, MmaLines kLines, bool kLinesFirst, class T, int kSize>
TW_DEVICE void mma_fragments(uint32_t (&fragments)[4], SharedArray<T, kSize>& panel, int base, int line,
                             int step) {
  constexpr int kChunk = Tile::kChunk;
  const int matrix = lane_index() / 8, row = lane_index() % 8;
  const int next_lines = kLinesFirst ? matrix % 2 : matrix / 2;
  const int next_k = kLinesFirst ? matrix / 2 : matrix % 2;
  if constexpr (kLines == MmaLines::across_k) {
    load_matrix<4, true>(fragments, panel,
                         base + swizzled<kSpan, kChunk>(step * 16 + next_k * 8 + row, line / 8 + next_lines));
  } else {
    load_matrix<4>(fragments, panel,
                   base + swizzled<Tile::kK, kChunk>(line + next_lines * 8 + row, step * 2 + next_k));
  }
  if (sizeof(T) == 4) {
    TW_UNROLL
    for (uint32_t& fragment : fragments) fragment = tf32_bits(fragment);
  }
}

// One panel's products for the warp's part of the tile, which begins at (row, col).
template <class Tile, MmaLines kLinesA, MmaLines kLinesB>
TW_DEVICE void mma_panel(float (&sums)[Tile::kTilesM][Tile::kTilesN][4], typename Tile::Ring& ring, int stage,
                         int row, int col) {
  TW_UNROLL_BY(2)
  for (int step = 0; step < Tile::kSteps; ++step) {
    uint32_t a[Tile::kTilesM][4];
    TW_UNROLL
    for (int i = 0; i < Tile::kTilesM; ++i) {
      mma_fragments<Tile, Tile::kM, kLinesA, true>(a[i], ring.a, stage * Tile::kM * Tile::kK, row + i * 16,
                                                   step);
    }
    TW_UNROLL
    for (int j = 0; j < Tile::kTilesN; j += 2) {
      uint32_t both[4];
      mma_fragments<Tile, Tile::kN, kLinesB, false>(both, ring.b, stage * Tile::kN * Tile::kK, col + j * 8,
                                                    step);
      TW_UNROLL
      for (int half = 0; half < 2; ++half) {
        const uint32_t b[2] = {both[2 * half], both[2 * half + 1]};
        TW_UNROLL
        for (int i = 0; i < Tile::kTilesM; ++i) mma<typename Tile::Product>(sums[i][j + half], a[i], b);
      }
    }
  }
}

template <class Tile, MmaLines kLinesA, MmaLines kLinesB, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(Tile::kThreads, Tile::kBlocks) matmul_mma(MatmulProblem<T> p) {
  constexpr int kStages = Tile::kStages, kK = Tile::kK;
  auto& smem = block_shared<typename Tile::Smem>();
  const MatmulTile tile = matmul_tile<Tile::kM, Tile::kN>(p);
  const MatmulLines<T> a = matmul_lines_a(p, tile), b = matmul_lines_b(p, tile);
  const auto load = [&](int panel) {
    const int k = tile.k_begin + panel * kK, stage = panel % kStages;
    mma_load<Tile, Tile::kM, kLinesA>(smem.ring.a, stage * Tile::kM * kK, a, tile.row, k, tile.k_end);
    mma_load<Tile, Tile::kN, kLinesB>(smem.ring.b, stage * Tile::kN * kK, b, tile.col, k, tile.k_end);
  };

  const int panels = (tile.k_end - tile.k_begin + kK - 1) / kK;
  TW_UNROLL
  for (int panel = 0; panel < kStages - 1; ++panel) {
    if (panel < panels) load(panel);
    copy_async_commit();
  }
  const int row = warp_index() / Tile::kWarpsN * (Tile::kM / Tile::kWarpsM);
  const int col = warp_index() % Tile::kWarpsN * (Tile::kN / Tile::kWarpsN);
  float sums[Tile::kTilesM][Tile::kTilesN][4] = {};
  for (int panel = 0; panel < panels; ++panel) {
    copy_async_wait<kStages - 2>();
    block_sync();
    if (panel + kStages - 1 < panels) load(panel + kStages - 1);
    copy_async_commit();
    mma_panel<Tile, kLinesA, kLinesB>(sums, smem.ring, panel % kStages, row, col);
  }

  block_sync();  // the ring has been read: its memory takes the sums
  TW_UNROLL
  for (int i = 0; i < Tile::kTilesM; ++i) {
    TW_UNROLL
    for (int j = 0; j < Tile::kTilesN; ++j) {
      TW_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int at = (row + i * 16 + half * 8 + lane_index() / 4) * Tile::kPitchSums + col + j * 8;
        store_vector(smem.sums, at + lane_index() % 4 * 2,
                     Vector<float, 2>{{sums[i][j][2 * half], sums[i][j][2 * half + 1]}});
      }
    }
  }
  block_sync();
  matmul_store_tile<Tile::kM, Tile::kN, Tile::kPitchSums>(p, tile, smem.sums);
}

}  // namespace TW_BACKEND
