// SPDX-License-Identifier: Apache-2.0
// Elements as they lie in memory and the types arithmetic is done in, with the few functions that CUDA and the
// C library name differently. What both spell alike (exp, log1p, erfc, fma ...) kernels call as it is.
#pragma once

#include "device/number.cuh"

namespace TW_BACKEND {

// A bool in memory: one byte, 0 or 1.
struct Bool {
  uint8_t bits;
};

// Arithmetic on T: 16-bit floats compute in float, everything else in itself.
template <class T>
struct WideOf {
  using Type = T;
};
template <>
struct WideOf<F16> {
  using Type = float;
};
template <>
struct WideOf<Bf16> {
  using Type = float;
};
template <class T>
using Wide = typename WideOf<T>::Type;

template <class T>
TW_DEVICE Wide<T> widen(T value) {
  if constexpr (sizeof(T) == 2) {
    return to_f32(value);
  } else {
    return value;
  }
}

template <class T>
TW_DEVICE T narrow(Wide<T> value) {
  if constexpr (sizeof(T) == 2) {
    return from_f32<T>(value);
  } else {
    return value;
  }
}

// The larger (smaller) one; NaN if either is NaN, as NumPy's maximum has it.
template <class W>
TW_DEVICE W max_nan(W a, W b) {
  return a > b || a != a ? a : b;
}
template <class W>
TW_DEVICE W min_nan(W a, W b) {
  return a < b || a != a ? a : b;
}

// The bits of a float as a whole number, and back.
TW_DEVICE uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
TW_DEVICE float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
TW_DEVICE uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
TW_DEVICE double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// Sine and cosine of `turns` full circles, 0 <= turns <= 1.
TW_DEVICE void sincos_turns(float turns, float& sine, float& cosine) {
#if TW_SIMT
  const double angle = 6.28318530717958647692 * static_cast<double>(turns);
  sine = static_cast<float>(sin(angle));
  cosine = static_cast<float>(cos(angle));
#else
  sincospif(2.0f * turns, &sine, &cosine);
#endif
}
TW_DEVICE void sincos_turns(double turns, double& sine, double& cosine) {
#if TW_SIMT
  // An eighth of a circle at most goes to the C library: what is folded away is exact.
  const double eighths = floor(8 * turns);
  const int octant = static_cast<int>(eighths) & 7;
  const double quarter = static_cast<double>((octant + 1) / 2) / 4;
  const double angle = 6.28318530717958647692 * (turns - quarter);
  const double s = sin(angle), c = cos(angle);
  const int quadrant = (octant + 1) / 2 % 4;
  sine = quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c;
  cosine = quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s;
#else
  sincospi(2.0 * turns, &sine, &cosine);
#endif
}

}  // namespace TW_BACKEND
