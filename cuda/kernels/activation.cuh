// SPDX-License-Identifier: Apache-2.0
// Computes    activate(a, z, slope) = activation(z);  activation_slope(a, saved, slope) = activation'(z)
// Method      gelu takes erfc, not 1 + erf, and gelu_tanh a sigmoid, not 1 + tanh: no digits are lost where
//             the result is small. The switch is the same for all threads, so it costs a branch. A slope is
//             written by y where that saves the function, else by z (gelu, gelu_tanh, silu); past the points
//             where those are x or 0 to the last digit z is brought back, so that no infinity meets a zero
// Limits      NaN stays NaN. At a corner the slope is 0 for relu and relu6, `slope` for leaky_relu and elu
// Ran on      no GPU yet; passes on simt
#pragma once

#include "core/params.h"
#include "device/element.cuh"

namespace TW_BACKEND {

inline constexpr double kSqrtHalf = 0.70710678118654752440;
inline constexpr double kGeluScale = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kGeluCubic = 0.044715;
inline constexpr double kOneOverSqrtTwoPi = 0.39894228040143267794;
inline constexpr double kGeluReach = 40;
template <class W>
inline constexpr double kSiluReach = sizeof(W) == 4 ? 110 : 760;

template <class W>
TW_DEVICE W sigmoid(W z) {
  const W e = exp(-fabs(z)), r = W(1) / (W(1) + e);
  return z < W(0) ? e * r : r;
}

template <class W>
TW_DEVICE W softplus(W z) {
  return max_nan(z, W(0)) + log1p(exp(-fabs(z)));
}

// The normal distribution function, exact in its lower tail too, and its density.
template <class W>
TW_DEVICE W normal_cdf(W x) {
  return W(0.5) * erfc(x * W(-kSqrtHalf));
}
template <class W>
TW_DEVICE W normal_density(W x) {
  return W(kOneOverSqrtTwoPi) * exp(W(-0.5) * x * x);
}

template <class W>
TW_DEVICE W gelu_tanh_argument(W x) {
  return W(kGeluScale) * fma(W(kGeluCubic) * x * x, x, x);
}

template <class W>
TW_DEVICE W within_reach(W x, double reach) {
  return min_nan(max_nan(x, W(-reach)), W(reach));
}

// The sigmoid s of z with what its derivatives need, all from e = exp(-|z|): 1 - s has no digits where s is
// near 1.
template <class W>
struct Sigmoid {
  W value, bell, tilt;  // s, s (1 - s), 1 - 2 s

  TW_DEVICE explicit Sigmoid(W z) {
    const W e = exp(-fabs(z)), r = W(1) / (W(1) + e);
    value = z < W(0) ? e * r : r;
    bell = e * r * r;
    tilt = z < W(0) ? (W(1) - e) * r : (e - W(1)) * r;
  }
};

// y = x s with s = sigmoid(2 u(x)); s1 and s2 are the derivatives of s by x.
template <class W>
struct GeluTanh {
  W x, s, s1, s2;

  TW_DEVICE explicit GeluTanh(W at) : x(within_reach(at, kGeluReach)) {
    const Sigmoid<W> sigmoid(W(2) * gelu_tanh_argument(x));
    const W bell = W(2) * sigmoid.bell;
    const W u1 = W(kGeluScale) * fma(W(3 * kGeluCubic) * x, x, W(1)), u2 = W(kGeluScale * 6 * kGeluCubic) * x;
    s = sigmoid.value;
    s1 = u1 * bell;
    s2 = fma(u2, bell, W(2) * u1 * s1 * sigmoid.tilt);
  }
};

template <class W>
TW_DEVICE W gelu_slope(W x) {
  x = within_reach(x, kGeluReach);
  return fma(x, normal_density(x), normal_cdf(x));
}
template <class W>
TW_DEVICE W gelu_tanh_slope(W x) {
  const GeluTanh<W> g(x);
  return fma(g.x, g.s1, g.s);
}
template <class W>
TW_DEVICE W silu_slope(W x) {
  x = within_reach(x, kSiluReach<W>);
  const Sigmoid<W> s(x);
  return fma(x, s.bell, s.value);
}

template <class W>
TW_DEVICE W activate(Activation a, W z, W slope) {
  switch (a) {
    case Activation::none:
      return z;
    case Activation::relu:
      return max_nan(z, W(0));
    case Activation::relu6:
      return min_nan(max_nan(z, W(0)), W(6));
    case Activation::leaky_relu:
      return z > W(0) ? z : z * slope;
    case Activation::elu:
      return z > W(0) ? z : slope * expm1(min_nan(z, W(0)));
    case Activation::sigmoid:
      return sigmoid(z);
    case Activation::tanh:
      return tanh(z);
    case Activation::gelu:
      return z * normal_cdf(z);
    case Activation::gelu_tanh:
      return z * sigmoid(W(2) * gelu_tanh_argument(z));
    case Activation::silu:
      return z * sigmoid(z);
    case Activation::softplus:
      return softplus(z);
  }
  return z;
}

// `saved` is y, which has the sign of z, or z for gelu, gelu_tanh and silu.
template <class W>
TW_DEVICE W activation_slope(Activation a, W saved, W slope) {
  switch (a) {
    case Activation::none:
      return W(1);
    case Activation::relu:
      return saved > W(0) ? W(1) : W(0);
    case Activation::relu6:
      return saved > W(0) && saved < W(6) ? W(1) : W(0);
    case Activation::leaky_relu:
      return saved > W(0) ? W(1) : slope;
    case Activation::elu:
      return saved > W(0) ? W(1) : saved + slope;
    case Activation::sigmoid:
      return saved * (W(1) - saved);
    case Activation::tanh:
      return (W(1) - saved) * (W(1) + saved);
    case Activation::gelu:
      return gelu_slope(saved);
    case Activation::gelu_tanh:
      return gelu_tanh_slope(saved);
    case Activation::silu:
      return silu_slope(saved);
    case Activation::softplus:
      return -expm1(-saved);
  }
  return W(1);
}

}  // namespace TW_BACKEND
