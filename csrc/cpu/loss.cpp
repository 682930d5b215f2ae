// SPDX-License-Identifier: Apache-2.0
// Losses on the CPU: rows go to threads in groups of about kElementsPerTask elements.
#include "cpu/kernels/loss.h"

#include <string>

#include "core/check.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

template <class T>
const LossRow<T>& table() {
  return kernels<LossKernels>().of<T>();
}

template <class T>
T* row_of(const View& view, int64_t r) {
  return view ? view.as<T>() + r * view.stride(0) : nullptr;
}

template <class Body>
void for_rows(const View& x, Body&& body) {
  parallel_ranges(x.dim(0), kElementsPerTask / (x.dim(1) + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) body(r);
  });
}

bool ignored(const CrossEntropyParams& params, int64_t label) {
  return params.has_ignore_index && label == params.ignore_index;
}

// Before anything is written.
template <class Id>
void check_labels(const View& labels, int64_t classes, const CrossEntropyParams& params) {
  for (int64_t r = 0; r < labels.dim(0); ++r) {
    const int64_t label = labels.as<Id>()[r * labels.stride(0)];
    if ((label < 0 || label >= classes) && !ignored(params, label))
      fail(ErrorKind::value, "softmax_cross_entropy",
           "labels has " + std::to_string(label) + " at index " + std::to_string(r) + ", expected 0 to " +
               std::to_string(classes - 1) +
               (params.has_ignore_index ? " or ignore_index " + std::to_string(params.ignore_index) : ""));
  }
}

template <class T, class Id>
void softmax_sparse(const View& loss, const View& dlogits, const View& logits, const View& labels,
                    const CrossEntropyParams& params) {
  const int64_t cols = logits.dim(1);
  check_labels<Id>(labels, cols, params);
  for_rows(logits, [&](int64_t r) {
    const int64_t label = labels.as<Id>()[r * labels.stride(0)];
    T* gradient = row_of<T>(dlogits, r);
    if (!ignored(params, label)) {
      loss.as<T>()[r] =
          table<T>().softmax_sparse(gradient, row_of<T>(logits, r), label, cols, params.label_smoothing);
      return;
    }
    loss.as<T>()[r] = 0;
    if (gradient)
      for (int64_t c = 0; c < cols; ++c) gradient[c] = 0;
  });
}

void softmax_cross_entropy(const View& loss, const View& dlogits, const View& logits, const View& labels,
                           const CrossEntropyParams& params, Stream) {
  for_float(loss.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (labels.ndim == 1) {
      for_index(labels.dtype, [&](auto id) {
        softmax_sparse<T, type_t<decltype(id)>>(loss, dlogits, logits, labels, params);
      });
      return;
    }
    for_rows(logits, [&](int64_t r) {
      loss.as<T>()[r] = table<T>().softmax_dense(row_of<T>(dlogits, r), row_of<T>(logits, r),
                                                 row_of<T>(labels, r), logits.dim(1), params.label_smoothing);
    });
  });
}

void sigmoid_cross_entropy(const View& loss, const View& dlogits, const View& logits, const View& labels,
                           double label_smoothing, Stream) {
  for_float(loss.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    parallel_ranges(loss.size(), kElementsPerTask, [&](int64_t begin, int64_t end) {
      table<T>().sigmoid_span(loss.as<T>() + begin, dlogits ? dlogits.as<T>() + begin : nullptr,
                              logits.as<T>() + begin, labels.as<T>() + begin, end - begin, label_smoothing);
    });
  });
}

void mean_squared_error(const View& loss, const View& dprediction, const View& prediction, const View& target,
                        Stream) {
  for_float(loss.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    for_rows(prediction, [&](int64_t r) {
      loss.as<T>()[r] = table<T>().square_row(row_of<T>(dprediction, r), row_of<T>(prediction, r),
                                              row_of<T>(target, r), prediction.dim(1));
    });
  });
}

}  // namespace

void fill_loss(Ops& ops) {
  ops.softmax_cross_entropy.set(softmax_cross_entropy, kF32F64);
  ops.sigmoid_cross_entropy.set(sigmoid_cross_entropy, kF32F64);
  ops.mean_squared_error.set(mean_squared_error, kF32F64);
}

}  // namespace tilewright::cpu
