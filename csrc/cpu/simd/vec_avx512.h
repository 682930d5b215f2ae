// SPDX-License-Identifier: Apache-2.0
// Vec, AVX-512 body (F, BW, DQ, VL): 64-byte registers, tails by mask registers. Contract: vec_scalar.h.
#pragma once

// GCC 12 warns about its own _mm512_undefined_ps() wherever an intrinsic is inlined (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "cpu/simd/vec_base.h"

namespace tilewright::cpu::TW_ISA {

inline constexpr bool kFusedFma = true;

template <>
struct LaneMask<4> {
  __mmask16 m;
};
template <>
struct LaneMask<8> {
  __mmask8 m;
};

TW_INLINE __mmask16 first16(int n) { return __mmask16(_bzhi_u32(0xffff, unsigned(n))); }
TW_INLINE __mmask8 first8(int n) { return __mmask8(_bzhi_u32(0xff, unsigned(n))); }

template <>
struct Vec<float> {
  using Element = float;
  static constexpr int kLanes = 16;
  __m512 v;

  static TW_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static TW_INLINE Vec load_n(const float* p, int n) { return {_mm512_maskz_loadu_ps(first16(n), p)}; }
  static TW_INLINE Vec load_n(const float* p, int n, float fill) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), first16(n), p)};
  }
  static TW_INLINE Vec set1(float x) { return {_mm512_set1_ps(x)}; }
  static TW_INLINE Vec zero() { return {_mm512_setzero_ps()}; }
  static TW_INLINE Vec iota() {
    return {_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
  }
};

template <>
struct Vec<double> {
  using Element = double;
  static constexpr int kLanes = 8;
  __m512d v;

  static TW_INLINE Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static TW_INLINE Vec load_n(const double* p, int n) { return {_mm512_maskz_loadu_pd(first8(n), p)}; }
  static TW_INLINE Vec load_n(const double* p, int n, double fill) {
    return {_mm512_mask_loadu_pd(_mm512_set1_pd(fill), first8(n), p)};
  }
  static TW_INLINE Vec set1(double x) { return {_mm512_set1_pd(x)}; }
  static TW_INLINE Vec zero() { return {_mm512_setzero_pd()}; }
  static TW_INLINE Vec iota() { return {_mm512_setr_pd(0, 1, 2, 3, 4, 5, 6, 7)}; }
};

// int32_t, uint32_t and int64_t.
template <class T>
struct Vec {
  using Element = T;
  static constexpr int kLanes = 64 / sizeof(T);
  __m512i v;

  static TW_INLINE Vec load(const T* p) { return {_mm512_loadu_si512(p)}; }
  static TW_INLINE Vec load_n(const T* p, int n) {
    if constexpr (sizeof(T) == 4)
      return {_mm512_maskz_loadu_epi32(first16(n), p)};
    else
      return {_mm512_maskz_loadu_epi64(first8(n), p)};
  }
  static TW_INLINE Vec load_n(const T* p, int n, T fill) {
    if constexpr (sizeof(T) == 4)
      return {_mm512_mask_loadu_epi32(set1(fill).v, first16(n), p)};
    else
      return {_mm512_mask_loadu_epi64(set1(fill).v, first8(n), p)};
  }
  static TW_INLINE Vec set1(T x) {
    if constexpr (sizeof(T) == 4)
      return {_mm512_set1_epi32(int32_t(x))};
    else
      return {_mm512_set1_epi64(x)};
  }
  static TW_INLINE Vec zero() { return {_mm512_setzero_si512()}; }
  static TW_INLINE Vec iota() {
    if constexpr (sizeof(T) == 4)
      return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
    else
      return {_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7)};
  }
};

// ---- bits ----------------------------------------------------------------------------------------------

template <class T>
TW_INLINE __m512i raw(Vec<T> a) {
  if constexpr (kSame<T, float>)
    return _mm512_castps_si512(a.v);
  else if constexpr (kSame<T, double>)
    return _mm512_castpd_si512(a.v);
  else
    return a.v;
}
template <class T>
TW_INLINE Vec<T> from_raw(__m512i bits) {
  if constexpr (kSame<T, float>)
    return {_mm512_castsi512_ps(bits)};
  else if constexpr (kSame<T, double>)
    return {_mm512_castsi512_pd(bits)};
  else
    return {bits};
}
template <class To, class From>
TW_INLINE Vec<To> bitcast(Vec<From> a) {
  static_assert(sizeof(To) == sizeof(From), "lanes keep their width");
  return from_raw<To>(raw(a));
}

template <class T>
TW_INLINE Vec<T> operator&(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm512_and_si512(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator|(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm512_or_si512(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator^(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm512_xor_si512(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator~(Vec<T> a) {
  return from_raw<T>(_mm512_xor_si512(raw(a), _mm512_set1_epi32(-1)));
}
template <class T>
TW_INLINE Vec<T> andnot(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm512_andnot_si512(raw(a), raw(b)));
}

template <int kBits, class T>
TW_INLINE Vec<T> shift_left(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return {_mm512_slli_epi32(a.v, kBits)};
  else
    return {_mm512_slli_epi64(a.v, kBits)};
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_logical(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return {_mm512_srli_epi32(a.v, kBits)};
  else
    return {_mm512_srli_epi64(a.v, kBits)};
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_arithmetic(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return {_mm512_srai_epi32(a.v, kBits)};
  else
    return {_mm512_srai_epi64(a.v, kBits)};
}

// ---- memory --------------------------------------------------------------------------------------------

template <class T>
TW_INLINE void store(T* p, Vec<T> a) {
  _mm512_storeu_si512(p, raw(a));
}
TW_INLINE void store(float* p, VecF a) { _mm512_storeu_ps(p, a.v); }
TW_INLINE void store(double* p, VecD a) { _mm512_storeu_pd(p, a.v); }
template <class T>
TW_INLINE void store_n(T* p, Vec<T> a, int n) {
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_epi32(p, first16(n), raw(a));
  else
    _mm512_mask_storeu_epi64(p, first8(n), raw(a));
}
template <class T>
TW_INLINE void stream(T* p, Vec<T> a) {
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), raw(a));
}
TW_INLINE void stream_fence() { _mm_sfence(); }

TW_INLINE float first_lane(VecF a) { return _mm512_cvtss_f32(a.v); }
TW_INLINE double first_lane(VecD a) { return _mm512_cvtsd_f64(a.v); }
template <class T>
TW_INLINE T first_lane(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return T(_mm512_cvtsi512_si32(a.v));
  else
    return T(_mm_cvtsi128_si64(_mm512_castsi512_si128(a.v)));
}

TW_INLINE VecF gather(const float* base, VecI index) { return {_mm512_i32gather_ps(index.v, base, 4)}; }
TW_INLINE VecI gather(const int32_t* base, VecI index) { return {_mm512_i32gather_epi32(index.v, base, 4)}; }
TW_INLINE VecD gather(const double* base, VecL index) { return {_mm512_i64gather_pd(index.v, base, 8)}; }

// ---- arithmetic ----------------------------------------------------------------------------------------

TW_INLINE VecF operator+(VecF a, VecF b) { return {_mm512_add_ps(a.v, b.v)}; }
TW_INLINE VecF operator-(VecF a, VecF b) { return {_mm512_sub_ps(a.v, b.v)}; }
TW_INLINE VecF operator*(VecF a, VecF b) { return {_mm512_mul_ps(a.v, b.v)}; }
TW_INLINE VecF operator/(VecF a, VecF b) { return {_mm512_div_ps(a.v, b.v)}; }
TW_INLINE VecF fma(VecF a, VecF b, VecF c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
TW_INLINE VecF fnma(VecF a, VecF b, VecF c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
TW_INLINE VecF min_fast(VecF a, VecF b) { return {_mm512_min_ps(a.v, b.v)}; }
TW_INLINE VecF max_fast(VecF a, VecF b) { return {_mm512_max_ps(a.v, b.v)}; }
TW_INLINE VecF sqrt(VecF a) { return {_mm512_sqrt_ps(a.v)}; }
TW_INLINE VecF round_even(VecF a) { return {_mm512_roundscale_ps(a.v, 8 | _MM_FROUND_TO_NEAREST_INT)}; }
TW_INLINE VecF floor(VecF a) { return {_mm512_roundscale_ps(a.v, 8 | _MM_FROUND_TO_NEG_INF)}; }
TW_INLINE VecF ceil(VecF a) { return {_mm512_roundscale_ps(a.v, 8 | _MM_FROUND_TO_POS_INF)}; }
TW_INLINE VecF trunc(VecF a) { return {_mm512_roundscale_ps(a.v, 8 | _MM_FROUND_TO_ZERO)}; }

TW_INLINE VecD operator+(VecD a, VecD b) { return {_mm512_add_pd(a.v, b.v)}; }
TW_INLINE VecD operator-(VecD a, VecD b) { return {_mm512_sub_pd(a.v, b.v)}; }
TW_INLINE VecD operator*(VecD a, VecD b) { return {_mm512_mul_pd(a.v, b.v)}; }
TW_INLINE VecD operator/(VecD a, VecD b) { return {_mm512_div_pd(a.v, b.v)}; }
TW_INLINE VecD fma(VecD a, VecD b, VecD c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
TW_INLINE VecD fnma(VecD a, VecD b, VecD c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }
TW_INLINE VecD min_fast(VecD a, VecD b) { return {_mm512_min_pd(a.v, b.v)}; }
TW_INLINE VecD max_fast(VecD a, VecD b) { return {_mm512_max_pd(a.v, b.v)}; }
TW_INLINE VecD sqrt(VecD a) { return {_mm512_sqrt_pd(a.v)}; }
TW_INLINE VecD round_even(VecD a) { return {_mm512_roundscale_pd(a.v, 8 | _MM_FROUND_TO_NEAREST_INT)}; }
TW_INLINE VecD floor(VecD a) { return {_mm512_roundscale_pd(a.v, 8 | _MM_FROUND_TO_NEG_INF)}; }
TW_INLINE VecD ceil(VecD a) { return {_mm512_roundscale_pd(a.v, 8 | _MM_FROUND_TO_POS_INF)}; }
TW_INLINE VecD trunc(VecD a) { return {_mm512_roundscale_pd(a.v, 8 | _MM_FROUND_TO_ZERO)}; }

TW_INLINE VecF ldexp(VecF a, VecF n) { return {_mm512_scalef_ps(a.v, n.v)}; }
TW_INLINE VecD ldexp(VecD a, VecD n) { return {_mm512_scalef_pd(a.v, n.v)}; }

template <class T>
TW_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4)
    return {_mm512_add_epi32(a.v, b.v)};
  else
    return {_mm512_add_epi64(a.v, b.v)};
}
template <class T>
TW_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4)
    return {_mm512_sub_epi32(a.v, b.v)};
  else
    return {_mm512_sub_epi64(a.v, b.v)};
}
template <class T>
TW_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4)
    return {_mm512_mullo_epi32(a.v, b.v)};
  else
    return {_mm512_mullo_epi64(a.v, b.v)};
}
TW_INLINE VecI min_fast(VecI a, VecI b) { return {_mm512_min_epi32(a.v, b.v)}; }
TW_INLINE VecI max_fast(VecI a, VecI b) { return {_mm512_max_epi32(a.v, b.v)}; }
TW_INLINE VecU min_fast(VecU a, VecU b) { return {_mm512_min_epu32(a.v, b.v)}; }
TW_INLINE VecU max_fast(VecU a, VecU b) { return {_mm512_max_epu32(a.v, b.v)}; }
TW_INLINE VecL min_fast(VecL a, VecL b) { return {_mm512_min_epi64(a.v, b.v)}; }
TW_INLINE VecL max_fast(VecL a, VecL b) { return {_mm512_max_epi64(a.v, b.v)}; }

TW_INLINE void mul_wide(VecU a, VecU b, VecU* hi, VecU* lo) {
  const __m512i even = _mm512_mul_epu32(a.v, b.v);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
  hi->v = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
  lo->v = _mm512_mullo_epi32(a.v, b.v);
}

// ---- masks ---------------------------------------------------------------------------------------------

template <int kFloatPredicate, int kIntPredicate, class T>
TW_INLINE Mask<T> compare(Vec<T> a, Vec<T> b) {
  if constexpr (kSame<T, float>)
    return {_mm512_cmp_ps_mask(a.v, b.v, kFloatPredicate)};
  else if constexpr (kSame<T, double>)
    return {_mm512_cmp_pd_mask(a.v, b.v, kFloatPredicate)};
  else if constexpr (kSame<T, int32_t>)
    return {_mm512_cmp_epi32_mask(a.v, b.v, kIntPredicate)};
  else if constexpr (kSame<T, uint32_t>)
    return {_mm512_cmp_epu32_mask(a.v, b.v, kIntPredicate)};
  else
    return {_mm512_cmp_epi64_mask(a.v, b.v, kIntPredicate)};
}
template <class T>
TW_INLINE Mask<T> operator==(Vec<T> a, Vec<T> b) {
  return compare<_CMP_EQ_OQ, _MM_CMPINT_EQ>(a, b);
}
template <class T>
TW_INLINE Mask<T> operator!=(Vec<T> a, Vec<T> b) {
  return compare<_CMP_NEQ_UQ, _MM_CMPINT_NE>(a, b);
}
template <class T>
TW_INLINE Mask<T> operator<(Vec<T> a, Vec<T> b) {
  return compare<_CMP_LT_OQ, _MM_CMPINT_LT>(a, b);
}
template <class T>
TW_INLINE Mask<T> operator<=(Vec<T> a, Vec<T> b) {
  return compare<_CMP_LE_OQ, _MM_CMPINT_LE>(a, b);
}
template <class T>
TW_INLINE Mask<T> operator>(Vec<T> a, Vec<T> b) {
  return compare<_CMP_GT_OQ, _MM_CMPINT_NLE>(a, b);
}
template <class T>
TW_INLINE Mask<T> operator>=(Vec<T> a, Vec<T> b) {
  return compare<_CMP_GE_OQ, _MM_CMPINT_NLT>(a, b);
}

TW_INLINE LaneMask<4> operator&(LaneMask<4> a, LaneMask<4> b) { return {_kand_mask16(a.m, b.m)}; }
TW_INLINE LaneMask<8> operator&(LaneMask<8> a, LaneMask<8> b) { return {_kand_mask8(a.m, b.m)}; }
TW_INLINE LaneMask<4> operator|(LaneMask<4> a, LaneMask<4> b) { return {_kor_mask16(a.m, b.m)}; }
TW_INLINE LaneMask<8> operator|(LaneMask<8> a, LaneMask<8> b) { return {_kor_mask8(a.m, b.m)}; }
TW_INLINE LaneMask<4> operator^(LaneMask<4> a, LaneMask<4> b) { return {_kxor_mask16(a.m, b.m)}; }
TW_INLINE LaneMask<8> operator^(LaneMask<8> a, LaneMask<8> b) { return {_kxor_mask8(a.m, b.m)}; }
TW_INLINE LaneMask<4> operator!(LaneMask<4> a) { return {_knot_mask16(a.m)}; }
TW_INLINE LaneMask<8> operator!(LaneMask<8> a) { return {_knot_mask8(a.m)}; }
template <int kBytes>
TW_INLINE uint32_t to_bits(LaneMask<kBytes> a) {
  return a.m;
}

template <class T>
TW_INLINE Mask<T> mask_first(int n) {
  if constexpr (sizeof(T) == 4)
    return {first16(n)};
  else
    return {first8(n)};
}
template <class T>
TW_INLINE Vec<T> select(Mask<T> mask, Vec<T> a, Vec<T> b) {
  if constexpr (kSame<T, float>)
    return {_mm512_mask_blend_ps(mask.m, b.v, a.v)};
  else if constexpr (kSame<T, double>)
    return {_mm512_mask_blend_pd(mask.m, b.v, a.v)};
  else if constexpr (sizeof(T) == 4)
    return {_mm512_mask_blend_epi32(mask.m, b.v, a.v)};
  else
    return {_mm512_mask_blend_epi64(mask.m, b.v, a.v)};
}

// ---- lanes ---------------------------------------------------------------------------------------------

template <int kDistance, class T>
TW_INLINE Vec<T> xor_lanes(Vec<T> a) {
  constexpr int bytes = kDistance * int(sizeof(T));
  static_assert(bytes == 32 || bytes == 16 || bytes == 8 || bytes == 4, "a power of two below kLanes");
  if constexpr (bytes == 32)
    return from_raw<T>(_mm512_shuffle_i64x2(raw(a), raw(a), 0x4e));
  else if constexpr (bytes == 16)
    return from_raw<T>(_mm512_shuffle_i64x2(raw(a), raw(a), 0xb1));
  else if constexpr (bytes == 8)
    return from_raw<T>(_mm512_shuffle_epi32(raw(a), _MM_PERM_BADC));
  else
    return from_raw<T>(_mm512_shuffle_epi32(raw(a), _MM_PERM_CDAB));
}

// Transposes a 16 x 16 block held in 16 registers: first inside 4 x 4 blocks, then the blocks.
TW_INLINE void transpose(VecF (&rows)[16]) {
  __m512 pairs[16], quads[16], octets[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
    pairs[i + 1] = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
  }
  // quads[4 b + c] holds, for the four rows of block b, columns c, c + 4, c + 8 and c + 12.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    for (int h = 0; h < 2; ++h) {
      const __m512d a = _mm512_castps_pd(pairs[i + h]), b = _mm512_castps_pd(pairs[i + 2 + h]);
      quads[i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      quads[i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    octets[c] = _mm512_shuffle_f32x4(quads[c], quads[4 + c], 0x88);
    octets[4 + c] = _mm512_shuffle_f32x4(quads[c], quads[4 + c], 0xdd);
    octets[8 + c] = _mm512_shuffle_f32x4(quads[8 + c], quads[12 + c], 0x88);
    octets[12 + c] = _mm512_shuffle_f32x4(quads[8 + c], quads[12 + c], 0xdd);
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    rows[c].v = _mm512_shuffle_f32x4(octets[c], octets[8 + c], 0x88);
    rows[8 + c].v = _mm512_shuffle_f32x4(octets[c], octets[8 + c], 0xdd);
    rows[4 + c].v = _mm512_shuffle_f32x4(octets[4 + c], octets[12 + c], 0x88);
    rows[12 + c].v = _mm512_shuffle_f32x4(octets[4 + c], octets[12 + c], 0xdd);
  }
}

// table[index mod 16] in each lane.
TW_INLINE VecF lookup16(const float (&table)[16], VecI index) {
  return {_mm512_permutexvar_ps(index.v, _mm512_loadu_ps(table))};
}

// ---- conversions ---------------------------------------------------------------------------------------

TW_INLINE __m256 upper_half(__m512 a) { return _mm512_extractf32x8_ps(a, 1); }
TW_INLINE __m512 join(__m256 lo, __m256 hi) { return _mm512_insertf32x8(_mm512_castps256_ps512(lo), hi, 1); }

TW_INLINE VecF to_float(VecI a) { return {_mm512_cvtepi32_ps(a.v)}; }
TW_INLINE VecI trunc_to_int(VecF a) { return {_mm512_cvttps_epi32(a.v)}; }
TW_INLINE VecI round_to_int(VecF a) { return {_mm512_cvtps_epi32(a.v)}; }
TW_INLINE VecD widen_lo(VecF a) { return {_mm512_cvtps_pd(_mm512_castps512_ps256(a.v))}; }
TW_INLINE VecD widen_hi(VecF a) { return {_mm512_cvtps_pd(upper_half(a.v))}; }
TW_INLINE VecF narrow(VecD lo, VecD hi) { return {join(_mm512_cvtpd_ps(lo.v), _mm512_cvtpd_ps(hi.v))}; }
TW_INLINE VecL widen_lo(VecI a) { return {_mm512_cvtepi32_epi64(_mm512_castsi512_si256(a.v))}; }
TW_INLINE VecL widen_hi(VecI a) { return {_mm512_cvtepi32_epi64(_mm512_extracti32x8_epi32(a.v, 1))}; }

TW_INLINE VecF bytes_to_float(__m128i a) { return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(a))}; }
TW_INLINE VecF signed_bytes_to_float(__m128i a) { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(a))}; }
TW_INLINE __m128i load_bytes(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
TW_INLINE __m128i load_bytes_n(const void* p, int n) { return _mm_maskz_loadu_epi8(first16(n), p); }
TW_INLINE __m256i load_halves(const uint16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
TW_INLINE __m256i load_halves_n(const uint16_t* p, int n) { return _mm256_maskz_loadu_epi16(first16(n), p); }
TW_INLINE void store_halves(uint16_t* p, __m256i a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a); }
TW_INLINE void store_halves_n(uint16_t* p, __m256i a, int n) { _mm256_mask_storeu_epi16(p, first16(n), a); }
TW_INLINE __m256i to_f16_bits(VecF a) { return _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT); }

TW_INLINE VecF load_u8(const uint8_t* p) { return bytes_to_float(load_bytes(p)); }
TW_INLINE VecF load_u8_n(const uint8_t* p, int n) { return bytes_to_float(load_bytes_n(p, n)); }
TW_INLINE VecF load_s8(const int8_t* p) { return signed_bytes_to_float(load_bytes(p)); }
TW_INLINE VecF load_s8_n(const int8_t* p, int n) { return signed_bytes_to_float(load_bytes_n(p, n)); }
TW_INLINE VecU load_u16(const uint16_t* p) { return {_mm512_cvtepu16_epi32(load_halves(p))}; }
TW_INLINE VecU load_u16_n(const uint16_t* p, int n) { return {_mm512_cvtepu16_epi32(load_halves_n(p, n))}; }
TW_INLINE void store_u16(uint16_t* p, VecU a) { store_halves(p, _mm512_cvtepi32_epi16(a.v)); }
TW_INLINE void store_u16_n(uint16_t* p, VecU a, int n) { store_halves_n(p, _mm512_cvtepi32_epi16(a.v), n); }
TW_INLINE VecF load_f16(const uint16_t* p) { return {_mm512_cvtph_ps(load_halves(p))}; }
TW_INLINE VecF load_f16_n(const uint16_t* p, int n) { return {_mm512_cvtph_ps(load_halves_n(p, n))}; }
TW_INLINE void store_f16(uint16_t* p, VecF a) { store_halves(p, to_f16_bits(a)); }
TW_INLINE void store_f16_n(uint16_t* p, VecF a, int n) { store_halves_n(p, to_f16_bits(a), n); }

}  // namespace tilewright::cpu::TW_ISA

#include "cpu/simd/vec_common.h"
