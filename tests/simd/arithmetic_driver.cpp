// SPDX-License-Identifier: Apache-2.0
// Checks arithmetic, bits, comparisons, masks and reductions lane by lane against plain C++. Prints
// "<name> <checks> <failures>" per name, and the first failure of each.
#include "lane_check.h"

namespace {

template <class T>
void check_bits() {
  using V = Vec<T>;
  check_binary<T>(
      "&", [](V a, V b) { return a & b; }, [](T a, T b) { return of_bits<T>(bits_of(a) & bits_of(b)); });
  check_binary<T>(
      "|", [](V a, V b) { return a | b; }, [](T a, T b) { return of_bits<T>(bits_of(a) | bits_of(b)); });
  check_binary<T>(
      "^", [](V a, V b) { return a ^ b; }, [](T a, T b) { return of_bits<T>(bits_of(a) ^ bits_of(b)); });
  check_unary<T>(
      "~", [](V a) { return ~a; }, [](T a) { return of_bits<T>(~bits_of(a)); });
  check_binary<T>(
      "andnot", [](V a, V b) { return andnot(a, b); },
      [](T a, T b) { return of_bits<T>(~bits_of(a) & bits_of(b)); });
}

template <class T>
void check_comparisons() {
  using V = Vec<T>;
  check_binary<T>(
      "==", [](V a, V b) { return ones<T>(a == b); }, [](T a, T b) { return T(a == b); });
  check_binary<T>(
      "!=", [](V a, V b) { return ones<T>(a != b); }, [](T a, T b) { return T(a != b); });
  check_binary<T>(
      "<", [](V a, V b) { return ones<T>(a < b); }, [](T a, T b) { return T(a < b); });
  check_binary<T>(
      "<=", [](V a, V b) { return ones<T>(a <= b); }, [](T a, T b) { return T(a <= b); });
  check_binary<T>(
      ">", [](V a, V b) { return ones<T>(a > b); }, [](T a, T b) { return T(a > b); });
  check_binary<T>(
      ">=", [](V a, V b) { return ones<T>(a >= b); }, [](T a, T b) { return T(a >= b); });
}

template <class T>
void check_masks() {
  constexpr int lanes = Vec<T>::kLanes;
  const uint32_t full = (1u << lanes) - 1;
  for (int n = 0; n <= lanes; ++n) {
    const Mask<T> first = mask_first<T>(n);
    const uint32_t bits = (1u << n) - 1;
    expect(with_type<T>("to_bits"), to_bits(first), bits);
    expect(with_type<T>("mask!"), to_bits(!first), bits ^ full);
    expect(with_type<T>("any"), int(any(first)), int(n > 0));
    expect(with_type<T>("none"), int(none(first)), int(n == 0));
    expect(with_type<T>("all"), int(all(first)), int(n == lanes));
    for (int m = 0; m <= lanes; ++m) {
      const Mask<T> other = !mask_first<T>(m);
      const uint32_t other_bits = ((1u << m) - 1) ^ full;
      expect(with_type<T>("mask&"), to_bits(first & other), bits & other_bits);
      expect(with_type<T>("mask|"), to_bits(first | other), bits | other_bits);
      expect(with_type<T>("mask^"), to_bits(first ^ other), bits ^ other_bits);
    }
  }
  for (int k = 0; k < lanes; ++k) {  // each lane alone has its own bit
    const Mask<T> one = Vec<T>::iota() == Vec<T>::set1(T(k));
    expect(with_type<T>("to_bits"), to_bits(one), 1u << k);
    const Lanes<T> chosen(select(one, Vec<T>::set1(T(1)), Vec<T>::set1(T(2))));
    for (int i = 0; i < lanes; ++i) expect(with_type<T>("select"), chosen[i], T(i == k ? 1 : 2));
  }
}

template <class T, class Combine>
T plain_tree(const T* values, Combine combine) {
  std::vector<T> lanes(values, values + Vec<T>::kLanes);
  for (int distance = Vec<T>::kLanes / 2; distance > 0; distance /= 2) {
    std::vector<T> next(lanes);
    for (int i = 0; i < Vec<T>::kLanes; ++i) next[i] = combine(lanes[i], lanes[i ^ distance]);
    lanes = next;
  }
  return lanes[0];
}

template <class T>
T plain_add(T a, T b) {
  if constexpr (kFloating<T>)
    return a + b;
  else
    return of_bits<T>(bits_of(a) + bits_of(b));
}
template <class T>
T plain_mul(T a, T b) {
  if constexpr (kFloating<T>)
    return a * b;
  else
    return of_bits<T>(bits_of(a) * bits_of(b));
}
template <class T>
T plain_min_nan(T a, T b) {
  return a != a ? a : a < b ? a : b;
}
template <class T>
T plain_max_nan(T a, T b) {
  return a != a ? a : a > b ? a : b;
}

template <int kDistance, class T>
void check_xor_lanes() {
  if constexpr (kDistance > 0) {
    const Lanes<T> got(xor_lanes<kDistance>(Vec<T>::iota()));
    for (int i = 0; i < Vec<T>::kLanes; ++i) expect(with_type<T>("xor_lanes"), got[i], T(i ^ kDistance));
    check_xor_lanes<kDistance / 2, T>();
  }
}

template <class T>
void check_reductions() {
  const std::vector<T> values = pool<T>();
  for (size_t i = 0; i + Vec<T>::kLanes <= values.size(); ++i) {
    const T* p = &values[i];
    const Vec<T> v = Vec<T>::load(p);
    expect(with_type<T>("reduce_add"), reduce_add(v), plain_tree(p, plain_add<T>));
    expect(with_type<T>("reduce_mul"), reduce_mul(v), plain_tree(p, plain_mul<T>));
    expect(with_type<T>("reduce_min_nan"), reduce_min_nan(v), plain_tree(p, plain_min_nan<T>));
    expect(with_type<T>("reduce_max_nan"), reduce_max_nan(v), plain_tree(p, plain_max_nan<T>));
    bool nan = false;
    for (int k = 0; k < Vec<T>::kLanes; ++k) nan |= p[k] != p[k];
    if (nan) continue;
    expect(with_type<T>("reduce_min"), reduce_min(v), plain_tree(p, [](T a, T b) { return a < b ? a : b; }));
    expect(with_type<T>("reduce_max"), reduce_max(v), plain_tree(p, [](T a, T b) { return a > b ? a : b; }));
  }
  check_xor_lanes<Vec<T>::kLanes / 2, T>();
}

template <class T>
void check_common_arithmetic() {
  using V = Vec<T>;
  check_binary<T>(
      "+", [](V a, V b) { return a + b; }, plain_add<T>);
  check_binary<T>(
      "+=", [](V a, V b) { return a += b; }, plain_add<T>);
  check_binary<T>(
      "-", [](V a, V b) { return a - b; },
      [](T a, T b) {
        if constexpr (kFloating<T>)
          return a - b;
        else
          return of_bits<T>(bits_of(a) - bits_of(b));
      });
  check_binary<T>(
      "*", [](V a, V b) { return a * b; }, plain_mul<T>);
  check_binary<T>(
      "*=", [](V a, V b) { return a *= b; }, plain_mul<T>);
  check_binary<T>(
      "min_fast", [](V a, V b) { return min_fast(a, b); }, [](T a, T b) { return a < b ? a : b; });
  check_binary<T>(
      "max_fast", [](V a, V b) { return max_fast(a, b); }, [](T a, T b) { return a > b ? a : b; });
  check_binary<T>(
      "min_nan", [](V a, V b) { return min_nan(a, b); }, plain_min_nan<T>);
  check_binary<T>(
      "max_nan", [](V a, V b) { return max_nan(a, b); }, plain_max_nan<T>);
  check_unary<T>(
      "negate", [](V a) { return -a; },
      [](T a) { return kFloating<T> ? T(-a) : of_bits<T>(uint64_t(0) - bits_of(a)); });
}

template <class T>
void check_floating() {
  using V = Vec<T>;
  check_binary<T>(
      "/", [](V a, V b) { return a / b; }, [](T a, T b) { return a / b; });
  check_binary<T>(
      "/=", [](V a, V b) { return a /= b; }, [](T a, T b) { return a / b; });
  check_binary<T>(
      "-=", [](V a, V b) { return a -= b; }, [](T a, T b) { return a - b; });
  static constexpr T c = T(0.1);
  check_binary<T>(
      "fma", [](V a, V b) { return fma(a, b, V::set1(c)); },
      [](T a, T b) { return kFusedFma ? std::fma(a, b, c) : a * b + c; });
  check_binary<T>(
      "fnma", [](V a, V b) { return fnma(a, b, V::set1(c)); },
      [](T a, T b) { return kFusedFma ? std::fma(-a, b, c) : c - a * b; });
  check_binary<T>(
      "copysign", [](V a, V b) { return copysign(a, b); }, [](T a, T b) { return std::copysign(a, b); });
  check_unary<T>(
      "abs", [](V a) { return abs(a); }, [](T a) { return std::fabs(a); });
  check_unary<T>(
      "sqrt", [](V a) { return sqrt(a); }, [](T a) { return std::sqrt(a); });
  check_unary<T>(
      "round_even", [](V a) { return round_even(a); }, [](T a) { return std::nearbyint(a); });
  check_unary<T>(
      "floor", [](V a) { return floor(a); }, [](T a) { return std::floor(a); });
  check_unary<T>(
      "ceil", [](V a) { return ceil(a); }, [](T a) { return std::ceil(a); });
  check_unary<T>(
      "trunc", [](V a) { return trunc(a); }, [](T a) { return std::trunc(a); });
  check_unary<T>(
      "isnan", [](V a) { return ones<T>(isnan(a)); }, [](T a) { return T(std::isnan(a)); });
  check_unary<T>(
      "isinf", [](V a) { return ones<T>(isinf(a)); }, [](T a) { return T(std::isinf(a)); });
  const int top = std::numeric_limits<T>::max_exponent;
  for (int n = -top - 25; n <= top; ++n) {
    for (T a : {T(1), T(0.75), T(-1.4)})
      expect(with_type<T>("ldexp"), first_lane(ldexp(V::set1(a), V::set1(T(n)))), std::ldexp(a, n));
    if (n > 1 - top && n < top)
      expect(with_type<T>("pow2"), first_lane(pow2(V::set1(T(n)))), std::ldexp(T(1), n));
  }
}

template <int kBits, class T>
void check_shift() {
  using V = Vec<T>;
  using Signed = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  check_unary<T>(
      "shift_left", [](V a) { return shift_left<kBits>(a); },
      [](T a) { return of_bits<T>(bits_of(a) << kBits); });
  check_unary<T>(
      "shift_right_logical", [](V a) { return shift_right_logical<kBits>(a); },
      [](T a) { return of_bits<T>(bits_of(a) >> kBits); });
  check_unary<T>(
      "shift_right_arithmetic", [](V a) { return shift_right_arithmetic<kBits>(a); },
      [](T a) { return T(Signed(a) >> kBits); });
}

template <class T>
void check_integer() {
  using V = Vec<T>;
  check_shift<1, T>();
  check_shift<7, T>();
  check_shift<31, T>();
  if constexpr (sizeof(T) == 8) check_shift<63, T>();
  check_binary<T>(
      "min", [](V a, V b) { return min(a, b); }, [](T a, T b) { return a < b ? a : b; });
  check_binary<T>(
      "max", [](V a, V b) { return max(a, b); }, [](T a, T b) { return a > b ? a : b; });
}

void check_mul_wide() {
  check_binary<uint32_t>(
      "mul_wide_hi",
      [](VecU a, VecU b) {
        VecU hi, lo;
        mul_wide(a, b, &hi, &lo);
        return hi;
      },
      [](uint32_t a, uint32_t b) { return uint32_t(uint64_t(a) * b >> 32); });
  check_binary<uint32_t>(
      "mul_wide_lo",
      [](VecU a, VecU b) {
        VecU hi, lo;
        mul_wide(a, b, &hi, &lo);
        return lo;
      },
      [](uint32_t a, uint32_t b) { return a * b; });
}

template <class T>
void check_type() {
  check_bits<T>();
  check_comparisons<T>();
  check_masks<T>();
  check_reductions<T>();
  check_common_arithmetic<T>();
  if constexpr (kFloating<T>)
    check_floating<T>();
  else
    check_integer<T>();
}

}  // namespace

int main() {
  check_type<float>();
  check_type<double>();
  check_type<int32_t>();
  check_type<uint32_t>();
  check_type<int64_t>();
  check_mul_wide();
  print_tallies();
}
