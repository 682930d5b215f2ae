// SPDX-License-Identifier: Apache-2.0
// Kernels of the optimizer family; each updates one span of n contiguous elements in place.
#pragma once

#include <stdint.h>

#include "core/params.h"
#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

constexpr int kAdaptiveRules = static_cast<int>(AdaptiveRule::ftrl) + 1;

// What all updates do to a gradient first: g = clamp(g * scale, -clip, clip) + l2 * p; clip is +inf for none.
template <class T>
struct GradientSpan {
  T scale, clip, l2;
};

// p *= shrink (decoupled weight decay); p -= rate * m / (sqrt(v) * root_scale + epsilon)
template <class T>
struct AdamSpan {
  GradientSpan<T> gradient;
  T one_minus_beta_1, one_minus_beta_2, rate, root_scale, epsilon, shrink;
};

// velocity = momentum * velocity + gain * g; p += velocity_rate * velocity + gradient_rate * g
template <class T>
struct SgdSpan {
  GradientSpan<T> gradient;
  T momentum, gain, velocity_rate, gradient_rate, shrink;
};

// u = gain * g / root; velocity = momentum * velocity + u; p -= rate * velocity
template <class T>
struct RmspropSpan {
  GradientSpan<T> gradient;
  T rho, momentum, epsilon_inside, epsilon_outside, gain, rate, shrink;
};

// The coefficients of all rules of AdaptiveRule, as optimizer_adaptive.inl.h uses them.
template <class T>
struct AdaptiveSpan {
  GradientSpan<T> gradient;
  T decay_1, gain_1, decay_2, gain_2;  // beta and 1 - beta
  T rate, gradient_rate, root_scale, epsilon, shrink;
  T power, l1, l2, l2_shrinkage;  // ftrl: power is -learning_rate_power, l2 twice the penalty, beta's share included
};

template <class T>
struct OptimizerTable {
  // v_max may be null (no amsgrad).
  void (*adam)(T* p, const T* g, T* m, T* v, T* v_max, int64_t n, const AdamSpan<T>& span);
  // velocity may be null (no momentum).
  void (*sgd)(T* p, const T* g, T* velocity, int64_t n, const SgdSpan<T>& span);
  // velocity may be null (no momentum), mean_gradient too (not centered).
  void (*rmsprop)(T* p, const T* g, T* velocity, T* mean_square, T* mean_gradient, int64_t n, const RmspropSpan<T>& span);
  // By AdaptiveRule; b is null for the rules with one state list.
  void (*adaptive[kAdaptiveRules])(T* p, const T* g, T* a, T* b, int64_t n, const AdaptiveSpan<T>& span);
  // Sum of squares in double.
  double (*sum_squares)(const T* g, int64_t n);
};

using OptimizerKernels = FloatTables<OptimizerTable>;

}  // namespace tilewright::cpu
