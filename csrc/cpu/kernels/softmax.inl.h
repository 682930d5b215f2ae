// SPDX-License-Identifier: Apache-2.0
// Softmax of rows.
// Computes    y[c] = exp(x[c] - m) / s,  m = max_c x[c],  s = sum_c exp(x[c] - m); log_softmax: x[c] - m - log(s)
// Layout      x, y: rows of cols contiguous elements; y may be x
// Method      three sweeps over a row that stays in the cache: maximum, exp and sum, scale. The online form
//             (Milakov & Gimelshein, arXiv:1805.02867) saves a read but costs a second exp, which is dearer here
//             Narrow rows of floats take a lane each (row_lanes.inl.h): log_softmax of 16 columns 1.9 times PyTorch's speed, was 0.6
// Work split  one call for a task's rows
// Limits      cols >= 1; a row of -inf, or with +inf or NaN, gives NaN as the formula does
#include "cpu/kernels/softmax.h"
#include "cpu/kernels/row_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// max of the row; NaN if any element is, so that NaN reaches the whole row through x - m.
template <class T>
T row_max(const T* x, int64_t cols) {
  using V = Vec<T>;
  constexpr int L = V::kLanes;
  V m = V::set1(x[0]), n = m, o = m, p = m;
  int64_t c = 0;
  for (; c + 4 * L <= cols; c += 4 * L) {
    m = max_nan(m, V::load(x + c));
    n = max_nan(n, V::load(x + c + L));
    o = max_nan(o, V::load(x + c + 2 * L));
    p = max_nan(p, V::load(x + c + 3 * L));
  }
  m = max_nan(max_nan(m, n), max_nan(o, p));
  for (; c + L <= cols; c += L) m = max_nan(m, V::load(x + c));
  if (c < cols) m = max_nan(m, V::load_n(x + c, int(cols - c), x[0]));
  return reduce_max_nan(m);
}

// y = exp(x - m) where y is given; returns the sum.
template <class T, bool kStore>
T exp_and_sum(T* y, const T* x, int64_t cols, T max) {
  using V = Vec<T>;
  const V m = V::set1(max);
  V sum = V::zero();
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) {
    const V e = exp_nonpositive(V::load(x + c) - m);
    if (kStore) store(y + c, e);
    sum = sum + e;
  }
  if (c < cols) {
    const int n = int(cols - c);
    const V e = select(mask_first<T>(n), exp_nonpositive(V::load_n(x + c, n, max) - m), V::zero());
    if (kStore) store_n(y + c, e, n);
    sum = sum + e;
  }
  return reduce_add(sum);
}

template <class T>
void softmax(T* y, const T* x, int64_t cols, bool) {
  using V = Vec<T>;
  const T sum = exp_and_sum<T, true>(y, x, cols, row_max(x, cols));
  const V scale = V::set1(T(1) / sum);
  int64_t c = 0;
  for (; c + V::kLanes <= cols; c += V::kLanes) store(y + c, V::load(y + c) * scale);
  if (c < cols) store_n(y + c, V::load_n(y + c, int(cols - c)) * scale, int(cols - c));
}

template <class T>
void log_softmax(T* y, const T* x, int64_t cols, bool past_caches) {
  using V = Vec<T>;
  const T max = row_max(x, cols);
  const T sum = exp_and_sum<T, false>(nullptr, x, cols, max);
  T log_sum[V::kLanes];
  store(log_sum, log(V::set1(sum)));
  const V m = V::set1(max), l = V::set1(log_sum[0]);
  write_row(y, cols, past_caches, [&](auto access, int64_t c) { return access.load(x + c) - m - l; });
}

template <class T>
void softmax_backward(T* dx, const T* dy, const T* y, int64_t cols, bool past_caches) {
  double dot[1] = {};
  sum_blocks<T>(dot, cols, [&](auto access, int64_t c, auto& sums) {
    sums.of[0] = fma(access.load(dy + c), access.load(y + c), sums.of[0]);
  });
  const Vec<T> d = Vec<T>::set1(T(dot[0]));
  write_row(dx, cols, past_caches,
            [&](auto access, int64_t c) { return (access.load(dy + c) - d) * access.load(y + c); });
}

template <class T>
void log_softmax_backward(T* dx, const T* dy, const T* y, int64_t cols, bool past_caches) {
  double sum[1] = {};
  sum_blocks<T>(sum, cols, [&](auto access, int64_t c, auto& sums) { sums.of[0] += access.load(dy + c); });
  const Vec<T> s = Vec<T>::set1(T(sum[0]));
  write_row(dx, cols, past_caches,
            [&](auto access, int64_t c) { return fnma(exp(access.load(y + c)), s, access.load(dy + c)); });
}

// A group of narrow rows. A NaN need not reach the maximum: it reaches the sum.
template <bool kLog>
void softmax_lanes(RowLanes& x, int cols) {
  VecF max = x.column[0], sum = VecF::zero();
  for (int c = 1; c < cols; ++c) max = max_fast(max, x.column[c]);
  for (int c = 0; c < cols; ++c) {
    const VecF e = exp_nonpositive(x.column[c] - max);
    sum += e;
    if (!kLog) x.column[c] = e;
  }
  const VecF last = kLog ? log(sum) : VecF::set1(1.0f) / sum;
  for (int c = 0; c < cols; ++c) x.column[c] = kLog ? x.column[c] - max - last : x.column[c] * last;
}
// Rows stay as they lie; only the steps across lanes are done for all of a group together.
template <bool kLog>
void softmax_lanes_backward(float* dx, const float* dy, const float* y, const SoftmaxShape& shape, int rows) {
  constexpr int L = VecF::kLanes;
  VecF terms[L];
  for (int r = 0; r < L; ++r) {
    terms[r] = VecF::zero();
    if (r >= rows) continue;
    for_vectors<float>(shape.cols, [&](auto access, int64_t c) {
      const VecF d = access.load(dy + r * shape.first_step + c);
      terms[r] += kLog ? d : d * access.load(y + r * shape.second_step + c);
    });
  }
  float sums[L];
  store(sums, fold_lanes_of_rows(terms, [](VecF a, VecF b) { return a + b; }));
  for (int r = 0; r < rows; ++r) {
    const VecF s = VecF::set1(sums[r]);
    for_vectors<float>(shape.cols, [&](auto access, int64_t c) {
      const VecF d = access.load(dy + r * shape.first_step + c), v = access.load(y + r * shape.second_step + c);
      access.store(dx + r * shape.out_step + c, kLog ? fnma(exp(v), s, d) : (d - s) * v);
    });
  }
}

template <class T, bool kLog>
void forward_rows(T* y, const T* x, const SoftmaxShape& shape) {
  const int64_t cols = shape.cols;
  if constexpr (kSame<T, float>) {
    if (row_lanes_fit<T>(cols)) {
      for_row_groups(shape.rows, [&](int64_t r, int rows) {
        RowLanes lanes;
        lanes.load(x + r * shape.first_step, shape.first_step, rows, int(cols));
        softmax_lanes<kLog>(lanes, int(cols));
        lanes.store(y + r * shape.out_step, shape.out_step, rows, int(cols));
      });
      return;
    }
  }
  for (int64_t r = 0; r < shape.rows; ++r)
    (kLog ? log_softmax<T> : softmax<T>)(y + r * shape.out_step, x + r * shape.first_step, cols, shape.past_caches);
  if (shape.past_caches) stream_fence();
}

template <class T, bool kLog>
void backward_rows(T* dx, const T* dy, const T* y, const SoftmaxShape& shape) {
  const int64_t cols = shape.cols;
  if constexpr (kSame<T, float>) {
    if (row_lanes_fit<T>(cols)) {
      for_row_groups(shape.rows, [&](int64_t r, int rows) {
        softmax_lanes_backward<kLog>(dx + r * shape.out_step, dy + r * shape.first_step,
                                     y + r * shape.second_step, shape, rows);
      });
      return;
    }
  }
  for (int64_t r = 0; r < shape.rows; ++r)
    (kLog ? log_softmax_backward<T> : softmax_backward<T>)(dx + r * shape.out_step, dy + r * shape.first_step,
                                                          y + r * shape.second_step, cols, shape.past_caches);
  if (shape.past_caches) stream_fence();
}

template <class T>
constexpr SoftmaxRows<T> table() {
  return {forward_rows<T, false>, forward_rows<T, true>, backward_rows<T, false>, backward_rows<T, true>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(SoftmaxKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
