// SPDX-License-Identifier: Apache-2.0
// Kernels of the reduce family. A fold takes elements into totals; a total is wider than an element (double,
// int64), so that long sums keep their digits. What a fold adds beside the element, `shift`, is one value per total.
#pragma once

#include <stdint.h>

namespace tilewright::cpu {

enum class Fold : uint8_t {
  sum, max, min, prod, any, all,
  sum_squares,           // of x
  sum_exp,               // of exp(x - shift)
  sum_centered_squares,  // of (x - shift)^2
};
inline constexpr int kFolds = 9;

template <class T> struct TotalOf { using type = int64_t; };
template <> struct TotalOf<float> { using type = double; };
template <> struct TotalOf<double> { using type = double; };
template <class T> using Total = typename TotalOf<T>::type;

template <class T>
struct ReduceTable {
  // totals[i] takes in x[i * step + 0 .. n - 1], for i < count
  using Rows = void (*)(Total<T>* totals, const T* x, int64_t count, int64_t step, int64_t n, const Total<T>* shift);
  // totals[c] takes in x[r * step + c] for all r < rows, for c < cols; room: 2 * cols elements to work in
  using Columns = void (*)(Total<T>* totals, const T* x, int64_t rows, int64_t step, int64_t cols,
                           const Total<T>* shift, T* room);
  Rows rows[kFolds];
  Columns columns[kFolds];
};

template <class T>
struct ScanTable {
  // Position of the first extreme of n contiguous elements
  using Row = int64_t (*)(const T* x, int64_t n);
  // position[c] of the first extreme of x[r * step + c] over all r < rows, for c < cols
  using Columns = void (*)(int64_t* position, const T* x, int64_t rows, int64_t step, int64_t cols);
  // Running sums of `lines` lines of n elements; an exclusive one starts at 0
  using Sums = void (*)(T* y, const T* x, int64_t n, int64_t y_step, int64_t x_step, int64_t lines, int64_t y_across,
                        int64_t x_across, bool exclusive);
  Row row[2];          // maximum, minimum
  Columns columns[2];
  Sums sums;
};

struct ReduceKernels {
  ReduceTable<float> f32;
  ReduceTable<double> f64;
  ReduceTable<int32_t> s32;
  ReduceTable<int64_t> s64;
  ReduceTable<uint8_t> u8;  // bool and bytes: any and all only
  ScanTable<float> scan_f32;
  ScanTable<double> scan_f64;
  ScanTable<int32_t> scan_s32;
  ScanTable<int64_t> scan_s64;
};

}  // namespace tilewright::cpu
