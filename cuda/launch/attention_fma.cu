// SPDX-License-Identifier: Apache-2.0
// Launches attention on the CUDA cores (kernels/attention_fma*.cuh): float and double. Tiles are such that
// two blocks share a multiprocessor, or that a block fits the 99 KiB of the smallest chip from sm_80 on.
#include "kernels/attention_fma_backward.cuh"
#include "launch/attention_slices.h"
#include "launch/shared_limit.h"

namespace TW_BACKEND {
namespace {

template <class Tile, class T = typename Tile::T>
void run_forward(const AttentionLaunch& l, const AttentionForward<T>& f) {
  launch_attention_slices("attention_fma_forward", attention_fma_forward<Tile>, l, f, Tile::kRows,
                          Tile::kColumns, Tile::kThreads, shared_size<AttentionFmaSmem<Tile>>());
}

// 16 rows of a warp pair, or kRows. Blocks of keys are the same: so are the bits.
template <class T, int kDepth, int kRowsOfThreads, int kColumns>
void run_rows(const AttentionLaunch& l, const AttentionForward<T>& f) {
  if (f.problem.rows <= kFewAttentionRows && kRowsOfThreads > 4) {
    run_forward<AttentionFmaTile<T, kDepth, 4, kColumns>>(l, f);
  } else {
    run_forward<AttentionFmaTile<T, kDepth, kRowsOfThreads, kColumns>>(l, f);
  }
}

template <class Tile, class T = typename Tile::T>
void run_backward(const char* name, void (*kernel)(AttentionBackward<T>), int64_t lines,
                  const AttentionLaunch& l, AttentionBackward<T> b) {
  b.problem.tiles = static_cast<int>(ceil_divide(lines, Tile::kRows));
  launch(name, kernel, Dim3(static_cast<unsigned>(b.problem.tiles * l.heads)), Dim3(Tile::kThreads),
         shared_size<AttentionFmaBackwardSmem<Tile>>(), l.stream, b);
}

// body(tile) with the tile of the backward kernels for this head size.
template <class Body>
void with_tile(float, int depth, Body&& body) {
  if (depth <= 32) return body(AttentionFmaTile<float, 32, 16, 32>{});
  if (depth <= 64) return body(AttentionFmaTile<float, 64, 16, 32>{});
  if (depth <= 96) return body(AttentionFmaTile<float, 96, 8, 32>{});
  if (depth <= 128) return body(AttentionFmaTile<float, 128, 8, 32>{});
  return body(AttentionFmaTile<float, 256, 8, 16, 2>{});
}
template <class Body>
void with_tile(double, int depth, Body&& body) {
  if (depth <= 64) return body(AttentionFmaTile<double, 64, 8, 16>{});
  return body(AttentionFmaTile<double, 256, 4, 16, 2>{});
}

template <class T>
void run_dq(const AttentionLaunch& l, const AttentionBackward<T>& b) {
  with_tile(T{}, b.problem.depth, [&](auto tile) {
    using Tile = decltype(tile);
    run_backward<Tile>("attention_fma_dq", attention_fma_dq<Tile>, b.problem.rows, l, b);
  });
}

template <class T>
void run_dkv(const AttentionLaunch& l, const AttentionBackward<T>& b) {
  with_tile(T{}, b.problem.depth, [&](auto tile) {
    using Tile = decltype(tile);
    run_backward<Tile>("attention_fma_dkv", attention_fma_dkv<Tile>, b.problem.keys, l, b);
  });
}

}  // namespace

// Head size, rows of threads (4 rows each), keys of a block.
template <>
void launch_attention_forward(const AttentionLaunch& l, AttentionForward<float> f) {
  const int depth = f.problem.depth;
  if (depth <= 32) return run_rows<float, 32, 16, 64>(l, f);
  if (depth <= 64) return run_rows<float, 64, 16, 64>(l, f);
  if (depth <= 96) return run_rows<float, 96, 16, 32>(l, f);
  if (depth <= 128) return run_rows<float, 128, 16, 32>(l, f);
  return run_rows<float, 256, 8, 16>(l, f);
}
template <>
void launch_attention_forward(const AttentionLaunch& l, AttentionForward<double> f) {
  if (f.problem.depth <= 64) return run_forward<AttentionFmaTile<double, 64, 8, 32>>(l, f);
  run_forward<AttentionFmaTile<double, 256, 4, 16, 2>>(l, f);
}

template <>
void launch_attention_dq(const AttentionLaunch& l, AttentionBackward<float> b) {
  run_dq(l, b);
}
template <>
void launch_attention_dq(const AttentionLaunch& l, AttentionBackward<double> b) {
  run_dq(l, b);
}
template <>
void launch_attention_dkv(const AttentionLaunch& l, AttentionBackward<float> b) {
  run_dkv(l, b);
}
template <>
void launch_attention_dkv(const AttentionLaunch& l, AttentionBackward<double> b) {
  run_dkv(l, b);
}

}  // namespace TW_BACKEND
