// SPDX-License-Identifier: Apache-2.0
// Computes    y = activation(alpha * sum of partial products + beta * y + bias + residual): what all matmul
//             kernels share around their main loops, and the sum over slices of K
// Layout      a (M, K), b (K, N) any strides; y, z, residual (M, N) rows contiguous; bias (N); Axes<5> in
//             front. partial (batch, slices, M, N) in the accumulator's type
// Method      A product with too few tiles for the chip is cut along K into slices of whole tiles; their sums
//             are written out and added in order by a second kernel, so the bits do not depend on who was
//             first
// Work split  block (tile, slice, matrix of the batch). Tiles are numbered in bands of kBandRows tile rows,
//             so that blocks that run together share rows of a and columns of b in the second-level cache
// Limits      M, N, K below 2^31
// Ran on      no GPU yet; passes on simt
#pragma once

#include "core/params.h"
#include "device/axes.cuh"
#include "device/config.cuh"
#include "device/element.cuh"
#include "device/vector.cuh"
#include "kernels/activation.cuh"

namespace TW_BACKEND {

template <class T>
struct MatmulOperand {
  GlobalPtr<const T> data;
  int64_t row, col;  // strides in elements
  bool vectors;      // in pieces of 16 aligned bytes, the way the kernel reads it
};

// What happens to a sum before it is y. Pointers that were not given are null.
template <class T>
struct MatmulFinish {
  GlobalPtr<T> y, z;
  GlobalPtr<const T> bias, residual;
  int64_t y_row, z_row, residual_row;
  Wide<T> alpha, beta, slope;
  Activation activation;
  bool vectors;  // all of them may be accessed by 16 aligned bytes
};

// The arrays in the order of MatmulProblem::batch.
inline constexpr int kMatmulY = 0, kMatmulZ = 1, kMatmulA = 2, kMatmulB = 3, kMatmulResidual = 4;

template <class T>
struct MatmulProblem {
  int m, n, k;
  int slices, slice_depth;  // of K; a slice is a multiple of the kernel's depth
  int64_t first_matrix;     // of the batch: that of blockIdx.z = 0
  MatmulOperand<T> a, b;
  MatmulFinish<T> finish;
  Axes<5> batch;
  GlobalPtr<Wide<T>> partial;
};

// An operand as a tile reads it: lines along m (of b: along n), one for each k.
template <class T>
struct MatmulLines {
  GlobalPtr<const T> data;
  int64_t along, depth;  // strides along m (n) and along k
  int limit;             // M (N)
  bool vectors;
};

// What one block computes.
struct MatmulTile {
  int row, col;        // of its first element
  int k_begin, k_end;  // of its slice
  int64_t matrix;
  Offsets<5> offsets;
};

inline constexpr int kBandRows = 8;

template <int kM, int kN, class T>
TW_DEVICE MatmulTile matmul_tile(const MatmulProblem<T>& p) {
  const int tiles_m = (p.m + kM - 1) / kM, tiles_n = (p.n + kN - 1) / kN;
  const int tile = static_cast<int>(blockIdx.x), slice = static_cast<int>(blockIdx.y);
  const int band = tile / (kBandRows * tiles_n), in_band = tile - band * kBandRows * tiles_n;
  const int left = tiles_m - band * kBandRows, rows = left < kBandRows ? left : kBandRows;
  MatmulTile t;
  t.row = (band * kBandRows + in_band % rows) * kM;
  t.col = in_band / rows * kN;
  t.k_begin = slice * p.slice_depth;
  t.k_end = p.k - t.k_begin < p.slice_depth ? p.k : t.k_begin + p.slice_depth;
  t.matrix = p.first_matrix + blockIdx.z;
  t.offsets = p.batch.offsets(t.matrix);
  return t;
}

template <class T>
TW_DEVICE MatmulLines<T> matmul_lines_a(const MatmulProblem<T>& p, const MatmulTile& tile) {
  return {p.a.data + tile.offsets.of[kMatmulA], p.a.row, p.a.col, p.m, p.a.vectors};
}
template <class T>
TW_DEVICE MatmulLines<T> matmul_lines_b(const MatmulProblem<T>& p, const MatmulTile& tile) {
  return {p.b.data + tile.offsets.of[kMatmulB], p.b.col, p.b.row, p.n, p.b.vectors};
}

// kCount neighbours along a row, of which the first `there` exist.
template <int kCount, class T>
TW_DEVICE void load_some(Wide<T> (&values)[kCount], GlobalPtr<const T> from, int there, bool vectors) {
  if (vectors && there >= kCount) {
    const Vector<T, kCount> loaded = load_vector<kCount>(from);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) values[v] = widen(loaded.elements[v]);
  } else {
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) values[v] = v < there ? widen(T(from[v])) : Wide<T>(0);
  }
}

template <int kCount, class T>
TW_DEVICE void store_some(GlobalPtr<T> to, const Wide<T> (&values)[kCount], int there, bool vectors) {
  if (vectors && there >= kCount) {
    Vector<T, kCount> stored;
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) stored.elements[v] = narrow<T>(values[v]);
    store_vector(to, stored);
  } else {
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) {
      if (v < there) to[v] = narrow<T>(values[v]);
    }
  }
}

// y[row, col ...] from the finished sums of kCount neighbours.
template <int kCount, class T>
TW_DEVICE void matmul_finish(const MatmulProblem<T>& p, const Offsets<5>& at, int row, int col,
                             Wide<T> (&sums)[kCount]) {
  using W = Wide<T>;
  const MatmulFinish<T>& f = p.finish;
  const int there = p.n - col;
  const GlobalPtr<T> y = f.y + (at.of[kMatmulY] + row * f.y_row + col);
  W term[kCount];
  TW_UNROLL
  for (int v = 0; v < kCount; ++v) sums[v] *= f.alpha;
  if (f.beta != W(0)) {
    load_some<kCount, T>(term, y, there, f.vectors);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] += f.beta * term[v];
  }
  if (f.bias) {
    load_some<kCount, T>(term, f.bias + col, there, f.vectors);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] += term[v];
  }
  if (f.residual) {
    load_some<kCount, T>(term, f.residual + (at.of[kMatmulResidual] + row * f.residual_row + col), there,
                         f.vectors);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] += term[v];
  }
  if (f.z) store_some<kCount, T>(f.z + (at.of[kMatmulZ] + row * f.z_row + col), sums, there, f.vectors);
  if (f.activation != Activation::none) {
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) sums[v] = activate(f.activation, sums[v], f.slope);
  }
  store_some<kCount, T>(y, sums, there, f.vectors);
}

// The first of a slice's sums in `partial`.
template <class T>
TW_DEVICE GlobalPtr<Wide<T>> matmul_partial(const MatmulProblem<T>& p, int64_t matrix, int slice, int row) {
  return p.partial + (((matrix - p.first_matrix) * p.slices + slice) * p.m + row) * p.n;
}

// Sums of kCount neighbours, to y or, where K is sliced, to the slice's place.
template <int kCount, class T>
TW_DEVICE void matmul_store(const MatmulProblem<T>& p, const MatmulTile& tile, int row, int col,
                            Wide<T> (&sums)[kCount]) {
  if (row >= p.m || col >= p.n) return;
  if (p.slices == 1) {
    matmul_finish<kCount>(p, tile.offsets, row, col, sums);
  } else {
    const GlobalPtr<Wide<T>> to = matmul_partial(p, tile.matrix, static_cast<int>(blockIdx.y), row) + col;
    store_some<kCount, Wide<T>>(to, sums, p.n - col, p.n % kCount == 0);
  }
}

// Elements that a thread finishes at once.
template <class T>
inline constexpr int kMatmulStore = sizeof(T) == 8 ? 2 : 4;

// A tile from shared memory, where its rows lie kPitch apart: neighbouring threads take neighbouring
// elements, and the code of the activations is there once instead of once a register.
template <int kM, int kN, int kPitch, class T, int kSize>
TW_DEVICE void matmul_store_tile(const MatmulProblem<T>& p, const MatmulTile& tile,
                                 SharedArray<Wide<T>, kSize>& sums) {
  constexpr int kStore = kMatmulStore<T>, kPerRow = kN / kStore;
  static_assert(kM * kPitch <= kSize && kPitch % kStore == 0, "the tile fits");
  for (int i = static_cast<int>(threadIdx.x); i < kM * kPerRow; i += static_cast<int>(blockDim.x)) {
    const int row = i / kPerRow, col = i % kPerRow * kStore;
    Vector<Wide<T>, kStore> loaded = load_vector<kStore>(sums, row * kPitch + col);
    matmul_store<kStore>(p, tile, tile.row + row, tile.col + col, loaded.elements);
  }
}

inline constexpr int kSumThreads = 256;

// y from the slices: a thread takes kMatmulStore neighbours of a row.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kSumThreads) matmul_sum(MatmulProblem<T> p) {
  constexpr int kStore = kMatmulStore<T>;
  const int groups = (p.n + kStore - 1) / kStore;
  const int64_t index = int64_t{blockIdx.x} * kSumThreads + threadIdx.x;
  const int64_t matrix = p.first_matrix + blockIdx.z;
  if (index >= int64_t{groups} * p.m) return;
  const int row = static_cast<int>(index / groups), col = static_cast<int>(index % groups) * kStore;
  Wide<T> sums[kStore] = {};
  for (int slice = 0; slice < p.slices; ++slice) {
    Wide<T> part[kStore];
    load_some<kStore, Wide<T>>(part, matmul_partial(p, matrix, slice, row) + col, p.n - col,
                               p.n % kStore == 0);
    TW_UNROLL
    for (int v = 0; v < kStore; ++v) sums[v] += part[v];
  }
  matmul_finish<kStore>(p, p.batch.offsets(matrix), row, col, sums);
}

}  // namespace TW_BACKEND
