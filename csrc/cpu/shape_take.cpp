// SPDX-License-Identifier: Apache-2.0
#include "cpu/shape_take.h"

#include <algorithm>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/shape.h"
#include "cpu/streaming.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kBytesPerTask = 1 << 16;
constexpr int64_t kColumnsPerTask = 256;
constexpr int64_t kParts = 16;
// Rows are asked for before they are read, so many that these bytes are on their way. Those of a table that stays in
// the second cache come soon enough, and so do short ones: dozens of them are under way at once as it is.
constexpr int64_t kBytesAhead = 1024;
constexpr int64_t kCachedTable = 1 << 18;
constexpr int64_t kShortRow = 64;
constexpr int64_t kStreamedRow = 1024;  // bytes; shorter ones lie in too few whole lines

int64_t rows_ahead(int64_t row_bytes, int64_t rows) {
  if (row_bytes < kShortRow || row_bytes * rows <= kCachedTable) return 0;
  return std::max<int64_t>(kBytesAhead / row_bytes, 1);
}

template <class Id>
RowIds<Id> from(const View& ids, int64_t first, int64_t rows, int64_t ahead) {
  return {ids.as<Id>() + first * ids.stride(0), ids.stride(0), rows, ids.dim(0) - first, ahead};
}

int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Parts of the work that no two tasks share an element of y in: columns, then ranges of y's rows, for which every task
// reads all ids. The order of i is kept within every part, so the bits depend on neither; one thread takes all at once and
// so reads dy from front to back (768 rows of 128 took 93 us in 16 parts and 20 in one; 1626 rows of 1289 357 in 6 and 236).
template <class T, class Id>
void add_rows_of(const View& y, const View& dy, const View& ids) {
  const int64_t outer = y.dim(0), rows = y.dim(1), inner = y.dim(2), n = ids.dim(0);
  if (y.size() == 0 || n == 0) return;
  const bool whole = n * inner * int64_t(sizeof(T)) < kBytesPerTask || num_threads() == 1;
  const int64_t columns = whole ? inner : std::min(kColumnsPerTask, inner), column_parts = ceil_divide(inner, columns);
  const int64_t row_parts = whole ? 1 : std::clamp<int64_t>(kParts / (outer * column_parts), 1, rows);
  const int64_t ahead = row_parts == 1 ? rows_ahead(columns * int64_t(sizeof(T)), rows) : 0;
  const auto add = kernels<ShapeKernels>().picks<Id>().adds.template of<T>().add;
  parallel_for(outer * column_parts * row_parts, [&](int64_t task) {
    const int64_t part = task % row_parts, c = task / row_parts % column_parts * columns;
    const int64_t o = task / row_parts / column_parts;
    add({y.as<T>() + o * y.stride(0) + c, y.stride(1), dy.as<T>() + o * dy.stride(0) + c, dy.stride(1),
         std::min(columns, inner - c), part * rows / row_parts, (part + 1) * rows / row_parts},
        from<Id>(ids, 0, rows, ahead), n);
  });
}

// Long rows, past the caches; the beginning of the next is asked for.
template <class Id>
void stream_rows(const TakenRows& t, const RowIds<Id>& ids, int64_t n) {
  const CopyStream stream = kernels<ElementwiseKernels>().copy_stream;
  const auto row = [&](int64_t i) {
    const int64_t id = ids.ids[i * ids.step];
    return t.from + (id < 0 ? id + ids.rows : id) * t.from_step;
  };
  for (int64_t i = 0; i < n; ++i) {
    if (i + 1 < ids.known)
      for (int64_t byte = 0; byte < kBytesAhead; byte += 64) __builtin_prefetch(row(i + 1) + byte);
    stream(t.to + i * t.to_step, row(i), t.bytes);
  }
}

template <class Id>
void take_rows_of(const View& y, const View& x, const View& ids) {
  const int64_t n = y.dim(1), item = dtype_size(y.dtype), bytes = y.dim(2) * item, count = x.dim(1);
  const bool past_caches = bytes >= kStreamedRow && 2 * y.dim(0) * n * bytes >= streaming_bytes();
  const auto take = past_caches ? stream_rows<Id> : kernels<ShapeKernels>().picks<Id>().take;
  const int64_t ahead = rows_ahead(bytes, count);
  parallel_ranges(y.dim(0) * n, kBytesPerTask / (bytes + 1) + 1, [&](int64_t begin, int64_t end) {
    int64_t o = begin / n, i = begin % n;
    for (int64_t r = begin; r < end; ++o, i = 0) {
      const int64_t rows = std::min(n - i, end - r);
      take({y.as<char>() + (o * y.stride(0) + i * y.stride(1)) * item, y.stride(1) * item,
            x.as<char>() + o * x.stride(0) * item, x.stride(1) * item, bytes},
           from<Id>(ids, i, count, ahead), rows);
      r += rows;
    }
  });
}

}  // namespace

void take_rows(const View& y, const View& x, const View& ids) {
  if (y.size() == 0) return;
  for_index(ids.dtype, [&](auto type) { take_rows_of<type_t<decltype(type)>>(y, x, ids); });
}

void add_rows(const View& y, const View& dy, const View& ids) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    for_index(ids.dtype, [&](auto id) { add_rows_of<T, type_t<decltype(id)>>(y, dy, ids); });
  });
}

}  // namespace tilewright::cpu
