// SPDX-License-Identifier: Apache-2.0
// The folds of kernels/reduce.cuh: what an element adds to a total, how totals merge, where they are written.
// Ran on      no GPU yet; passes on simt
#pragma once

#include <limits>
#include <type_traits>

#include "device/element.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

enum class Fold : uint8_t {
  sum,
  max,
  min,
  prod,
  any,
  all,
  sum_squares,           // of x
  sum_exp,               // of exp(x - shift)
  sum_centered_squares,  // of (x - shift)^2
};

// What becomes of a total.
enum class Finish : uint8_t {
  plain,
  divide,    // by the target's divisor
  root,      // its square root
  log_sum,   // shift + log(total)
  safe_max,  // 0 where infinite, so that exp(x - shift) is 0, infinite or NaN as x asks
};

// Totals are wider than elements.
template <class T>
using FoldTotal = std::conditional_t<std::is_floating_point_v<Wide<T>>, double, int64_t>;

template <class T>
struct FoldTarget {
  using Total = FoldTotal<T>;

  // Any of them may be null. The first three by y's offset, totals by the number of the output.
  GlobalPtr<T> y;
  GlobalPtr<Total> wide;
  GlobalPtr<uint8_t> truth;
  GlobalPtr<Total> totals;
  Finish finish;
  double divisor;

  // One of several slices is kept as it is.
  TW_DEVICE void write(int slices, int64_t place, int64_t y_offset, Total total, double shift) const {
    if (slices > 1) {
      totals[place] = total;
      return;
    }
    const Total value = finished(total, shift);
    if (y) y[y_offset] = narrow<T>(static_cast<Wide<T>>(value));
    if (wide) wide[y_offset] = value;
    if (truth) truth[y_offset] = static_cast<uint8_t>(value != Total(0));
    if (totals) totals[place] = value;
  }

  TW_DEVICE Total finished(Total total, double shift) const {
    if constexpr (std::is_floating_point_v<Total>) {
      if (finish == Finish::divide) return total / divisor;
      if (finish == Finish::root) return sqrt(total);
      if (finish == Finish::log_sum) return shift + log(total);
      if (finish == Finish::safe_max) return fabs(total) == static_cast<double>(INFINITY) ? 0.0 : total;
    }
    return total;
  }
};

template <class T>
struct Folding {
  using Element = T;
  using Total = FoldTotal<T>;
  using Target = FoldTarget<T>;
  static constexpr bool kReal = std::is_floating_point_v<Total>;
  static constexpr int kInFlight = 2;  // loads of a thread

  Fold fold;

  TW_DEVICE Total identity() const {
    if constexpr (kReal) {
      if (fold == Fold::max) return -static_cast<double>(INFINITY);
      if (fold == Fold::min) return static_cast<double>(INFINITY);
    } else {
      if (fold == Fold::max) return INT64_MIN;
      if (fold == Fold::min) return INT64_MAX;
    }
    return fold == Fold::prod || fold == Fold::all ? Total(1) : Total(0);
  }

  // Integers wrap around, on their unsigned bits.
  TW_DEVICE Total term(T element, double shift, int64_t) const {
    const Wide<T> x = widen(element);
    if (fold == Fold::any || fold == Fold::all) return Total(x != Wide<T>(0));
    const Total wide = static_cast<Total>(x);
    if constexpr (kReal) {
      if (fold == Fold::sum_squares) return wide * wide;
      if (fold == Fold::sum_exp) return static_cast<double>(exp(x - static_cast<Wide<T>>(shift)));
      if (fold == Fold::sum_centered_squares) return (wide - shift) * (wide - shift);
    } else if (fold == Fold::sum_squares) {
      return static_cast<Total>(static_cast<uint64_t>(wide) * static_cast<uint64_t>(wide));
    }
    return wide;
  }

  TW_DEVICE Total merge(Total a, Total b) const {
    switch (fold) {
      case Fold::max:
      case Fold::any:
        return max_nan(a, b);
      case Fold::min:
      case Fold::all:
        return min_nan(a, b);
      case Fold::prod:
        return multiply(a, b);
      default:
        return add(a, b);
    }
  }

 private:
  static TW_DEVICE double add(double a, double b) { return a + b; }
  static TW_DEVICE double multiply(double a, double b) { return a * b; }
  static TW_DEVICE int64_t add(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
  static TW_DEVICE int64_t multiply(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};

// The most extreme element so far; position -1: none yet.
template <class T>
struct Extreme {
  T value;
  int64_t position;
};

template <class T>
struct ArgTarget {
  GlobalPtr<int64_t> y;  // by y's offset
  GlobalPtr<Extreme<T>> totals;

  TW_DEVICE void write(int slices, int64_t place, int64_t y_offset, const Extreme<T>& total, double) const {
    if (slices > 1) {
      totals[place] = total;
    } else {
      y[y_offset] = total.position;
    }
  }
};

// The position of the first maximum or minimum.
template <class T>
struct ArgFolding {
  using Element = T;
  using Total = Extreme<T>;
  using Target = ArgTarget<T>;
  static constexpr int kInFlight = 1;  // totals take four registers each

  bool minimum;

  TW_DEVICE Total identity() const { return {T(0), -1}; }
  TW_DEVICE Total term(T x, double, int64_t position) const { return {x, position}; }
  TW_DEVICE Total merge(const Total& a, const Total& b) const {
    if (a.position < 0 || b.position < 0) return a.position < 0 ? b : a;
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan || b_nan) {
      if (a_nan != b_nan) return a_nan ? a : b;
    } else if (a.value != b.value) {
      return (a.value > b.value) != minimum ? a : b;
    }
    return a.position < b.position ? a : b;
  }
};

}  // namespace TW_BACKEND
