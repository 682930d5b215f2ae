// SPDX-License-Identifier: Apache-2.0
// One matrix product: which way it is computed, how it is cut into tasks. Every choice depends on the shape
// and the strides alone, so the bits are the same for any number of threads.
//
//   thin      at most 8 rows or columns: the other matrix is read once, in the order it lies in memory
//   direct    small and in one piece: one call of the kernel
//   blocked   everything else: blocks of kc columns of a; what is large or lies badly is packed into panels
//   turned    few columns of an a that lies transposed: as the product of the transposed factors
//   sliced    few outputs, long sums: slices along k are computed side by side and added in order
#include <algorithm>

#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/matmul.h"
#include "cpu/matmul_thin.h"
#include "cpu/streaming.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kPackedRows = 3072;       // rows of a packed at a time: with kc columns, a few MiB
constexpr int64_t kPackedCols = 3072;       // and columns of b
constexpr int64_t kTaskCols = 480;          // columns per task at most
constexpr int64_t kTaskProducts = 1 << 20;  // multiply-adds per task at least
constexpr int64_t kMaxTasks = 32;           // tasks that a product is cut into for balance's sake
constexpr int64_t kNearBytes = 64 << 10;    // a b of so many bytes is at hand for every row: whole rows of y
constexpr int64_t kStreamRows = 64;         // rows of a at most for which b is read from main memory in place
constexpr int64_t kStreamBytes = 64 << 10;  // b is then taken to lie there, or in the last-level cache
constexpr int64_t kStreamBlock =
    256 << 10;                             // so much of b, from end to end, is used while the next is fetched
constexpr int64_t kStreamFew = 4;          // rows of a so few that only memory counts
constexpr int64_t kPanelBytes = 16 << 20;  // a b of at most so many bytes is in the last-level cache, or soon
constexpr int64_t kStreamWhole = 16;       // rows of a up to which all columns of b are read together
constexpr int64_t kStreamStrip = 512;      // with more rows: so many columns
constexpr int64_t kStreamDepth = 16;       // rows of it at least

// The length of equal pieces of `n`, at most `limit` long each, in multiples of `unit`.
int64_t piece(int64_t n, int64_t limit, int64_t unit) {
  if (n <= unit) return unit;
  if (n <= limit) return round_up(n, unit);
  return round_up(ceil_div(n, ceil_div(n, std::max(limit, unit))), unit);
}

// Few rows of a, and a b that is not at hand: it is not packed, and read in long runs. With 5 to 16 rows its
// panels are as fast where each has cache lines of its own, until b is larger than the last-level cache:
// 16x1760x1760 940 us by panels, 1090 in runs, but 8x1000x1000 540 by panels, 211 in runs.
template <class T>
bool streams_b(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  const int64_t bytes = p.n * p.k * int64_t(sizeof(T));
  if (p.b.col != 1 || p.m > std::max<int64_t>(kStreamRows, kernel.tile_rows) || bytes <= kStreamBytes)
    return false;
  const bool own_lines = p.b.row * int64_t(sizeof(T)) % 64 == 0;
  return !(kernel.columns_in_place && own_lines && p.m > kStreamFew && p.m <= kStreamWhole &&
           bytes <= kPanelBytes);
}

// ---- blocked ---------------------------------------------------------------------------------------------

// How a product is cut. Column blocks of n, blocks of kc along k and row blocks of m follow one another;
// inside, tasks of task_rows x task_cols run side by side.
template <class T>
struct Plan {
  bool pack_a, pack_b, stream_b, past_caches;
  int64_t kc, rows, cols;
  int64_t panel_rows, panel_cols;
  int64_t task_rows, task_cols;

  Plan(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, bool stream) {
    const auto fits = [&kernel](int64_t elements) {
      return elements * int64_t(sizeof(T)) <= kernel.in_place_bytes;
    };
    // A block in four at least, or nothing is left to fetch while it is used.
    const int64_t row_bytes = p.n * int64_t(sizeof(T));
    const int64_t stream_depth = std::clamp(p.k * row_bytes / 4, kStreamBlock / 8, kStreamBlock) / row_bytes;
    kc = piece(p.k, stream ? std::clamp(stream_depth, kStreamDepth, kernel.kc) : kernel.kc, 1);
    stream_b = stream;
    past_caches = writes_past_caches(p);
    // Streamed, b is packed too where the tile lives on the first-level cache: 32x2048x2048 42 GFLOP/s in
    // place with AVX2, 70 packed block by block.
    const bool in_place = p.m <= 2 * kernel.tile_rows || (stream ? kernel.columns_in_place : fits(kc * p.n));
    pack_b = p.b.col != 1 || !in_place;
    // Rows that are contiguous along k are read as so many streams: packing them would cost 8 / n of the
    // time and more, and gain nothing.
    const bool a_streams = p.a.col == 1 || (p.a.row == 1 && kernel.columns_in_place);
    pack_a = !(a_streams || p.n <= 2 * kernel.tile_cols || p.m <= 2 * kernel.tile_rows || fits(p.m * kc));
    rows = pack_a ? piece(p.m, kPackedRows, kernel.panel_rows) : p.m;
    cols = pack_b ? piece(p.n, kPackedCols, kernel.tile_cols) : p.n;
    // Unpacked, panels of equal height waste least at the edge.
    panel_rows = pack_a ? kernel.panel_rows : piece(p.m, kernel.tile_rows, 1);
    panel_cols = piece(p.n, kernel.tile_cols, kernel.lanes);
    task_rows = piece(rows, kernel.mc, panel_rows);
    const bool whole_rows = stream || kc * cols * int64_t(sizeof(T)) <= kNearBytes;
    task_cols = whole_rows ? round_up(cols, panel_cols) : piece(cols, kTaskCols, panel_cols);
    if (!stream) balance(p);
  }

 private:
  // One pass over a y that no cache holds.
  bool writes_past_caches(const MatmulProblem<T>& p) const {
    const auto on_lines = [](int64_t bytes) { return bytes % 64 == 0; };
    return kc >= p.k && p.beta == T(0) && p.finish.plain() &&
           p.m * p.n * int64_t(sizeof(T)) >= streaming_bytes() && on_lines(reinterpret_cast<intptr_t>(p.y)) &&
           on_lines(p.y_row * int64_t(sizeof(T)));
  }

  // Cuts tasks smaller until there are enough of them to share.
  void balance(const MatmulProblem<T>& p) {
    const int64_t wanted = std::clamp(p.m * p.n * p.k / kTaskProducts, int64_t{1}, kMaxTasks);
    while (ceil_div(p.m, task_rows) * ceil_div(p.n, task_cols) < wanted) {
      const bool split_rows = task_rows > task_cols || task_cols <= 2 * panel_cols;
      if (split_rows && task_rows <= 4 * panel_rows) break;
      int64_t& side = split_rows ? task_rows : task_cols;
      side = round_up(side / 2, split_rows ? panel_rows : panel_cols);
    }
  }
};

template <class T>
class Blocked {
 public:
  Blocked(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, bool stream)
      : kernel_(kernel),
        p_(p),
        plan_(kernel, p, stream),
        packed_a_(plan_.pack_a ? round_up(plan_.rows, plan_.panel_rows) * plan_.kc : 0),
        packed_b_(plan_.pack_b ? round_up(plan_.cols, plan_.panel_cols) * plan_.kc : 0) {}

  void run() {
    for (int64_t j = 0; j < p_.n; j += plan_.cols)
      for (int64_t k = 0; k == 0 || k < p_.k; k += plan_.kc)
        for (int64_t i = 0; i < p_.m; i += plan_.rows) multiply(i, j, k);
  }

 private:
  // Rows i.., columns j.., sums along k..: packs, then multiplies.
  void multiply(int64_t i, int64_t j, int64_t k) {
    const int64_t m = std::min(plan_.rows, p_.m - i), n = std::min(plan_.cols, p_.n - j);
    const int64_t depth = std::min(plan_.kc, p_.k - k);
    const int64_t down = ceil_div(m, plan_.task_rows), across = ceil_div(n, plan_.task_cols);
    const int64_t a_tasks = plan_.pack_a ? down : 0, b_tasks = plan_.pack_b && i == 0 ? across : 0;
    parallel_for(a_tasks + b_tasks, [&](int64_t task) {
      if (task < a_tasks)
        pack_a(i, k, depth, task * plan_.task_rows, m);
      else
        pack_b(j, k, depth, (task - a_tasks) * plan_.task_cols, n);
    });
    parallel_for(down * across, [&](int64_t task) {
      const int64_t r = task % down * plan_.task_rows, c = task / down * plan_.task_cols;
      multiply_task(i + r, j + c, k, depth, std::min(plan_.task_rows, m - r),
                    std::min(plan_.task_cols, n - c), r, c);
    });
  }

  void pack_a(int64_t i, int64_t k, int64_t depth, int64_t r, int64_t m) {
    kernel_.pack(packed_a_.data() + r * depth, p_.a.at(i + r, k), p_.a.row, p_.a.col,
                 std::min(plan_.task_rows, m - r), depth, plan_.panel_rows);
  }

  void pack_b(int64_t j, int64_t k, int64_t depth, int64_t c, int64_t n) {
    kernel_.pack(packed_b_.data() + c * depth, p_.b.at(k, j + c), p_.b.col, p_.b.row,
                 std::min(plan_.task_cols, n - c), depth, plan_.panel_cols);
  }

  // Rows i.. and columns j.. of y; they stand at row r and column c of what is packed.
  void multiply_task(int64_t i, int64_t j, int64_t k, int64_t depth, int64_t m, int64_t n, int64_t r,
                     int64_t c) {
    MatmulBlock<T> g;
    g.m = m, g.n = n, g.k = depth;
    g.a_panel_rows = plan_.panel_rows, g.b_panel_cols = plan_.panel_cols;
    if (plan_.pack_a) {
      g.a = packed_a_.data() + r * depth;
      g.a_row = 1, g.a_col = plan_.panel_rows, g.a_panel = plan_.panel_rows * depth;
    } else {
      g.a = p_.a.at(i, k);
      g.a_row = p_.a.row, g.a_col = p_.a.col, g.a_panel = plan_.panel_rows * p_.a.row;
    }
    if (plan_.pack_b) {
      g.b = packed_b_.data() + c * depth;
      g.b_row = plan_.panel_cols, g.b_panel = plan_.panel_cols * depth;
    } else {
      g.b = p_.b.at(k, j);
      g.b_row = p_.b.row, g.b_panel = plan_.panel_cols;
    }
    if (plan_.stream_b && k + depth < p_.k) g.next = p_.b.at(k + depth, j), g.next_row = p_.b.row;
    g.y = p_.y + i * p_.y_row + j;
    g.y_row = p_.y_row;
    g.result_bytes = p_.m * p_.n * int64_t(sizeof(T));
    g.past_caches = plan_.past_caches;
    g.alpha = p_.alpha;
    g.beta = k == 0 ? p_.beta : T(1);
    const MatmulFinish<T> finish = p_.finish.from(i, j);
    g.finish = k + depth >= p_.k && !finish.empty() ? &finish : nullptr;
    kernel_.block(g);
  }

  const MatmulTable<T>& kernel_;
  const MatmulProblem<T>& p_;
  const Plan<T> plan_;
  Scratch<T> packed_a_, packed_b_;
};

// ---- sliced ----------------------------------------------------------------------------------------------

constexpr int64_t kSliceDepth = 1024;
constexpr int64_t kMaxSlices = 16;

// More than one only where `tasks` are too few.
int64_t slices_of(int64_t k, int64_t tasks) {
  if (tasks * 2 > kMaxSlices) return 1;
  return std::clamp(k / kSliceDepth, int64_t{1}, kMaxSlices / tasks);
}

// The columns of b that are streamed together: whole rows where memory is all that counts, else so many that
// the block is deep and y seldom read and written (64x2560x2560 82 GFLOP/s with whole rows, 96 with strips of
// 512).
template <class T>
int64_t strip_of(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  return p.m <= (kernel.columns_in_place ? kStreamWhole : 2 * kernel.tile_rows)
             ? p.n
             : piece(p.n, kStreamStrip, kernel.tile_cols);
}

// Strips of columns and slices along k, side by side; the slices are added in order.
template <class T>
void multiply_parts(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, bool stream, int64_t strip,
                    int64_t slices) {
  const int64_t strips = ceil_div(p.n, strip), depth = ceil_div(p.k, slices), size = p.m * p.n;
  Scratch<T> parts(slices > 1 ? slices * size : 0);
  parallel_for(strips * slices, [&](int64_t task) {
    const int64_t s = task / strips, j = task % strips * strip;
    MatmulProblem<T> part = p;
    part.n = std::min(strip, p.n - j);
    part.k = std::min(depth, p.k - s * depth);
    part.a = p.a.from(0, s * depth), part.b = p.b.from(s * depth, j);
    if (slices > 1) {
      part.alpha = 1, part.beta = 0, part.finish = {};
      part.y = parts.data() + s * size + j, part.y_row = p.n;
    } else {
      part.y = p.y + j, part.finish = p.finish.from(0, j);
    }
    Blocked<T>(kernel, part, stream).run();
  });
  if (slices == 1) return;
  T* sums = parts.data();
  for (int64_t s = 1; s < slices; ++s)
    for (int64_t i = 0; i < size; ++i) sums[i] += sums[s * size + i];
  matmul_write(kernel, p, StridedMatrix<T>{sums, p.n, 1}, 0, p.m, 0, p.n);
}

// ---- turned ----------------------------------------------------------------------------------------------

constexpr int64_t kTurnElements = 1 << 14;  // of y in one task of turning

// With rows and columns exchanged few columns fill whole vectors, if those of a lie contiguous; and a b that
// lies transposed is read as it lies, where else it would be packed: worth while if it is larger than y.
template <class T>
bool is_turned(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  if (p.n < p.m) return p.n <= kMatmulThinVectors && p.a.row == 1 && p.a.col != 1 && p.k > 0;
  if (!kernel.columns_in_place && p.m > kStreamRows) return false;  // packing both is faster there
  return p.n > p.m && p.b.col != 1 && p.b.row == 1 && p.k >= 2 * p.m &&
         4 * round_up(p.m, kernel.lanes) <= 5 * p.m;
}

template <class T>
void multiply_turned(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  const bool in_place = p.n == 1 && p.y_row == 1;  // a column without gaps is a row
  // Rows begin on odd cache lines: a power of two apart they would compete for the same ones.
  const int64_t line = 64 / int64_t(sizeof(T)), row = round_up(p.m, 2 * line) + line;
  Scratch<T> sums(in_place ? 0 : p.n * row);
  MatmulProblem<T> turned;
  turned.m = p.n, turned.n = p.m, turned.k = p.k;
  turned.a = p.b.transposed(), turned.b = p.a.transposed();
  turned.y = in_place ? p.y : sums.data(), turned.y_row = row;
  if (in_place) turned.alpha = p.alpha, turned.beta = p.beta;
  matmul_2d(turned);
  if (in_place) {
    if (!p.finish.empty()) kernel.finish(p.y, 1, p.m, 1, p.finish);
    return;
  }
  const StridedMatrix<T> result{sums.data(), 1, row};
  const bool tall = p.m > p.n;
  const int64_t grain = round_up(kTurnElements / std::min(p.m, p.n), kernel.lanes);
  parallel_ranges(std::max(p.m, p.n), grain, [&](int64_t begin, int64_t end) {
    if (tall)
      matmul_write(kernel, p, result.from(begin, 0), begin, end - begin, 0, p.n);
    else
      matmul_write(kernel, p, result.from(0, begin), 0, p.m, begin, end - begin);
  });
}

}  // namespace

template <class T>
bool matmul_direct(const MatmulProblem<T>& p, MatmulBlock<T>* block) {
  const MatmulTable<T>& kernel = kernels<MatmulKernels>().of<T>();
  if (p.b.col != 1 || p.k > kernel.kc || streams_b(kernel, p) || p.m * p.n * p.k > kTaskProducts ||
      is_thin(kernel, p) || is_turned(kernel, p))
    return false;
  MatmulBlock<T>& g = *block;
  g.m = p.m, g.n = p.n, g.k = p.k;
  g.a = p.a.data, g.a_row = p.a.row, g.a_col = p.a.col;
  g.a_panel_rows = piece(p.m, kernel.tile_rows, 1), g.a_panel = g.a_panel_rows * p.a.row;
  g.b = p.b.data, g.b_row = p.b.row;
  g.b_panel_cols = g.b_panel = piece(p.n, kernel.tile_cols, kernel.lanes);
  g.y = p.y, g.y_row = p.y_row;
  g.result_bytes = p.m * p.n * int64_t(sizeof(T));
  g.alpha = p.alpha, g.beta = p.beta;
  g.finish = p.finish.empty() ? nullptr : &p.finish;
  return true;
}

template <class T>
void matmul_2d(const MatmulProblem<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  const MatmulTable<T>& kernel = kernels<MatmulKernels>().of<T>();
  MatmulBlock<T> all;
  if (matmul_direct(p, &all)) return kernel.block(all);
  if (matmul_thin(kernel, p)) return;
  if (is_turned(kernel, p)) return multiply_turned(kernel, p);
  const bool stream = streams_b(kernel, p);
  const int64_t strip = stream ? strip_of(kernel, p) : p.n;
  const int64_t slices =
      slices_of(p.k, stream ? ceil_div(p.n, strip) : ceil_div(p.m, 96) * ceil_div(p.n, 192));
  if (stream || slices > 1)
    multiply_parts(kernel, p, stream, strip, slices);
  else
    Blocked<T>(kernel, p, stream).run();
}

template bool matmul_direct(const MatmulProblem<float>&, MatmulBlock<float>*);
template bool matmul_direct(const MatmulProblem<double>&, MatmulBlock<double>*);
template void matmul_2d(const MatmulProblem<float>&);
template void matmul_2d(const MatmulProblem<double>&);

}  // namespace tilewright::cpu
