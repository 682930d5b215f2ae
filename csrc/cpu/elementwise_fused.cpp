// SPDX-License-Identifier: Apache-2.0
// Bias, residual and activation in one sweep, its backward with the gradient of the bias, and dropout.
#include "cpu/elementwise_fused.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/strided_loop.h"

namespace tilewright::cpu {
namespace {

// Columns one task takes: whole rows, so that memory is read in its order, unless they are very long.
constexpr int64_t kColsPerTask = 8192;
// Rows that share one partial sum of the bias gradient, at least: it stays small beside them.
constexpr int64_t kFewestRows = 16;

// x seen as rows x cols; the bias runs along cols. Without one the whole array is a single row.
struct Rows {
  int64_t rows, cols, rows_per_task, row_tasks, col_tasks;

  Rows(const View& x, bool with_bias) {
    const int64_t size = x.size();
    cols = with_bias ? x.dim(-1) : size;
    rows = cols ? size / cols : 0;
    const int64_t width = with_bias ? kColsPerTask : kElementsPerTask;
    rows_per_task = kElementsPerTask / std::max<int64_t>(1, std::min(cols, width)) + 1;
    if (with_bias) rows_per_task = std::max(rows_per_task, kFewestRows);
    row_tasks = (rows + rows_per_task - 1) / rows_per_task;
    width_ = width;
    col_tasks = (cols + width - 1) / width;
  }

  // Calls body(slice, offset, column, shape) for every block of rows and columns.
  template <class Body>
  void each(double slope, Body&& body) const {
    parallel_for(row_tasks * col_tasks, [&](int64_t task) {
      const int64_t row = task / col_tasks * rows_per_task, col = task % col_tasks * width_;
      const ActivationShape shape{std::min(rows_per_task, rows - row), std::min(width_, cols - col), cols,
                                  slope};
      body(task / col_tasks, row * cols + col, col, shape);
    });
  }

 private:
  int64_t width_;
};

template <class T>
T* plus(const View& view, int64_t offset) {
  return view ? view.as<T>() + offset : nullptr;
}

void bias_activation_forward(const View& y, const View& z, const View& x, const View& bias,
                             const View& residual, const Epilogue& epilogue, Stream) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const auto kernel =
        kernels<ElementwiseKernels>().activation.of<T>().forward[static_cast<int>(epilogue.activation)];
    Rows(x, static_cast<bool>(bias))
        .each(epilogue.slope, [&](int64_t, int64_t at, int64_t col, const ActivationShape& shape) {
          kernel(plus<T>(y, at), plus<T>(z, at), plus<T>(x, at), plus<T>(bias, col), plus<T>(residual, at),
                 shape);
        });
  });
}

// Sums `slices` rows of `cols` partial sums into the first, always in the same order: halves onto halves.
template <class T>
void add_slices(T* partial, int64_t slices, int64_t cols) {
  while (slices > 1) {
    const int64_t kept = (slices + 1) / 2;
    for (int64_t i = 0; i < (slices - kept) * cols; ++i) partial[i] += partial[kept * cols + i];
    slices = kept;
  }
}

void bias_activation_backward(const View& dz, const View& db, const View& dy, const View& saved,
                              const Epilogue& epilogue, Stream) {
  for_float(dz.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const auto kernel =
        kernels<ElementwiseKernels>().activation.of<T>().backward[static_cast<int>(epilogue.activation)];
    const Rows rows(dz, static_cast<bool>(db));
    const int64_t slices = std::max<int64_t>(1, rows.row_tasks), count = db ? slices * rows.cols : 0;
    Scratch<T> partial(count);
    std::fill_n(partial.data(), count, T(0));
    rows.each(epilogue.slope, [&](int64_t slice, int64_t at, int64_t col, const ActivationShape& shape) {
      T* sums = db ? partial.data() + slice * rows.cols + col : nullptr;
      kernel(plus<T>(dz, at), sums, plus<T>(dy, at), plus<T>(saved, at), shape);
    });
    if (!db) return;
    add_slices(partial.data(), slices, rows.cols);
    for (int64_t c = 0; c < rows.cols; ++c) db.as<T>()[c * db.stride(0)] = partial[c];
  });
}

void dropout(const View& y, const View& x, const View& key, double rate, Stream) {
  const uint64_t seed = static_cast<uint64_t>(key.as<int64_t>()[0]);
  const uint64_t offset = static_cast<uint64_t>(key.as<int64_t>()[key.stride(0)]);
  const double threshold = std::min(std::nearbyint(rate * 4294967296.0), 4294967295.0);
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const DropoutKernels& table = kernels<ElementwiseKernels>().dropout;
    // A rate of one keeps nothing: the words, the scale and the rest of the formula do not matter.
    if (rate >= 1) {
      parallel_ranges(y.size(), kElementsPerTask, [&](int64_t begin, int64_t end) {
        std::fill(y.as<T>() + begin, y.as<T>() + end, T(0));
      });
      return;
    }
    parallel_ranges(y.size(), kElementsPerTask, [&](int64_t begin, int64_t end) {
      const DropoutSpan span{seed, offset + static_cast<uint64_t>(begin / 4),
                             static_cast<uint32_t>(threshold), 1 / (1 - rate)};
      if constexpr (sizeof(T) == 4)
        table.f32(y.as<T>() + begin, x.as<T>() + begin, end - begin, span);
      else
        table.f64(y.as<T>() + begin, x.as<T>() + begin, end - begin, span);
    });
  });
}

}  // namespace

void fill_elementwise_fused(Ops& ops) {
  ops.bias_activation_forward.set(bias_activation_forward, kF32F64);
  ops.bias_activation_backward.set(bias_activation_backward, kF32F64);
  ops.dropout.set(dropout, kF32F64);
}

}  // namespace tilewright::cpu
