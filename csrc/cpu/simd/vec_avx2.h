// SPDX-License-Identifier: Apache-2.0
// Vec, AVX2 body (with FMA and F16C): 32-byte registers, masks are registers too. Contract: vec_scalar.h.
#pragma once

#include <immintrin.h>

#include "cpu/simd/vec_base.h"

namespace tilewright::cpu::TW_ISA {

inline constexpr bool kFusedFma = true;

template <int kLaneBytes>
struct LaneMask {
  __m256i m;  // all bits of a lane set, or none
};

TW_INLINE __m256i first_mask4(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
TW_INLINE __m256i first_mask8(int n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

template <>
struct Vec<float> {
  using Element = float;
  static constexpr int kLanes = 8;
  __m256 v;

  static TW_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static TW_INLINE Vec load_n(const float* p, int n) { return {_mm256_maskload_ps(p, first_mask4(n))}; }
  static TW_INLINE Vec load_n(const float* p, int n, float fill) {
    const __m256i mask = first_mask4(n);
    return {_mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask))};
  }
  static TW_INLINE Vec set1(float x) { return {_mm256_set1_ps(x)}; }
  static TW_INLINE Vec zero() { return {_mm256_setzero_ps()}; }
  static TW_INLINE Vec iota() { return {_mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7)}; }
};

template <>
struct Vec<double> {
  using Element = double;
  static constexpr int kLanes = 4;
  __m256d v;

  static TW_INLINE Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static TW_INLINE Vec load_n(const double* p, int n) { return {_mm256_maskload_pd(p, first_mask8(n))}; }
  static TW_INLINE Vec load_n(const double* p, int n, double fill) {
    const __m256i mask = first_mask8(n);
    return {_mm256_blendv_pd(_mm256_set1_pd(fill), _mm256_maskload_pd(p, mask), _mm256_castsi256_pd(mask))};
  }
  static TW_INLINE Vec set1(double x) { return {_mm256_set1_pd(x)}; }
  static TW_INLINE Vec zero() { return {_mm256_setzero_pd()}; }
  static TW_INLINE Vec iota() { return {_mm256_setr_pd(0, 1, 2, 3)}; }
};

// int32_t, uint32_t and int64_t.
template <class T>
struct Vec {
  using Element = T;
  static constexpr int kLanes = 32 / sizeof(T);
  __m256i v;

  static TW_INLINE Vec load(const T* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
  static TW_INLINE Vec load_n(const T* p, int n) {
    if constexpr (sizeof(T) == 4)
      return {_mm256_maskload_epi32(reinterpret_cast<const int*>(p), first_mask4(n))};
    else
      return {_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), first_mask8(n))};
  }
  static TW_INLINE Vec load_n(const T* p, int n, T fill) {
    const __m256i mask = sizeof(T) == 4 ? first_mask4(n) : first_mask8(n);
    return {_mm256_blendv_epi8(set1(fill).v, load_n(p, n).v, mask)};
  }
  static TW_INLINE Vec set1(T x) {
    if constexpr (sizeof(T) == 4)
      return {_mm256_set1_epi32(int32_t(x))};
    else
      return {_mm256_set1_epi64x(x)};
  }
  static TW_INLINE Vec zero() { return {_mm256_setzero_si256()}; }
  static TW_INLINE Vec iota() {
    if constexpr (sizeof(T) == 4)
      return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)};
    else
      return {_mm256_setr_epi64x(0, 1, 2, 3)};
  }
};

// ---- bits ----------------------------------------------------------------------------------------------

template <class T>
TW_INLINE __m256i raw(Vec<T> a) {
  if constexpr (kSame<T, float>)
    return _mm256_castps_si256(a.v);
  else if constexpr (kSame<T, double>)
    return _mm256_castpd_si256(a.v);
  else
    return a.v;
}
template <class T>
TW_INLINE Vec<T> from_raw(__m256i bits) {
  if constexpr (kSame<T, float>)
    return {_mm256_castsi256_ps(bits)};
  else if constexpr (kSame<T, double>)
    return {_mm256_castsi256_pd(bits)};
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
  return from_raw<T>(_mm256_and_si256(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator|(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm256_or_si256(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator^(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm256_xor_si256(raw(a), raw(b)));
}
template <class T>
TW_INLINE Vec<T> operator~(Vec<T> a) {
  return from_raw<T>(_mm256_xor_si256(raw(a), _mm256_set1_epi32(-1)));
}
template <class T>
TW_INLINE Vec<T> andnot(Vec<T> a, Vec<T> b) {
  return from_raw<T>(_mm256_andnot_si256(raw(a), raw(b)));
}

template <int kBits, class T>
TW_INLINE Vec<T> shift_left(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return {_mm256_slli_epi32(a.v, kBits)};
  else
    return {_mm256_slli_epi64(a.v, kBits)};
}
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_logical(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return {_mm256_srli_epi32(a.v, kBits)};
  else
    return {_mm256_srli_epi64(a.v, kBits)};
}
// 64-bit lanes have no arithmetic shift here: shift the complement of a negative number, complement again.
template <int kBits, class T>
TW_INLINE Vec<T> shift_right_arithmetic(Vec<T> a) {
  if constexpr (sizeof(T) == 4) {
    return {_mm256_srai_epi32(a.v, kBits)};
  } else {
    const __m256i negative = _mm256_cmpgt_epi64(_mm256_setzero_si256(), a.v);
    return {_mm256_xor_si256(_mm256_srli_epi64(_mm256_xor_si256(a.v, negative), kBits), negative)};
  }
}

// ---- memory --------------------------------------------------------------------------------------------

TW_INLINE void store(float* p, VecF a) { _mm256_storeu_ps(p, a.v); }
TW_INLINE void store(double* p, VecD a) { _mm256_storeu_pd(p, a.v); }
template <class T>
TW_INLINE void store(T* p, Vec<T> a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}
template <class T>
TW_INLINE void store_n(T* p, Vec<T> a, int n) {
  if constexpr (sizeof(T) == 4)
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), first_mask4(n), raw(a));
  else
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), first_mask8(n), raw(a));
}
template <class T>
TW_INLINE void stream(T* p, Vec<T> a) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), raw(a));
}
TW_INLINE void stream_fence() { _mm_sfence(); }

TW_INLINE float first_lane(VecF a) { return _mm256_cvtss_f32(a.v); }
TW_INLINE double first_lane(VecD a) { return _mm256_cvtsd_f64(a.v); }
template <class T>
TW_INLINE T first_lane(Vec<T> a) {
  if constexpr (sizeof(T) == 4)
    return T(_mm256_cvtsi256_si32(a.v));
  else
    return T(_mm_cvtsi128_si64(_mm256_castsi256_si128(a.v)));
}

TW_INLINE VecF gather(const float* base, VecI index) { return {_mm256_i32gather_ps(base, index.v, 4)}; }
TW_INLINE VecI gather(const int32_t* base, VecI index) { return {_mm256_i32gather_epi32(base, index.v, 4)}; }
TW_INLINE VecD gather(const double* base, VecL index) { return {_mm256_i64gather_pd(base, index.v, 8)}; }

// ---- arithmetic ----------------------------------------------------------------------------------------

TW_INLINE VecF operator+(VecF a, VecF b) { return {_mm256_add_ps(a.v, b.v)}; }
TW_INLINE VecF operator-(VecF a, VecF b) { return {_mm256_sub_ps(a.v, b.v)}; }
TW_INLINE VecF operator*(VecF a, VecF b) { return {_mm256_mul_ps(a.v, b.v)}; }
TW_INLINE VecF operator/(VecF a, VecF b) { return {_mm256_div_ps(a.v, b.v)}; }
TW_INLINE VecF fma(VecF a, VecF b, VecF c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
TW_INLINE VecF fnma(VecF a, VecF b, VecF c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
TW_INLINE VecF min_fast(VecF a, VecF b) { return {_mm256_min_ps(a.v, b.v)}; }
TW_INLINE VecF max_fast(VecF a, VecF b) { return {_mm256_max_ps(a.v, b.v)}; }
TW_INLINE VecF sqrt(VecF a) { return {_mm256_sqrt_ps(a.v)}; }
TW_INLINE VecF round_even(VecF a) { return {_mm256_round_ps(a.v, 8 | _MM_FROUND_TO_NEAREST_INT)}; }
TW_INLINE VecF floor(VecF a) { return {_mm256_round_ps(a.v, 8 | _MM_FROUND_TO_NEG_INF)}; }
TW_INLINE VecF ceil(VecF a) { return {_mm256_round_ps(a.v, 8 | _MM_FROUND_TO_POS_INF)}; }
TW_INLINE VecF trunc(VecF a) { return {_mm256_round_ps(a.v, 8 | _MM_FROUND_TO_ZERO)}; }

TW_INLINE VecD operator+(VecD a, VecD b) { return {_mm256_add_pd(a.v, b.v)}; }
TW_INLINE VecD operator-(VecD a, VecD b) { return {_mm256_sub_pd(a.v, b.v)}; }
TW_INLINE VecD operator*(VecD a, VecD b) { return {_mm256_mul_pd(a.v, b.v)}; }
TW_INLINE VecD operator/(VecD a, VecD b) { return {_mm256_div_pd(a.v, b.v)}; }
TW_INLINE VecD fma(VecD a, VecD b, VecD c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
TW_INLINE VecD fnma(VecD a, VecD b, VecD c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }
TW_INLINE VecD min_fast(VecD a, VecD b) { return {_mm256_min_pd(a.v, b.v)}; }
TW_INLINE VecD max_fast(VecD a, VecD b) { return {_mm256_max_pd(a.v, b.v)}; }
TW_INLINE VecD sqrt(VecD a) { return {_mm256_sqrt_pd(a.v)}; }
TW_INLINE VecD round_even(VecD a) { return {_mm256_round_pd(a.v, 8 | _MM_FROUND_TO_NEAREST_INT)}; }
TW_INLINE VecD floor(VecD a) { return {_mm256_round_pd(a.v, 8 | _MM_FROUND_TO_NEG_INF)}; }
TW_INLINE VecD ceil(VecD a) { return {_mm256_round_pd(a.v, 8 | _MM_FROUND_TO_POS_INF)}; }
TW_INLINE VecD trunc(VecD a) { return {_mm256_round_pd(a.v, 8 | _MM_FROUND_TO_ZERO)}; }

template <class T>
TW_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4)
    return {_mm256_add_epi32(a.v, b.v)};
  else
    return {_mm256_add_epi64(a.v, b.v)};
}
template <class T>
TW_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4)
    return {_mm256_sub_epi32(a.v, b.v)};
  else
    return {_mm256_sub_epi64(a.v, b.v)};
}
// 64 bits: low x low plus the two cross products moved up; high x high falls out of range.
template <class T>
TW_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 4) {
    return {_mm256_mullo_epi32(a.v, b.v)};
  } else {
    const __m256i cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), b.v),
                                           _mm256_mul_epu32(a.v, _mm256_srli_epi64(b.v, 32)));
    return {_mm256_add_epi64(_mm256_mul_epu32(a.v, b.v), _mm256_slli_epi64(cross, 32))};
  }
}

TW_INLINE void mul_wide(VecU a, VecU b, VecU* hi, VecU* lo) {
  const __m256i even = _mm256_mul_epu32(a.v, b.v);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), _mm256_srli_epi64(b.v, 32));
  hi->v = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  lo->v = _mm256_mullo_epi32(a.v, b.v);
}

// ---- masks ---------------------------------------------------------------------------------------------

template <int kBytes>
TW_INLINE LaneMask<kBytes> operator&(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {_mm256_and_si256(a.m, b.m)};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator|(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {_mm256_or_si256(a.m, b.m)};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator^(LaneMask<kBytes> a, LaneMask<kBytes> b) {
  return {_mm256_xor_si256(a.m, b.m)};
}
template <int kBytes>
TW_INLINE LaneMask<kBytes> operator!(LaneMask<kBytes> a) {
  return {_mm256_xor_si256(a.m, _mm256_set1_epi32(-1))};
}

// Integers compare as signed; moving unsigned ones by 2^31 keeps their order.
template <class T>
TW_INLINE __m256i integer_greater(Vec<T> a, Vec<T> b) {
  if constexpr (kSame<T, uint32_t>) {
    const __m256i sign = _mm256_set1_epi32(INT32_MIN);
    return _mm256_cmpgt_epi32(_mm256_xor_si256(a.v, sign), _mm256_xor_si256(b.v, sign));
  } else if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(a.v, b.v);
  } else {
    return _mm256_cmpgt_epi64(a.v, b.v);
  }
}
template <int kPredicate, class T>
TW_INLINE Mask<T> float_compare(Vec<T> a, Vec<T> b) {
  if constexpr (kSame<T, float>)
    return {_mm256_castps_si256(_mm256_cmp_ps(a.v, b.v, kPredicate))};
  else
    return {_mm256_castpd_si256(_mm256_cmp_pd(a.v, b.v, kPredicate))};
}
template <class T>
TW_INLINE Mask<T> operator==(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return float_compare<_CMP_EQ_OQ>(a, b);
  else if constexpr (sizeof(T) == 4)
    return {_mm256_cmpeq_epi32(a.v, b.v)};
  else
    return {_mm256_cmpeq_epi64(a.v, b.v)};
}
template <class T>
TW_INLINE Mask<T> operator!=(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return float_compare<_CMP_NEQ_UQ>(a, b);
  else
    return !(a == b);
}
template <class T>
TW_INLINE Mask<T> operator<(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return float_compare<_CMP_LT_OQ>(a, b);
  else
    return {integer_greater(b, a)};
}
template <class T>
TW_INLINE Mask<T> operator<=(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return float_compare<_CMP_LE_OQ>(a, b);
  else
    return !(a > b);
}
template <class T>
TW_INLINE Mask<T> operator>(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return float_compare<_CMP_GT_OQ>(a, b);
  else
    return {integer_greater(a, b)};
}
template <class T>
TW_INLINE Mask<T> operator>=(Vec<T> a, Vec<T> b) {
  if constexpr (kFloating<T>)
    return float_compare<_CMP_GE_OQ>(a, b);
  else
    return !(b > a);
}

TW_INLINE uint32_t to_bits(LaneMask<4> a) { return uint32_t(_mm256_movemask_ps(_mm256_castsi256_ps(a.m))); }
TW_INLINE uint32_t to_bits(LaneMask<8> a) { return uint32_t(_mm256_movemask_pd(_mm256_castsi256_pd(a.m))); }
template <class T>
TW_INLINE Mask<T> mask_first(int n) {
  return {sizeof(T) == 4 ? first_mask4(n) : first_mask8(n)};
}
template <class T>
TW_INLINE Vec<T> select(Mask<T> mask, Vec<T> a, Vec<T> b) {
  if constexpr (kSame<T, float>)
    return {_mm256_blendv_ps(b.v, a.v, _mm256_castsi256_ps(mask.m))};
  else if constexpr (kSame<T, double>)
    return {_mm256_blendv_pd(b.v, a.v, _mm256_castsi256_pd(mask.m))};
  else
    return {_mm256_blendv_epi8(b.v, a.v, mask.m)};
}

TW_INLINE VecI min_fast(VecI a, VecI b) { return {_mm256_min_epi32(a.v, b.v)}; }
TW_INLINE VecI max_fast(VecI a, VecI b) { return {_mm256_max_epi32(a.v, b.v)}; }
TW_INLINE VecU min_fast(VecU a, VecU b) { return {_mm256_min_epu32(a.v, b.v)}; }
TW_INLINE VecU max_fast(VecU a, VecU b) { return {_mm256_max_epu32(a.v, b.v)}; }
TW_INLINE VecL min_fast(VecL a, VecL b) { return select(a < b, a, b); }
TW_INLINE VecL max_fast(VecL a, VecL b) { return select(a > b, a, b); }

// ---- lanes ---------------------------------------------------------------------------------------------

template <int kDistance, class T>
TW_INLINE Vec<T> xor_lanes(Vec<T> a) {
  constexpr int bytes = kDistance * int(sizeof(T));
  static_assert(bytes == 16 || bytes == 8 || bytes == 4, "a power of two below kLanes");
  if constexpr (bytes == 16)
    return from_raw<T>(_mm256_permute4x64_epi64(raw(a), 0x4e));
  else if constexpr (bytes == 8)
    return from_raw<T>(_mm256_shuffle_epi32(raw(a), 0x4e));
  else
    return from_raw<T>(_mm256_shuffle_epi32(raw(a), 0xb1));
}

// Transposes an 8 x 8 block held in 8 registers: first inside 4 x 4 blocks, then the blocks.
TW_INLINE void transpose(VecF (&rows)[8]) {
  __m256 pairs[8], quads[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i].v, rows[i + 1].v);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i].v, rows[i + 1].v);
  }
  // quads[4 b + c] holds, for the four rows of block b, columns c and c + 4.
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const __m256d a = _mm256_castps_pd(pairs[i + h]), b = _mm256_castps_pd(pairs[i + 2 + h]);
      quads[i + 2 * h] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
      quads[i + 2 * h + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    rows[c].v = _mm256_permute2f128_ps(quads[c], quads[4 + c], 0x20);
    rows[4 + c].v = _mm256_permute2f128_ps(quads[c], quads[4 + c], 0x31);
  }
}

// table[index mod 16] in each lane: bit 3 of the index chooses between two registers.
TW_INLINE VecF lookup16(const float (&table)[16], VecI index) {
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index.v);
  const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index.v);
  return {_mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index.v, 28)))};
}

// ---- conversions ---------------------------------------------------------------------------------------

TW_INLINE __m128i load_8_bytes(const void* p) { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }
TW_INLINE __m128i load_16_bytes(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

TW_INLINE VecF to_float(VecI a) { return {_mm256_cvtepi32_ps(a.v)}; }
TW_INLINE VecI trunc_to_int(VecF a) { return {_mm256_cvttps_epi32(a.v)}; }
TW_INLINE VecI round_to_int(VecF a) { return {_mm256_cvtps_epi32(a.v)}; }
TW_INLINE VecD widen_lo(VecF a) { return {_mm256_cvtps_pd(_mm256_castps256_ps128(a.v))}; }
TW_INLINE VecD widen_hi(VecF a) { return {_mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1))}; }
TW_INLINE VecF narrow(VecD lo, VecD hi) {
  return {_mm256_set_m128(_mm256_cvtpd_ps(hi.v), _mm256_cvtpd_ps(lo.v))};
}
TW_INLINE VecL widen_lo(VecI a) { return {_mm256_cvtepi32_epi64(_mm256_castsi256_si128(a.v))}; }
TW_INLINE VecL widen_hi(VecI a) { return {_mm256_cvtepi32_epi64(_mm256_extracti128_si256(a.v, 1))}; }

TW_INLINE VecF load_u8(const uint8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_8_bytes(p)))};
}
TW_INLINE VecF load_s8(const int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_8_bytes(p)))};
}
TW_INLINE VecU load_u16(const uint16_t* p) { return {_mm256_cvtepu16_epi32(load_16_bytes(p))}; }
TW_INLINE VecF load_f16(const uint16_t* p) { return {_mm256_cvtph_ps(load_16_bytes(p))}; }
TW_INLINE void store_u16(uint16_t* p, VecU a) {
  const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), packed);
}
TW_INLINE void store_f16(uint16_t* p, VecF a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}

// Lanes of 8 and 16 bits have no masked moves here, so tails go through a small copy.
TW_INLINE VecF load_u8_n(const uint8_t* p, int n) { return load_u8(copy_tail<8>(p, n).data); }
TW_INLINE VecF load_s8_n(const int8_t* p, int n) { return load_s8(copy_tail<8>(p, n).data); }
TW_INLINE VecU load_u16_n(const uint16_t* p, int n) { return load_u16(copy_tail<8>(p, n).data); }
TW_INLINE VecF load_f16_n(const uint16_t* p, int n) { return load_f16(copy_tail<8>(p, n).data); }
TW_INLINE void store_u16_n(uint16_t* p, VecU a, int n) {
  uint16_t lanes[8];
  store_u16(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}
TW_INLINE void store_f16_n(uint16_t* p, VecF a, int n) {
  uint16_t lanes[8];
  store_f16(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

}  // namespace tilewright::cpu::TW_ISA

#include "cpu/simd/vec_common.h"
