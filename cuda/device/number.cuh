// SPDX-License-Identifier: Apache-2.0
// 16-bit storage types and their conversions. Arithmetic is done in float.
#pragma once

#include "device/config.cuh"
#if TW_SIMT
#include "simt/number.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace TW_BACKEND {

struct F16 {
  uint16_t bits;
};
struct Bf16 {
  uint16_t bits;
};

TW_DEVICE float to_f32(float value) { return value; }

TW_DEVICE float to_f32(F16 value) {
#if TW_SIMT
  return simt::f16_to_f32(value.bits);
#else
  return __half2float(__ushort_as_half(value.bits));
#endif
}

TW_DEVICE float to_f32(Bf16 value) {
#if TW_SIMT
  return simt::bf16_to_f32(value.bits);
#else
  return __bfloat162float(__ushort_as_bfloat16(value.bits));
#endif
}

// Rounds to nearest, ties to even.
template <class T>
TW_DEVICE T from_f32(float value);

template <>
TW_DEVICE float from_f32<float>(float value) {
  return value;
}

template <>
TW_DEVICE F16 from_f32<F16>(float value) {
#if TW_SIMT
  return {simt::f32_to_f16(value)};
#else
  return {__half_as_ushort(__float2half_rn(value))};
#endif
}

template <>
TW_DEVICE Bf16 from_f32<Bf16>(float value) {
#if TW_SIMT
  return {simt::f32_to_bf16(value)};
#else
  return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
#endif
}

// Rounded to tf32's 10 bits of mantissa, ties away from zero; still stored as a float.
TW_DEVICE uint32_t tf32_bits(uint32_t float_bits) {
#if TW_SIMT
  return simt::float_bits(simt::f32_to_tf32(simt::float_from_bits(float_bits)));
#else
  uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(float_bits)));
  return rounded;
#endif
}

}  // namespace TW_BACKEND
