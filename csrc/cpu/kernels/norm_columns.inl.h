// SPDX-License-Identifier: Apache-2.0
// batch_norm: sums of a block of columns over its rows, and the sweeps that use them.
// Computes    moments: mean, sum of x - mean, sum of (x - mean)^2;  products: sums of dy, dy * (x - centre),
// x - centre
//             y = (x - centre) * scale + shift;  dx = dy * dy_scale + (x - centre) * x_scale + shift
// Layout      rows of cols contiguous elements, `step` apart; the result may be x or dy
// Method      eight rows at a time: their terms meet in registers before they touch the sums. Moments are those of
//             norm_row.inl.h, of a slice that stays in the cache; the driver joins slices in double. Rows without gaps
//             are written as one span, so that a row's end need not be the end of a cache line
// Work split  one call per slice of at most kNormSlice rows and kNormColumns columns
// Limits      any rows and cols, moments at least one row
#include "cpu/kernels/norm.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

inline constexpr int kRowGroup = 8;
// Rows of so many registers are read one after the other, all their columns at once: a column at a time would take every
// fourth line of a stretch, which the prefetchers follow at 29 GB/s instead of 35.
inline constexpr int kFewRegisters = 4;

// The last register of a row of kRegisters holds `tail` columns.
template <int kRegisters, class T, class Sums>
TW_INLINE void add_row_group(const Sums& sums, int64_t first, int64_t end, int tail) {
  constexpr int L = Vec<T>::kLanes;
  typename Sums::Part part[kRegisters] = {};
  for (int64_t r = first; r < end; ++r)
#pragma GCC unroll 4
    for (int i = 0; i < kRegisters; ++i) {
      if (i + 1 < kRegisters || tail == L)
        sums.add(part[i], WholeVector<T>(), r, i * L);
      else
        sums.add(part[i], TailVector<T>{tail}, r, i * L);
    }
  for (int i = 0; i < kRegisters; ++i) {
    if (i + 1 < kRegisters || tail == L)
      sums.finish(part[i], WholeVector<T>(), i * L);
    else
      sums.finish(part[i], TailVector<T>{tail}, i * L);
  }
}

// sums.add(part, access, row, column) for kRowGroup rows at a time, and sums.finish(part, access, column) after each group.
template <class T, class Sums>
void add_rows(int64_t rows, int64_t cols, const Sums& sums) {
  constexpr int L = Vec<T>::kLanes;
  for (int64_t r = 0; r < rows; r += kRowGroup) {
    const int64_t end = r + kRowGroup < rows ? r + kRowGroup : rows;
    const int registers = int((cols + L - 1) / L), tail = int(cols) - (registers - 1) * L;
    switch (registers) {
      case 1: add_row_group<1, T>(sums, r, end, tail); continue;
      case 2: add_row_group<2, T>(sums, r, end, tail); continue;
      case 3: add_row_group<3, T>(sums, r, end, tail); continue;
      case kFewRegisters: add_row_group<kFewRegisters, T>(sums, r, end, tail); continue;
    }
    for_vectors<T>(cols, [&](auto access, int64_t c) {
      typename Sums::Part part = {};
      for (int64_t i = r; i < end; ++i) sums.add(part, access, i, c);
      sums.finish(part, access, c);
    });
  }
}

template <class T, class Access>
TW_INLINE void add_to(T* sum, Vec<T> part, Access access) {
  access.store(sum, access.load(sum) + part);
}

template <class T>
struct AddRows {
  T* sum;
  const ColumnBlock<T>& x;
  struct Part {
    Vec<T> sum;
  };
  template <class Access>
  TW_INLINE void add(Part& part, Access access, int64_t r, int64_t c) const {
    part.sum += access.load(x.data + r * x.step + c);
  }
  template <class Access>
  TW_INLINE void finish(const Part& part, Access access, int64_t c) const {
    add_to(sum + c, part.sum, access);
  }
};

template <class T>
struct AddMoments {
  ColumnMoments<T>& moments;
  const ColumnBlock<T>& x;
  struct Part {
    Vec<T> rest, squares;
  };
  template <class Access>
  TW_INLINE void add(Part& part, Access access, int64_t r, int64_t c) const {
    const Vec<T> d = access.load(x.data + r * x.step + c) - access.load(moments.mean + c);
    part.rest += d;
    part.squares = fma(d, d, part.squares);
  }
  template <class Access>
  TW_INLINE void finish(const Part& part, Access access, int64_t c) const {
    add_to(moments.rest + c, part.rest, access);
    add_to(moments.squares + c, part.squares, access);
  }
};

template <class T>
struct AddProducts {
  ColumnProducts<T>& products;
  const ColumnBlock<T>&dy, &x;
  const T* centre;
  struct Part {
    Vec<T> dy, product, rest;
  };
  template <class Access>
  TW_INLINE void add(Part& part, Access access, int64_t r, int64_t c) const {
    const Vec<T> g = access.load(dy.data + r * dy.step + c);
    const Vec<T> d = access.load(x.data + r * x.step + c) - access.load(centre + c);
    part.dy += g;
    part.product = fma(g, d, part.product);
    part.rest += d;
  }
  template <class Access>
  TW_INLINE void finish(const Part& part, Access access, int64_t c) const {
    add_to(products.dy + c, part.dy, access);
    add_to(products.product + c, part.product, access);
    add_to(products.rest + c, part.rest, access);
  }
};

template <class T>
void clear(T* sums, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) sums[c] = T(0);
}

template <class T>
void column_moments(ColumnMoments<T>& moments, const ColumnBlock<T>& x) {
  clear(moments.mean, x.cols);
  clear(moments.rest, x.cols);
  clear(moments.squares, x.cols);
  add_rows<T>(x.rows, x.cols, AddRows<T>{moments.mean, x});
  for (int64_t c = 0; c < x.cols; ++c) moments.mean[c] /= T(x.rows);
  add_rows<T>(x.rows, x.cols, AddMoments<T>{moments, x});
}

template <class T>
void column_products(ColumnProducts<T>& products, const ColumnBlock<T>& dy, const ColumnBlock<T>& x,
                     const T* centre) {
  clear(products.dy, x.cols);
  clear(products.product, x.cols);
  clear(products.rest, x.cols);
  add_rows<T>(x.rows, x.cols, AddProducts<T>{products, dy, x, centre});
}

// Factors of each column, and once more those of the first ones: a register may begin at any column and run into the
// next row.
template <class T, int kFactors>
struct RepeatedColumns {
  T of[kFactors][kNormColumns + Vec<T>::kLanes];
  int64_t cols, row = 0;  // where the row begins that the span has reached

  RepeatedColumns(int64_t cols, const T* const (&factors)[kFactors]) : cols(cols) {
    for (int k = 0; k < kFactors; ++k)
      for (int64_t c = 0; c < cols + Vec<T>::kLanes; ++c) of[k][c] = factors[k][c % cols];
  }
  // The column of element i of the span; i ascends from call to call.
  TW_INLINE int64_t column(int64_t i) {
    while (i - row >= cols) row += cols;
    return i - row;
  }
};

// target = body(factors, factors' column, access, row, element of the row): as one span where no array has gaps.
template <class T, int kFactors, class Body>
TW_INLINE void map_columns(const ColumnTarget<T>& target, int64_t rows, int64_t cols, bool gaps,
                           const T* const (&factors)[kFactors], Body body) {
  if (!gaps && target.step == cols && rows > 1 && cols > 0) {
    RepeatedColumns<T, kFactors> repeated(cols, factors);
    const T* of[kFactors];
    for (int k = 0; k < kFactors; ++k) of[k] = repeated.of[k];
    write_span(target.data, rows * cols, target.past_caches,
               [&](auto access, int64_t i) { return body(of, repeated.column(i), access, 0, i); });
    return;
  }
  for (int64_t r = 0; r < rows; ++r)
    write_row(target.data + r * target.step, cols, target.past_caches,
              [&](auto access, int64_t c) { return body(factors, c, access, r, c); });
  if (target.past_caches) stream_fence();
}

template <class T>
void column_scale(const ColumnTarget<T>& y, const ColumnBlock<T>& x, const T* centre, const T* scale, const T* shift) {
  map_columns<T, 3>(y, x.rows, x.cols, x.step != x.cols, {centre, scale, shift},
                    [&](const T* const* factors, int64_t c, auto access, int64_t r, int64_t i) {
                      const Vec<T> d = access.load(x.data + r * x.step + i) - access.load(factors[0] + c);
                      return fma(d, access.load(factors[1] + c), access.load(factors[2] + c));
                    });
}

template <class T>
void column_combine(const ColumnTarget<T>& dx, const ColumnBlock<T>& dy, const ColumnBlock<T>& x, const T* centre,
                    const T* dy_scale, const T* x_scale, const T* shift) {
  map_columns<T, 4>(dx, x.rows, x.cols, x.step != x.cols || dy.step != x.cols, {centre, dy_scale, x_scale, shift},
                    [&](const T* const* factors, int64_t c, auto access, int64_t r, int64_t i) {
                      const Vec<T> d = access.load(x.data + r * x.step + i) - access.load(factors[0] + c);
                      const Vec<T> by_x = fma(d, access.load(factors[2] + c), access.load(factors[3] + c));
                      return fma(access.load(dy.data + r * dy.step + i), access.load(factors[1] + c), by_x);
                    });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
