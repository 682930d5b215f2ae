// SPDX-License-Identifier: Apache-2.0
// Random numbers of four distributions.
// Computes    uniform     u = bits / 2^24 (float64: 52 bits), y = low + (high - low) u, always below high
//             normal      z0 = r cos(2 pi u1), z1 = r sin(2 pi u1), r = sqrt(-2 log u0); words 0, 1 and 2, 3
//             truncated   the first of z(attempt 0), z(attempt 1), ... with |z| <= 2
//             bernoulli   1 where the word is below probability * 2^32
// Layout      element i from word i % 4 of block offset + i / 4 (philox.inl.h): float64 takes its upper 32
// bits
//             from part 0 and its lower ones from part 1, so that it agrees with float32 as far as that goes
// Method      Box and Muller, "A note on the generation of random normal deviates", 1958
// Limits      normals reach 6.6 standard deviations in float32 and 8.5 in float64
#include "cpu/kernels/philox.inl.h"
#include "cpu/kernels/random.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// The words as fractions: at least 0 and below 1, or with kOpen above 0 and at most 1.
template <bool kOpen>
TW_INLINE void fractions(Draws<float>& draws, uint64_t seed, uint64_t block, uint32_t attempt) {
  VecU words[4];
  philox(words, seed, block, attempt, 0);
  for (int w = 0; w < 4; ++w) {
    if constexpr (kOpen) {
      const VecF half_range = to_float(bitcast<int32_t>(shift_right_logical<1>(words[w])));
      draws.v[0][w] = (half_range + VecF::set1(0.5f)) * VecF::set1(0x1p-31f);
    } else {
      draws.v[0][w] = unit_float(words[w]);
    }
  }
}

// 52 random bits as the mantissa of a number in [1, 2), less 1.
template <bool kOpen>
TW_INLINE VecD fraction(VecL high, VecL low) {
  const VecL word = VecL::set1(0xffffffff);
  const VecL mantissa = shift_left<20>(high & word) | shift_right_logical<12>(low & word);
  const VecD unit = bitcast<double>(mantissa | VecL::set1(0x3ff0000000000000)) - VecD::set1(1.0);
  return kOpen ? unit + VecD::set1(0x1p-53) : unit;
}

template <bool kOpen>
TW_INLINE void fractions(Draws<double>& draws, uint64_t seed, uint64_t block, uint32_t attempt) {
  VecU upper[4], lower[4];
  philox(upper, seed, block, attempt, 0);
  philox(lower, seed, block, attempt, 1);
  for (int w = 0; w < 4; ++w) {
    const VecI high = bitcast<int32_t>(upper[w]), low = bitcast<int32_t>(lower[w]);
    draws.v[0][w] = fraction<kOpen>(widen_lo(high), widen_lo(low));
    if constexpr (kPhiloxParts<double> == 2) draws.v[1][w] = fraction<kOpen>(widen_hi(high), widen_hi(low));
  }
}

template <class T>
TW_INLINE void normals(Draws<T>& z, uint64_t seed, uint64_t block, uint32_t attempt) {
  using V = Vec<T>;
  fractions<true>(z, seed, block, attempt);
  for (int part = 0; part < kPhiloxParts<T>; ++part) {
    for (int w = 0; w < 4; w += 2) {
      const V radius = sqrt(V::set1(T(-2)) * log(z.v[part][w]));
      const SinCos<T> angle = sincos(V::set1(T(6.28318530717958647692)) * z.v[part][w + 1]);
      z.v[part][w] = radius * angle.cos;
      z.v[part][w + 1] = radius * angle.sin;
    }
  }
}

template <class T>
void uniform(T* y, int64_t n, const RandomSpan& span) {
  using V = Vec<T>;
  const V low = V::set1(T(span.a)), range = V::set1(T(span.b) - T(span.a)), high = V::set1(T(span.b));
  // low + range * u may round up to high; the number before high is then as near.
  T last = T(span.b);
  if (span.b > span.a)
    last = sizeof(T) == 4 ? T(__builtin_nextafterf(float(last), float(span.a)))
                          : T(__builtin_nextafter(double(last), span.a));
  const V below = V::set1(last);
  generate(y, n, span.block, [&](uint64_t block) {
    Draws<T> u;
    fractions<false>(u, span.seed, block, 0);
    for (auto& part : u.v)
      for (V& v : part) {
        v = fma(v, range, low);
        v = select(v < high, v, below);
      }
    return u;
  });
}

template <class T>
TW_INLINE void scale_and_shift(Draws<T>& z, const RandomSpan& span) {
  using V = Vec<T>;
  for (auto& part : z.v)
    for (V& v : part) v = fma(v, V::set1(T(span.b)), V::set1(T(span.a)));
}

template <class T>
void normal(T* y, int64_t n, const RandomSpan& span) {
  generate(y, n, span.block, [&](uint64_t block) {
    Draws<T> z;
    normals(z, span.seed, block, 0);
    scale_and_shift(z, span);
    return z;
  });
}

// Each element takes its first attempt within 2; one in 22 needs a second, and 60 are as good as for ever.
template <class T>
void truncated_normal(T* y, int64_t n, const RandomSpan& span) {
  using V = Vec<T>;
  const V two = V::set1(T(2));
  generate(y, n, span.block, [&](uint64_t block) {
    Draws<T> z;
    normals(z, span.seed, block, 0);
    for (uint32_t attempt = 1; attempt < 60; ++attempt) {
      bool outside = false;
      for (auto& part : z.v)
        for (V& v : part) outside |= any(abs(v) > two);
      if (!outside) break;
      Draws<T> again;
      normals(again, span.seed, block, attempt);
      for (int part = 0; part < kPhiloxParts<T>; ++part)
        for (int w = 0; w < 4; ++w)
          z.v[part][w] = select(abs(z.v[part][w]) > two, again.v[part][w], z.v[part][w]);
    }
    scale_and_shift(z, span);
    return z;
  });
}

template <class T>
void bernoulli(T* y, int64_t n, const RandomSpan& span, uint32_t threshold) {
  uint64_t block = span.block;
  for (int64_t i = 0; i < n; i += kPhiloxStep, block += VecU::kLanes) {
    Draws<uint32_t> draws;
    philox(draws.v[0], span.seed, block, 0, 0);
    uint32_t words[kPhiloxStep];
    store_draws(words, draws);
    const int count = n - i < kPhiloxStep ? int(n - i) : kPhiloxStep;
    for (int j = 0; j < count; ++j) y[i + j] = T(words[j] < threshold);
  }
}

template <class T>
constexpr RandomTable<T> random_table() {
  return {uniform<T>, normal<T>, truncated_normal<T>, bernoulli<T>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(RandomKernels& kernels) {
  kernels.f32 = random_table<float>();
  kernels.f64 = random_table<double>();
  kernels.bernoulli_bool = bernoulli<uint8_t>;
}

}  // namespace tilewright::cpu::TW_ISA
