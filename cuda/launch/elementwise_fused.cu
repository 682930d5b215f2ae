// SPDX-License-Identifier: Apache-2.0
// Bias, residual and activation in one sweep, its backward with the gradient of the bias, and dropout.
#include <algorithm>
#include <cmath>

#include "device/scratch.cuh"
#include "kernels/elementwise_copy.cuh"
#include "kernels/elementwise_dropout.cuh"
#include "kernels/elementwise_fused.cuh"
#include "launch/columns.h"
#include "launch/dtypes.h"
#include "launch/elementwise.h"
#include "launch/fill.h"

namespace TW_BACKEND {
namespace {

template <class T>
inline constexpr int kFullVector = kVectorBytes / static_cast<int>(sizeof(T));

bool starts_aligned(const View& view) { return !view || aligned(view.data, kVectorBytes); }

template <class T, int kVector>
void forward(const View& y, const View& z, const View& x, const View& bias, const View& residual,
             const Epilogue& epilogue, Stream stream) {
  const int64_t elements = x.size();
  launch_map("bias_activation_forward", bias_activation_map<T, kVector>,
             MapGrid(ceil_divide(elements, kVector), kElementwiseThreads), stream, global_pointer<T>(y, "y"),
             optional_pointer<T>(z, "z"), global_pointer<const T>(x, "x"),
             optional_pointer<const T>(bias, "bias"), optional_pointer<const T>(residual, "residual"),
             Divisor(bias ? x.dim(-1) : elements), elements, epilogue.activation, epilogue.slope);
}

void bias_activation_forward(const View& y, const View& z, const View& x, const View& bias,
                             const View& residual, const Epilogue& epilogue, Stream stream) {
  if (x.size() == 0) return;
  bool wide = !bias || x.dim(-1) * dtype_size(x.dtype) % kVectorBytes == 0;
  for (const View* view : {&y, &z, &x, &bias, &residual}) wide = wide && starts_aligned(*view);
  for_any_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (wide) return forward<T, kFullVector<T>>(y, z, x, bias, residual, epilogue, stream);
    forward<T, 1>(y, z, x, bias, residual, epilogue, stream);
  });
}

template <class T, int kVector>
void backward(const View& dz, const View& db, const View& dy, const View& saved, const Epilogue& epilogue,
              Stream stream) {
  constexpr const char* kName = "bias_activation_backward";
  const int64_t cols = dz.dim(-1);
  const ColumnSplit split = split_columns(dz.size() / cols, cols, kVector);
  const Scratch<Wide<T>> partial(split.slices * cols, stream, kName);
  launch_columns<ColumnTeam<Wide<T>, kVector>>(
      kName, bias_activation_columns<T, kVector>, split, stream, global_pointer<T>(dz, "dz"), partial.pointer(),
      global_pointer<const T>(dy, "dy"), global_pointer<const T>(saved, "saved"), split, epilogue.activation,
      epilogue.slope);
  launch_map(kName, bias_gradient_join<T>, MapGrid(cols, kElementwiseThreads), stream,
             global_pointer<T>(db, "db"), GlobalPtr<const Wide<T>>(partial.pointer()), cols, split.slices,
             db.stride(0));
}

void bias_activation_backward(const View& dz, const View& db, const View& dy, const View& saved,
                              const Epilogue& epilogue, Stream stream) {
  if (db && dz.size() == 0) {
    for_any_float(dz.dtype, [&](auto type) {
      using T = type_t<decltype(type)>;
      map_elements("bias_activation_backward", Fill<T>{narrow<T>(0)}, db, stream);
    });
    return;
  }
  const bool wide = dz.size() > 0 && dz.dim(-1) * dtype_size(dz.dtype) % kVectorBytes == 0 &&
                    starts_aligned(dz) && starts_aligned(dy) && starts_aligned(saved);
  for_any_float(dz.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (!db) {
      map_elements("bias_activation_backward", ActivationGradient<T>{epilogue.activation, epilogue.slope}, dz,
                   stream, dy, saved);
    } else if (wide) {
      backward<T, kFullVector<T>>(dz, db, dy, saved, epilogue, stream);
    } else {
      backward<T, 1>(dz, db, dy, saved, epilogue, stream);
    }
  });
}

void dropout(const View& y, const View& x, const View& key, double rate, Stream stream) {
  if (y.size() == 0) return;
  const double threshold = std::min(std::nearbyint(rate * 4294967296.0), 4294967295.0);
  const bool drop_all = rate >= 1;
  for_any_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const auto run = [&](auto kernel) {
      launch_map("dropout", kernel, MapGrid(ceil_divide(y.size(), kPhiloxWords), kDropoutThreads), stream,
                 global_pointer<T>(y, "y"), global_pointer<const T>(x, "x"),
                 global_pointer<const int64_t>(key, "key"), key.stride(0), y.size(),
                 static_cast<uint32_t>(threshold), drop_all ? 1.0 : 1 / (1 - rate), drop_all);
    };
    if (starts_aligned(y) && starts_aligned(x)) return run(dropout_map<T, true>);
    run(dropout_map<T, false>);
  });
}

}  // namespace

void fill_elementwise_fused(Ops& ops) {
  constexpr DtypeMask kFloats = kF32F64 | kF16 | kBF16;
  ops.bias_activation_forward.set(bias_activation_forward, kFloats);
  ops.bias_activation_backward.set(bias_activation_backward, kFloats);
  ops.dropout.set(dropout, kFloats);
}

}  // namespace TW_BACKEND
