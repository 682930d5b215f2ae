// SPDX-License-Identifier: Apache-2.0
// Positions of extremes, and running sums; included by reduce.inl.h.
// Computes    argmax/argmin: position of the first extreme element, a NaN being the most extreme;
//             y[i] = x[0] + ... + x[i] (inclusive) or x[0] + ... + x[i - 1] (exclusive)
// Layout      argmax: a contiguous line, or the columns of a block of rows; sums: lines of any stride, side by side
// Method      argmax of a line folds blocks of 1024 with the vector maximum, remembers the best block, and searches
//             that block once more; of columns, it carries value and row number in registers. Running sums keep
//             their totals in float64: the error does not grow along the line
// Work split  one call per line or per group of columns
// Limits      n >= 1; at most 2^31 - 1 rows in a call for 4-byte elements
#pragma once

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T> struct IntegerOf { using type = int64_t; };
template <> struct IntegerOf<float> { using type = int32_t; };
template <> struct IntegerOf<int32_t> { using type = int32_t; };
template <class T> using IntegerLike = typename IntegerOf<T>::type;

template <class T>
struct ExtremeMax {
  static TW_INLINE T block(const T* x, int64_t n) {
    if constexpr (kFloating<T>) {
      return fold_block<T, MaxFold>(x, n, Vec<T>::zero());
    } else {
      T best = x[0];
      for (int64_t i = 1; i < n; ++i) best = x[i] > best ? x[i] : best;
      return best;
    }
  }
  static TW_INLINE bool beats(T a, T b) { return a > b; }
  static TW_INLINE Mask<T> beats(Vec<T> a, Vec<T> b) { return a > b; }
};

template <class T>
struct ExtremeMin {
  static TW_INLINE T block(const T* x, int64_t n) {
    if constexpr (kFloating<T>) {
      return fold_block<T, MinFold>(x, n, Vec<T>::zero());
    } else {
      T best = x[0];
      for (int64_t i = 1; i < n; ++i) best = x[i] < best ? x[i] : best;
      return best;
    }
  }
  static TW_INLINE bool beats(T a, T b) { return a < b; }
  static TW_INLINE Mask<T> beats(Vec<T> a, Vec<T> b) { return a < b; }
};

// The first place of `value`, or of a NaN where it is one, among n elements that hold it.
template <class T>
TW_INLINE int64_t first_position(const T* x, int64_t n, T value) {
  using V = Vec<T>;
  const V wanted = V::set1(value);
  int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const V v = V::load(x + i);
    const uint32_t found = to_bits((v == wanted) | (isnan(v) & isnan(wanted)));
    if (found) return i + __builtin_ctz(found);
  }
  while (value == value ? x[i] != value : x[i] == x[i]) ++i;
  return i;
}

template <class T, class Extreme>
int64_t extreme_row(const T* x, int64_t n) {
  constexpr int64_t block = 1024;
  T best = Extreme::block(x, n < block ? n : block);
  int64_t from = 0;
  for (int64_t k = block; k < n && best == best; k += block) {
    const T candidate = Extreme::block(x + k, n - k < block ? n - k : block);
    if (Extreme::beats(candidate, best) || candidate != candidate) {
      best = candidate;
      from = k;
    }
  }
  return from + first_position(x + from, n - from, best);
}

template <class T, class Extreme>
void extreme_columns(int64_t* position, const T* x, int64_t rows, int64_t step, int64_t cols) {
  using V = Vec<T>;
  using Index = IntegerLike<T>;
  for (int64_t c = 0; c < cols; c += V::kLanes) {
    const int n = cols - c < V::kLanes ? int(cols - c) : V::kLanes;
    V best = V::load_n(x + c, n);
    Vec<Index> at = Vec<Index>::zero();
    for (int64_t r = 1; r < rows; ++r) {
      const V v = n == V::kLanes ? V::load(x + r * step + c) : V::load_n(x + r * step + c, n);
      const Mask<T> better = Extreme::beats(v, best) | (isnan(v) & !isnan(best));
      best = select(better, v, best);
      at = select(better, Vec<Index>::set1(Index(r)), at);
    }
    Index rows_found[V::kLanes];
    store(rows_found, at);
    for (int i = 0; i < n; ++i) position[c + i] = rows_found[i];
  }
}

template <class T>
void running_sums(T* y, const T* x, int64_t n, int64_t y_step, int64_t x_step, int64_t lines, int64_t y_across,
                  int64_t x_across, bool exclusive) {
  using A = Total<T>;
  constexpr int kGroup = 64;
  for (int64_t first = 0; first < lines; first += kGroup) {
    const int group = lines - first < kGroup ? int(lines - first) : kGroup;
    const bool unit = y_across == 1 && x_across == 1;
    const T* from = x + first * x_across;
    T* to = y + first * y_across;
    A totals[kGroup] = {};
    for (int64_t i = 0; i < n; ++i, from += x_step, to += y_step) {
      if (unit) {
        for (int c = 0; c < group; ++c) {
          const A before = totals[c];
          totals[c] = add(before, A(from[c]));
          to[c] = T(exclusive ? before : totals[c]);
        }
      } else {
        for (int c = 0; c < group; ++c) {
          const A before = totals[c];
          totals[c] = add(before, A(from[c * x_across]));
          to[c * y_across] = T(exclusive ? before : totals[c]);
        }
      }
    }
  }
}

template <class T>
constexpr ScanTable<T> scan_table() {
  return {{extreme_row<T, ExtremeMax<T>>, extreme_row<T, ExtremeMin<T>>},
          {extreme_columns<T, ExtremeMax<T>>, extreme_columns<T, ExtremeMin<T>>},
          running_sums<T>};
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
