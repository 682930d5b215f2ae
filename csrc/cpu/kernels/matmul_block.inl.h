// SPDX-License-Identifier: Apache-2.0
// The loops around the register tile of matmul: in which order a block's tiles are computed, and what is
// fetched into the caches meanwhile.
// Computes    y (m, n) = alpha * a (m, k) @ b (k, n) + beta * y, then bias, residual and activation
// Layout      a, b: panels, packed or parts of a matrix as it lies; y: columns contiguous
// Method      Goto & van de Geijn (2008), loops 1 and 2: columns outside, so that a panel of b stays in the
//             first-level cache for all rows. Rows outside where b is small and sums are short: y is then
//             written row by row. Sums of up to four terms have loops of their own (sweep_row, shallow)
// Work split  none here; the driver calls one block per task
// Limits      FMA throughput from about 32 terms on; below, writing y
// Measured    docs/kernels/matmul.md
#pragma once

#include "cpu/kernels/matmul_tile.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// A b of at most so many bytes is read again for every few rows, so that y is written row by row, whole lines
// one behind the other, which is what counts where sums are short: 2604x191x2 writes 8.6 GB/s panel by panel,
// 22 row by row, 3032x777x14 5.4 and 8.8. Few rows do not pay what does not fit the first-level cache.
inline constexpr int64_t kNearBytes = 64 << 10;
// A y that fits the second-level cache and is there takes sums of three or four terms twice as fast panel by
// panel, where b is read once (256x256x4 6 us, row by row 13).
inline constexpr int64_t kLargeResult = 256 << 10;
// Rows of y shorter than this are written four at a time: eight side by side escape the prefetcher
// (1064x154x9 90 us, 67 with four).
inline constexpr int64_t kShortRow = 1024;

// One call of block: walks panels of b and rows of a in the order that suits.
template <class T>
struct BlockWalk {
  static constexpr int64_t kLine = 64 / int64_t(sizeof(T));
  const MatmulBlock<T>& g;
  TileArgs<T> t;
  MatmulFinish<T> rest;  // what the tile does not do itself
  bool transposed, gapless, flat, shares_next;
  int64_t lines_ahead;
  int vecs, masked;

  explicit BlockWalk(const MatmulBlock<T>& block) : g(block) {
    t.a_row = g.a_row, t.a_col = g.a_col, t.b_row = g.b_row, t.y_row = g.y_row;
    t.k = g.k, t.alpha = g.alpha, t.beta = g.beta;
    t.bias = nullptr;
    t.past_caches = g.past_caches;
    if (g.finish != nullptr) rest = *g.finish, rest.bias = nullptr;
    // What of a is fetched meanwhile, as the hardware foresees no lines a row apart and no short rows: the
    // lines that follow in a transposed a; the next tile's rows where they begin as this one's end.
    transposed = g.a_row == 1 && g.a_col > g.a_panel_rows, gapless = g.a_col == 1 && g.a_row == g.k;
    // A tile of short sums is over before the next line of a has come: 36992x512x32 86 GFLOP/s with one, 98
    // with two.
    lines_ahead = g.k < 2 * kPrefetchDepth ? 2 : 1;
    t.a_ahead_step = gapless ? kTileRows : g.a_col;
    // What follows in b: a line of each row for each tile, if these are enough.
    shares_next = g.next != nullptr && g.m > 2 * kTileRows;
    if (shares_next) t.a_ahead = g.next, t.a_ahead_step = g.next_row;
    flat = g.k >= 1 && g.k <= kShallow;
  }

  // The columns from j on, those of panel b.
  TW_INLINE void set_columns(const T* b, int64_t j) {
    constexpr int L = TileVec<T>::kLanes;
    const int64_t cols = g.n - j < g.b_panel_cols ? g.n - j : g.b_panel_cols;
    vecs = int((cols + L - 1) / L);
    t.last = int(cols - (vecs - 1) * L);
    t.b = b;
    masked = t.last != L;
    if (g.finish != nullptr && g.finish->bias != nullptr) t.bias = g.finish->bias + j;
  }

  // At most kTileRows rows from row i on, which a points at, times the columns from j on.
  TW_INLINE void multiply(const T* a, int64_t i, int rows, int64_t j) {
    t.a = a;
    t.y = g.y + i * g.y_row + j;
    t.ahead = i + rows < g.m || shares_next ? t.b : g.next != nullptr ? g.next + j : t.b + g.b_panel;
    if (!shares_next) t.a_ahead = a + (transposed ? lines_ahead * kLine : gapless ? kTileRows * g.k : 0);
    kTiles<T>.of[rows - 1][vecs - 1][masked](t);
    if (shares_next) {
      t.a_ahead += kLine;
      if (t.a_ahead >= g.next + g.n + kLine) t.a_ahead_step = 0;  // all are on their way
    }
  }
  TW_INLINE void multiply_flat(const T* a, int64_t i, int64_t rows, int64_t j) {
    t.a = a, t.y = g.y + i * g.y_row + j;
    kTiles<T>.shallow[g.k - 1][vecs - 1][masked](t, rows);
  }

  // Row i, which a points at, of sums of kDepth terms: all columns, the row's factors stay in registers. One
  // row after the other: two side by side write 8.7 GB/s where one writes 20. The bits of shallow().
  template <int kDepth>
  TW_INLINE void sweep_row(const T* a, int64_t i) {
    using V = TileVec<T>;
    constexpr int L = V::kLanes;
    V factor[kDepth];
#pragma GCC unroll 4
    for (int k = 0; k < kDepth; ++k) factor[k] = V::set1(a[k * g.a_col]);
    T* y = g.y + i * g.y_row;
    const T* bias = g.finish != nullptr ? g.finish->bias : nullptr;
    const bool scaled = g.alpha != T(1) || g.beta != T(0) || bias != nullptr;
    const V alpha = V::set1(g.alpha), beta = V::set1(g.beta);
    const auto columns = [&](const T* b, int64_t j, auto load, auto put) {
      V sum = V::zero();
#pragma GCC unroll 4
      for (int k = 0; k < kDepth; ++k) sum = fma(factor[k], load(b + k * g.b_row), sum);
      if (scaled) {
        sum = alpha * sum;
        if (g.beta != T(0)) sum = fma(beta, load(y + j), sum);
        if (bias != nullptr) sum = sum + load(bias + j);
      }
      put(y + j, sum);
    };
    const T* b = g.b;
    for (int64_t j = 0; j < g.n; j += g.b_panel_cols, b += g.b_panel) {
      const int64_t cols = g.n - j < g.b_panel_cols ? g.n - j : g.b_panel_cols;
      int64_t c = 0;
      for (; c + L <= cols; c += L)
        columns(
            b + c, j + c, [](const T* p) { return V::load(p); }, [](T* p, V v) { store(p, v); });
      const int rest = int(cols - c);
      if (rest > 0)
        columns(
            b + c, j + c, [rest](const T* p) { return V::load_n(p, rest); },
            [rest](T* p, V v) { store_n(p, v, rest); });
    }
  }
  template <int kDepth>
  void sweep_rows(const T* a, int64_t i, int rows) {
    for (int r = 0; r < rows; ++r) sweep_row<kDepth>(a + r * g.a_row, i + r);
  }
  void sweep_depth(const T* a, int64_t i, int rows) {
    switch (g.k) {
      case 1:
        return sweep_rows<1>(a, i, rows);
      case 2:
        return sweep_rows<2>(a, i, rows);
      case 3:
        return sweep_rows<3>(a, i, rows);
      default:
        return sweep_rows<kShallow>(a, i, rows);
    }
  }

  // body(a, first row, rows) for tiles of rows.
  template <class Body>
  TW_INLINE void for_row_tiles(Body body, int height = kTileRows) {
    const T* panel = g.a;
    for (int64_t i0 = 0; i0 < g.m; i0 += g.a_panel_rows, panel += g.a_panel) {
      const int64_t end = g.m - i0 < g.a_panel_rows ? g.m - i0 : g.a_panel_rows;
      for (int64_t i = 0; i < end; i += height)
        body(panel + i * g.a_row, i0 + i, int(end - i < height ? end - i : height));
    }
  }

  // A short sum is over before the lines of y it goes to have come: those of the tile after the next are
  // asked for. At the end of a row of tiles the next one's are.
  TW_INLINE void fetch_y(int64_t i, int64_t j, int rows) {
    j += 2 * g.b_panel_cols;
    if (j >= g.n) j -= g.n, i += rows;
    const int64_t end = j + g.b_panel_cols < g.n ? j + g.b_panel_cols : g.n;
    for (int64_t r = i; r < i + rows && r < g.m; ++r)
      for (int64_t c = j; c < end; c += kLine) prefetch_l1(g.y + r * g.y_row + c);
  }

  void rows_outside() {
    const bool brief = g.k < kPrefetchDepth, narrow = g.n * int64_t(sizeof(T)) < kShortRow;
    const auto tiles = [this, brief](const T* a, int64_t i, int rows) {
      if (flat) {
        sweep_depth(a, i, rows);
      } else {
        const T* b = g.b;
        for (int64_t j = 0; j < g.n; j += g.b_panel_cols, b += g.b_panel) {
          set_columns(b, j);
          if (brief && !g.past_caches) fetch_y(i, j, rows);
          multiply(a, i, rows, j);
        }
      }
      if (!rest.empty()) finish(g.y + i * g.y_row, g.y_row, rows, g.n, rest.from(i, 0));
    };
    for_row_tiles(tiles, !flat && brief && narrow ? kTileRows / 2 : kTileRows);
  }

  // The panel of b is read once from the outer cache and used for all rows.
  void columns_outside() {
    const bool even = g.a_panel == g.a_panel_rows * g.a_row;  // not packed: all rows are one panel
    const T* b = g.b;
    for (int64_t j = 0; j < g.n; j += g.b_panel_cols, b += g.b_panel) {
      set_columns(b, j);
      if (flat && even)
        multiply_flat(g.a, 0, g.m, j);
      else
        for_row_tiles([&](const T* a, int64_t i, int rows) {
          flat ? multiply_flat(a, i, rows, j) : multiply(a, i, rows, j);
        });
      const int64_t cols = g.n - j < g.b_panel_cols ? g.n - j : g.b_panel_cols;
      if (!rest.empty()) finish(g.y + j, g.y_row, g.m, cols, rest.from(0, j));
    }
  }
};

template <class T>
void block(const MatmulBlock<T>& g) {
  BlockWalk<T> walk(g);
  const int64_t b_bytes = g.n * g.k * int64_t(sizeof(T));
  const bool near = b_bytes <= kNearBytes / 4 || (b_bytes <= kNearBytes && g.m >= 4 * kTileRows);
  const bool by_panels = walk.flat && g.k > 2 && g.result_bytes <= kLargeResult;
  if (g.n > g.b_panel_cols && near && !by_panels)
    walk.rows_outside();
  else
    walk.columns_outside();
  if (g.past_caches) stream_fence();
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
