// SPDX-License-Identifier: Apache-2.0
// One matrix product: which way it is computed, how it is cut into tasks. Every choice depends on the shape and
// the strides alone, so the bits are the same for any number of threads.
//
//   thin      at most 8 rows or columns: the other matrix is read once, in the order it lies in memory
//   blocked   everything else: blocks of kc columns of a; what is large or lies badly is packed into panels
//   sliced    few outputs, long sums: slices along k are computed side by side and added in order
#include <algorithm>

#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/matmul.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kCacheBytes = 256 << 10;  // what may be used in place, unpacked, at a time
constexpr int64_t kPackedRows = 3072;       // rows of a packed at a time: with kc columns, a few MiB
constexpr int64_t kPackedCols = 3072;
constexpr int64_t kTaskCols = 480;       // columns per task at most
constexpr int64_t kTaskProducts = 1 << 20;  // multiply-adds per task at least
constexpr int64_t kMaxTasks = 32;        // tasks that a product is cut into for balance's sake

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// The length of equal pieces of `n`, at most `limit` long each, in multiples of `unit`.
int64_t piece(int64_t n, int64_t limit, int64_t unit) {
  if (n <= unit) return unit;
  return round_up(ceil_div(n, ceil_div(n, std::max(limit, unit))), unit);
}

template <class T>
const MatmulTable<T>& table() {
  return kernels<MatmulKernels>().of<T>();
}

template <class T>
MatmulFinish<T> finish_from(const MatmulFinish<T>& f, int64_t i, int64_t j) {
  MatmulFinish<T> at = f;
  if (at.bias != nullptr) at.bias += j;
  if (at.residual != nullptr) at.residual += i * f.residual_row + j;
  if (at.z != nullptr) at.z += i * f.z_row + j;
  return at;
}

// ---- blocked ---------------------------------------------------------------------------------------------

// How a product is cut. Column blocks of n, blocks of kc along k and row blocks of m follow one another;
// inside, tasks of task_rows x task_cols run side by side.
template <class T>
struct Plan {
  bool pack_a, pack_b;
  int64_t kc, rows, cols;
  int64_t panel_rows, panel_cols;
  int64_t task_rows, task_cols;

  Plan(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
    kc = piece(p.k, kernel.kc, 1);
    const bool b_small = kc * p.n * int64_t(sizeof(T)) <= kCacheBytes || p.m <= 2 * kernel.tile_rows;
    pack_b = p.b.col != 1 || !b_small;
    const bool a_small = p.m * kc * int64_t(sizeof(T)) <= kCacheBytes || p.n <= 2 * kernel.tile_cols;
    pack_a = !a_small;
    rows = pack_a ? piece(p.m, kPackedRows, kernel.panel_rows) : p.m;
    cols = pack_b ? piece(p.n, kPackedCols, kernel.tile_cols) : p.n;
    // Unpacked, panels of equal height and width waste least at the edge.
    panel_rows = pack_a ? kernel.panel_rows : piece(p.m, kernel.tile_rows, 1);
    panel_cols = piece(p.n, kernel.tile_cols, kernel.lanes);
    const int64_t wanted = std::clamp(p.m * p.n * p.k / kTaskProducts, int64_t{1}, kMaxTasks);
    task_rows = piece(rows, kernel.mc, panel_rows);
    task_cols = piece(cols, kTaskCols, panel_cols);
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
  Blocked(const MatmulTable<T>& kernel, const MatmulProblem<T>& p)
      : kernel_(kernel),
        p_(p),
        plan_(kernel, p),
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
      multiply_task(i + r, j + c, k, depth, std::min(plan_.task_rows, m - r), std::min(plan_.task_cols, n - c), r, c);
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
  void multiply_task(int64_t i, int64_t j, int64_t k, int64_t depth, int64_t m, int64_t n, int64_t r, int64_t c) {
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
    g.y = p_.y + i * p_.y_row + j;
    g.y_row = p_.y_row;
    g.alpha = p_.alpha;
    g.beta = k == 0 ? p_.beta : T(1);
    const MatmulFinish<T> finish = finish_from(p_.finish, i, j);
    g.finish = k + depth >= p_.k && !finish.empty() ? &finish : nullptr;
    kernel_.block(g);
  }

  const MatmulTable<T>& kernel_;
  const MatmulProblem<T>& p_;
  const Plan<T> plan_;
  Scratch<T> packed_a_, packed_b_;
};

// ---- thin ------------------------------------------------------------------------------------------------

// A product with few rows or few columns, seen from the large matrix: out (vectors, length) = x (vectors, k) @
// w (k, length). With few columns both factors are transposed, and so is the result.
template <class T>
struct Thin {
  bool few_rows;
  int64_t vectors, length;
  StridedMatrix<T> x, w;

  explicit Thin(const MatmulProblem<T>& p) : few_rows(p.m <= p.n) {
    vectors = few_rows ? p.m : p.n;
    length = few_rows ? p.n : p.m;
    x = few_rows ? p.a : p.b.transposed();
    w = few_rows ? p.b : p.a.transposed();
  }
};

constexpr int64_t kThinTaskElements = 1 << 16;  // of w
constexpr int64_t kStreamDepth = 16;            // rows of w read side by side
constexpr int64_t kStreamCols = 1024;           // columns of w whose results stay in the first-level cache
constexpr int64_t kMinStreamCols = 192;

// Adds the finished sums of one range of the long side to y.
template <class T>
void write_thin(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, bool few_rows, const T* sums, int64_t sums_row,
                int64_t begin, int64_t count) {
  const int64_t m = few_rows ? p.m : count, n = few_rows ? count : p.n;
  const int64_t i0 = few_rows ? 0 : begin, j0 = few_rows ? begin : 0;
  const int64_t down = few_rows ? sums_row : 1, across = few_rows ? 1 : sums_row;
  T* y = p.y + i0 * p.y_row + j0;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const T sum = p.alpha * sums[i * down + j * across];
      T& to = y[i * p.y_row + j];
      to = p.beta == T(0) ? sum : sum + p.beta * to;
    }
  if (!p.finish.empty()) kernel.finish(y, p.y_row, m, n, finish_from(p.finish, i0, j0));
}

// w's rows along k are contiguous: dot products.
template <class T>
void thin_dot(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, const Thin<T>& thin) {
  const bool copy = thin.x.col != 1 && thin.vectors > 0;
  Scratch<T> copied(copy ? thin.vectors * p.k : 0);
  if (copy)
    for (int64_t s = 0; s < thin.vectors; ++s)
      for (int64_t k = 0; k < p.k; ++k) copied[s * p.k + k] = *thin.x.at(s, k);
  const int64_t grain = std::max<int64_t>(8, round_up(kThinTaskElements / (p.k + 1), 8));
  parallel_ranges(thin.length, grain, [&](int64_t begin, int64_t end) {
    const int64_t count = end - begin;
    Scratch<T> sums(thin.vectors * count);
    MatmulDot<T> d;
    d.vectors = thin.vectors, d.rows = count, d.k = p.k;
    d.x = copy ? copied.data() : thin.x.data;
    d.x_row = copy ? p.k : thin.x.row;
    d.w = thin.w.at(0, begin), d.w_row = thin.w.col;
    d.out = sums.data(), d.out_row = count;
    kernel.dot(d);
    write_thin(kernel, p, thin.few_rows, sums.data(), count, begin, count);
  });
}

// w's rows along the long side are contiguous: a few of them at a time are multiplied into results that stay in
// the first-level cache, so that w is read in long runs.
template <class T>
void thin_stream(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, const Thin<T>& thin) {
  const int64_t grain = std::clamp(2 * kThinTaskElements / (p.k + 1) / kMinStreamCols * kMinStreamCols, kMinStreamCols,
                                   kStreamCols);
  parallel_ranges(thin.length, grain, [&](int64_t begin, int64_t end) {
    const int64_t count = end - begin;
    Scratch<T> sums(thin.vectors * count);
    MatmulBlock<T> g;
    g.m = thin.vectors, g.n = count;
    g.a_row = thin.x.row, g.a_col = thin.x.col;
    g.a_panel_rows = kernel.tile_rows, g.a_panel = kernel.tile_rows * thin.x.row;
    g.b_row = thin.w.row;
    g.b_panel_cols = g.b_panel = kernel.tile_cols;
    g.y = sums.data(), g.y_row = count;
    g.alpha = 1;
    g.finish = nullptr;
    for (int64_t k = 0; k < p.k; k += kStreamDepth) {
      g.k = std::min(kStreamDepth, p.k - k);
      g.a = thin.x.at(0, k), g.b = thin.w.at(k, begin);
      g.beta = k == 0 ? T(0) : T(1);
      kernel.block(g);
    }
    write_thin(kernel, p, thin.few_rows, sums.data(), count, begin, count);
  });
}

// Returns whether a thin way was taken.
template <class T>
bool multiply_thin(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  const Thin<T> thin(p);
  if (thin.vectors > kMatmulDotVectors || p.k == 0) return false;
  if (thin.w.row == 1 && p.k >= 2 * kernel.lanes) {
    thin_dot(kernel, p, thin);
    return true;
  }
  const bool large = thin.length * p.k * int64_t(sizeof(T)) > kCacheBytes;
  if (thin.w.col == 1 && (large || !thin.few_rows)) {
    thin_stream(kernel, p, thin);
    return true;
  }
  return false;
}

template <class T>
void multiply(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  if (!multiply_thin(kernel, p)) Blocked<T>(kernel, p).run();
}

// ---- sliced ----------------------------------------------------------------------------------------------

constexpr int64_t kSliceDepth = 1024;
constexpr int64_t kMaxSlices = 16;

// More than one only where the output alone gives too few tasks.
int64_t slices_of(int64_t m, int64_t n, int64_t k) {
  const bool thin = std::min(m, n) <= kMatmulDotVectors;
  const int64_t tasks = thin ? ceil_div(std::max(m, n), kMinStreamCols) : ceil_div(m, 96) * ceil_div(n, 192);
  if (tasks * 2 > kMaxSlices) return 1;
  return std::clamp(k / kSliceDepth, int64_t{1}, kMaxSlices / tasks);
}

template <class T>
void multiply_sliced(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, int64_t slices) {
  const int64_t depth = ceil_div(p.k, slices), size = p.m * p.n;
  Scratch<T> parts(slices * size);
  parallel_for(slices, [&](int64_t s) {
    MatmulProblem<T> part;
    part.m = p.m, part.n = p.n;
    part.k = std::min(depth, p.k - s * depth);
    part.a = p.a.from(0, s * depth), part.b = p.b.from(s * depth, 0);
    part.y = parts.data() + s * size, part.y_row = p.n;
    multiply(kernel, part);
  });
  T* sums = parts.data();
  for (int64_t s = 1; s < slices; ++s)
    for (int64_t i = 0; i < size; ++i) sums[i] += sums[s * size + i];
  write_thin(kernel, p, true, sums, p.n, 0, p.n);
}

}  // namespace

template <class T>
void matmul_2d(const MatmulProblem<T>& p) {
  if (p.m == 0 || p.n == 0) return;
  const MatmulTable<T>& kernel = table<T>();
  const int64_t slices = slices_of(p.m, p.n, p.k);
  if (slices > 1)
    multiply_sliced(kernel, p, slices);
  else
    multiply(kernel, p);
}

template void matmul_2d(const MatmulProblem<float>&);
template void matmul_2d(const MatmulProblem<double>&);

}  // namespace tilewright::cpu
