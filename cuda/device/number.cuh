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

}  // namespace TW_BACKEND
