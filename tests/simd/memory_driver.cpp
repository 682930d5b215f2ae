// SPDX-License-Identifier: Apache-2.0
// Checks loads, stores, conversions and movement between lanes against plain C++. Tails run against a page
// that faults when touched. Prints "<name> <checks> <failures>" per name, and the first failure of each.
#include "lane_check.h"

namespace {

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

void check_store_u16() {
  constexpr int lanes = VecF::kLanes;
  for (uint32_t first = 0; first + lanes <= 65536; first += lanes) {
    uint16_t out[lanes];
    store_u16(out, VecU::iota() + VecU::set1(first));
    for (int k = 0; k < lanes; ++k) expect<int>("store_u16", out[k], int(first) + k);
  }
  for (int n = 0; n <= lanes; ++n) {
    Guarded<uint16_t> tail(n);
    store_u16_n(tail.data(), VecU::iota() + VecU::set1(40000), n);
    for (int k = 0; k < n; ++k) expect<int>("store_u16_n", tail.data()[k], 40000 + k);
  }
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
  check_store_u16();
  check_narrow_store(
      "store_f16", [](uint16_t* p, VecF a) { store_f16(p, a); },
      [](uint16_t* p, VecF a, int n) { store_f16_n(p, a, n); }, nearest_f16);
  check_narrow_store(
      "store_bf16", [](uint16_t* p, VecF a) { store_bf16(p, a); },
      [](uint16_t* p, VecF a, int n) { store_bf16_n(p, a, n); }, nearest_bf16);
}

void check_conversions() {
  check_unary<int32_t, float>(
      "to_float", [](VecI a) { return to_float(a); }, [](int32_t a) { return float(a); });
  // Outside int32 the result is not defined: such values are made zero first.
  static const auto in_range = [](VecF a) {
    return select(abs(a) < VecF::set1(2147483520.0f), a, VecF::zero());
  };
  static const auto plain = [](float a) { return std::fabs(a) < 2147483520.0f ? a : 0.0f; };
  check_unary<float, int32_t>(
      "trunc_to_int", [](VecF a) { return trunc_to_int(in_range(a)); },
      [](float a) { return int32_t(plain(a)); });
  check_unary<float, int32_t>(
      "round_to_int", [](VecF a) { return round_to_int(in_range(a)); },
      [](float a) { return int32_t(std::nearbyint(plain(a))); });
  check_unary<uint32_t, float>(
      "unit_float", [](VecU a) { return unit_float(a); },
      [](uint32_t a) { return float(a >> 8) * 0x1p-24f; });
  check_unary<float, int32_t>(
      "bitcast", [](VecF a) { return bitcast<int32_t>(a); }, [](float a) { return int32_t(bits_of(a)); });
  check_unary<double, int64_t>(
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

  float table[16];
  for (int i = 0; i < 16; ++i) table[i] = float(3 * i + 1);
  for (int first : {0, 5, 12, -7, 1000}) {
    int32_t index[lanes];
    for (int k = 0; k < lanes; ++k) index[k] = first + 3 * k;
    const Lanes<float> found(lookup16(table, Vec<int32_t>::load(index)));
    for (int k = 0; k < lanes; ++k) expect<float>("lookup16", found[k], table[index[k] & 15]);
  }

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
  prefetch_write(nullptr);
}

}  // namespace

int main() {
  check_memory<float>();
  check_memory<double>();
  check_memory<int32_t>();
  check_memory<uint32_t>();
  check_memory<int64_t>();
  check_narrow();
  check_conversions();
  check_lane_movement();
  print_tallies();
}
