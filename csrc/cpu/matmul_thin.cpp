// SPDX-License-Identifier: Apache-2.0
// Thin products: the large matrix is read once, in the order it lies in memory, and bounds the time.
#include "cpu/matmul_thin.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "core/scratch.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kDotTask = 1 << 16;     // elements of w in one task of dot products
constexpr int64_t kStreamTask = 1 << 18;  // and of streaming, at least
constexpr int64_t kStreamResults = 8192;  // results that stay in the first-level cache
constexpr int64_t kMaxSlices = 16;        // parts of the sum that are computed side by side
constexpr int64_t kMinSliceDepth = 64;
constexpr int64_t kMaxSliceDepth = 1024;  // of sums kept in memory between steps: longer ones lose digits
constexpr int64_t kStreamVectors = 3;     // with more, the register tile reads b at the same speed
constexpr int64_t kDotDepth = 8;          // products for each sum across lanes, at least
constexpr int64_t kShortVectors = 2;      // more, and sums of few terms are left to the tile
constexpr int64_t kLine = 64;

// The product seen from the large matrix: out (vectors, length) = x (vectors, k) @ w (k, length). With few
// columns both factors are transposed, and so is the result.
template <class T>
struct Thin {
  bool few_rows;
  int64_t vectors, length, k;
  StridedMatrix<T> x, w;

  explicit Thin(const MatmulProblem<T>& p) : few_rows(p.m <= p.n), k(p.k) {
    vectors = few_rows ? p.m : p.n;
    length = few_rows ? p.n : p.m;
    x = few_rows ? p.a : p.b.transposed();
    w = few_rows ? p.b : p.a.transposed();
  }

  // Writes the finished sums (vectors, count), columns `begin` on, to y.
  void write(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, const T* sums, int64_t sums_row,
             int64_t begin, int64_t count) const {
    if (few_rows)
      matmul_write(kernel, p, StridedMatrix<T>{sums, sums_row, 1}, 0, vectors, begin, count);
    else
      matmul_write(kernel, p, StridedMatrix<T>{sums, 1, sums_row}, begin, count, 0, vectors);
  }
};

// Slices along k: more than one only where `tasks` alone are too few.
int64_t slices_of(int64_t k, int64_t tasks, int64_t depth) {
  return std::clamp(k / std::max(depth, kMinSliceDepth), int64_t{1},
                    std::max(kMaxSlices / tasks, int64_t{1}));
}

// Sums of slices, each in a matrix of its own: (slice, vectors, row). Rows begin on odd cache lines, because
// equal columns of rows a power of two apart would compete for the same lines.
template <class T>
class Slices {
 public:
  Slices(const Thin<T>& thin, int64_t slices)
      : thin_(thin),
        slices_(slices),
        row_(round_up(thin.length * int64_t(sizeof(T)), 2 * kLine) / int64_t(sizeof(T)) +
             kLine / int64_t(sizeof(T))),
        sums_(slices * thin.vectors * row_) {}

  int64_t row() const { return row_; }
  T* of(int64_t slice) const { return sums_.data() + slice * thin_.vectors * row_; }

  // Adds the slices in order and writes y.
  void write(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) const {
    parallel_ranges(thin_.length, kStreamResults, [&](int64_t begin, int64_t end) {
      for (int64_t slice = 1; slice < slices_; ++slice)
        for (int64_t s = 0; s < thin_.vectors; ++s) {
          T* to = of(0) + s * row_;
          const T* from = of(slice) + s * row_;
          for (int64_t j = begin; j < end; ++j) to[j] += from[j];
        }
      thin_.write(kernel, p, of(0) + begin, row_, begin, end - begin);
    });
  }

 private:
  const Thin<T>& thin_;
  int64_t slices_, row_;
  Scratch<T> sums_;
};

// w's rows along k are contiguous, and the sums across the lanes at the end are few beside the products; or
// there are so few products that no vector is worth while.
template <class T>
bool by_dot(const Thin<T>& thin) {
  if (thin.w.row != 1) return false;
  return thin.k <= kMatmulShortDot ? thin.vectors <= kShortVectors : thin.k >= kDotDepth * thin.vectors;
}

// w's rows along the long side are contiguous.
template <class T>
bool by_stream(const MatmulTable<T>& kernel, const Thin<T>& thin) {
  return thin.few_rows && thin.w.col == 1 && thin.length >= 4 * kernel.lanes &&
         thin.vectors <= kStreamVectors;
}

// Dot products.
template <class T>
void thin_dot(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, const Thin<T>& thin) {
  const bool copy = thin.x.col != 1;
  Scratch<T> copied(copy ? thin.vectors * thin.k : 0);
  if (copy)
    for (int64_t s = 0; s < thin.vectors; ++s)
      for (int64_t k = 0; k < thin.k; ++k) copied[s * thin.k + k] = *thin.x.at(s, k);
  const int64_t grain = std::max<int64_t>(8, kDotTask / thin.k / 8 * 8),
                ranges = ceil_div(thin.length, grain);
  const int64_t slices = slices_of(thin.k, ranges, kMaxSliceDepth), depth = ceil_div(thin.k, slices);
  const Slices<T> sums(thin, slices);
  parallel_for(ranges * slices, [&](int64_t task) {
    const int64_t begin = task % ranges * grain, slice = task / ranges, k = slice * depth;
    MatmulDot<T> d;
    d.vectors = thin.vectors, d.rows = std::min(grain, thin.length - begin),
    d.k = std::min(depth, thin.k - k);
    d.x = (copy ? copied.data() : thin.x.data) + k, d.x_row = copy ? thin.k : thin.x.row;
    d.w = thin.w.at(k, begin), d.w_row = thin.w.col;
    d.out = sums.of(slice) + begin, d.out_row = sums.row();
    kernel.dot(d);
  });
  sums.write(kernel, p);
}

// Wide strips, so that the hardware's prefetch sees long runs;
// the tasks come from slices along k.
template <class T>
void thin_stream(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, const Thin<T>& thin) {
  const int64_t strip = kStreamResults / thin.vectors, strips = ceil_div(thin.length, strip);
  const int64_t slices =
      slices_of(thin.k, strips, std::min(kStreamTask / std::min(strip, thin.length), kMaxSliceDepth));
  const int64_t depth = ceil_div(thin.k, slices);
  const Slices<T> sums(thin, slices);
  parallel_for(strips * slices, [&](int64_t task) {
    const int64_t begin = task % strips * strip, slice = task / strips, k = slice * depth;
    MatmulStream<T> d;
    d.vectors = thin.vectors, d.cols = std::min(strip, thin.length - begin),
    d.k = std::min(depth, thin.k - k);
    d.x = thin.x.at(0, k), d.x_row = thin.x.row, d.x_col = thin.x.col;
    d.w = thin.w.at(k, begin), d.w_row = thin.w.row;
    d.out = sums.of(slice) + begin, d.out_row = sums.row();
    kernel.stream(d);
  });
  sums.write(kernel, p);
}

template <class T>
void write_row(T* y, const T* sums, int64_t step, int64_t n, T alpha, T beta) {
  if (alpha == T(1) && beta == T(0) && step == 1)
    std::copy_n(sums, n, y);
  else if (beta == T(0))
    for (int64_t j = 0; j < n; ++j) y[j] = alpha * sums[j * step];
  else
    for (int64_t j = 0; j < n; ++j) y[j] = alpha * sums[j * step] + beta * y[j];
}

}  // namespace

template <class T>
void matmul_write(const MatmulTable<T>& kernel, const MatmulProblem<T>& p, StridedMatrix<T> sums, int64_t i0,
                  int64_t m, int64_t j0, int64_t n) {
  T* y = p.y + i0 * p.y_row + j0;
  int64_t y_row = p.y_row, rows = m, cols = n;
  if (n == 1 && y_row == 1) {  // a column without gaps is a row
    std::swap(rows, cols), std::swap(sums.row, sums.col);
    y_row = m;
  }
  if (sums.row == 1 && sums.col != 1)
    kernel.turn(y, y_row, sums.data, sums.col, rows, cols, p.alpha, p.beta);
  else
    for (int64_t i = 0; i < rows; ++i)
      write_row(y + i * y_row, sums.at(i, 0), sums.col, cols, p.alpha, p.beta);
  if (!p.finish.empty()) kernel.finish(y, p.y_row, m, n, p.finish.from(i0, j0));
}

template <class T>
bool is_thin(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  if (std::min(p.m, p.n) > kMatmulThinVectors || p.k == 0) return false;
  const Thin<T> thin(p);
  return by_dot(thin) || by_stream(kernel, thin);
}

template <class T>
bool matmul_thin(const MatmulTable<T>& kernel, const MatmulProblem<T>& p) {
  if (!is_thin(kernel, p)) return false;
  const Thin<T> thin(p);
  if (by_dot(thin))
    thin_dot(kernel, p, thin);
  else
    thin_stream(kernel, p, thin);
  return true;
}

template bool is_thin(const MatmulTable<float>&, const MatmulProblem<float>&);
template bool is_thin(const MatmulTable<double>&, const MatmulProblem<double>&);
template bool matmul_thin(const MatmulTable<float>&, const MatmulProblem<float>&);
template bool matmul_thin(const MatmulTable<double>&, const MatmulProblem<double>&);
template void matmul_write(const MatmulTable<float>&, const MatmulProblem<float>&, StridedMatrix<float>,
                           int64_t, int64_t, int64_t, int64_t);
template void matmul_write(const MatmulTable<double>&, const MatmulProblem<double>&, StridedMatrix<double>,
                           int64_t, int64_t, int64_t, int64_t);

}  // namespace tilewright::cpu
