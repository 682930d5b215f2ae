// SPDX-License-Identifier: Apache-2.0
// Softmax family on the CPU: rows go to threads in groups of about kElementsPerTask elements.
#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/softmax.h"
#include "cpu/ops_cpu.h"
#include "cpu/streaming.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

template <class T>
const SoftmaxRows<T>& row_kernels() {
  return kernels<SoftmaxKernels>().of<T>();
}

// Calls body(begin, shape) for groups of rows; the steps are those of y, a and b.
template <class Body>
void for_rows(const View& y, const View& a, const View& b, Body&& body) {
  const int64_t rows_per_task = kElementsPerTask / (y.dim(1) + 1) + 1;
  const int64_t arrays = a.data == b.data ? 2 : 3;
  const bool past_caches = y.data != a.data && y.data != b.data &&
                           arrays * y.size() * dtype_size(y.dtype) >= streaming_bytes();
  parallel_ranges(y.dim(0), rows_per_task, [&](int64_t begin, int64_t end) {
    body(begin, SoftmaxShape{end - begin, y.dim(1), y.stride(0), a.stride(0), b.stride(0), past_caches});
  });
}

template <class T>
T* row_of(const View& view, int64_t r) {
  return view.as<T>() + r * view.stride(0);
}

template <class T>
void forward_rows(const View& y, const View& x, typename SoftmaxRows<T>::Forward rows) {
  for_rows(y, x, x, [&](int64_t r, const SoftmaxShape& shape) { rows(row_of<T>(y, r), row_of<T>(x, r), shape); });
}

template <class T>
void backward_rows(const View& dx, const View& dy, const View& y, typename SoftmaxRows<T>::Backward rows) {
  for_rows(dx, dy, y, [&](int64_t r, const SoftmaxShape& shape) {
    rows(row_of<T>(dx, r), row_of<T>(dy, r), row_of<T>(y, r), shape);
  });
}

void softmax_forward(const View& y, const View& x, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    forward_rows<T>(y, x, row_kernels<T>().softmax);
  });
}

void log_softmax_forward(const View& y, const View& x, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    forward_rows<T>(y, x, row_kernels<T>().log_softmax);
  });
}

void softmax_backward(const View& dx, const View& dy, const View& y, Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    backward_rows<T>(dx, dy, y, row_kernels<T>().softmax_backward);
  });
}

void log_softmax_backward(const View& dx, const View& dy, const View& y, Stream) {
  for_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    backward_rows<T>(dx, dy, y, row_kernels<T>().log_softmax_backward);
  });
}

}  // namespace

void fill_softmax(Ops& ops) {
  ops.softmax_forward.set(softmax_forward, kF32F64);
  ops.softmax_backward.set(softmax_backward, kF32F64);
  ops.log_softmax_forward.set(log_softmax_forward, kF32F64);
  ops.log_softmax_backward.set(log_softmax_backward, kF32F64);
}

}  // namespace tilewright::cpu
