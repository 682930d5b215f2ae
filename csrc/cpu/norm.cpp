// SPDX-License-Identifier: Apache-2.0
// layer_norm and rms_norm on the CPU: rows go to threads in groups; the gradients of gamma and beta are sums
// over fixed slices of rows, so their bits depend on the shape alone.
#include "cpu/kernels/norm.h"

#include <algorithm>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/norm_batch.h"
#include "cpu/ops_cpu.h"
#include "cpu/streaming.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;
constexpr int64_t kEnoughSlices = 32;
constexpr int64_t kFewestRows = 8;

template <class T>
const NormTable<T>& table() {
  return kernels<NormKernels>().of<T>();
}

template <class T>
T* row_of(const View& view, int64_t r) {
  return view ? view.as<T>() + r * view.stride(0) : nullptr;
}

template <class T>
T* element(const View& values, int64_t r) {
  return values ? values.as<T>() + r : nullptr;
}

// Whether y, no input of the call, and `inputs` arrays of its size are more than the caches keep.
bool streams(const View& y, int64_t inputs) {
  return (1 + inputs) * y.size() * dtype_size(y.dtype) >= streaming_bytes();
}

int64_t row_step(const View& view) { return view ? view.stride(0) : 0; }

template <class T>
void forward(const View& y, const View& sum, const View& mean, const View& rstd, const View& x,
             const View& residual, const View& gamma, const View& beta, double epsilon,
             void (*kernel)(const NormRows<T>&)) {
  if (x.size() == 0) return;
  const int64_t cols = x.dim(1);
  const bool past_caches = y.data != x.data && y.data != residual.data && y.data != sum.data && streams(y, 1);
  parallel_ranges(x.dim(0), kElementsPerTask / cols + 1, [&](int64_t r, int64_t end) {
    const NormRow<T> first{row_of<T>(y, r),     row_of<T>(sum, r), row_of<T>(x, r), row_of<T>(residual, r),
                           gamma.as<T>(),       beta.as<T>(),      cols,            epsilon,
                           past_caches};
    kernel({first, end - r, row_step(y), row_step(sum), row_step(x), row_step(residual), element<T>(mean, r),
            element<T>(rstd, r)});
  });
}

template <class T>
struct Backward {
  View dx, dgamma, dbeta, dy, dsum, x, mean, rstd, gamma;
  void (*kernel)(const NormRowsGradient<T>&);

  bool past_caches() const {
    return dx.data != dy.data && dx.data != x.data && dx.data != dsum.data && streams(dx, 2);
  }
  void rows(int64_t r, int64_t end, T* dgamma_part, T* dbeta_part) const {
    const NormRowGradient<T> first{row_of<T>(dx, r),   dgamma_part,      dbeta_part,    row_of<T>(dy, r),
                                   row_of<T>(dsum, r), row_of<T>(x, r), gamma.as<T>(), {},
                                   x.dim(1),           past_caches()};
    kernel({first, end - r, row_step(dx), row_step(dy), row_step(dsum), row_step(x), element<T>(mean, r),
            element<T>(rstd, r)});
  }
};

// Rows begin..end-1; sums (2, cols) receives what they add to dgamma and dbeta.
template <class T>
void backward_slice(const Backward<T>& call, T* sums, int64_t begin, int64_t end) {
  const int64_t cols = call.x.dim(1);
  std::fill_n(sums, 2 * cols, T(0));
  call.rows(begin, end, sums, sums + cols);
}

// result[c] = the slices' sums[c], added in order
template <class T>
void join_slices(const View& result, const T* sums, int64_t slices, int64_t cols) {
  if (!result) return;
  parallel_ranges(cols, kElementsPerTask / slices + 1, [&](int64_t begin, int64_t end) {
    const Scratch<double> totals(end - begin);
    std::fill_n(totals.data(), end - begin, 0.0);
    for (int64_t s = 0; s < slices; ++s) {
      const T* part = sums + s * 2 * cols + begin;
      for (int64_t c = 0; c < end - begin; ++c) totals[c] += static_cast<double>(part[c]);
    }
    for (int64_t c = 0; c < end - begin; ++c) result.as<T>()[begin + c] = static_cast<T>(totals[c]);
  });
}

template <class T>
void backward(const Backward<T>& call) {
  const int64_t rows = call.x.dim(0), cols = call.x.dim(1);
  if (cols == 0) return;
  if (!call.dgamma && !call.dbeta) {
    parallel_ranges(rows, kElementsPerTask / cols + 1, [&](int64_t begin, int64_t end) {
      call.rows(begin, end, nullptr, nullptr);
    });
    return;
  }
  // Long slices, because each writes sums as long as a row; enough of them for all threads where rows allow it.
  const int64_t height = std::clamp<int64_t>(rows / kEnoughSlices, kFewestRows, kNormSlice);
  const int64_t slices = std::max<int64_t>(1, (rows + height - 1) / height);
  const Scratch<T> sums(slices * 2 * cols);
  parallel_for(slices, [&](int64_t s) {
    backward_slice(call, sums.data() + s * 2 * cols, std::min(rows, s * height), std::min(rows, (s + 1) * height));
  });
  join_slices<T>(call.dgamma, sums.data(), slices, cols);
  join_slices<T>(call.dbeta, sums.data() + cols, slices, cols);
}

void layer_norm_forward(const View& y, const View& sum, const View& mean, const View& rstd, const View& x,
                        const View& residual, const View& gamma, const View& beta, double epsilon, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    forward<T>(y, sum, mean, rstd, x, residual, gamma, beta, epsilon, table<T>().layer_norm);
  });
}

void rms_norm_forward(const View& y, const View& sum, const View& rstd, const View& x, const View& residual,
                      const View& gamma, double epsilon, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    forward<T>(y, sum, View(), rstd, x, residual, gamma, View(), epsilon, table<T>().rms_norm);
  });
}

void layer_norm_backward(const View& dx, const View& dgamma, const View& dbeta, const View& dy,
                         const View& dsum, const View& x, const View& mean, const View& rstd,
                         const View& gamma, Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    backward<T>({dx, dgamma, dbeta, dy, dsum, x, mean, rstd, gamma, table<T>().layer_norm_backward});
  });
}

void rms_norm_backward(const View& dx, const View& dgamma, const View& dy, const View& dsum, const View& x,
                       const View& rstd, const View& gamma, Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    backward<T>({dx, dgamma, View(), dy, dsum, x, View(), rstd, gamma, table<T>().rms_norm_backward});
  });
}

}  // namespace

void fill_norm(Ops& ops) {
  ops.layer_norm_forward.set(layer_norm_forward, kF32F64);
  ops.layer_norm_backward.set(layer_norm_backward, kF32F64);
  ops.rms_norm_forward.set(rms_norm_forward, kF32F64);
  ops.rms_norm_backward.set(rms_norm_backward, kF32F64);
  fill_batch_norm(ops);
}

}  // namespace tilewright::cpu
