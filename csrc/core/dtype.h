// SPDX-License-Identifier: Apache-2.0
// The dtypes of the engine. Kernels may include this file: it emits no code of its own.
#pragma once

#include <stdint.h>

namespace tilewright {

enum class Dtype : uint8_t { b8, u8, s8, s32, s64, f16, bf16, f32, f64 };
inline constexpr int kDtypeCount = 9;

constexpr int64_t dtype_size(Dtype dtype) {
  switch (dtype) {
    case Dtype::b8: case Dtype::u8: case Dtype::s8: return 1;
    case Dtype::f16: case Dtype::bf16: return 2;
    case Dtype::s32: case Dtype::f32: return 4;
    case Dtype::s64: case Dtype::f64: return 8;
  }
  return 0;
}

// The name NumPy users know; used in every message.
constexpr const char* dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::b8: return "bool";
    case Dtype::u8: return "uint8";
    case Dtype::s8: return "int8";
    case Dtype::s32: return "int32";
    case Dtype::s64: return "int64";
    case Dtype::f16: return "float16";
    case Dtype::bf16: return "bfloat16";
    case Dtype::f32: return "float32";
    case Dtype::f64: return "float64";
  }
  return "?";
}

template <class T> inline constexpr Dtype dtype_of = Dtype::b8;
template <> inline constexpr Dtype dtype_of<uint8_t> = Dtype::u8;
template <> inline constexpr Dtype dtype_of<int8_t> = Dtype::s8;
template <> inline constexpr Dtype dtype_of<int32_t> = Dtype::s32;
template <> inline constexpr Dtype dtype_of<int64_t> = Dtype::s64;
template <> inline constexpr Dtype dtype_of<float> = Dtype::f32;
template <> inline constexpr Dtype dtype_of<double> = Dtype::f64;

}  // namespace tilewright
