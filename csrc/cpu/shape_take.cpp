// SPDX-License-Identifier: Apache-2.0
#include "cpu/shape_take.h"

#include <string.h>

#include <algorithm>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/shape.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kBytesPerTask = 1 << 16;
constexpr int64_t kColumnsPerTask = 256;
constexpr int64_t kParts = 16;
constexpr int64_t kAhead = 8;  // rows asked for before they are copied

template <class Id>
int64_t row_of(const View& ids, int64_t i, int64_t rows) {
  const int64_t id = ids.as<Id>()[i * ids.stride(0)];
  return id < 0 ? id + rows : id;
}

int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Parts of the work that no two tasks share an element of y in: columns first, then ranges of y's rows, for
// which every task reads all ids. Within a part the order of i is kept.
template <class T, class Id>
void add_rows_of(const View& y, const View& dy, const View& ids) {
  const int64_t outer = y.dim(0), rows = y.dim(1), inner = y.dim(2), n = ids.dim(0);
  if (y.size() == 0 || n == 0) return;
  const int64_t column_parts = ceil_divide(inner, kColumnsPerTask);
  const bool small = n * inner * int64_t(sizeof(T)) < kBytesPerTask;
  const int64_t row_parts = small ? 1 : std::clamp<int64_t>(kParts / (outer * column_parts), 1, rows);
  const auto add = kernels<ShapeKernels>().of<T>().add;
  parallel_for(outer * column_parts * row_parts, [&](int64_t task) {
    const int64_t part = task % row_parts, c = task / row_parts % column_parts * kColumnsPerTask;
    const int64_t o = task / row_parts / column_parts, count = std::min(kColumnsPerTask, inner - c);
    const int64_t begin = part * rows / row_parts, end = (part + 1) * rows / row_parts;
    T* to = y.as<T>() + o * y.stride(0) + c;
    const T* from = dy.as<T>() + o * dy.stride(0) + c;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = row_of<Id>(ids, i, rows);
      if (row >= begin && row < end) add(to + row * y.stride(1), from + i * dy.stride(1), count);
    }
  });
}

template <class Id>
void take_rows_of(const View& y, const View& x, const View& ids) {
  const int64_t n = y.dim(1), item = dtype_size(y.dtype), bytes = y.dim(2) * item, count = x.dim(1);
  const int64_t to_step = y.stride(1) * item, from_step = x.stride(1) * item;
  parallel_ranges(y.dim(0) * n, kBytesPerTask / (bytes + 1) + 1, [&](int64_t begin, int64_t end) {
    int64_t o = begin / n, i = begin % n;
    for (int64_t r = begin; r < end; ++o, i = 0) {
      char* to = y.as<char>() + o * y.stride(0) * item;
      const char* from = x.as<char>() + o * x.stride(0) * item;
      for (; i < n && r < end; ++i, ++r) {
        // Rows lie anywhere: without being asked for ahead, each waits for memory.
        if (i + kAhead < n) __builtin_prefetch(from + row_of<Id>(ids, i + kAhead, count) * from_step);
        memcpy(to + i * to_step, from + row_of<Id>(ids, i, count) * from_step, static_cast<size_t>(bytes));
      }
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
