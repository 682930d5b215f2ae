// SPDX-License-Identifier: Apache-2.0
// Vec, NEON body (aarch64): 16-byte registers, masks are registers too. Contract: vec_scalar.h.
#pragma once

#include <arm_neon.h>

#include "cpu/simd/vec_base.h"

namespace tilewright::cpu::TW_ISA {

inline constexpr bool kFusedFma = true;

template <>
struct LaneMask<4> {
  uint32x4_t m;  // all bits of a lane set, or none
};
template <>
struct LaneMask<8> {
  uint64x2_t m;
};

TW_INLINE uint32x4_t first_mask4(int n) {
  const int32_t lanes[4] = {0, 1, 2, 3};
  return vcgtq_s32(vdupq_n_s32(n), vld1q_s32(lanes));
}
TW_INLINE uint64x2_t first_mask8(int n) {
  const int64_t lanes[2] = {0, 1};
  return vcgtq_s64(vdupq_n_s64(n), vld1q_s64(lanes));
}

// The register of each element type, and the instructions that are named after the type.
TW_INLINE float32x4_t load_register(const float* p) { return vld1q_f32(p); }
TW_INLINE float64x2_t load_register(const double* p) { return vld1q_f64(p); }
TW_INLINE int32x4_t load_register(const int32_t* p) { return vld1q_s32(p); }
TW_INLINE uint32x4_t load_register(const uint32_t* p) { return vld1q_u32(p); }
TW_INLINE int64x2_t load_register(const int64_t* p) { return vld1q_s64(p); }
TW_INLINE float32x4_t set_register(float x) { return vdupq_n_f32(x); }
TW_INLINE float64x2_t set_register(double x) { return vdupq_n_f64(x); }
TW_INLINE int32x4_t set_register(int32_t x) { return vdupq_n_s32(x); }
TW_INLINE uint32x4_t set_register(uint32_t x) { return vdupq_n_u32(x); }
TW_INLINE int64x2_t set_register(int64_t x) { return vdupq_n_s64(x); }

template <class T>
struct Vec {
  using Element = T;
  static constexpr int kLanes = 16 / sizeof(T);
  decltype(set_register(T())) v;

  static TW_INLINE Vec load(const T* p) { return {load_register(p)}; }
  // There are no masked moves, so tails go through a small copy.
  static TW_INLINE Vec load_n(const T* p, int n) { return load(copy_tail<kLanes>(p, n).data); }
  static TW_INLINE Vec load_n(const T* p, int n, T fill) {
    T lanes[kLanes];
    for (int i = 0; i < kLanes; ++i) lanes[i] = i < n ? p[i] : fill;
    return load(lanes);
  }
  static TW_INLINE Vec set1(T x) { return {set_register(x)}; }
  static TW_INLINE Vec zero() { return set1(T(0)); }
  static TW_INLINE Vec iota() {
    const T lanes[4] = {T(0), T(1), T(2), T(3)};
    return load(lanes);
  }
};

// ---- bits ----------------------------------------------------------------------------------------------

TW_INLINE uint32x4_t raw(VecF a) { return vreinterpretq_u32_f32(a.v); }
TW_INLINE uint32x4_t raw(VecI a) { return vreinterpretq_u32_s32(a.v); }
TW_INLINE uint32x4_t raw(VecU a) { return a.v; }
TW_INLINE uint64x2_t raw(VecD a) { return vreinterpretq_u64_f64(a.v); }
TW_INLINE uint64x2_t raw(VecL a) { return vreinterpretq_u64_s64(a.v); }
template <class T>
TW_INLINE Vec<T> from_raw(uint32x4_t bits) {
  if constexpr (kSame<T, float>)
    return {vreinterpretq_f32_u32(bits)};
  else if constexpr (kSame<T, int32_t>)
    return {vreinterpretq_s32_u32(bits)};
  else
    return {bits};
}
template <class T>
TW_INLINE Vec<T> from_raw(uint64x2_t bits) {
  if constexpr (kSame<T, double>)
    return {vreinterpretq_f64_u64(bits)};
  else
    return {vreinterpretq_s64_u64(bits)};
}
template <class To, class From>
TW_INLINE Vec<To> bitcast(Vec<From> a) {
  static_assert(sizeof(To) == sizeof(From), "lanes keep their width");
  return from_raw<To>(raw(a));
}

TW_INLINE uint32x4_t and_bits(uint32x4_t a, uint32x4_t b) { return vandq_u32(a, b); }
TW_INLINE uint64x2_t and_bits(uint64x2_t a, uint64x2_t b) { return vandq_u64(a, b); }
TW_INLINE uint32x4_t or_bits(uint32x4_t a, uint32x4_t b) { return vorrq_u32(a, b); }
TW_INLINE uint64x2_t or_bits(uint64x2_t a, uint64x2_t b) { return vorrq_u64(a, b); }
TW_INLINE uint32x4_t xor_bits(uint32x4_t a, uint32x4_t b) { return veorq_u32(a, b); }
TW_INLINE uint64x2_t xor_bits(uint64x2_t a, uint64x2_t b) { return veorq_u64(a, b); }
TW_INLINE uint32x4_t not_bits(uint32x4_t a) { return vmvnq_u32(a); }
TW_INLINE uint64x2_t not_bits(uint64x2_t a) { return veorq_u64(a, vdupq_n_u64(~uint64_t(0))); }

template <class T>
TW_INLINE Vec<T> operator&(Vec<T> a, Vec<T> b) {
  return from_raw<T>(and_bits(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator|(Vec<T> a, Vec<T> b) {
  return from_raw<T>(or_bits(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator^(Vec<T> a, Vec<T> b) {
  return from_raw<T>(xor_bits(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator~(Vec<T> a) {
  return from_raw<T>(not_bits(raw(a)));
}
template <class T>
TW_INLINE Vec<T> andnot(Vec<T> a, Vec<T> b) {
  return from_raw<T>(and_bits(not_bits(raw(a)), raw(b)));
}

template <int kBits, class T>
TW_INLINE Vec<T> shift_left(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return from_raw<T>(vshlq_n_u32(raw(a), kBits));
  else
    return from_raw<T>(vshlq_n_u64(raw(a), kBits));
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_logical(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return from_raw<T>(vshrq_n_u32(raw(a), kBits));
  else
    return from_raw<T>(vshrq_n_u64(raw(a), kBits));
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_arithmetic(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return from_raw<T>(vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(raw(a)), kBits)));
  else
    return from_raw<T>(vreinterpretq_u64_s64(vshrq_n_s64(vreinterpretq_s64_u64(raw(a)), kBits)));
}

// ---- memory --------------------------------------------------------------------------------------------

TW_INLINE void store(float* p, VecF a) { vst1q_f32(p, a.v); }
TW_INLINE void store(double* p, VecD a) { vst1q_f64(p, a.v); }
TW_INLINE void store(int32_t* p, VecI a) { vst1q_s32(p, a.v); }
TW_INLINE void store(uint32_t* p, VecU a) { vst1q_u32(p, a.v); }
TW_INLINE void store(int64_t* p, VecL a) { vst1q_s64(p, a.v); }
template <class T>
TW_INLINE void store_n(T* p, Vec<T> a, int n) {
  T lanes[Vec<T>::kLanes];
  store(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
// No intrinsic for stores past the caches.
template <class T>
TW_INLINE void stream(T* p, Vec<T> a) {
  store(p, a);
}
TW_INLINE void stream_fence() {}
template <class T>
TW_INLINE T first_lane(Vec<T> a) {
  return a.v[0];
}

TW_INLINE VecF gather(const float* base, VecI index) {
  const float lanes[4] = {base[index.v[0]], base[index.v[1]], base[index.v[2]], base[index.v[3]]};
  return VecF::load(lanes);
}
TW_INLINE VecI gather(const int32_t* base, VecI index) {
  const int32_t lanes[4] = {base[index.v[0]], base[index.v[1]], base[index.v[2]], base[index.v[3]]};
  return VecI::load(lanes);
}
TW_INLINE VecD gather(const double* base, VecL index) {
  const double lanes[2] = {base[index.v[0]], base[index.v[1]]};
  return VecD::load(lanes);
}

// ---- masks ---------------------------------------------------------------------------------------------

TW_INLINE LaneMask<4> operator==(VecF a, VecF b) { return {vceqq_f32(a.v, b.v)}; }
TW_INLINE LaneMask<8> operator==(VecD a, VecD b) { return {vceqq_f64(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator==(VecI a, VecI b) { return {vceqq_s32(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator==(VecU a, VecU b) { return {vceqq_u32(a.v, b.v)}; }
TW_INLINE LaneMask<8> operator==(VecL a, VecL b) { return {vceqq_s64(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator>(VecF a, VecF b) { return {vcgtq_f32(a.v, b.v)}; }
TW_INLINE LaneMask<8> operator>(VecD a, VecD b) { return {vcgtq_f64(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator>(VecI a, VecI b) { return {vcgtq_s32(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator>(VecU a, VecU b) { return {vcgtq_u32(a.v, b.v)}; }
TW_INLINE LaneMask<8> operator>(VecL a, VecL b) { return {vcgtq_s64(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator>=(VecF a, VecF b) { return {vcgeq_f32(a.v, b.v)}; }
TW_INLINE LaneMask<8> operator>=(VecD a, VecD b) { return {vcgeq_f64(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator>=(VecI a, VecI b) { return {vcgeq_s32(a.v, b.v)}; }
TW_INLINE LaneMask<4> operator>=(VecU a, VecU b) { return {vcgeq_u32(a.v, b.v)}; }
TW_INLINE LaneMask<8> operator>=(VecL a, VecL b) { return {vcgeq_s64(a.v, b.v)}; }
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator&(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {and_bits(a.m, b.m)};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator|(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {or_bits(a.m, b.m)};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator^(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {xor_bits(a.m, b.m)};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator!(LaneMask<kBytes> a) {
  return {not_bits(a.m)};
}
template <class T>
TW_INLINE Mask<T> operator!=(Vec<T> a, Vec<T> b) {
  return !(a == b);
}
template <class T>
TW_INLINE Mask<T> operator<(Vec<T> a, Vec<T> b) {
  return b > a;
}
template <class T>
TW_INLINE Mask<T> operator<=(Vec<T> a, Vec<T> b) {
  return b >= a;
}

// Each lane keeps the bit of its own place; their sum is the row of bits.
TW_INLINE uint32_t to_bits(LaneMask<4> a) {
  const uint32_t places[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(a.m, vld1q_u32(places)));
}
TW_INLINE uint32_t to_bits(LaneMask<8> a) { return uint32_t((a.m[0] & 1) | (a.m[1] & 2)); }
template <class T>
TW_INLINE Mask<T> mask_first(int n) {
  if constexpr (sizeof(T) == 4)
    return {first_mask4(n)};
  else
    return {first_mask8(n)};
}
template <class T>
TW_INLINE Vec<T> select(Mask<T> mask, Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4)
    return from_raw<T>(vbslq_u32(mask.m, raw(a), raw(b)));
  else
    return from_raw<T>(vbslq_u64(mask.m, raw(a), raw(b)));
}

// ---- arithmetic ----------------------------------------------------------------------------------------

TW_INLINE VecF operator+(VecF a, VecF b) { return {vaddq_f32(a.v, b.v)}; }
TW_INLINE VecF operator-(VecF a, VecF b) { return {vsubq_f32(a.v, b.v)}; }
TW_INLINE VecF operator*(VecF a, VecF b) { return {vmulq_f32(a.v, b.v)}; }
TW_INLINE VecF operator/(VecF a, VecF b) { return {vdivq_f32(a.v, b.v)}; }
TW_INLINE VecF fma(VecF a, VecF b, VecF c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
TW_INLINE VecF fnma(VecF a, VecF b, VecF c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
TW_INLINE VecF sqrt(VecF a) { return {vsqrtq_f32(a.v)}; }
TW_INLINE VecF round_even(VecF a) { return {vrndnq_f32(a.v)}; }
TW_INLINE VecF floor(VecF a) { return {vrndmq_f32(a.v)}; }
TW_INLINE VecF ceil(VecF a) { return {vrndpq_f32(a.v)}; }
TW_INLINE VecF trunc(VecF a) { return {vrndq_f32(a.v)}; }

TW_INLINE VecD operator+(VecD a, VecD b) { return {vaddq_f64(a.v, b.v)}; }
TW_INLINE VecD operator-(VecD a, VecD b) { return {vsubq_f64(a.v, b.v)}; }
TW_INLINE VecD operator*(VecD a, VecD b) { return {vmulq_f64(a.v, b.v)}; }
TW_INLINE VecD operator/(VecD a, VecD b) { return {vdivq_f64(a.v, b.v)}; }
TW_INLINE VecD fma(VecD a, VecD b, VecD c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
TW_INLINE VecD fnma(VecD a, VecD b, VecD c) { return {vfmsq_f64(c.v, a.v, b.v)}; }
TW_INLINE VecD sqrt(VecD a) { return {vsqrtq_f64(a.v)}; }
TW_INLINE VecD round_even(VecD a) { return {vrndnq_f64(a.v)}; }
TW_INLINE VecD floor(VecD a) { return {vrndmq_f64(a.v)}; }
TW_INLINE VecD ceil(VecD a) { return {vrndpq_f64(a.v)}; }
TW_INLINE VecD trunc(VecD a) { return {vrndq_f64(a.v)}; }

TW_INLINE VecI operator+(VecI a, VecI b) { return {vaddq_s32(a.v, b.v)}; }
TW_INLINE VecI operator-(VecI a, VecI b) { return {vsubq_s32(a.v, b.v)}; }
TW_INLINE VecI operator*(VecI a, VecI b) { return {vmulq_s32(a.v, b.v)}; }
TW_INLINE VecU operator+(VecU a, VecU b) { return {vaddq_u32(a.v, b.v)}; }
TW_INLINE VecU operator-(VecU a, VecU b) { return {vsubq_u32(a.v, b.v)}; }
TW_INLINE VecU operator*(VecU a, VecU b) { return {vmulq_u32(a.v, b.v)}; }
TW_INLINE VecL operator+(VecL a, VecL b) { return {vaddq_s64(a.v, b.v)}; }
TW_INLINE VecL operator-(VecL a, VecL b) { return {vsubq_s64(a.v, b.v)}; }
// Low x low plus the two cross products moved up; high x high falls out of range.
TW_INLINE VecL operator*(VecL a, VecL b) {
  const uint32x2_t a_lo = vmovn_u64(raw(a)), a_hi = vshrn_n_u64(raw(a), 32);
  const uint32x2_t b_lo = vmovn_u64(raw(b)), b_hi = vshrn_n_u64(raw(b), 32);
  const uint64x2_t cross = vmlal_u32(vmull_u32(a_hi, b_lo), a_lo, b_hi);
  return from_raw<int64_t>(vmlal_u32(vshlq_n_u64(cross, 32), a_lo, b_lo));
}

// NEON's own minimum and maximum always give NaN, so the "fast" forms are the longer ones here.
template <class T>
TW_INLINE Vec<T> min_fast(Vec<T> a, Vec<T> b) {
  return select(a < b, a, b);
}
template <class T>
TW_INLINE Vec<T> max_fast(Vec<T> a, Vec<T> b) {
  return select(a > b, a, b);
}

TW_INLINE void mul_wide(VecU a, VecU b, VecU* hi, VecU* lo) {
  const uint32x4_t first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a.v), vget_low_u32(b.v)));
  const uint32x4_t second = vreinterpretq_u32_u64(vmull_high_u32(a.v, b.v));
  lo->v = vuzp1q_u32(first, second);
  hi->v = vuzp2q_u32(first, second);
}

// ---- lanes ---------------------------------------------------------------------------------------------

template <int kDistance, class T>
TW_INLINE Vec<T> xor_lanes(Vec<T> a) {
  constexpr int bytes = kDistance * int(sizeof(T));
  static_assert(bytes == 8 || bytes == 4, "a power of two below kLanes");
  if constexpr (sizeof(T) == 8)
    return from_raw<T>(vextq_u64(raw(a), raw(a), 1));
  else if constexpr (bytes == 8)
    return from_raw<T>(vextq_u32(raw(a), raw(a), 2));
  else
    return from_raw<T>(vrev64q_u32(raw(a)));
}

TW_INLINE void transpose(VecF (&rows)[4]) {
  const float32x4_t a = vzip1q_f32(rows[0].v, rows[2].v), b = vzip2q_f32(rows[0].v, rows[2].v);
  const float32x4_t c = vzip1q_f32(rows[1].v, rows[3].v), d = vzip2q_f32(rows[1].v, rows[3].v);
  rows[0].v = vzip1q_f32(a, c);
  rows[1].v = vzip2q_f32(a, c);
  rows[2].v = vzip1q_f32(b, d);
  rows[3].v = vzip2q_f32(b, d);
}

// table[index mod 16] in each lane, byte by byte.
TW_INLINE VecF lookup16(const float (&table)[16], VecI index) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(table);
  const uint8x16x4_t rows = {{vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)}};
  const int32x4_t first = vmulq_n_s32(vandq_s32(index.v, vdupq_n_s32(15)), 0x04040404);
  const int32x4_t places = vaddq_s32(first, vdupq_n_s32(0x03020100));
  return {vreinterpretq_f32_u8(vqtbl4q_u8(rows, vreinterpretq_u8_s32(places)))};
}

// ---- conversions ---------------------------------------------------------------------------------------

TW_INLINE VecF to_float(VecI a) { return {vcvtq_f32_s32(a.v)}; }
TW_INLINE VecI trunc_to_int(VecF a) { return {vcvtq_s32_f32(a.v)}; }
TW_INLINE VecI round_to_int(VecF a) { return {vcvtnq_s32_f32(a.v)}; }
TW_INLINE VecD widen_lo(VecF a) { return {vcvt_f64_f32(vget_low_f32(a.v))}; }
TW_INLINE VecD widen_hi(VecF a) { return {vcvt_high_f64_f32(a.v)}; }
TW_INLINE VecF narrow(VecD lo, VecD hi) { return {vcvt_high_f32_f64(vcvt_f32_f64(lo.v), hi.v)}; }
TW_INLINE VecL widen_lo(VecI a) { return {vmovl_s32(vget_low_s32(a.v))}; }
TW_INLINE VecL widen_hi(VecI a) { return {vmovl_high_s32(a.v)}; }

TW_INLINE VecU load_u16(const uint16_t* p) { return {vmovl_u16(vld1_u16(p))}; }
TW_INLINE void store_u16(uint16_t* p, VecU a) { vst1_u16(p, vmovn_u32(a.v)); }
TW_INLINE VecF load_f16(const uint16_t* p) { return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))}; }
TW_INLINE void store_f16(uint16_t* p, VecF a) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(a.v))); }
TW_INLINE VecF load_u8(const uint8_t* p) {
  uint32_t bytes;
  __builtin_memcpy(&bytes, p, 4);
  const uint16x8_t wide = vmovl_u8(vcreate_u8(bytes));
  return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)))};
}
TW_INLINE VecF load_s8(const int8_t* p) {
  uint32_t bytes;
  __builtin_memcpy(&bytes, p, 4);
  const int16x8_t wide = vmovl_s8(vcreate_s8(bytes));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)))};
}

TW_INLINE VecF load_u8_n(const uint8_t* p, int n) { return load_u8(copy_tail<4>(p, n).data); }
TW_INLINE VecF load_s8_n(const int8_t* p, int n) { return load_s8(copy_tail<4>(p, n).data); }
TW_INLINE VecU load_u16_n(const uint16_t* p, int n) { return load_u16(copy_tail<4>(p, n).data); }
TW_INLINE VecF load_f16_n(const uint16_t* p, int n) { return load_f16(copy_tail<4>(p, n).data); }
TW_INLINE void store_u16_n(uint16_t* p, VecU a, int n) {
  uint16_t lanes[4];
  store_u16(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
TW_INLINE void store_f16_n(uint16_t* p, VecF a, int n) {
  uint16_t lanes[4];
  store_f16(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

}  // namespace tilewright::cpu::TW_ISA

#include "cpu/simd/vec_common.h"
