// SPDX-License-Identifier: Apache-2.0
// Activation of a register, as elementwise functions and the epilogues of matmul and convolution apply it.
// Computes    activate<kA>(z, slope) = activation(z); NaN stays NaN
// Method      gelu takes the normal distribution function, not 1 + erf, and gelu_tanh a sigmoid, not 1 + tanh: no digits are lost where
//             the result is small. The switch stands outside the loop: with_activation(activation, body) calls
//             body once with the activation as a compile-time value
#pragma once

#include "core/params.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <Activation kA>
struct ActivationValue {
  static constexpr Activation value = kA;
};

// gelu_tanh's argument: kGeluScale * (x + kGeluCubic * x^3).
inline constexpr double kGeluScale = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;

template <class T>
TW_INLINE Vec<T> gelu_tanh_argument(Vec<T> x) {
  return Vec<T>::set1(T(kGeluScale)) * fma(Vec<T>::set1(T(kGeluCubic)) * x * x, x, x);
}

template <Activation kA, class T>
TW_INLINE Vec<T> activate(Vec<T> z, Vec<T> slope) {
  using V = Vec<T>;
  const V zero = V::zero();
  if constexpr (kA == Activation::relu) return max_nan(z, zero);
  else if constexpr (kA == Activation::relu6) return min_nan(max_nan(z, zero), V::set1(T(6)));
  else if constexpr (kA == Activation::leaky_relu) return select(z > zero, z, z * slope);
  else if constexpr (kA == Activation::elu) return select(z > zero, z, slope * expm1(min_nan(z, zero)));
  else if constexpr (kA == Activation::sigmoid) return sigmoid(z);
  else if constexpr (kA == Activation::tanh) return tanh(z);
  else if constexpr (kA == Activation::gelu) return z * normal_cdf(z);
  else if constexpr (kA == Activation::gelu_tanh) return z * sigmoid(V::set1(T(2)) * gelu_tanh_argument(z));
  else if constexpr (kA == Activation::silu) return z * sigmoid(z);
  else if constexpr (kA == Activation::softplus) return softplus(z);
  else return z;
}

template <class Body>
void with_activation(Activation activation, Body&& body) {
  switch (activation) {
    case Activation::none: return body(ActivationValue<Activation::none>());
    case Activation::relu: return body(ActivationValue<Activation::relu>());
    case Activation::relu6: return body(ActivationValue<Activation::relu6>());
    case Activation::leaky_relu: return body(ActivationValue<Activation::leaky_relu>());
    case Activation::elu: return body(ActivationValue<Activation::elu>());
    case Activation::sigmoid: return body(ActivationValue<Activation::sigmoid>());
    case Activation::tanh: return body(ActivationValue<Activation::tanh>());
    case Activation::gelu: return body(ActivationValue<Activation::gelu>());
    case Activation::gelu_tanh: return body(ActivationValue<Activation::gelu_tanh>());
    case Activation::silu: return body(ActivationValue<Activation::silu>());
    case Activation::softplus: return body(ActivationValue<Activation::softplus>());
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
