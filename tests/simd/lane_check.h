// SPDX-License-Identifier: Apache-2.0
// What the drivers that check csrc/cpu/simd/vec_*.h lane by lane share: counting, sample values, guarded
// memory. Compiled once per instruction set: -DTW_ISA=... -DTW_VEC_HEADER="...".
#pragma once

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

// Out of line, as most of what follows would otherwise be copies of it.
template <class T>
__attribute__((noinline)) void expect(const std::string& name, T got, T expected) {
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
__attribute__((noinline)) std::string with_type(const char* name) {
  const char* type = kSame<T, float>      ? "float"
                     : kSame<T, double>   ? "double"
                     : kSame<T, int32_t>  ? "int32"
                     : kSame<T, uint32_t> ? "uint32"
                                          : "int64";
  return std::string(name) + "<" + type + ">";
}

// Special values first, then random bit patterns; the length is a multiple of every kLanes.
template <class T>
__attribute__((noinline)) std::vector<T> pool() {
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

// A plain function, so that each check below is one small function and not a copy of the loops.
template <class F>
using Pointer = typename std::add_pointer<F>::type;

// op on every pair of the pool, against plain(a, b).
template <class T>
void check_binary(const char* name, Pointer<Vec<T>(Vec<T>, Vec<T>)> op, Pointer<T(T, T)> plain) {
  const std::string full_name = with_type<T>(name);
  const std::vector<T> values = pool<T>();
  for (size_t shift = 0; shift < values.size(); ++shift) {
    std::vector<T> other(values.begin() + shift, values.end());
    other.insert(other.end(), values.begin(), values.begin() + shift);
    for (size_t i = 0; i < values.size(); i += Vec<T>::kLanes) {
      const Lanes<T> got(op(Vec<T>::load(&values[i]), Vec<T>::load(&other[i])));
      for (int k = 0; k < Vec<T>::kLanes; ++k) expect(full_name, got[k], plain(values[i + k], other[i + k]));
    }
  }
}
template <class T, class R = T>
void check_unary(const char* name, Pointer<Vec<R>(Vec<T>)> op, Pointer<R(T)> plain) {
  const std::string full_name = with_type<T>(name);
  const std::vector<T> values = pool<T>();
  for (size_t i = 0; i < values.size(); i += Vec<T>::kLanes) {
    const Lanes<R> got(op(Vec<T>::load(&values[i])));
    for (int k = 0; k < Vec<R>::kLanes; ++k) expect(full_name, got[k], plain(values[i + k]));
  }
}
// 1 where a mask is set, 0 elsewhere.
template <class T>
Vec<T> ones(Mask<T> mask) {
  return select(mask, Vec<T>::set1(T(1)), Vec<T>::zero());
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

inline void print_tallies() {
  for (const auto& [name, tally] : tallies)
    std::printf("%s %ld %ld\n", name.c_str(), tally.checks, tally.failures);
}

}  // namespace
