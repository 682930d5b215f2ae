// SPDX-License-Identifier: Apache-2.0
// The part of Vec's interface that is written once, over the names each body defines. Included by the bodies.
#pragma once

#include "cpu/simd/vec_base.h"

namespace tilewright::cpu::TW_ISA {

// ---- operators -----------------------------------------------------------------------------------------

template <class T>
TW_INLINE Vec<T>& operator+=(Vec<T>& a, Vec<T> b) {
  return a = a + b;
}
template <class T>
TW_INLINE Vec<T>& operator-=(Vec<T>& a, Vec<T> b) {
  return a = a - b;
}
template <class T>
TW_INLINE Vec<T>& operator*=(Vec<T>& a, Vec<T> b) {
  return a = a * b;
}
template <class T>
TW_INLINE Vec<T>& operator/=(Vec<T>& a, Vec<T> b) {
  return a = a / b;
}

// Flips the sign bit of floating point numbers, so -(+0) is -0 and NaN keeps its payload.
template <class T>
TW_INLINE Vec<T> operator-(Vec<T> a) {
  if constexpr (kFloating<T>)
    return a ^ Vec<T>::set1(T(-0.0));
  else
    return Vec<T>::zero() - a;
}

template <class T>
TW_INLINE Vec<T> abs(Vec<T> a) {
  if constexpr (kFloating<T>)
    return andnot(Vec<T>::set1(T(-0.0)), a);
  else
    return max_fast(a, -a);
}
// The magnitude of a with the sign of b.
template <class T>
TW_INLINE Vec<T> copysign(Vec<T> a, Vec<T> b) {
  const Vec<T> sign = Vec<T>::set1(T(-0.0));
  return andnot(sign, a) | (sign & b);
}

template <class T>
TW_INLINE Mask<T> isnan(Vec<T> a) {
  return a != a;
}
template <class T>
TW_INLINE Mask<T> isinf(Vec<T> a) {
  return abs(a) == Vec<T>::set1(T(__builtin_inf()));
}

template <class T>
TW_INLINE Vec<T> min_nan(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return select(isnan(a), a, min_fast(a, b));
  else
    return min_fast(a, b);
}
template <class T>
TW_INLINE Vec<T> max_nan(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return select(isnan(a), a, max_fast(a, b));
  else
    return max_fast(a, b);
}

// Integers, where no NaN makes a difference.
template <class T>
TW_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
  static_assert(!kFloating<T>, "choose min_fast or min_nan");
  return min_fast(a, b);
}
template <class T>
TW_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
  static_assert(!kFloating<T>, "choose max_fast or max_nan");
  return max_fast(a, b);
}

// ---- masks ---------------------------------------------------------------------------------------------

template <int kBytes>
TW_INLINE bool any(LaneMask<kBytes> mask) {
  return to_bits(mask) != 0;
}
template <int kBytes>
TW_INLINE bool none(LaneMask<kBytes> mask) {
  return to_bits(mask) == 0;
}
template <int kBytes>
TW_INLINE bool all(LaneMask<kBytes> mask) {
  constexpr int lanes = kBytes == 4 ? VecF::kLanes : VecD::kLanes;
  return to_bits(mask) == (1u << lanes) - 1;
}

// ---- lanes and reductions ------------------------------------------------------------------------------

template <class T>
TW_INLINE T lane(Vec<T> a, int i) {
  T lanes[Vec<T>::kLanes];
  store(lanes, a);
  return lanes[i];
}

struct Add {
  template <class T>
  TW_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return a + b;
  }
};
struct Multiply {
  template <class T>
  TW_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return a * b;
  }
};
struct MinFast {
  template <class T>
  TW_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return min_fast(a, b);
  }
};
struct MaxFast {
  template <class T>
  TW_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return max_fast(a, b);
  }
};
struct MinNan {
  template <class T>
  TW_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return min_nan(a, b);
  }
};
struct MaxNan {
  template <class T>
  TW_INLINE Vec<T> operator()(Vec<T> a, Vec<T> b) const {
    return max_nan(a, b);
  }
};

// Combines lane i with lane i ^ kDistance, then kDistance / 2, ... 1: every lane ends with the result.
template <int kDistance, class T, class Combine>
TW_INLINE Vec<T> fold_lanes(Vec<T> a, Combine combine) {
  if constexpr (kDistance == 0)
    return a;
  else
    return fold_lanes<kDistance / 2>(combine(a, xor_lanes<kDistance>(a)), combine);
}
template <class T, class Combine>
TW_INLINE T reduce(Vec<T> a, Combine combine) {
  return first_lane(fold_lanes<Vec<T>::kLanes / 2>(a, combine));
}

template <class T>
TW_INLINE T reduce_add(Vec<T> a) {
  return reduce(a, Add());
}
template <class T>
TW_INLINE T reduce_mul(Vec<T> a) {
  return reduce(a, Multiply());
}
// For lanes free of NaN; a NaN may be dropped.
template <class T>
TW_INLINE T reduce_min(Vec<T> a) {
  return reduce(a, MinFast());
}
template <class T>
TW_INLINE T reduce_max(Vec<T> a) {
  return reduce(a, MaxFast());
}
// NaN if any lane is NaN.
template <class T>
TW_INLINE T reduce_min_nan(Vec<T> a) {
  return reduce(a, MinNan());
}
template <class T>
TW_INLINE T reduce_max_nan(Vec<T> a) {
  return reduce(a, MaxNan());
}

// ---- exponents -----------------------------------------------------------------------------------------

// The layout of a floating point number, and the integer that holds its bits.
template <class T>
struct FloatBits;
template <>
struct FloatBits<float> {
  using Int = int32_t;
  static constexpr int kMantissa = 23;
  static constexpr int kBias = 127;
};
template <>
struct FloatBits<double> {
  using Int = int64_t;
  static constexpr int kMantissa = 52;
  static constexpr int kBias = 1023;
};
template <class T>
using IntOf = typename FloatBits<T>::Int;

// Adding this to an integral x, |x| < 2^(mantissa bits - 2), leaves x in the low bits, two's complement.
template <class T>
inline constexpr T kIntegerMagic = T(int64_t(3) << (FloatBits<T>::kMantissa - 1));

// 2^n for integral n with a normal result.
template <class T>
TW_INLINE Vec<T> pow2(Vec<T> n) {
  using Bits = FloatBits<T>;
  const Vec<T> biased = n + Vec<T>::set1(kIntegerMagic<T> + T(Bits::kBias));
  return bitcast<T>(shift_left<Bits::kMantissa>(bitcast<IntOf<T>>(biased)));
}

// a * 2^n for integral n and a near 1. In two steps, of which only the second can round, so results that
// overflow or end subnormal are right too. (AVX-512 has an instruction and its own ldexp.)
template <class T>
TW_INLINE Vec<T> ldexp(Vec<T> a, Vec<T> n) {
  const Vec<T> half = floor(n * Vec<T>::set1(T(0.5)));
  return a * pow2(half) * pow2(n - half);
}

// ---- conversions ---------------------------------------------------------------------------------------

// Random bits to [0, 1): the upper 24 bits, so every value is exact and 1 is never reached.
TW_INLINE VecF unit_float(VecU bits) {
  return to_float(bitcast<int32_t>(shift_right_logical<8>(bits))) * VecF::set1(0x1p-24f);
}

TW_INLINE VecF load_bf16(const uint16_t* p) { return bitcast<float>(shift_left<16>(load_u16(p))); }
TW_INLINE VecF load_bf16_n(const uint16_t* p, int n) {
  return bitcast<float>(shift_left<16>(load_u16_n(p, n)));
}

// The upper 16 bits, rounded to nearest even; a NaN stays a NaN, made quiet.
TW_INLINE VecU to_bf16_bits(VecF a) {
  const VecU bits = bitcast<uint32_t>(a), upper = shift_right_logical<16>(bits);
  const VecU rounded = bits + VecU::set1(0x7fff) + (upper & VecU::set1(1));
  return select(isnan(a), upper | VecU::set1(0x40), shift_right_logical<16>(rounded));
}
TW_INLINE void store_bf16(uint16_t* p, VecF a) { store_u16(p, to_bf16_bits(a)); }
TW_INLINE void store_bf16_n(uint16_t* p, VecF a, int n) { store_u16_n(p, to_bf16_bits(a), n); }

// ---- caches --------------------------------------------------------------------------------------------

TW_INLINE void prefetch_l1(const void* p) { __builtin_prefetch(p, 0, 3); }
TW_INLINE void prefetch_write(const void* p) { __builtin_prefetch(p, 1, 3); }
TW_INLINE void prefetch_l2(const void* p) { __builtin_prefetch(p, 0, 2); }

}  // namespace tilewright::cpu::TW_ISA
