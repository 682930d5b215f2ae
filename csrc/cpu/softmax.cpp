// SPDX-License-Identifier: Apache-2.0
// Softmax family on the CPU: rows go to threads in groups of about kElementsPerTask elements.
#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/softmax.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;

template <class T>
const SoftmaxRow<T>& row_kernels() {
  return kernels<SoftmaxKernels>().of<T>();
}

template <class Body>
void for_rows(const View& y, Body&& body) {
  const int64_t rows_per_task = kElementsPerTask / (y.dim(1) + 1) + 1;
  parallel_ranges(y.dim(0), rows_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) body(r);
  });
}

template <class T>
T* row_of(const View& view, int64_t r) {
  return view.as<T>() + r * view.stride(0);
}

template <class T>
void forward_rows(const View& y, const View& x, typename SoftmaxRow<T>::Forward row) {
  for_rows(y, [&](int64_t r) { row(row_of<T>(y, r), row_of<T>(x, r), y.dim(1)); });
}

template <class T>
void backward_rows(const View& dx, const View& dy, const View& y, typename SoftmaxRow<T>::Backward row) {
  for_rows(dx, [&](int64_t r) { row(row_of<T>(dx, r), row_of<T>(dy, r), row_of<T>(y, r), dx.dim(1)); });
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
