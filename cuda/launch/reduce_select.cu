// SPDX-License-Identifier: Apache-2.0
// The k largest of each row.
#include "core/dispatch.h"
#include "device/scratch.cuh"
#include "kernels/reduce_select.cuh"
#include "launch/reduce_parts.h"
#include "launch/sort.h"

namespace TW_BACKEND {
namespace {

constexpr const char* kName = "top_k";

template <class T, int kKept>
void by_blocks(const View& values, const View& indices, const View& x, const SelectShape& shape, Stream stream) {
  launch(kName, select_rows<T, kKept>, Dim3(static_cast<unsigned>(shape.rows)), Dim3(kKept),
         sizeof(SelectSmem<kKept>), stream, global_pointer<T>(values, "values"),
         global_pointer<int64_t>(indices, "indices"), global_pointer<const T>(x, "x"), shape);
}

template <class T>
void by_sorting(const View& values, const View& indices, const View& x, const SelectShape& shape, Stream stream) {
  const int64_t length = sort_length(shape.cols);
  const Scratch<Candidate> entries(shape.rows * length, stream, kName);
  const auto from = global_pointer<const T>(x, "x");
  launch_map(kName, select_fill<T>, MapGrid(shape.rows * length, kSortThreads), stream, entries.pointer(), from,
             shape, length);
  sort_rows<LargestFirst>(kName, entries.pointer(), shape.rows, length, stream);
  launch_map(kName, select_write<T>, MapGrid(shape.rows * shape.k, kSortThreads), stream,
             global_pointer<T>(values, "values"), global_pointer<int64_t>(indices, "indices"),
             GlobalPtr<const Candidate>(entries.pointer()), from, shape, length);
}

template <class T>
void top_k_of(const View& values, const View& indices, const View& x, Stream stream) {
  const SelectShape shape = {x.dim(0),    x.dim(1),         values.dim(1),
                             x.stride(0), values.stride(0), indices.stride(0)};
  if (shape.rows == 0 || shape.k == 0) return;
  if (shape.k <= 64) return by_blocks<T, 64>(values, indices, x, shape, stream);
  if (shape.k <= kSelectMost) return by_blocks<T, kSelectMost>(values, indices, x, shape, stream);
  by_sorting<T>(values, indices, x, shape, stream);
}

}  // namespace

void top_k(const View& values, const View& indices, const View& x, Stream stream) {
  if (x.dtype == Dtype::f32 || x.dtype == Dtype::f64) {
    for_float(x.dtype, [&](auto type) { top_k_of<type_t<decltype(type)>>(values, indices, x, stream); });
  } else {
    for_index(x.dtype, [&](auto type) { top_k_of<type_t<decltype(type)>>(values, indices, x, stream); });
  }
}

}  // namespace TW_BACKEND
