// SPDX-License-Identifier: Apache-2.0
// Folds of rows and of columns into totals.
// Computes    totals[i] = totals[i] (+) f(x, shift[i]) over contiguous rows, or over the rows of a column block
// Layout      rows: count rows of n contiguous elements, `step` apart; columns: cols contiguous, rows `step` apart
// Method      two levels. Below: a short fold (rows: 4 registers, 256 elements a lane; columns: 64 rows) in the
//             element's type. Above: those parts are added in double. The error of a float32 sum is that of its short
//             trees, whatever its length (blocked summation, Higham, "The Accuracy of Floating Point Summation",
//             SIAM J. Sci. Comput. 14(4), 1993). The steps across lanes are done for as many rows as there are lanes
//             together. Squares and products widen every element first: a float32 square cannot overflow
// Work split  one call per tile of outputs and block of reduced elements; drivers give both by shape
// Limits      any n and cols, 0 included; max and min give NaN if any element is NaN, as in NumPy
#include "cpu/kernels/reduce.h"
#include "cpu/kernels/row_lanes.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

inline constexpr int kBlockPerLane = 256;
inline constexpr int kPartRows = 64;
// Rows of columns at least this long are read kRowsAbreast at a time, so that the part passes through the cache once
// for all of them; shorter ones in the order of memory, which the prefetchers follow from page to page. 16 MB of rows
// of 4 KB take 535 us one after the other and 704 eight abreast; of 16 KB 634 and 643, of 64 KB 922 and 582.
inline constexpr int64_t kAbreastBytes = 16 << 10;
inline constexpr int kRowsAbreast = 8;
inline constexpr int kLanesWide = 16;

// ---- folds that work in the element's type, on Vec ------------------------------------------------------

struct SumFold {
  static constexpr bool kShifted = false;
  template <class T> static TW_INLINE T fill() { return T(0); }
  template <class V> static TW_INLINE V map(V x, V) { return x; }
  template <class V> static TW_INLINE V combine(V a, V b) { return a + b; }
  template <class V> static TW_INLINE auto lanes(V a) { return reduce_add(a); }
  static TW_INLINE double merge(double a, double b) { return a + b; }
};

struct SumExpFold : SumFold {
  static constexpr bool kShifted = true;
  template <class T> static TW_INLINE T fill() { return T(-__builtin_inf()); }
  template <class V> static TW_INLINE V map(V x, V shift) { return exp(x - shift); }
};

struct MaxFold {
  static constexpr bool kShifted = false;
  template <class T> static TW_INLINE T fill() { return T(-__builtin_inf()); }
  template <class V> static TW_INLINE V map(V x, V) { return x; }
  template <class V> static TW_INLINE V combine(V a, V b) { return max_nan(a, b); }
  template <class V> static TW_INLINE auto lanes(V a) { return reduce_max_nan(a); }
  static TW_INLINE double merge(double a, double b) { return a > b || a != a ? a : b; }
};

struct MinFold {
  static constexpr bool kShifted = false;
  template <class T> static TW_INLINE T fill() { return T(__builtin_inf()); }
  template <class V> static TW_INLINE V map(V x, V) { return x; }
  template <class V> static TW_INLINE V combine(V a, V b) { return min_nan(a, b); }
  template <class V> static TW_INLINE auto lanes(V a) { return reduce_min_nan(a); }
  static TW_INLINE double merge(double a, double b) { return a < b || a != a ? a : b; }
};

// The fold of n elements but for the steps across lanes, n <= kBlockPerLane * kLanes.
template <class T, class F>
TW_INLINE Vec<T> fold_lanewise(const T* x, int64_t n, Vec<T> shift) {
  using V = Vec<T>;
  constexpr int L = V::kLanes;
  const V fill = V::set1(F::template fill<T>());
  int64_t i = 0;
  V a;
  if (n >= 4 * L) {
    V b = F::map(V::load(x + L), shift), c = F::map(V::load(x + 2 * L), shift), d = F::map(V::load(x + 3 * L), shift);
    a = F::map(V::load(x), shift);
    for (i = 4 * L; i + 4 * L <= n; i += 4 * L) {
      a = F::combine(a, F::map(V::load(x + i), shift));
      b = F::combine(b, F::map(V::load(x + i + L), shift));
      c = F::combine(c, F::map(V::load(x + i + 2 * L), shift));
      d = F::combine(d, F::map(V::load(x + i + 3 * L), shift));
    }
    a = F::combine(F::combine(a, b), F::combine(c, d));
  } else {
    a = F::map(fill, shift);
  }
  for (; i + L <= n; i += L) a = F::combine(a, F::map(V::load(x + i), shift));
  if (i < n) a = F::combine(a, F::map(V::load_n(x + i, int(n - i), F::template fill<T>()), shift));
  return a;
}

// totals (+)= a, all lanes.
template <class F>
TW_INLINE void merge_lanes(double* totals, VecF a) {
  constexpr int L = VecD::kLanes;
  store(totals, F::combine(VecD::load(totals), widen_lo(a)));
  if (VecF::kLanes > L) store(totals + L, F::combine(VecD::load(totals + L), widen_hi(a)));
}
template <class F>
TW_INLINE void merge_lanes(double* totals, VecD a) {
  store(totals, F::combine(VecD::load(totals), a));
}

// Rows of one block each, kLanes of them at a time. A group may be incomplete: what is missing is fill, so a row's
// bits do not depend on its place.
template <class T, class F>
void fold_short_rows(double* totals, const T* x, int64_t count, int64_t step, int64_t n, const double* shift) {
  using V = Vec<T>;
  constexpr int L = V::kLanes;
  for (int64_t first = 0; first < count; first += L) {
    const int rows = count - first < L ? int(count - first) : L;
    V group[L];
    for (int r = 0; r < rows; ++r) {
      const V s = F::kShifted ? V::set1(T(shift[first + r])) : V::zero();
      group[r] = fold_lanewise<T, F>(x + (first + r) * step, n, s);
    }
    for (int r = rows; r < L; ++r) group[r] = V::set1(F::template fill<T>());
    const V folds = fold_lanes_of_rows(group, [](V a, V b) { return F::combine(a, b); });
    if (rows == L) {
      merge_lanes<F>(totals + first, folds);
      continue;
    }
    T per_row[L];
    store(per_row, folds);
    for (int r = 0; r < rows; ++r) totals[first + r] = F::merge(totals[first + r], double(per_row[r]));
  }
}

template <class T, class F>
void fold_rows(double* totals, const T* x, int64_t count, int64_t step, int64_t n, const double* shift) {
  using V = Vec<T>;
  constexpr int64_t block = kBlockPerLane * V::kLanes;
  if (n <= block) return fold_short_rows<T, F>(totals, x, count, step, n, shift);
  for (int64_t i = 0; i < count; ++i) {
    const T* row = x + i * step;
    const V s = F::kShifted ? V::set1(T(shift[i])) : V::zero();
    double total = totals[i];
    for (int64_t k = 0; k < n; k += block) {
      const V lanes = fold_lanewise<T, F>(row + k, n - k < block ? n - k : block, s);
      total = F::merge(total, double(F::lanes(lanes)));
    }
    totals[i] = total;
  }
}

// The fold of element c of kRows rows, in pairs.
template <int kRows, class T, class F, class Load>
TW_INLINE Vec<T> fold_abreast(const T* x, int64_t step, Vec<T> shift, Load load) {
  if constexpr (kRows == 1)
    return F::map(load(x), shift);
  else
    return F::combine(fold_abreast<kRows / 2, T, F>(x, step, shift, load),
                      fold_abreast<kRows / 2, T, F>(x + kRows / 2 * step, step, shift, load));
}

// part (+)= kRows rows, or part = those for the first ones. All kRegisters loads stand before the stores of part, which
// the processor would otherwise take for their neighbours: 640 us for 16 MB with 1, 552 with 4.
template <int kRows, bool kFirst, class T, class F>
TW_INLINE void fold_group(T* part, const T* x, int64_t step, int cols, const T* shift) {
  using V = Vec<T>;
  constexpr int L = V::kLanes, kRegisters = kRows == 1 ? 8 : 2;
  int c = 0;
  for (; c + kRegisters * L <= cols; c += kRegisters * L) {
    V rows[kRegisters];
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; ++i) {
      const V s = F::kShifted ? V::load(shift + c + i * L) : V::zero();
      rows[i] = fold_abreast<kRows, T, F>(x + c + i * L, step, s, [](const T* p) { return V::load(p); });
      if (!kFirst) rows[i] = F::combine(V::load(part + c + i * L), rows[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRegisters; ++i) store(part + c + i * L, rows[i]);
  }
  for (; c < cols; c += L) {
    const int n = cols - c < L ? cols - c : L;
    const V s = F::kShifted ? V::load_n(shift + c, n) : V::zero();
    const V rows = fold_abreast<kRows, T, F>(x + c, step, s, [n](const T* p) { return V::load_n(p, n); });
    store_n(part + c, kFirst ? rows : F::combine(V::load_n(part + c, n), rows), n);
  }
}

// part = the fold of all rows, of at most kRegisters registers each.
template <int kRegisters, class T, class F>
void fold_narrow(T* part, const T* x, int64_t rows, int64_t step, int cols, const T* shift) {
  using V = Vec<T>;
  const int tail = cols - (kRegisters - 1) * V::kLanes;  // of the last register
  V a[kRegisters], s[kRegisters];
  const auto load = [tail](const T* p, int i) {
    return i + 1 < kRegisters ? V::load(p + i * V::kLanes) : V::load_n(p + i * V::kLanes, tail);
  };
  for (int i = 0; i < kRegisters; ++i) {
    s[i] = F::kShifted ? load(shift, i) : V::zero();
    a[i] = F::map(load(x, i), s[i]);
  }
  for (int64_t r = 1; r < rows; ++r)
    for (int i = 0; i < kRegisters; ++i) a[i] = F::combine(a[i], F::map(load(x + r * step, i), s[i]));
  for (int i = 0; i + 1 < kRegisters; ++i) store(part + i * V::kLanes, a[i]);
  store_n(part + (kRegisters - 1) * V::kLanes, a[kRegisters - 1], tail);
}

// part = the fold of at most kPartRows rows.
template <class T, class F>
void fold_part(T* part, const T* x, int64_t rows, int64_t step, int cols, const T* shift) {
  switch ((cols - 1) / Vec<T>::kLanes) {
    case 0: return fold_narrow<1, T, F>(part, x, rows, step, cols, shift);
    case 1: return fold_narrow<2, T, F>(part, x, rows, step, cols, shift);
    case 2: return fold_narrow<3, T, F>(part, x, rows, step, cols, shift);
    case 3: return fold_narrow<4, T, F>(part, x, rows, step, cols, shift);
  }
  int64_t r = 1;
  if (cols * int64_t(sizeof(T)) >= kAbreastBytes && rows >= kRowsAbreast) {
    fold_group<kRowsAbreast, true, T, F>(part, x, step, cols, shift);
    for (r = kRowsAbreast; r + kRowsAbreast <= rows; r += kRowsAbreast)
      fold_group<kRowsAbreast, false, T, F>(part, x + r * step, step, cols, shift);
  } else {
    fold_group<1, true, T, F>(part, x, step, cols, shift);
  }
  for (; r < rows; ++r) fold_group<1, false, T, F>(part, x + r * step, step, cols, shift);
}

template <class T, class F>
void fold_columns(double* totals, const T* x, int64_t rows, int64_t step, int64_t cols, const double* shift, T* room) {
  using V = Vec<T>;
  T *part = room, *narrow_shift = room + cols;
  if (F::kShifted)
    for (int64_t c = 0; c < cols; ++c) narrow_shift[c] = T(shift[c]);
  for (int64_t r = 0; r < rows; r += kPartRows) {
    fold_part<T, F>(part, x + r * step, rows - r < kPartRows ? rows - r : kPartRows, step, int(cols), narrow_shift);
    int64_t c = 0;
    for (; c + V::kLanes <= cols; c += V::kLanes) merge_lanes<F>(totals + c, V::load(part + c));
    for (; c < cols; ++c) totals[c] = F::merge(totals[c], double(part[c]));
  }
}

// ---- folds that widen every element: plain loops over arrays of totals, which the compiler vectorises ------

// Integer sums and products wrap around, as NumPy's; unsigned arithmetic defines that.
TW_INLINE double add(double a, double b) { return a + b; }
TW_INLINE int64_t add(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
TW_INLINE double multiply(double a, double b) { return a * b; }
TW_INLINE int64_t multiply(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }

struct WideSum {
  template <class A> static TW_INLINE A identity() { return A(0); }
  template <class A> static TW_INLINE A map(A x, A) { return x; }
  template <class A> static TW_INLINE A merge(A a, A b) { return add(a, b); }
};
struct WideProduct {
  template <class A> static TW_INLINE A identity() { return A(1); }
  template <class A> static TW_INLINE A map(A x, A) { return x; }
  template <class A> static TW_INLINE A merge(A a, A b) { return multiply(a, b); }
};
struct WideMax {
  template <class A> static TW_INLINE A identity() { return INT64_MIN; }
  template <class A> static TW_INLINE A map(A x, A) { return x; }
  template <class A> static TW_INLINE A merge(A a, A b) { return a > b ? a : b; }
};
struct WideMin {
  template <class A> static TW_INLINE A identity() { return INT64_MAX; }
  template <class A> static TW_INLINE A map(A x, A) { return x; }
  template <class A> static TW_INLINE A merge(A a, A b) { return a < b ? a : b; }
};
// Truth as 0 or 1 in a total, by bit operations: g++ 12 fails on vectors of 64-bit comparisons in SSE2.
TW_INLINE int64_t truth(int64_t a) { return int64_t((uint64_t(a) | (0 - uint64_t(a))) >> 63); }
TW_INLINE double truth(double a) {
  uint64_t bits;
  __builtin_memcpy(&bits, &a, sizeof bits);
  bits = uint64_t(-truth(int64_t(bits << 1))) & 0x3ff0000000000000;  // without the sign, 1.0 or 0.0
  __builtin_memcpy(&a, &bits, sizeof bits);
  return a;
}
TW_INLINE double either(double a, double b) { return a > b ? a : b; }
TW_INLINE int64_t either(int64_t a, int64_t b) { return a | b; }
TW_INLINE double both(double a, double b) { return a * b; }
TW_INLINE int64_t both(int64_t a, int64_t b) { return a & b; }

struct WideAny {
  template <class A> static TW_INLINE A identity() { return A(0); }
  template <class A> static TW_INLINE A map(A x, A) { return truth(x); }
  template <class A> static TW_INLINE A merge(A a, A b) { return either(a, b); }
};
struct WideAll : WideAny {
  template <class A> static TW_INLINE A identity() { return A(1); }
  template <class A> static TW_INLINE A merge(A a, A b) { return both(a, b); }
};
struct WideSquares : WideSum {
  template <class A> static TW_INLINE A map(A x, A) { return multiply(x, x); }
};
struct WideCenteredSquares : WideSum {
  template <class A> static TW_INLINE A map(A x, A shift) { return multiply(x - shift, x - shift); }
};

template <class T, class F>
void wide_rows(Total<T>* totals, const T* x, int64_t count, int64_t step, int64_t n, const Total<T>* shift) {
  using A = Total<T>;
  constexpr int64_t block = kBlockPerLane * kLanesWide;
  for (int64_t i = 0; i < count; ++i) {
    const A s = shift ? shift[i] : A(0);
    for (int64_t first = 0; first < n; first += block) {
      const T* row = x + i * step + first;
      const int64_t length = n - first < block ? n - first : block;
      A part[kLanesWide];
      for (int j = 0; j < kLanesWide; ++j) part[j] = F::template identity<A>();
      int64_t k = 0;
      for (; k + kLanesWide <= length; k += kLanesWide)
        for (int j = 0; j < kLanesWide; ++j) part[j] = F::merge(part[j], F::map(A(row[k + j]), s));
      for (int j = 0; k + j < length; ++j) part[j] = F::merge(part[j], F::map(A(row[k + j]), s));
      for (int width = kLanesWide / 2; width > 0; width /= 2)
        for (int j = 0; j < width; ++j) part[j] = F::merge(part[j], part[j + width]);
      totals[i] = F::merge(totals[i], part[0]);
    }
  }
}

template <class T, class F>
void wide_columns(Total<T>* __restrict totals, const T* __restrict x, int64_t rows, int64_t step, int64_t cols,
                  const Total<T>* __restrict shift, T*) {
  using A = Total<T>;
  const auto element = [&](int64_t r, int64_t c) { return F::map(A(x[r * step + c]), shift ? shift[c] : A(0)); };
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4)
    for (int64_t c = 0; c < cols; ++c) {
      const A upper = F::merge(element(r, c), element(r + 1, c));
      totals[c] = F::merge(totals[c], F::merge(upper, F::merge(element(r + 2, c), element(r + 3, c))));
    }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) totals[c] = F::merge(totals[c], element(r, c));
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA

#include "cpu/kernels/reduce_scan.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// ---- the table, in the order of Fold ------------------------------------------------------------------------

template <class T, class F>
void put_narrow(ReduceTable<T>& table, Fold fold) {
  table.rows[int(fold)] = fold_rows<T, F>;
  table.columns[int(fold)] = fold_columns<T, F>;
}
template <class T, class F>
void put_wide(ReduceTable<T>& table, Fold fold) {
  table.rows[int(fold)] = wide_rows<T, F>;
  table.columns[int(fold)] = wide_columns<T, F>;
}

template <class T>
void fill_any_all(ReduceTable<T>& table) {
  put_wide<T, WideAny>(table, Fold::any);
  put_wide<T, WideAll>(table, Fold::all);
}

template <class T>
void fill_float(ReduceTable<T>& table) {
  put_narrow<T, SumFold>(table, Fold::sum);
  put_narrow<T, MaxFold>(table, Fold::max);
  put_narrow<T, MinFold>(table, Fold::min);
  put_narrow<T, SumExpFold>(table, Fold::sum_exp);
  put_wide<T, WideProduct>(table, Fold::prod);
  put_wide<T, WideSquares>(table, Fold::sum_squares);
  put_wide<T, WideCenteredSquares>(table, Fold::sum_centered_squares);
  fill_any_all(table);
}

template <class T>
void fill_integer(ReduceTable<T>& table) {
  put_wide<T, WideSum>(table, Fold::sum);
  put_wide<T, WideMax>(table, Fold::max);
  put_wide<T, WideMin>(table, Fold::min);
  put_wide<T, WideProduct>(table, Fold::prod);
  put_wide<T, WideSquares>(table, Fold::sum_squares);
  fill_any_all(table);
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(ReduceKernels& kernels) {
  fill_float(kernels.f32);
  fill_float(kernels.f64);
  fill_integer(kernels.s32);
  fill_integer(kernels.s64);
  fill_any_all(kernels.u8);
  kernels.scan_f32 = scan_table<float>();
  kernels.scan_f64 = scan_table<double>();
  kernels.scan_s32 = scan_table<int32_t>();
  kernels.scan_s64 = scan_table<int64_t>();
}

}  // namespace tilewright::cpu::TW_ISA
