// SPDX-License-Identifier: Apache-2.0
// Checks every name of csrc/cpu/simd/vec_*.h lane by lane against plain C++. Prints "<name> <checks>
// <failures>" per name, and the first failure of each. Loads and stores of tails run against a page that
// faults when touched. Compiled once per instruction set: -DTW_ISA=... -DTW_VEC_HEADER="...".
#include TW_VEC_HEADER

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace tilewright::cpu::TW_ISA;

namespace {

struct Tally {
  long checks = 0, failures = 0;
};
std::map<std::string, Tally> tallies;

template <class T>
bool same(T a, T b) {
  if (a != a && b != b) return true;
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T>
void expect(const std::string& name, T got, T expected) {
  Tally& tally = tallies[name];
  ++tally.checks;
  if (same(got, expected)) return;
  if (tally.failures++ == 0)
    std::fprintf(stderr, "%s: got %.17g, expected %.17g\n", name.c_str(), double(got), double(expected));
}

template <class T>
struct Lanes {
  T v[Vec<T>::kLanes];
  explicit Lanes(Vec<T> a) { store(v, a); }
  T operator[](int i) const { return v[i]; }
};

template <class T>
std::string with_type(const char* name) {
  const char* type = kSame<T, float>      ? "float"
                     : kSame<T, double>   ? "double"
                     : kSame<T, int32_t>  ? "int32"
                     : kSame<T, uint32_t> ? "uint32"
                                          : "int64";
  return std::string(name) + "<" + type + ">";
}

// Special values first, then random bit patterns; the length is a multiple of every kLanes.
template <class T>
std::vector<T> pool() {
  using L = std::numeric_limits<T>;
  std::vector<T> values = {T(0),     T(1), T(2),  T(3),  L::max(), L::lowest(),
                           L::min(), T(7), T(-1), T(-2), T(100),   T(64)};
  if (kFloating<T>) {
    const double more[] = {-0.0,
                           INFINITY,
                           -INFINITY,
                           NAN,
                           0.5,
                           -0.5,
                           1.5,
                           2.5,
                           -1.5,
                           -2.5,
                           0.49999997,
                           -0.49999997,
                           8388607.5,
                           8388609,
                           4503599627370495.5,
                           -4503599627370497.0,
                           0.9999999,
                           -0.9999999,
                           1e-40,
                           -1e-40};
    for (double value : more) values.push_back(T(value));
    values.push_back(L::denorm_min());
    values.push_back(-L::denorm_min());
  }
  std::mt19937_64 random(42);
  while (values.size() < 192) {
    const uint64_t bits = random();
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    if (values.size() % 2 && kFloating<T>) value = T(double(int64_t(bits)) * 0x1p-56);
    values.push_back(value);
  }
  return values;
}

// op on every pair of the pool, against plain(a, b).
template <class T, class Op, class Plain>
void check_binary(const char* name, Op op, Plain plain) {
  const std::vector<T> values = pool<T>();
  for (size_t shift = 0; shift < values.size(); ++shift) {
    std::vector<T> other(values.begin() + shift, values.end());
    other.insert(other.end(), values.begin(), values.begin() + shift);
    for (size_t i = 0; i < values.size(); i += Vec<T>::kLanes) {
      const Lanes<T> got(op(Vec<T>::load(&values[i]), Vec<T>::load(&other[i])));
      for (int k = 0; k < Vec<T>::kLanes; ++k)
        expect(with_type<T>(name), got[k], plain(values[i + k], other[i + k]));
    }
  }
}
template <class T, class Op, class Plain>
void check_unary(const char* name, Op op, Plain plain) {
  const std::vector<T> values = pool<T>();
  for (size_t i = 0; i < values.size(); i += Vec<T>::kLanes) {
    const auto result = op(Vec<T>::load(&values[i]));
    using R = typename decltype(op(Vec<T>::zero()))::Element;
    const Lanes<R> got(result);
    for (int k = 0; k < Vec<R>::kLanes; ++k) expect(with_type<T>(name), got[k], R(plain(values[i + k])));
  }
}
template <class T, class Op, class Plain>
void check_compare(const char* name, Op op, Plain plain) {
  check_binary<T>(
      name, [&](Vec<T> a, Vec<T> b) { return select(op(a, b), Vec<T>::set1(T(1)), Vec<T>::zero()); },
      [&](T a, T b) { return T(plain(a, b)); });
}

template <class T>
uint64_t bits_of(T a) {
  uint64_t bits = 0;
  std::memcpy(&bits, &a, sizeof(T));
  return bits;
}
template <class T>
T of_bits(uint64_t bits) {
  T a;
  std::memcpy(&a, &bits, sizeof(T));
  return a;
}

// `count` elements that end where a page begins that may not be touched.
template <class T>
class Guarded {
 public:
  explicit Guarded(int count) : page_(size_t(sysconf(_SC_PAGESIZE))) {
    base_ = static_cast<char*>(
        mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + page_, page_, PROT_NONE) != 0) std::abort();
    data_ = reinterpret_cast<T*>(base_ + page_) - count;
  }
  ~Guarded() { munmap(base_, 2 * page_); }
  T* data() const { return data_; }

 private:
  size_t page_;
  char* base_;
  T* data_;
};

template <class T>
void check_memory() {
  constexpr int lanes = Vec<T>::kLanes;
  const std::vector<T> values = pool<T>();
  for (int n = 0; n <= lanes; ++n) {
    Guarded<T> tail(n);
    std::memcpy(tail.data(), values.data(), n * sizeof(T));
    const Lanes<T> plain(Vec<T>::load_n(tail.data(), n)), filled(Vec<T>::load_n(tail.data(), n, T(5)));
    for (int k = 0; k < lanes; ++k) {
      expect(with_type<T>("load_n"), plain[k], k < n ? values[k] : T(0));
      expect(with_type<T>("load_n_fill"), filled[k], k < n ? values[k] : T(5));
    }
    store_n(tail.data(), Vec<T>::load(&values[1]), n);
    for (int k = 0; k < n; ++k) expect(with_type<T>("store_n"), tail.data()[k], values[1 + k]);
    std::vector<T> out(lanes, T(9));  // what lies behind in the same page stays as it was
    store_n(out.data(), Vec<T>::load(&values[1]), n);
    for (int k = 0; k < lanes; ++k) expect(with_type<T>("store_n"), out[k], k < n ? values[1 + k] : T(9));
  }
  Guarded<T> whole(lanes);
  stream(whole.data(), Vec<T>::load(&values[3]));  // the end of a page is aligned to any register
  stream_fence();
  for (int k = 0; k < lanes; ++k) {
    expect(with_type<T>("stream"), whole.data()[k], values[3 + k]);
    expect(with_type<T>("iota"), Lanes<T>(Vec<T>::iota())[k], T(k));
    expect(with_type<T>("set1"), Lanes<T>(Vec<T>::set1(T(3)))[k], T(3));
    expect(with_type<T>("zero"), Lanes<T>(Vec<T>::zero())[k], T(0));
    expect(with_type<T>("lane"), lane(Vec<T>::load(&values[0]), k), values[k]);
  }
  expect(with_type<T>("first_lane"), first_lane(Vec<T>::load(&values[2])), values[2]);
}

// Loads of narrow types, and their tails; plain(p) is what one element becomes.
template <class E, class R, class Load, class LoadN, class Plain>
void check_narrow_load(const char* name, Load load, LoadN load_n, Plain plain) {
  constexpr int lanes = VecF::kLanes;
  const int patterns = sizeof(E) == 1 ? 256 : 65536;
  std::vector<E> all;
  for (int i = 0; i < patterns; ++i) all.push_back(E(i));
  for (int i = 0; i < patterns; i += lanes) {
    const Lanes<R> got(load(&all[i]));
    for (int k = 0; k < lanes; ++k) expect<R>(name, got[k], plain(all[i + k]));
  }
  for (int n = 0; n <= lanes; ++n) {
    Guarded<E> tail(n);
    for (int k = 0; k < n; ++k) tail.data()[k] = E(k + 3);
    const Lanes<R> got(load_n(tail.data(), n));
    for (int k = 0; k < lanes; ++k)
      expect<R>(std::string(name) + "_n", got[k], k < n ? plain(E(k + 3)) : R(0));
  }
}

float plain_bf16(uint16_t bits) { return of_bits<float>(uint64_t(bits) << 16); }
float plain_f16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return mantissa ? NAN : float(sign * INFINITY);
  if (exponent == 0) return float(sign * std::ldexp(mantissa, -24));
  return float(sign * std::ldexp(1024 + mantissa, exponent - 25));
}

// The nearest of all finite halves (or bfloat16), ties to even: by rounding in steps of the last place.
uint16_t nearest_f16(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::fabs(double(x));
  if (std::isnan(x)) return uint16_t(sign | 0x7e00 | (bits_of(x) >> 13 & 0x3ff));
  if (magnitude >= 65520) return sign | 0x7c00;
  const int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  const double steps = std::nearbyint(std::ldexp(magnitude, 10 - exponent));
  return uint16_t(sign + (exponent + 14) * 1024 + uint16_t(steps));
}
uint16_t nearest_bf16(float x) {
  if (std::isnan(x)) return uint16_t(bits_of(x) >> 16 | 0x40);
  const uint16_t low = uint16_t(bits_of(x) >> 16);  // towards zero; the magnitude's next neighbour is low + 1
  const double magnitude = std::fabs(double(x)), floor = std::fabs(double(plain_bf16(low)));
  const double next = (low & 0x7fff) == 0x7f7f ? 0x1p128 : std::fabs(double(plain_bf16(uint16_t(low + 1))));
  if (std::isinf(x)) return low;
  const double up = next - magnitude, down = magnitude - floor;
  return up < down || (up == down && (low & 1)) ? uint16_t(low + 1) : low;
}

template <class Store, class StoreN, class Plain>
void check_narrow_store(const char* name, Store store, StoreN store_n, Plain plain) {
  constexpr int lanes = VecF::kLanes;
  std::vector<float> values = pool<float>();
  for (uint32_t i = 0; i < 65536; ++i) {  // every half and its two midpoints, and every bfloat16
    const float half = plain_f16(uint16_t(i)), next = plain_f16(uint16_t(i + 1));
    for (float value : {half, half + (next - half) / 2, std::nextafter(half + (next - half) / 2, INFINITY)})
      values.push_back(value);
    for (uint64_t low : {0x7fffu, 0x8000u, 0x8001u})
      values.push_back(of_bits<float>(uint64_t(i) << 16 | low));
  }
  values.resize(values.size() / lanes * lanes);
  for (size_t i = 0; i < values.size(); i += lanes) {
    uint16_t out[lanes];
    store(out, VecF::load(&values[i]));
    for (int k = 0; k < lanes; ++k) expect<int>(name, out[k], plain(values[i + k]));
  }
  for (int n = 0; n <= lanes; ++n) {
    Guarded<uint16_t> tail(n);
    store_n(tail.data(), VecF::load(&values[0]), n);
    for (int k = 0; k < n; ++k) expect<int>(std::string(name) + "_n", tail.data()[k], plain(values[k]));
    uint16_t out[lanes];
    for (uint16_t& value : out) value = 0xabcd;
    store_n(out, VecF::load(&values[0]), n);
    for (int k = 0; k < lanes; ++k)
      expect<int>(std::string(name) + "_n", out[k], k < n ? plain(values[k]) : 0xabcd);
  }
}

void check_narrow() {
  check_narrow_load<uint8_t, float>(
      "load_u8", [](const uint8_t* p) { return load_u8(p); },
      [](const uint8_t* p, int n) { return load_u8_n(p, n); }, [](uint8_t x) { return float(x); });
  check_narrow_load<int8_t, float>(
      "load_s8", [](const int8_t* p) { return load_s8(p); },
      [](const int8_t* p, int n) { return load_s8_n(p, n); }, [](int8_t x) { return float(x); });
  check_narrow_load<uint16_t, uint32_t>(
      "load_u16", [](const uint16_t* p) { return load_u16(p); },
      [](const uint16_t* p, int n) { return load_u16_n(p, n); }, [](uint16_t x) { return uint32_t(x); });
  check_narrow_load<uint16_t, float>(
      "load_f16", [](const uint16_t* p) { return load_f16(p); },
      [](const uint16_t* p, int n) { return load_f16_n(p, n); }, plain_f16);
  check_narrow_load<uint16_t, float>(
      "load_bf16", [](const uint16_t* p) { return load_bf16(p); },
      [](const uint16_t* p, int n) { return load_bf16_n(p, n); }, plain_bf16);
  check_narrow_store(
      "store_f16", [](uint16_t* p, VecF a) { store_f16(p, a); },
      [](uint16_t* p, VecF a, int n) { store_f16_n(p, a, n); }, nearest_f16);
  check_narrow_store(
      "store_bf16", [](uint16_t* p, VecF a) { store_bf16(p, a); },
      [](uint16_t* p, VecF a, int n) { store_bf16_n(p, a, n); }, nearest_bf16);
}

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
  check_compare<T>(
      "==", [](V a, V b) { return a == b; }, [](T a, T b) { return a == b; });
  check_compare<T>(
      "!=", [](V a, V b) { return a != b; }, [](T a, T b) { return a != b; });
  check_compare<T>(
      "<", [](V a, V b) { return a < b; }, [](T a, T b) { return a < b; });
  check_compare<T>(
      "<=", [](V a, V b) { return a <= b; }, [](T a, T b) { return a <= b; });
  check_compare<T>(
      ">", [](V a, V b) { return a > b; }, [](T a, T b) { return a > b; });
  check_compare<T>(
      ">=", [](V a, V b) { return a >= b; }, [](T a, T b) { return a >= b; });
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
  const T c = T(0.1);
  check_binary<T>(
      "fma", [&](V a, V b) { return fma(a, b, V::set1(c)); },
      [&](T a, T b) { return kFusedFma ? std::fma(a, b, c) : a * b + c; });
  check_binary<T>(
      "fnma", [&](V a, V b) { return fnma(a, b, V::set1(c)); },
      [&](T a, T b) { return kFusedFma ? std::fma(-a, b, c) : c - a * b; });
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
  const V one = V::set1(T(1)), zero = V::zero();
  check_unary<T>(
      "isnan", [&](V a) { return select(isnan(a), one, zero); }, [](T a) { return T(std::isnan(a)); });
  check_unary<T>(
      "isinf", [&](V a) { return select(isinf(a), one, zero); }, [](T a) { return T(std::isinf(a)); });
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
  VecU hi, lo;
  check_binary<uint32_t>(
      "mul_wide_hi", [&](VecU a, VecU b) { return mul_wide(a, b, &hi, &lo), hi; },
      [](uint32_t a, uint32_t b) { return uint32_t(uint64_t(a) * b >> 32); });
  check_binary<uint32_t>(
      "mul_wide_lo", [&](VecU a, VecU b) { return mul_wide(a, b, &hi, &lo), lo; },
      [](uint32_t a, uint32_t b) { return a * b; });
}

void check_conversions() {
  check_unary<int32_t>(
      "to_float", [](VecI a) { return to_float(a); }, [](int32_t a) { return float(a); });
  // Outside int32 the result is not defined: such values are made zero first.
  const auto in_range = [](VecF a) { return select(abs(a) < VecF::set1(2147483520.0f), a, VecF::zero()); };
  const auto plain = [](float a) { return std::fabs(a) < 2147483520.0f ? a : 0.0f; };
  check_unary<float>(
      "trunc_to_int", [&](VecF a) { return trunc_to_int(in_range(a)); },
      [&](float a) { return int32_t(plain(a)); });
  check_unary<float>(
      "round_to_int", [&](VecF a) { return round_to_int(in_range(a)); },
      [&](float a) { return int32_t(std::nearbyint(plain(a))); });
  check_unary<uint32_t>(
      "unit_float", [](VecU a) { return unit_float(a); },
      [](uint32_t a) { return float(a >> 8) * 0x1p-24f; });
  check_unary<float>(
      "bitcast", [](VecF a) { return bitcast<int32_t>(a); }, [](float a) { return int32_t(bits_of(a)); });
  check_unary<double>(
      "bitcast", [](VecD a) { return bitcast<int64_t>(a); }, [](double a) { return int64_t(bits_of(a)); });

  const std::vector<float> f = pool<float>();
  const std::vector<double> d = pool<double>();
  const std::vector<int32_t> n = pool<int32_t>();
  constexpr int half = VecD::kLanes;
  constexpr bool two_halves = VecF::kLanes > VecD::kLanes;
  for (size_t i = 0; i + VecF::kLanes <= f.size(); i += VecF::kLanes) {
    const Lanes<double> lo(widen_lo(VecF::load(&f[i]))), hi(widen_hi(VecF::load(&f[i])));
    const Lanes<int64_t> int_lo(widen_lo(VecI::load(&n[i]))), int_hi(widen_hi(VecI::load(&n[i])));
    const Lanes<float> narrowed(narrow(VecD::load(&d[i]), VecD::load(&d[i + (two_halves ? half : 0)])));
    for (int k = 0; k < half; ++k) {
      expect<double>("widen_lo<float>", lo[k], f[i + k]);
      expect<int64_t>("widen_lo<int32>", int_lo[k], n[i + k]);
      expect<double>("widen_hi<float>", hi[k], two_halves ? f[i + half + k] : 0);
      expect<int64_t>("widen_hi<int32>", int_hi[k], two_halves ? n[i + half + k] : 0);
    }
    for (int k = 0; k < VecF::kLanes; ++k) expect<float>("narrow", narrowed[k], float(d[i + k]));
  }
}

void check_lane_movement() {
  constexpr int lanes = VecF::kLanes;
  VecF rows[lanes];
  for (int r = 0; r < lanes; ++r) rows[r] = VecF::iota() + VecF::set1(float(100 * r));
  transpose(rows);
  for (int r = 0; r < lanes; ++r)
    for (int c = 0; c < lanes; ++c) expect<float>("transpose", Lanes<float>(rows[r])[c], float(100 * c + r));

  const std::vector<float> f = pool<float>();
  const std::vector<double> d = pool<double>();
  const std::vector<int32_t> n = pool<int32_t>();
  for (int step : {0, 1, 7}) {  // from the middle, so that some indices are negative
    const VecI index = VecI::iota() * VecI::set1(step) - VecI::set1(3);
    const VecL long_index = VecL::iota() * VecL::set1(step) - VecL::set1(3);
    for (int k = 0; k < lanes; ++k) {
      expect<float>("gather<float>", Lanes<float>(gather(&f[50], index))[k], f[47 + step * k]);
      expect<int32_t>("gather<int32>", Lanes<int32_t>(gather(&n[50], index))[k], n[47 + step * k]);
    }
    for (int k = 0; k < VecD::kLanes; ++k)
      expect<double>("gather<double>", Lanes<double>(gather(&d[50], long_index))[k], d[47 + step * k]);
  }
  prefetch_l1(nullptr);  // a hint: any address is allowed
  prefetch_l2(nullptr);
}

template <class T>
void check_type() {
  check_memory<T>();
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
  check_narrow();
  check_mul_wide();
  check_conversions();
  check_lane_movement();
  for (const auto& [name, tally] : tallies)
    std::printf("%s %ld %ld\n", name.c_str(), tally.checks, tally.failures);
}
