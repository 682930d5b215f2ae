// SPDX-License-Identifier: Apache-2.0
// Vec, scalar body: one lane, baseline instructions only. It is also the contract: vec_avx2.h, vec_avx512.h
// and vec_neon.h define the same names with the same meaning per lane, and vec_common.h builds on them.
//
//   load, store, *_n   any alignment; *_n touches the first n elements only, 0 <= n <= kLanes
//   stream             past the caches; aligned to the register; end a run with stream_fence()
//   fma, fnma          a*b+c and c-a*b; one rounding where the hardware fuses (kFusedFma), two here
//   min_fast, max_fast the second operand if either is NaN (one x86 instruction)
//   min_nan, max_nan   NaN if either is NaN, as NumPy's minimum and maximum
//   ==, <, ...         a Mask; false on NaN, except !=
//   lookup16           table[index mod 16]
//   round_to_int, trunc_to_int   defined for results that an int32 holds
//   widen_lo, widen_hi the two halves as double; with one lane the upper half is empty: zero, ignored by
//   narrow xor_lanes<k>       lane i receives lane i ^ k reduce_*           fixed tree: lane i with lane i ^
//   kLanes/2, then i ^ kLanes/4, ... i ^ 1
#pragma once

#include "cpu/simd/vec_base.h"

namespace tilewright::cpu::TW_ISA {

inline constexpr bool kFusedFma = false;

template <int kLaneBytes>
struct LaneMask {
  bool m;
};

template <class T>
struct Vec {
  using Element = T;
  static constexpr int kLanes = 1;
  T v;

  static TW_INLINE Vec load(const T* p) { return {*p}; }
  static TW_INLINE Vec load_n(const T* p, int n) { return {n > 0 ? *p : T(0)}; }
  static TW_INLINE Vec load_n(const T* p, int n, T fill) { return {n > 0 ? *p : fill}; }
  static TW_INLINE Vec set1(T x) { return {x}; }
  static TW_INLINE Vec zero() { return {T(0)}; }
  static TW_INLINE Vec iota() { return {T(0)}; }  // 0, 1, 2, ... kLanes - 1
};

// ---- bits ----------------------------------------------------------------------------------------------

template <int kBytes>
struct LaneBits;
template <>
struct LaneBits<4> {
  using Type = uint32_t;
};
template <>
struct LaneBits<8> {
  using Type = uint64_t;
};

template <class T>
TW_INLINE typename LaneBits<sizeof(T)>::Type raw(Vec<T> a) {
  typename LaneBits<sizeof(T)>::Type bits;
  __builtin_memcpy(&bits, &a.v, sizeof(T));
  return bits;
}
template <class T>
TW_INLINE Vec<T> from_raw(typename LaneBits<sizeof(T)>::Type bits) {
  Vec<T> a;
  __builtin_memcpy(&a.v, &bits, sizeof(T));
  return a;
}
template <class To, class From>
TW_INLINE Vec<To> bitcast(Vec<From> a) {
  return from_raw<To>(raw(a));
}

template <class T>
TW_INLINE Vec<T> operator&(Vec<T> a, Vec<T> b) {
  return from_raw<T>(raw(a) & raw(b));
}
template <class T>
TW_INLINE Vec<T> operator|(Vec<T> a, Vec<T> b) {
  return from_raw<T>(raw(a) | raw(b));
}
template <class T>
TW_INLINE Vec<T> operator^(Vec<T> a, Vec<T> b) {
  return from_raw<T>(raw(a) ^ raw(b));
}
template <class T>
TW_INLINE Vec<T> operator~(Vec<T> a) {
  return from_raw<T>(~raw(a));
}
template <class T>
TW_INLINE Vec<T> andnot(Vec<T> a, Vec<T> b) {
  return from_raw<T>(~raw(a) & raw(b));
}

template <int kBits, class T>
TW_INLINE Vec<T> shift_left(Vec<T> a) {
  return from_raw<T>(raw(a) << kBits);
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_logical(Vec<T> a) {
  return from_raw<T>(raw(a) >> kBits);
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_arithmetic(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return {T(int32_t(a.v) >> kBits)};
  else
    return {T(int64_t(a.v) >> kBits)};
}

// ---- memory --------------------------------------------------------------------------------------------

template <class T>
TW_INLINE void store(T* p, Vec<T> a) {
  *p = a.v;
}
template <class T>
TW_INLINE void stream(T* p, Vec<T> a) {
  *p = a.v;
}
TW_INLINE void stream_fence() {}
template <class T>
TW_INLINE void store_n(T* p, Vec<T> a, int n) {
  if (n > 0) *p = a.v;
}
template <class T>
TW_INLINE T first_lane(Vec<T> a) {
  return a.v;
}

TW_INLINE VecF gather(const float* base, VecI index) { return {base[index.v]}; }
TW_INLINE VecI gather(const int32_t* base, VecI index) { return {base[index.v]}; }
TW_INLINE VecD gather(const double* base, VecL index) { return {base[index.v]}; }

// ---- arithmetic ----------------------------------------------------------------------------------------

// Integers wrap around: computed on the unsigned bits, where overflow is defined.
template <class T>
TW_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return {a.v + b.v};
  else
    return from_raw<T>(raw(a) + raw(b));
}
template <class T>
TW_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return {a.v - b.v};
  else
    return from_raw<T>(raw(a) - raw(b));
}
template <class T>
TW_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return {a.v * b.v};
  else
    return from_raw<T>(raw(a) * raw(b));
}
template <class T>
TW_INLINE Vec<T> operator/(Vec<T> a, Vec<T> b) {
  static_assert(kFloating<T>, "integers have no vector division");
  return {a.v / b.v};
}
template <class T>
TW_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return a * b + c;
}
template <class T>
TW_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return c - a * b;
}
template <class T>
TW_INLINE Vec<T> min_fast(Vec<T> a, Vec<T> b) {
  return {a.v < b.v ? a.v : b.v};
}
template <class T>
TW_INLINE Vec<T> max_fast(Vec<T> a, Vec<T> b) {
  return {a.v > b.v ? a.v : b.v};
}
TW_INLINE VecF sqrt(VecF a) { return {__builtin_sqrtf(a.v)}; }
TW_INLINE VecD sqrt(VecD a) { return {__builtin_sqrt(a.v)}; }

// Adding 2^(mantissa bits) rounds to an integer, nearest and even; SSE2 has no rounding instruction.
template <class T>
TW_INLINE Vec<T> round_even(Vec<T> a) {
  const T limit = sizeof(T) == 4 ? T(8388608) : T(4503599627370496);
  const T magnitude = a.v < T(0) ? -a.v : a.v;
  if (!(magnitude < limit)) return a;  // already an integer, infinite or NaN
  const Vec<T> rounded = {(magnitude + limit) - limit};
  const Vec<T> sign = Vec<T>{T(-0.0)};
  return rounded | (a & sign);
}
template <class T>
TW_INLINE Vec<T> floor(Vec<T> a) {
  const Vec<T> r = round_even(a);
  return r.v > a.v ? Vec<T>{r.v - T(1)} : r;
}
template <class T>
TW_INLINE Vec<T> ceil(Vec<T> a) {
  const Vec<T> r = round_even(a);
  return (r.v < a.v ? Vec<T>{r.v + T(1)} : r) | (a & Vec<T>{T(-0.0)});
}
template <class T>
TW_INLINE Vec<T> trunc(Vec<T> a) {
  return a.v < T(0) ? ceil(a) : floor(a);
}

// 32 x 32 -> 64 bits, split in two: the step of Philox.
TW_INLINE void mul_wide(VecU a, VecU b, VecU* hi, VecU* lo) {
  const uint64_t product = uint64_t(a.v) * b.v;
  hi->v = uint32_t(product >> 32);
  lo->v = uint32_t(product);
}

// ---- masks ---------------------------------------------------------------------------------------------

template <class T>
TW_INLINE Mask<T> operator==(Vec<T> a, Vec<T> b) {
  return {a.v == b.v};
}
template <class T>
TW_INLINE Mask<T> operator!=(Vec<T> a, Vec<T> b) {
  return {a.v != b.v};
}
template <class T>
TW_INLINE Mask<T> operator<(Vec<T> a, Vec<T> b) {
  return {a.v < b.v};
}
template <class T>
TW_INLINE Mask<T> operator<=(Vec<T> a, Vec<T> b) {
  return {a.v <= b.v};
}
template <class T>
TW_INLINE Mask<T> operator>(Vec<T> a, Vec<T> b) {
  return {a.v > b.v};
}
template <class T>
TW_INLINE Mask<T> operator>=(Vec<T> a, Vec<T> b) {
  return {a.v >= b.v};
}

template <int kBytes>
TW_INLINE LaneMask<kBytes> operator&(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {a.m && b.m};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator|(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {a.m || b.m};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator^(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {a.m != b.m};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator!(LaneMask<kBytes> a) {
  return {!a.m};
}

// Bit i is lane i.
template <int kBytes>
TW_INLINE uint32_t to_bits(LaneMask<kBytes> a) {
  return a.m;
}
template <class T>
TW_INLINE Mask<T> mask_first(int n) {
  return {n > 0};
}  // lanes 0 .. n - 1
template <class T>
TW_INLINE Vec<T> select(Mask<T> mask, Vec<T> a, Vec<T> b) {
  return mask.m ? a : b;
}

// ---- lanes ---------------------------------------------------------------------------------------------

template <int kDistance, class T>
TW_INLINE Vec<T> xor_lanes(Vec<T> a) {
  static_assert(kDistance == 0, "there is one lane");
  return a;
}
TW_INLINE void transpose(VecF (&)[1]) {}

TW_INLINE VecF lookup16(const float (&table)[16], VecI index) { return {table[index.v & 15]}; }

// ---- conversions ---------------------------------------------------------------------------------------

TW_INLINE VecF to_float(VecI a) { return {float(a.v)}; }
TW_INLINE VecI trunc_to_int(VecF a) { return {int32_t(a.v)}; }
TW_INLINE VecI round_to_int(VecF a) { return {int32_t(round_even(a).v)}; }
TW_INLINE VecD widen_lo(VecF a) { return {double(a.v)}; }
TW_INLINE VecD widen_hi(VecF) { return {0.0}; }
TW_INLINE VecF narrow(VecD lo, VecD) { return {float(lo.v)}; }
TW_INLINE VecL widen_lo(VecI a) { return {int64_t(a.v)}; }
TW_INLINE VecL widen_hi(VecI) { return {0}; }

TW_INLINE VecF load_u8(const uint8_t* p) { return {float(*p)}; }
TW_INLINE VecF load_s8(const int8_t* p) { return {float(*p)}; }
TW_INLINE VecU load_u16(const uint16_t* p) { return {*p}; }
TW_INLINE void store_u16(uint16_t* p, VecU a) { *p = uint16_t(a.v); }  // values below 65536

TW_INLINE VecF load_f16(const uint16_t* p) {
  const uint32_t sign = uint32_t(*p & 0x8000) << 16, magnitude = *p & 0x7fff;
  if (magnitude > 0x7c00) return from_raw<float>(sign | 0x7fc00000 | magnitude << 13);  // NaN, made quiet
  if (magnitude == 0x7c00) return from_raw<float>(sign | 0x7f800000);
  // The float with these exponent bits is 2^112 too small; the product is exact, subnormal halves included.
  const float value = from_raw<float>(magnitude << 13).v * 0x1p112f;
  return from_raw<float>(sign | raw(VecF{value}));
}

// Round to nearest even, to infinity past 65520, to subnormal halves below 2^-14.
TW_INLINE void store_f16(uint16_t* p, VecF a) {
  const uint32_t bits = raw(a), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  uint32_t half;
  if (magnitude > 0x7f800000) {
    half = 0x7e00 | (magnitude >> 13 & 0x3ff);
  } else if (magnitude >= 0x477ff000) {
    half = 0x7c00;
  } else if (magnitude < 0x38800000) {
    // Adding 0.5 aligns the last bit kept, 2^-24, with the last bit of the float.
    half = raw(VecF{from_raw<float>(magnitude).v + 0.5f}) - 0x3f000000;
  } else {
    half = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  }
  *p = uint16_t(sign | half);
}

TW_INLINE VecF load_u8_n(const uint8_t* p, int n) { return n > 0 ? load_u8(p) : VecF::zero(); }
TW_INLINE VecF load_s8_n(const int8_t* p, int n) { return n > 0 ? load_s8(p) : VecF::zero(); }
TW_INLINE VecU load_u16_n(const uint16_t* p, int n) { return n > 0 ? load_u16(p) : VecU::zero(); }
TW_INLINE VecF load_f16_n(const uint16_t* p, int n) { return n > 0 ? load_f16(p) : VecF::zero(); }
TW_INLINE void store_u16_n(uint16_t* p, VecU a, int n) {
  if (n > 0) store_u16(p, a);
}
TW_INLINE void store_f16_n(uint16_t* p, VecF a, int n) {
  if (n > 0) store_f16(p, a);
}

}  // namespace tilewright::cpu::TW_ISA

#include "cpu/simd/vec_common.h"
