// SPDX-License-Identifier: Apache-2.0
// Losses with their gradients: which team has a row.
#include <string>

#include "core/check.h"
#include "kernels/loss.cuh"
#include "launch/fill.h"
#include "launch/ids.h"
#include "launch/row_split.h"
#include "launch/value_guard.h"

namespace TW_BACKEND {
namespace {

template <class T, int kVector, bool kDense>
void cross_entropy(const CrossEntropy<T>& call, Stream stream) {
  choose_row<T, kVector>(call.rows, call.cols,
                         [&](auto team, auto row, int blocks, int threads, size_t shared) {
                           using Team = type_t<decltype(team)>;
                           using Row = type_t<decltype(row)>;
                           launch("softmax_cross_entropy", cross_entropy_rows<T, Team, Row, kVector, kDense>,
                                  Dim3(static_cast<unsigned>(blocks)), Dim3(static_cast<unsigned>(threads)),
                                  shared, stream, call);
                         });
}

// On the emulator, in the words of the CPU: the first bad label.
void finish(const ValueGuard& guard, int64_t classes, const CrossEntropyParams& params) {
  int64_t index = 0, label = 0;
  if (!guard.reported()) return;
  if (!guard.first_bad(index, label, params.has_ignore_index ? &params.ignore_index : nullptr)) return;
  fail(ErrorKind::value, "softmax_cross_entropy",
       "labels has " + std::to_string(label) + " at index " + std::to_string(index) + ", expected 0 to " +
           std::to_string(classes - 1) +
           (params.has_ignore_index ? " or ignore_index " + std::to_string(params.ignore_index) : ""));
}

void softmax_cross_entropy(const View& loss, const View& dlogits, const View& logits, const View& labels,
                           const CrossEntropyParams& params, Stream stream) {
  const bool dense = labels.ndim == 2;
  const int64_t rows = logits.dim(0), cols = logits.dim(1);
  if (rows == 0) return;
  View none = labels;  // probabilities have no range to keep
  if (dense) none.shape[0] = 0;
  const ValueGuard guard("softmax_cross_entropy", "labels", dense ? none : labels, 0, cols - 1);
  for_rows(loss.dtype, all_aligned({&dlogits, &logits}) && (!dense || rows_aligned(labels)),
           [&](auto type, auto vector) {
             using T = type_t<decltype(type)>;
             CrossEntropy<T> call;
             call.loss = global_pointer<T>(loss, "loss");
             call.dlogits = optional_pointer<T>(dlogits, "dlogits");
             call.logits = global_pointer<const T>(logits, "logits");
             if (dense) {
               call.labels = global_pointer<const T>(labels, "labels");
             } else {
               call.ids = id_list(labels, "labels");
             }
             call.check = guard.check();
             call.rows = rows;
             call.cols = cols;
             call.dlogits_stride = row_stride(dlogits);
             call.logits_stride = logits.stride(0);
             call.labels_stride = labels.stride(0);
             call.smoothing = params.label_smoothing;
             call.ignore_index = params.ignore_index;
             call.has_ignore_index = params.has_ignore_index;
             if (dense) return cross_entropy<T, vector(), true>(call, stream);
             cross_entropy<T, vector(), false>(call, stream);
           });
  if (!dense) finish(guard, cols, params);
}

void sigmoid_cross_entropy(const View& loss, const View& dlogits, const View& logits, const View& labels,
                           double label_smoothing, Stream stream) {
  if (loss.size() == 0) return;
  bool wide = true;
  for (const View* view : {&loss, &dlogits, &logits, &labels})
    wide = wide && (!*view || aligned(view->data, kVectorBytes));
  for_rows(loss.dtype, wide, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    launch_map("sigmoid_cross_entropy", sigmoid_cross_entropy_map<T, vector()>,
               MapGrid(ceil_divide(loss.size(), vector()), kElementwiseThreads), stream,
               global_pointer<T>(loss, "loss"), optional_pointer<T>(dlogits, "dlogits"),
               global_pointer<const T>(logits, "logits"), global_pointer<const T>(labels, "labels"),
               loss.size(), label_smoothing);
  });
}

void mean_squared_error(const View& loss, const View& dprediction, const View& prediction, const View& target,
                        Stream stream) {
  if (prediction.dim(0) == 0) return;
  for_rows(loss.dtype, all_aligned({&dprediction, &prediction, &target}), [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const SquaredError<T> call = {global_pointer<T>(loss, "loss"),
                                  optional_pointer<T>(dprediction, "dprediction"),
                                  global_pointer<const T>(prediction, "prediction"),
                                  global_pointer<const T>(target, "target"),
                                  prediction.dim(0),
                                  prediction.dim(1),
                                  row_stride(dprediction),
                                  prediction.stride(0),
                                  target.stride(0)};
    choose_row<T, vector()>(call.rows, call.cols,
                            [&](auto team, auto row, int blocks, int threads, size_t shared) {
                              using Team = type_t<decltype(team)>;
                              using Row = type_t<decltype(row)>;
                              launch("mean_squared_error", squared_error_rows<T, Team, Row, vector()>,
                                     Dim3(static_cast<unsigned>(blocks)),
                                     Dim3(static_cast<unsigned>(threads)), shared, stream, call);
                            });
  });
}

}  // namespace

void fill_loss(Ops& ops) {
  ops.softmax_cross_entropy.set(softmax_cross_entropy, kF32F64 | kF16 | kBF16);
  ops.sigmoid_cross_entropy.set(sigmoid_cross_entropy, kF32F64 | kF16 | kBF16);
  ops.mean_squared_error.set(mean_squared_error, kF32F64 | kF16 | kBF16);
}

}  // namespace TW_BACKEND
