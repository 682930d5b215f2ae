// SPDX-License-Identifier: Apache-2.0
// Whether two calls have equal scalars. The structured bindings stop compiling when a struct gets a field that
// is not compared here. (C++17 has no defaulted ==, and padding forbids comparing bytes.)
#pragma once

#include <stddef.h>

#include <type_traits>

#include "core/params.h"

namespace tilewright {

// Numbers and enums; two NaNs are the same.
template <class T, class = std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>>>
bool same(T a, T b) {
  return a == b || (a != a && b != b);
}

template <class T, size_t n>
bool same(const T (&a)[n], const T (&b)[n]) {
  for (size_t i = 0; i < n; ++i)
    if (!same(a[i], b[i])) return false;
  return true;
}

inline bool same(const Epilogue& a, const Epilogue& b) {
  const auto& [activation, slope] = a;
  return same(activation, b.activation) && same(slope, b.slope);
}

inline bool same(const Conv2dParams& a, const Conv2dParams& b) {
  const auto& [stride, padding, dilation, groups] = a;
  return same(stride, b.stride) && same(padding, b.padding) && same(dilation, b.dilation) && same(groups, b.groups);
}

inline bool same(const Pool2dParams& a, const Pool2dParams& b) {
  const auto& [window, stride, padding, count_padding] = a;
  return same(window, b.window) && same(stride, b.stride) && same(padding, b.padding) &&
         same(count_padding, b.count_padding);
}

inline bool same(const AffineParams& a, const AffineParams& b) {
  const auto& [bilinear, border, fill_value] = a;
  return same(bilinear, b.bilinear) && same(border, b.border) && same(fill_value, b.fill_value);
}

inline bool same(const AttentionParams& a, const AttentionParams& b) {
  const auto& [scale, causal] = a;
  return same(scale, b.scale) && same(causal, b.causal);
}

inline bool same(const BatchNormParams& a, const BatchNormParams& b) {
  const auto& [epsilon, decay, unbiased] = a;
  return same(epsilon, b.epsilon) && same(decay, b.decay) && same(unbiased, b.unbiased);
}

inline bool same(const CrossEntropyParams& a, const CrossEntropyParams& b) {
  const auto& [label_smoothing, ignore_index, has_ignore_index] = a;
  return same(label_smoothing, b.label_smoothing) && same(ignore_index, b.ignore_index) &&
         same(has_ignore_index, b.has_ignore_index);
}

inline bool same(const RnnParams& a, const RnnParams& b) {
  const auto& [reverse, reset_after, activation] = a;
  return same(reverse, b.reverse) && same(reset_after, b.reset_after) && same(activation, b.activation);
}

inline bool same(const GradientParams& a, const GradientParams& b) {
  const auto& [maximize, clip_value, clip_norm, global_clip_norm, l2] = a;
  return same(maximize, b.maximize) && same(clip_value, b.clip_value) && same(clip_norm, b.clip_norm) &&
         same(global_clip_norm, b.global_clip_norm) && same(l2, b.l2);
}

inline bool same(const AdamParams& a, const AdamParams& b) {
  const auto& [beta_1, beta_2, epsilon, epsilon_hat, weight_decay, gradient] = a;
  return same(beta_1, b.beta_1) && same(beta_2, b.beta_2) && same(epsilon, b.epsilon) &&
         same(epsilon_hat, b.epsilon_hat) && same(weight_decay, b.weight_decay) && same(gradient, b.gradient);
}

inline bool same(const SgdParams& a, const SgdParams& b) {
  const auto& [momentum, dampening, nesterov, velocity_scaled, weight_decay, gradient] = a;
  return same(momentum, b.momentum) && same(dampening, b.dampening) && same(nesterov, b.nesterov) &&
         same(velocity_scaled, b.velocity_scaled) && same(weight_decay, b.weight_decay) &&
         same(gradient, b.gradient);
}

inline bool same(const RmspropParams& a, const RmspropParams& b) {
  const auto& [rho, momentum, epsilon, epsilon_inside, velocity_scaled, weight_decay, gradient] = a;
  return same(rho, b.rho) && same(momentum, b.momentum) && same(epsilon, b.epsilon) &&
         same(epsilon_inside, b.epsilon_inside) && same(velocity_scaled, b.velocity_scaled) &&
         same(weight_decay, b.weight_decay) && same(gradient, b.gradient);
}

inline bool same(const AdaptiveParams& a, const AdaptiveParams& b) {
  const auto& [rule, beta_1, beta_2, epsilon, momentum_decay, power, l1, l2, l2_shrinkage, beta, weight_decay, gradient] =
      a;
  return same(rule, b.rule) && same(beta_1, b.beta_1) && same(beta_2, b.beta_2) && same(epsilon, b.epsilon) &&
         same(momentum_decay, b.momentum_decay) && same(power, b.learning_rate_power) && same(l1, b.l1) &&
         same(l2, b.l2) && same(l2_shrinkage, b.l2_shrinkage) && same(beta, b.beta) &&
         same(weight_decay, b.weight_decay) && same(gradient, b.gradient);
}

}  // namespace tilewright
