// SPDX-License-Identifier: Apache-2.0
// Rows of a table by id, and the additions that differentiate that.
#include <algorithm>

#include "core/check.h"
#include "device/scratch.cuh"
#include "kernels/embedding.cuh"
#include "launch/dtypes.h"
#include "launch/elementwise.h"
#include "launch/fill.h"
#include "launch/ids.h"
#include "launch/rows.h"
#include "launch/sort.h"

namespace TW_BACKEND {
namespace {

constexpr int64_t kFewIds = 2048;  // up to which every warp reads all ids rather than having them sorted

// Warps that cover the columns of all outer slices.
int64_t column_tiles(const RowsShape& shape) { return ceil_divide(shape.outer * shape.inner, kWarpSize); }

RowsShape rows_shape(const View& long_view, const View& short_view, int64_t per_row) {
  RowsShape shape;
  shape.outer = short_view.dim(0);
  shape.n = short_view.dim(1);
  shape.inner = short_view.dim(2);
  shape.long_outer = long_view.stride(0);
  shape.long_row = long_view.stride(1);
  shape.short_outer = short_view.stride(0);
  shape.short_row = short_view.stride(1);
  shape.by_n = Divisor(shape.n);
  shape.by_inner = Divisor(per_row);
  shape.by_tiles = Divisor(column_tiles(shape));
  return shape;
}

RowIds row_ids(const View& ids, int64_t rows, const ValueGuard& guard) {
  return {id_list(ids, "ids"), ids.stride(0), rows, guard.check()};
}

bool rows_grouped(const View& view, int64_t vector) {
  if (!aligned(view.data, kVectorBytes) || view.dim(2) % vector != 0) return false;
  return (view.dim(0) == 1 || view.stride(0) % vector == 0) &&
         (view.dim(1) == 1 || view.stride(1) % vector == 0);
}

template <class U, int kVector>
void take(const char* name, const View& y, const View& x, const View& ids, const ValueGuard& guard,
          Stream stream) {
  const int64_t groups = y.dim(2) / kVector;
  launch_map(name, take_rows<U, kVector>, MapGrid(y.dim(0) * y.dim(1) * groups, kElementwiseThreads), stream,
             global_pointer<U>(y, "y"), global_pointer<const U>(x, "x"), row_ids(ids, x.dim(1), guard),
             rows_shape(x, y, groups));
}

template <class T>
void add(const char* name, const View& y, const View& dy, const View& ids, const ValueGuard& guard,
         Stream stream) {
  const RowsShape shape = rows_shape(y, dy, dy.dim(2));
  const int64_t n = shape.n, tiles = column_tiles(shape);
  const Dim3 grid(static_cast<unsigned>(ceil_divide(n * tiles, kRowsThreads / kWarpSize)));
  const auto to = global_pointer<T>(y, "y");
  const auto from = global_pointer<const T>(dy, "dy");
  const RowIds rows = row_ids(ids, y.dim(1), guard);
  if (n <= kFewIds || y.dim(1) > INT32_MAX || n > INT32_MAX) {
    launch(name, add_rows<T>, grid, Dim3(kRowsThreads), 0, stream, to, from, rows, shape);
    return;
  }
  const int64_t length = sort_length(n);
  const Scratch<uint64_t> entries(length, stream, name);
  launch_map(name, fill_row_order, MapGrid(length, kElementwiseThreads), stream, entries.pointer(), rows, n,
             length);
  sort_rows<RowOrder>(name, entries.pointer(), 1, length, stream);
  launch(name, add_sorted_rows<T>, grid, Dim3(kRowsThreads), 0, stream, to, from,
         GlobalPtr<const uint64_t>(entries.pointer()), shape);
}

// (outer, rows, inner) with a contiguous last axis as rows of bytes.
View as_bytes(const View& view) {
  const int64_t size = dtype_size(view.dtype);
  View bytes = view;
  bytes.dtype = Dtype::u8;
  bytes.shape[2] *= size;
  bytes.strides[0] *= size;
  bytes.strides[1] *= size;
  return bytes;
}

// (rows, D) as (1, rows, D)
View stacked(const View& rows) {
  View view = rows;
  view.ndim = 3;
  for (int i = 2; i > 0; --i) {
    view.shape[i] = rows.shape[i - 1];
    view.strides[i] = rows.strides[i - 1];
  }
  view.shape[0] = 1;
  view.strides[0] = 0;
  return view;
}

void embedding_gather(const View& y, const View& table, const View& ids, Stream stream) {
  const ValueGuard guard("embedding", "ids", ids, 0, table.dim(0) - 1);
  take_rows_by_id("embedding", stacked(y), stacked(table), ids, guard, stream);
}

void embedding_scatter_add(const View& table, const View& dy, const View& ids, Stream stream) {
  const ValueGuard guard("embedding_backward", "ids", ids, 0, table.dim(0) - 1);
  add_rows_by_id("embedding_backward", stacked(table), stacked(dy), ids, guard, stream);
}

}  // namespace

void take_rows_by_id(const char* name, const View& y, const View& x, const View& ids, const ValueGuard& guard,
                     Stream stream) {
  if (y.size() == 0) return;
  const int64_t vector = kVectorBytes / dtype_size(y.dtype);
  if (rows_grouped(y, vector) && rows_grouped(x, vector)) {
    take<uint8_t, kVectorBytes>(name, as_bytes(y), as_bytes(x), ids, guard, stream);
  } else {
    for_item_size(y.dtype,
                  [&](auto type) { take<type_t<decltype(type)>, 1>(name, y, x, ids, guard, stream); });
  }
  guard.finish();
}

void add_rows_by_id(const char* name, const View& y, const View& dy, const View& ids, const ValueGuard& guard,
                    Stream stream) {
  if (dy.size() == 0) return;
  for_any_float(y.dtype, [&](auto type) { add<type_t<decltype(type)>>(name, y, dy, ids, guard, stream); });
  guard.finish();
}

void fill_embedding(Ops& ops) {
  ops.embedding_gather.set(embedding_gather, kAnyDtype);
  ops.embedding_scatter_add.set(embedding_scatter_add, kF32F64 | kF16 | kBF16);
}

}  // namespace TW_BACKEND
