// SPDX-License-Identifier: Apache-2.0
// Positions of extremes, and running sums; included by reduce.inl.h.
// Computes    argmax/argmin: position of the first extreme element, a NaN being the most extreme;
//             y[i] = x[0] + ... + x[i] (inclusive) or x[0] + ... + x[i - 1] (exclusive)
// Layout      argmax: a contiguous line, or the columns of a block of rows; sums: lines of any stride, side by side
// Method      argmax carries value and position in registers, along a line as down columns, so that no branch hangs on
//             the values; a line that holds a NaN is searched for the first one afterwards. Running sums keep their
//             totals in float64: the error does not grow along the line
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
  static TW_INLINE T worst() {
    if constexpr (kFloating<T>) return T(-__builtin_inf());
    else return T(uint64_t(1) << (8 * sizeof(T) - 1));
  }
  static TW_INLINE bool beats(T a, T b) { return a > b; }
  static TW_INLINE Mask<T> beats(Vec<T> a, Vec<T> b) { return a > b; }
  static TW_INLINE Vec<T> better(Vec<T> a, Vec<T> b) { return max_fast(a, b); }
};

template <class T>
struct ExtremeMin {
  static TW_INLINE T worst() {
    if constexpr (kFloating<T>) return T(__builtin_inf());
    else return T((uint64_t(1) << (8 * sizeof(T) - 1)) - 1);
  }
  static TW_INLINE bool beats(T a, T b) { return a < b; }
  static TW_INLINE Mask<T> beats(Vec<T> a, Vec<T> b) { return a < b; }
  static TW_INLINE Vec<T> better(Vec<T> a, Vec<T> b) { return min_fast(a, b); }
};

// Best element of a stretch of a line and its place there; with a NaN anywhere, the first one.
template <class T>
struct Found {
  T value;
  int64_t at;
};

template <class T>
TW_INLINE int64_t first_nan(const T* x) {
  int64_t i = 0;
  while (x[i] == x[i]) ++i;
  return i;
}

// n below 2^31, where positions travel in lanes of 32 bits.
template <class T, class Extreme>
TW_INLINE Found<T> extreme_stretch(const T* x, int64_t n) {
  using V = Vec<T>;
  using At = Vec<IntegerLike<T>>;
  using Index = IntegerLike<T>;
  constexpr int L = V::kLanes, kAbreast = 4;
  V best[kAbreast];
  At at[kAbreast];
#pragma GCC unroll 4
  for (int k = 0; k < kAbreast; ++k) best[k] = V::set1(Extreme::worst()), at[k] = At::zero();
  Mask<T> nan = isnan(V::zero());
  const auto take = [&](int k, V v, int64_t i) __attribute__((always_inline)) {
    const Mask<T> beaten = Extreme::beats(v, best[k]);
    best[k] = select(beaten, v, best[k]);
    at[k] = select(beaten, At::set1(Index(i)), at[k]);
    if constexpr (kFloating<T>) nan = nan | isnan(v);
  };
  int64_t i = 0;
  for (; i + kAbreast * L <= n; i += kAbreast * L)
#pragma GCC unroll 4
    for (int k = 0; k < kAbreast; ++k) take(k, V::load(x + i + k * L), i + k * L);
  for (; i + L <= n; i += L) take(0, V::load(x + i), i);
  if (i < n) take(1, V::load_n(x + i, int(n - i), Extreme::worst()), i);
  if (any(nan)) {
    const int64_t first = first_nan(x);
    return {x[first], first};
  }
  const V lanes = Extreme::better(Extreme::better(best[0], best[1]), Extreme::better(best[2], best[3]));
  const V value = V::set1(reduce(lanes, [](V a, V b) { return Extreme::better(a, b); }));
  At place = At::set1(Index(n));
#pragma GCC unroll 4
  for (int k = 0; k < kAbreast; ++k)
    place = min_fast(place, select(best[k] == value, at[k] + At::iota(), At::set1(Index(n))));
  // Where all elements are as bad as the fill, no position was ever taken: the first one is meant.
  return {first_lane(value), int64_t(reduce_min(place))};
}

template <class T, class Extreme>
int64_t extreme_row(const T* x, int64_t n) {
  constexpr int64_t stretch = int64_t{1} << 30;
  Found<T> best = extreme_stretch<T, Extreme>(x, n < stretch ? n : stretch);
  for (int64_t k = stretch; k < n && best.value == best.value; k += stretch) {
    const Found<T> next = extreme_stretch<T, Extreme>(x + k, n - k < stretch ? n - k : stretch);
    if (Extreme::beats(next.value, best.value) || next.value != next.value) best = {next.value, k + next.at};
  }
  return best.at;
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
