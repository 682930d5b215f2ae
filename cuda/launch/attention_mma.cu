// SPDX-License-Identifier: Apache-2.0
// Launches attention on the tensor cores (kernels/attention_mma*.cuh): F16 and Bf16. Tiles are such that a
// block has no spills and fits the 99 KiB of the smallest chip from sm_80 on.
#include "kernels/attention_mma_backward.cuh"
#include "launch/attention_slices.h"
#include "launch/shared_limit.h"

namespace TW_BACKEND {
namespace {

template <class Tile, class T = typename Tile::T>
void run_forward(const AttentionLaunch& l, const AttentionForward<T>& f) {
  launch_attention_slices("attention_mma_forward", attention_mma_forward<Tile>, l, f, Tile::kRows,
                          Tile::kColumns, Tile::kThreads, shared_size<AttentionMmaSmem<Tile>>());
}

// 16 rows of one warp, or four warps of 16 kTiles rows.
template <class T, int kDepth, int kTiles, int kColumns>
void run_rows(const AttentionLaunch& l, const AttentionForward<T>& f) {
  if (f.problem.rows <= kFewAttentionRows) {
    run_forward<AttentionMmaTile<T, kDepth, 1, 1, kColumns>>(l, f);
  } else {
    run_forward<AttentionMmaTile<T, kDepth, 4, kTiles, kColumns>>(l, f);
  }
}

// Head size, 16-row tiles of a warp, keys of a block.
template <class T>
void run_depths(const AttentionLaunch& l, const AttentionForward<T>& f) {
  const int depth = f.problem.depth;
  if (depth <= 32) return run_rows<T, 32, 2, 64>(l, f);
  if (depth <= 64) return run_rows<T, 64, 2, 64>(l, f);
  if (depth <= 96) return run_rows<T, 96, 2, 32>(l, f);
  if (depth <= 128) return run_rows<T, 128, 2, 32>(l, f);
  return run_rows<T, 256, 1, 32>(l, f);
}

template <class Tile, class T = typename Tile::T>
void run_backward(const char* name, void (*kernel)(AttentionBackward<T>), int64_t lines,
                  const AttentionLaunch& l, AttentionBackward<T> b) {
  b.problem.tiles = static_cast<int>(ceil_divide(lines, Tile::kRows));
  launch(name, kernel, Dim3(static_cast<unsigned>(b.problem.tiles * l.heads), Tile::kD / Tile::kOut),
         Dim3(Tile::kThreads), shared_size<AttentionMmaBackwardSmem<Tile>>(), l.stream, b);
}

// body(tile) with the tile of the backward kernels for this head size. Two sums of 256 columns do not fit the
// registers: there two blocks take half of the columns each.
template <class T, class Body>
void with_tile(int depth, Body&& body) {
  if (depth <= 32) return body(AttentionMmaTile<T, 32, 4, 1, 32>{});
  if (depth <= 64) return body(AttentionMmaTile<T, 64, 4, 1, 32>{});
  if (depth <= 96) return body(AttentionMmaTile<T, 96, 4, 1, 32>{});
  if (depth <= 128) return body(AttentionMmaTile<T, 128, 4, 1, 32>{});
  return body(AttentionMmaTile<T, 256, 2, 1, 16, 128>{});
}

template <class T>
void run_dq(const AttentionLaunch& l, const AttentionBackward<T>& b) {
  with_tile<T>(b.problem.depth, [&](auto tile) {
    using Tile = decltype(tile);
    run_backward<Tile>("attention_mma_dq", attention_mma_dq<Tile>, b.problem.rows, l, b);
  });
}

template <class T>
void run_dkv(const AttentionLaunch& l, const AttentionBackward<T>& b) {
  with_tile<T>(b.problem.depth, [&](auto tile) {
    using Tile = decltype(tile);
    run_backward<Tile>("attention_mma_dkv", attention_mma_dkv<Tile>, b.problem.keys, l, b);
  });
}

}  // namespace

template <>
void launch_attention_forward(const AttentionLaunch& l, AttentionForward<F16> f) {
  run_depths(l, f);
}
template <>
void launch_attention_forward(const AttentionLaunch& l, AttentionForward<Bf16> f) {
  run_depths(l, f);
}
template <>
void launch_attention_dq(const AttentionLaunch& l, AttentionBackward<F16> b) {
  run_dq(l, b);
}
template <>
void launch_attention_dq(const AttentionLaunch& l, AttentionBackward<Bf16> b) {
  run_dq(l, b);
}
template <>
void launch_attention_dkv(const AttentionLaunch& l, AttentionBackward<F16> b) {
  run_dkv(l, b);
}
template <>
void launch_attention_dkv(const AttentionLaunch& l, AttentionBackward<Bf16> b) {
  run_dkv(l, b);
}

}  // namespace TW_BACKEND
