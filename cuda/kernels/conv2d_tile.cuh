// SPDX-License-Identifier: Apache-2.0
// Computes    the implicit GEMM of conv2d.cuh: the main loops, tiles and panels of matmul_fma.cuh and
//             matmul_mma.cuh, fed by gathering loaders
// Layout      panels as those kernels have them. A place of each of the tile's rows lies in shared memory;
//             that of k is computed on the way
// Method      cp.async ring: while a panel is used, the kStages - 1 after it are under way; one barrier a
//             panel. 16 bytes at a time where a group's channels are whole pieces of 16 aligned bytes, so
//             that a piece is inside the image or outside as a whole; else 4 bytes (two 16-bit elements
//             through registers)
// Work split  as matmul: kWarpsM x kWarpsN warps share a tile
// Limits      tiles past the edge are filled with zeros and not stored
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/conv2d.cuh"
#include "kernels/matmul_fma.cuh"
#include "kernels/matmul_mma.cuh"

namespace TW_BACKEND {

// piece(line, k) of a kSpan x kK panel to [k][kPitch] at element `base`; kVector lines at a time, or one.
template <class Tile, int kSpan, int kPitch, class T, int kSize, class Piece>
TW_DEVICE void conv_load_fma(SharedArray<T, kSize>& panel, int base, bool vectors, Piece piece) {
  constexpr int kVector = Tile::kVector, kBytes = static_cast<int>(sizeof(T));
  if (vectors) {
    for (int i = static_cast<int>(threadIdx.x); i < Tile::kK * kSpan / kVector; i += Tile::kThreads) {
      const int line = i % (kSpan / kVector) * kVector, k = i / (kSpan / kVector);
      const ConvPiece<T> from = piece(line, k);
      copy_async<kVectorBytes>(panel, base + k * kPitch + line, from.from, from.inside ? kVectorBytes : 0);
    }
  } else {
    for (int i = static_cast<int>(threadIdx.x); i < Tile::kK * kSpan; i += Tile::kThreads) {
      const int line = i / 8 % kSpan, k = i % 8 + i / (8 * kSpan) * 8;
      const ConvPiece<T> from = piece(line, k);
      copy_async<kBytes>(panel, base + k * kPitch + line, from.from, from.inside ? kBytes : 0);
    }
  }
}

// The same to the swizzled lines of matmul_mma.cuh.
template <class Tile, int kSpan, MmaLines kLines, class T, int kSize, class Piece>
TW_DEVICE void conv_load_mma(SharedArray<T, kSize>& panel, int base, bool vectors, Piece piece) {
  constexpr bool kAlongK = kLines == MmaLines::along_k;
  constexpr int kK = Tile::kK, kChunk = Tile::kChunk, kLength = kAlongK ? kK : kSpan;
  if (vectors) {
    constexpr int kPerLine = kLength / kChunk;
    for (int i = static_cast<int>(threadIdx.x); i < kSpan * kK / kChunk; i += Tile::kThreads) {
      const int chunk = i % kPerLine, at = i / kPerLine;
      const ConvPiece<T> from = kAlongK ? piece(at, chunk * kChunk) : piece(chunk * kChunk, at);
      copy_async<kVectorBytes>(panel, base + swizzled<kLength, kChunk>(at, chunk), from.from,
                               from.inside ? kVectorBytes : 0);
    }
    return;
  }
  constexpr int kPiece = 4 / static_cast<int>(sizeof(T)), kPerLine = kLength / kPiece;
  for (int i = static_cast<int>(threadIdx.x); i < kSpan * kK / kPiece; i += Tile::kThreads) {
    const int at = i / kPerLine, along = i % kPerLine * kPiece;
    const int target = base + swizzled<kLength, kChunk>(at, along / kChunk) + along % kChunk;
    const ConvPiece<T> first = kAlongK ? piece(at, along) : piece(along, at);
    if constexpr (sizeof(T) == 4) {
      copy_async<4>(panel, target, first.from, first.inside ? 4 : 0);
    } else {
      const ConvPiece<T> second = kAlongK ? piece(at, along + 1) : piece(along + 1, at);
      Vector<T, 2> pair = {};
      if (first.inside) pair.elements[0] = first.from[0];
      if (second.inside) pair.elements[1] = second.from[0];
      store_vector(panel, target, pair);
    }
  }
}

template <class Tile>
struct ConvSmem {
  typename Tile::Smem panels;
  SharedArray<ConvPlace, Tile::kM> places;  // of the tile's rows
};

// The elements of a and b for this block, by place in the tile's panel.
template <ConvPass kPass, class Tile, class T = typename Tile::T>
class ConvOperands {
 public:
  TW_DEVICE ConvOperands(const ConvProblem<T>& p, const ConvTile& tile, ConvSmem<Tile>& smem)
      : p_(p),
        tile_(tile),
        smem_(smem),
        x_(p.x.data + int64_t{tile.group} * p.in_channels.size()),
        b_(kPass == ConvPass::correlate ? p.w + tile.group * p.w_group
                                        : p.dy.data + int64_t{tile.group} * p.n) {
    for (int i = static_cast<int>(threadIdx.x); i < Tile::kM; i += Tile::kThreads) {
      const int m = tile.row + i;
      smem.places[slot(i)] =
          kPass == ConvPass::correlate ? conv_pixel_place(p, m, p.m) : conv_tap_place(p, m, p.m);
    }
    block_sync();
  }

  TW_DEVICE ConvPiece<T> a(int line, int k) const {
    const ConvPlace row = smem_.places[slot(line)];
    const ConvPlace depth = kPass == ConvPass::correlate ? conv_tap_place(p_, k, tile_.k_end)
                                                         : conv_pixel_place(p_, k, tile_.k_end);
    return conv_element(p_, x_, row, depth);
  }
  TW_DEVICE ConvPiece<T> b(int line, int k) const {
    if constexpr (kPass == ConvPass::correlate) {
      return conv_filter_element(p_, b_, k, tile_.col + line, tile_.k_end);
    } else {
      return conv_pixel_element(p_, b_, k, tile_.col + line, tile_.k_end);
    }
  }

 private:
  // Where the place of a line is kept. The weight gradient reads every kVector-th together: those are
  // neighbours.
  TW_DEVICE static int slot(int line) {
    constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
    if (kPass == ConvPass::correlate) return line;
    return line % kVector * (Tile::kM / kVector) + line / kVector;
  }

  const ConvProblem<T>& p_;
  const ConvTile& tile_;
  ConvSmem<Tile>& smem_;
  GlobalPtr<const T> x_, b_;
};

template <class Tile, ConvPass kPass, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(Tile::kThreads, Tile::kBlocks) conv2d_fma(ConvProblem<T> p) {
  constexpr int kVector = Tile::kVector, kStages = Tile::kStages, kK = Tile::kK;
  auto& smem = block_shared<ConvSmem<Tile>>();
  const ConvTile tile = conv_tile<Tile::kM, Tile::kN>(p);
  const ConvOperands<kPass, Tile> operands(p, tile, smem);
  const auto load = [&](int panel) {
    const int first = tile.k_begin + panel * kK, stage = panel % kStages;
    conv_load_fma<Tile, Tile::kM, Tile::kPitchM>(
        smem.panels.ring.a, stage * kK * Tile::kPitchM, p.a_vectors,
        [&](int line, int k) { return operands.a(line, first + k); });
    conv_load_fma<Tile, Tile::kN, Tile::kPitchN>(
        smem.panels.ring.b, stage * kK * Tile::kPitchN, p.b_vectors,
        [&](int line, int k) { return operands.b(line, first + k); });
  };

  const int panels = (tile.k_end - tile.k_begin + kK - 1) / kK;
  for (int panel = 0; panel < kStages - 1; ++panel) {
    if (panel < panels) load(panel);
    copy_async_commit();
  }
  const int row =
      warp_index() / Tile::kWarpsN * (Tile::kM / Tile::kWarpsM) + lane_index() / Tile::kLanesN * kVector;
  const int col =
      warp_index() % Tile::kWarpsN * (Tile::kN / Tile::kWarpsN) + lane_index() % Tile::kLanesN * kVector;
  T sums[Tile::kGroupsM][kVector][Tile::kGroupsN][kVector] = {};
  for (int panel = 0; panel < panels; ++panel) {
    copy_async_wait<kStages - 2>();
    block_sync();
    if (panel + kStages - 1 < panels) load(panel + kStages - 1);
    copy_async_commit();
    fma_panel<Tile>(sums, smem.panels.ring, panel % kStages, row, col);
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
      store_vector(smem.panels.sums, at + g * Tile::kLanesN * kVector, group);
    }
  }
  block_sync();
  conv_store_tile<kPass, Tile::kM, Tile::kN, Tile::kPitchSums>(p, tile, smem.panels.sums);
}

template <class Tile, ConvPass kPass, MmaLines kLinesA, MmaLines kLinesB, class T = typename Tile::T>
TW_KERNEL void TW_LAUNCH_BOUNDS_PER_SM(Tile::kThreads, Tile::kBlocks) conv2d_mma(ConvProblem<T> p) {
  constexpr int kStages = Tile::kStages, kK = Tile::kK;
  auto& smem = block_shared<ConvSmem<Tile>>();
  const ConvTile tile = conv_tile<Tile::kM, Tile::kN>(p);
  const ConvOperands<kPass, Tile> operands(p, tile, smem);
  const auto load = [&](int panel) {
    const int first = tile.k_begin + panel * kK, stage = panel % kStages;
    conv_load_mma<Tile, Tile::kM, kLinesA>(smem.panels.ring.a, stage * Tile::kM * kK, p.a_vectors,
                                           [&](int line, int k) { return operands.a(line, first + k); });
    conv_load_mma<Tile, Tile::kN, kLinesB>(smem.panels.ring.b, stage * Tile::kN * kK, p.b_vectors,
                                           [&](int line, int k) { return operands.b(line, first + k); });
  };

  const int panels = (tile.k_end - tile.k_begin + kK - 1) / kK;
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
    mma_panel<Tile, kLinesA, kLinesB>(sums, smem.panels.ring, panel % kStages, row, col);
  }

  block_sync();  // the ring has been read: its memory takes the sums
  TW_UNROLL
  for (int i = 0; i < Tile::kTilesM; ++i) {
    TW_UNROLL
    for (int j = 0; j < Tile::kTilesN; ++j) {
      TW_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int at = (row + i * 16 + half * 8 + lane_index() / 4) * Tile::kPitchSums + col + j * 8;
        store_vector(smem.panels.sums, at + lane_index() % 4 * 2,
                     Vector<float, 2>{{sums[i][j][2 * half], sums[i][j][2 * half + 1]}});
      }
    }
  }
  block_sync();
  conv_store_tile<kPass, Tile::kM, Tile::kN, Tile::kPitchSums>(p, tile, smem.panels.sums);
}

}  // namespace TW_BACKEND
