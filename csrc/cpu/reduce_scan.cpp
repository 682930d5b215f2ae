// SPDX-License-Identifier: Apache-2.0
// argmax, argmin and running sums on the CPU: lines along one axis go to threads in groups.
#include <type_traits>

#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/reduce.h"
#include "cpu/lines.h"
#include "cpu/reduce_parts.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 15;
constexpr int64_t kColumnGroup = 64;
constexpr int64_t kMaxColumnRows = 1 << 30;  // row numbers travel in lanes of 32 bits

template <class T>
const ScanTable<T>& scan_kernels() {
  const ReduceKernels& table = kernels<ReduceKernels>();
  if constexpr (std::is_same_v<T, float>) return table.scan_f32;
  else if constexpr (std::is_same_v<T, double>) return table.scan_f64;
  else if constexpr (std::is_same_v<T, int32_t>) return table.scan_s32;
  else return table.scan_s64;
}

// Calls body(line, lines) for groups of neighbouring lines, evenly spaced, at most `most` of them.
template <int kViews, class Body>
void for_groups(const Lines<kViews>& lines, int64_t n, int64_t most, Body&& body) {
  const int64_t widest = std::min(lines.inner, most);
  const int64_t groups_per_row = (lines.inner + widest - 1) / widest;
  const int64_t groups = lines.lines / lines.inner * groups_per_row;
  parallel_ranges(groups, lines.lines_per_task(n * widest, kElementsPerTask), [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const int64_t start = g % groups_per_row * widest;
      body(g / groups_per_row * lines.inner + start, std::min(widest, lines.inner - start));
    }
  });
}

template <class T>
void argmax_of(const View& y, const View& x, int axis, bool minimum) {
  const View* views[] = {&x, &y};
  const Lines<2> lines(views, axis);
  if (lines.lines == 0) return;
  const ScanTable<T>& table = scan_kernels<T>();
  const int64_t n = x.shape[axis], step = lines.along[0];
  if (step != 1 && lines.across[0] == 1 && n <= kMaxColumnRows) {
    for_groups(lines, n, kColumnGroup, [&](int64_t line, int64_t count) {
      const auto at = lines.at(line);
      int64_t position[kColumnGroup];
      table.columns[minimum](position, x.as<T>() + at.of[0], n, step, count);
      for (int64_t i = 0; i < count; ++i) y.as<int64_t>()[at.of[1] + i * lines.across[1]] = position[i];
    });
    return;
  }
  parallel_ranges(lines.lines, lines.lines_per_task(n, kElementsPerTask), [&](int64_t begin, int64_t end) {
    const Scratch<T> packed(step == 1 ? 0 : n);
    for (int64_t line = begin; line < end; ++line) {
      const auto at = lines.at(line);
      const T* row = x.as<T>() + at.of[0];
      if (step != 1) {
        for (int64_t i = 0; i < n; ++i) packed[i] = row[i * step];
        row = packed.data();
      }
      y.as<int64_t>()[at.of[1]] = table.row[minimum](row, n);
    }
  });
}

template <class T>
void cumsum_of(const View& y, const View& x, int axis, bool exclusive, bool reverse) {
  const View* views[] = {&x, &y};
  const Lines<2> lines(views, axis);
  const int64_t n = x.shape[axis];
  if (lines.lines == 0 || n == 0) return;
  const int64_t sign = reverse ? -1 : 1, last = reverse ? n - 1 : 0;
  for_groups(lines, n, kColumnGroup, [&](int64_t line, int64_t count) {
    const auto at = lines.at(line);
    scan_kernels<T>().sums(y.as<T>() + at.of[1] + last * lines.along[1], x.as<T>() + at.of[0] + last * lines.along[0],
                           n, sign * lines.along[1], sign * lines.along[0], count, lines.across[1], lines.across[0],
                           exclusive);
  });
}

}  // namespace

void argmax(const View& y, const View& x, int axis, bool minimum, Stream) {
  switch (x.dtype) {
    case Dtype::f32: return argmax_of<float>(y, x, axis, minimum);
    case Dtype::f64: return argmax_of<double>(y, x, axis, minimum);
    case Dtype::s32: return argmax_of<int32_t>(y, x, axis, minimum);
    default: return argmax_of<int64_t>(y, x, axis, minimum);
  }
}

void cumsum(const View& y, const View& x, int axis, bool exclusive, bool reverse, Stream) {
  switch (y.dtype) {
    case Dtype::f32: return cumsum_of<float>(y, x, axis, exclusive, reverse);
    case Dtype::f64: return cumsum_of<double>(y, x, axis, exclusive, reverse);
    case Dtype::s32: return cumsum_of<int32_t>(y, x, axis, exclusive, reverse);
    default: return cumsum_of<int64_t>(y, x, axis, exclusive, reverse);
  }
}

}  // namespace tilewright::cpu
