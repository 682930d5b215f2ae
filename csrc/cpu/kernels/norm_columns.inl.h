// SPDX-License-Identifier: Apache-2.0
// batch_norm: sums of a block of columns over its rows, and the sweeps that use them.
// Computes    moments: mean, sum of x - mean, sum of (x - mean)^2;  products: sums of dy, dy * (x - centre),
// x - centre
//             y = (x - centre) * scale + shift;  dx = dy * dy_scale + (x - centre) * x_scale + shift
// Layout      rows of cols contiguous elements, `step` apart; the result may be x or dy
// Method      eight rows at a time, so that a block is read in the order of memory and eight terms meet in
// registers
//             before they touch the sums. Moments are those of norm_row.inl.h, of a slice that stays in the
//             cache; the driver joins slices in double
// Work split  one call per slice of at most kNormSlice rows and kNormColumns columns
// Limits      any rows and cols, moments at least one row
#include "cpu/kernels/norm.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

inline constexpr int kRowGroup = 8;

// body(access, c, offset of the group's first row, rows of the group): groups of kRowGroup rows, then single
// rows.
template <class T, class Body>
TW_INLINE void for_row_groups(int64_t rows, int64_t cols, Body body) {
  int64_t r = 0;
  for (; r + kRowGroup <= rows; r += kRowGroup)
    for_vectors<T>(cols, [&](auto access, int64_t c) { body.template group<kRowGroup>(access, r, c); });
  for (; r < rows; ++r)
    for_vectors<T>(cols, [&](auto access, int64_t c) { body.template group<1>(access, r, c); });
}

template <class T>
struct AddRows {
  T* sum;
  const ColumnBlock<T>& x;
  template <int kRows, class Access>
  TW_INLINE void group(Access access, int64_t r, int64_t c) const {
    const T* p = x.data + r * x.step + c;
    Vec<T> s = access.load(p);
    for (int i = 1; i < kRows; ++i) s += access.load(p + i * x.step);
    access.store(sum + c, access.load(sum + c) + s);
  }
};

template <class T>
struct AddMoments {
  ColumnMoments<T>& moments;
  const ColumnBlock<T>& x;
  template <int kRows, class Access>
  TW_INLINE void group(Access access, int64_t r, int64_t c) const {
    const T* p = x.data + r * x.step + c;
    const Vec<T> mean = access.load(moments.mean + c);
    Vec<T> rest = Vec<T>::zero(), squares = Vec<T>::zero();
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> d = access.load(p + i * x.step) - mean;
      rest += d;
      squares = fma(d, d, squares);
    }
    access.store(moments.rest + c, access.load(moments.rest + c) + rest);
    access.store(moments.squares + c, access.load(moments.squares + c) + squares);
  }
};

template <class T>
struct AddProducts {
  ColumnProducts<T>& products;
  const ColumnBlock<T>&dy, &x;
  const T* centre;
  template <int kRows, class Access>
  TW_INLINE void group(Access access, int64_t r, int64_t c) const {
    const T *q = dy.data + r * dy.step + c, *p = x.data + r * x.step + c;
    const Vec<T> m = access.load(centre + c);
    Vec<T> total = Vec<T>::zero(), product = Vec<T>::zero(), rest = Vec<T>::zero();
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> g = access.load(q + i * dy.step), d = access.load(p + i * x.step) - m;
      total += g;
      product = fma(g, d, product);
      rest += d;
    }
    access.store(products.dy + c, access.load(products.dy + c) + total);
    access.store(products.product + c, access.load(products.product + c) + product);
    access.store(products.rest + c, access.load(products.rest + c) + rest);
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
  for_row_groups<T>(x.rows, x.cols, AddRows<T>{moments.mean, x});
  for (int64_t c = 0; c < x.cols; ++c) moments.mean[c] /= T(x.rows);
  for_row_groups<T>(x.rows, x.cols, AddMoments<T>{moments, x});
}

template <class T>
void column_products(ColumnProducts<T>& products, const ColumnBlock<T>& dy, const ColumnBlock<T>& x,
                     const T* centre) {
  clear(products.dy, x.cols);
  clear(products.product, x.cols);
  clear(products.rest, x.cols);
  for_row_groups<T>(x.rows, x.cols, AddProducts<T>{products, dy, x, centre});
}

template <class T>
void column_scale(T* y, int64_t y_step, const ColumnBlock<T>& x, const T* centre, const T* scale,
                  const T* shift) {
  for (int64_t r = 0; r < x.rows; ++r) {
    T* to = y + r * y_step;
    const T* from = x.data + r * x.step;
    for_vectors<T>(x.cols, [&](auto access, int64_t c) {
      access.store(to + c, fma(access.load(from + c) - access.load(centre + c), access.load(scale + c),
                               access.load(shift + c)));
    });
  }
}

template <class T>
void column_combine(T* dx, int64_t dx_step, const ColumnBlock<T>& dy, const ColumnBlock<T>& x,
                    const T* centre, const T* dy_scale, const T* x_scale, const T* shift) {
  for (int64_t r = 0; r < x.rows; ++r) {
    T* to = dx + r * dx_step;
    const T *p = x.data + r * x.step, *q = dy.data + r * dy.step;
    for_vectors<T>(x.cols, [&](auto access, int64_t c) {
      const Vec<T> d = access.load(p + c) - access.load(centre + c);
      const Vec<T> by_x = fma(d, access.load(x_scale + c), access.load(shift + c));
      access.store(to + c, fma(access.load(q + c), access.load(dy_scale + c), by_x));
    });
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
