// SPDX-License-Identifier: Apache-2.0
// Measures the error of every function of vec_math.h, in units in the last place (ULP) of the result, against
// the C library in the next wider type, and compares special values by kind (NaN, infinity, zero, sign).
// Prints
// "<dtype> <function> <largest error> <special values that are wrong> <where>", one line each.
// Compiled once per instruction set: -DTW_ISA=... -DTW_VEC_HEADER="...". Argument: samples per function and
// sweep.
#include TW_VEC_HEADER
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "cpu/simd/vec_math.h"

namespace isa = tilewright::cpu::TW_ISA;
using isa::Vec;

namespace {

template <class T>
struct WiderType;
template <>
struct WiderType<float> {
  using Type = double;
  using Bits = uint32_t;
};
template <>
struct WiderType<double> {
  using Type = long double;
  using Bits = uint64_t;
};
template <class T>
using Wider = typename WiderType<T>::Type;

// |got - expected| in ULP of the expected value; overflow counts as the next power of two.
template <class T>
double ulp_error(T got, Wider<T> expected) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got) ? 0 : INFINITY;
  const Wider<T> top = std::ldexp(Wider<T>(1), Limits::max_exponent);
  const auto finite = [&](Wider<T> x) { return std::fmin(std::fmax(x, -top), top); };
  int exponent;
  std::frexp(finite(expected), &exponent);
  if (exponent > Limits::max_exponent) exponent = Limits::max_exponent;
  if (expected == 0 || exponent < Limits::min_exponent) exponent = Limits::min_exponent;
  const Wider<T> ulp = std::ldexp(Wider<T>(1), exponent - Limits::digits);
  return double(std::fabs(finite(got) - finite(expected)) / ulp);
}

// NaN, infinite, zero or neither, and of the same sign.
template <class T>
bool same_kind(T got, T expected) {
  if (std::isnan(got) || std::isnan(expected)) return std::isnan(got) && std::isnan(expected);
  return std::isinf(got) == std::isinf(expected) && (got == 0) == (expected == 0) &&
         std::signbit(got) == std::signbit(expected);
}

template <class T>
struct Worst {
  double error = -1;
  T x = 0, y = 0;
  int special_mismatches = 0;
  void see(double e, T at_x, T at_y) {
    if (!(e > error)) return;
    error = e, x = at_x, y = at_y;
  }
};

template <class T>
using Function = void (*)(const T* x, const T* y, T* out);  // kLanes elements

// Runs f on every pair, in vectors; the tail is filled with ones.
template <class T>
void measure(Function<T> f, Wider<T> (*reference)(Wider<T>, Wider<T>), std::vector<T> x, std::vector<T> y,
             bool special, Worst<T>* worst) {
  constexpr size_t lanes = Vec<T>::kLanes;
  const size_t n = x.size();
  x.resize((n + lanes - 1) / lanes * lanes, T(1));
  y.resize(x.size(), T(1));
  std::vector<T> out(x.size());
  for (size_t i = 0; i < x.size(); i += lanes) f(&x[i], &y[i], &out[i]);
  for (size_t i = 0; i < n; ++i) {
    const Wider<T> expected = reference(x[i], y[i]);
    worst->see(ulp_error<T>(out[i], expected), x[i], y[i]);
    if (!special || same_kind<T>(out[i], T(expected))) continue;
    if (worst->special_mismatches++ == 0)
      std::fprintf(stderr, "special value: x=%a y=%a got %a, expected %a\n", double(x[i]), double(y[i]),
                   double(out[i]), double(T(expected)));
  }
}

template <class T>
T from_bits(uint64_t bits) {
  const typename WiderType<T>::Bits narrow = bits;
  T x;
  std::memcpy(&x, &narrow, sizeof(T));
  return x;
}

// Every exponent and both signs: bit patterns in even steps, NaN and infinities among them.
template <class T>
std::vector<T> all_exponents(size_t samples) {
  const double step = std::ldexp(1.0, 8 * sizeof(T)) / samples;
  std::vector<T> x;
  for (size_t i = 0; i < samples; ++i) x.push_back(from_bits<T>(uint64_t(step * i)));
  return x;
}
// Zeros, infinities, NaN, the ends of the normal and subnormal ranges, small integers and halves, both signs.
template <class T>
std::vector<T> special_values() {
  using L = std::numeric_limits<T>;
  std::vector<T> x = {L::quiet_NaN()};
  for (T sign : {T(1), T(-1)})
    for (T value : {T(0),
                    L::infinity(),
                    L::denorm_min(),
                    T(L::min() / 2),
                    L::min(),
                    L::max(),
                    L::epsilon(),
                    T(0.5),
                    T(1),
                    T(1) + L::epsilon(),
                    T(1) - L::epsilon() / 2,
                    T(1.5),
                    T(2),
                    T(3),
                    T(4),
                    T(7.5),
                    T(1e10),
                    T(16777215),
                    T(16777216),
                    T(9007199254740991)})
      x.push_back(sign * value);
  return x;
}
template <class T>
std::vector<T> uniform(T low, T high, size_t samples, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> in_range(low, high);
  std::vector<T> x;
  for (size_t i = 0; i < samples; ++i) x.push_back(T(in_range(random)));
  return x;
}

// Keeps the points at which a function promises something.
template <class T>
std::vector<T> keep(std::vector<T> x, bool (*wanted)(T)) {
  std::vector<T> kept;
  for (T value : x)
    if (wanted(value)) kept.push_back(value);
  return kept;
}

template <class T>
struct Case {
  const char* name;
  Function<T> f;
  Wider<T> (*reference)(Wider<T>, Wider<T>);
  T low, high;  // where a uniform sweep is added
  bool (*wanted)(T) = [](T) { return true; };
};

#define VECTOR(call)                   \
  [](const T* px, const T*, T* out) {  \
    const Vec<T> x = Vec<T>::load(px); \
    store(out, call);                  \
  }
#define REFERENCE(call) [](W x, W) -> W { return call; }

template <class T>
std::vector<Case<T>> unary_cases() {
  using W = Wider<T>;
  const bool single = sizeof(T) == 4;
  const T under = single ? -106 : -750, over = single ? 90 : 712;
  std::vector<Case<T>> cases = {
      {"exp", VECTOR(exp(x)), REFERENCE(std::exp(x)), under, over},
      {"exp2", VECTOR(exp2(x)), REFERENCE(std::exp2(x)), T(under * 1.45), T(over * 1.45)},
      {"expm1", VECTOR(expm1(x)), REFERENCE(std::expm1(x)), -5, 5},
      {"sigmoid", VECTOR(sigmoid(x)), REFERENCE(1 / (1 + std::exp(-x))), under, -under},
      {"tanh", VECTOR(tanh(x)), REFERENCE(std::tanh(x)), -10, 10},
      {"log", VECTOR(log(x)), REFERENCE(std::log(x)), T(0.25), 4},
      {"log2", VECTOR(log2(x)), REFERENCE(std::log2(x)), T(0.25), 4},
      {"log1p", VECTOR(log1p(x)), REFERENCE(std::log1p(x)), T(-0.9), 4},
      {"softplus", VECTOR(softplus(x)), REFERENCE(std::fmax(x, W(0)) + std::log1p(std::exp(-std::fabs(x)))),
       -20, 20},
      {"rsqrt", VECTOR(rsqrt(x)), REFERENCE(1 / std::sqrt(x)), T(0.25), 4},
      {"erf", VECTOR(erf(x)), REFERENCE(std::erf(x)), -5, 5},
      {"erfc", VECTOR(erfc(x)), REFERENCE(std::erfc(x)), -6, single ? T(10.5) : T(27.5)},
      {"normal_cdf", VECTOR(normal_cdf(x)), REFERENCE(std::erfc(x * -std::sqrt(W(0.5))) / 2), single ? T(-14.6) : T(-39), 6},
      {"sin", VECTOR(sin(x)), REFERENCE(std::sin(x)), -100, 100},
      {"cos", VECTOR(cos(x)), REFERENCE(std::cos(x)), -100, 100},
      {"sin_far", VECTOR(sin(x)), REFERENCE(std::sin(x)), -2e6, 2e6},
      {"cos_far", VECTOR(cos(x)), REFERENCE(std::cos(x)), -2e6, 2e6},
      {"exp_nonpositive", VECTOR(exp_nonpositive(x)),
       REFERENCE(sizeof(T) == 4 && x < W(-0x1.5d589ep+6) ? W(0) : std::exp(x)), T(single ? -90 : -750), 0,
       [](T x) { return !(x > 0); }},
  };
  return cases;
}

template <class T>
void report(const char* dtype, const char* name, const Worst<T>& worst) {
  std::printf("%s %s %.4f %d x=%a y=%a\n", dtype, name, worst.error, worst.special_mismatches,
              double(worst.x), double(worst.y));
}

// Pairs whose power is of moderate size, and pairs of any size.
template <class T>
void measure_pow(const char* dtype, size_t samples) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(-1.0, 1.0);
  const std::vector<T> patterns = all_exponents<T>(samples);
  std::vector<T> x, y;
  for (T pattern : patterns) {
    const double span = std::numeric_limits<T>::max_exponent * 1.2;
    const double log2_x = std::log2(std::fabs(double(pattern)));
    x.push_back(std::fabs(pattern));
    y.push_back(T(exponent(random) * span / log2_x));
    x.push_back(T(1 + 0.5 * exponent(random)));
    y.push_back(T(exponent(random) * span / std::fabs(std::log2(double(x.back())))));
    x.push_back(pattern);
    y.push_back(patterns[random() % samples]);
    x.push_back(pattern);
    y.push_back(T(int(random() % 61) - 30));
  }
  std::vector<T> special_x, special_y;
  for (T a : special_values<T>())
    for (T b : special_values<T>()) special_x.push_back(a), special_y.push_back(b);
  const Function<T> f = [](const T* px, const T* py, T* out) {
    store(out, pow(Vec<T>::load(px), Vec<T>::load(py)));
  };
  const auto reference = [](Wider<T> a, Wider<T> b) -> Wider<T> { return std::pow(a, b); };
  Worst<T> worst;
  measure<T>(f, reference, x, y, false, &worst);
  measure<T>(f, reference, special_x, special_y, true, &worst);
  report(dtype, "pow", worst);
}

template <class T>
void run(const char* dtype, size_t samples) {
  for (const Case<T>& c : unary_cases<T>()) {
    Worst<T> worst;
    measure<T>(c.f, c.reference, keep(all_exponents<T>(samples), c.wanted), {}, false, &worst);
    measure<T>(c.f, c.reference, keep(uniform<T>(c.low, c.high, samples, 1), c.wanted), {}, false, &worst);
    measure<T>(c.f, c.reference, keep(special_values<T>(), c.wanted), {}, true, &worst);
    report(dtype, c.name, worst);
  }
  measure_pow<T>(dtype, samples);
}

}  // namespace

int main(int argc, char** argv) {
  const size_t samples = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100000;
  run<float>("float32", samples);
  run<double>("float64", samples);
}
