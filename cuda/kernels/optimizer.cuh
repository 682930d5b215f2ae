// SPDX-License-Identifier: Apache-2.0
// Computes    Adam: m += (g - m)(1 - b1), v += (g^2 - v)(1 - b2), p = p shrink - rate m / (sqrt(v) root_scale
//             + epsilon); SGD: velocity = momentum velocity + gain g, p = p shrink + velocity_rate velocity +
//             gradient_rate g; RMSprop: u = gain g / root, velocity = momentum velocity + u, p = p shrink -
//             rate velocity; g = clamp(gradient * scale, -clip, clip) + l2 p first
// Layout      lists of C-ordered arrays (device/list_table.cuh): parameters, gradients, state; updated in
//             place
// Method      one launch for the whole list: the table of arrays is in the parameter block, chunks of 4096
//             elements are numbered through it. Step count, learning rate and gradient scale are read from
//             memory, so a captured graph sees their new values; every thread makes the step's coefficients
//             from them. Norm clipping: sums of squares per chunk (kernels/list_norm.cuh), per array, and one
//             factor per array before the update. Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter,
//             arXiv:1711.05101 (decay); Reddi et al., arXiv:1904.09237 (amsgrad); Sutskever et al. 2013
//             (Nesterov); Tieleman and Hinton 2012 (RMSprop)
// Work split  blocks stride over chunks; 16 bytes of each array a thread and step
// Limits      bound by memory: each array is read and written once. A step below 1 is reported and taken as 1
// Ran on      no GPU yet; passes on simt
#pragma once

#include "core/params.h"
#include "device/element.cuh"
#include "device/error_cell.cuh"
#include "kernels/groups.cuh"
#include "kernels/list_norm.cuh"

namespace TW_BACKEND {

template <class T>
TW_DEVICE double scalar_or(const GlobalPtr<const T>& value, double missing) {
  if (!value) return missing;
  return static_cast<double>(T(value[0]));
}

// What all updates do to a gradient first. scales: one per array of the list, or null where nothing clips
// norms.
template <class T>
struct GradientRule {
  GlobalPtr<const T> gradient_scale, scales;
  T clip, l2;  // clip is +inf for none
  bool maximize;

  TW_DEVICE T scale_of(int number) const {
    if (scales) return scales[number];
    return static_cast<T>(scalar_or(gradient_scale, 1) * (maximize ? -1 : 1));
  }
  // NaN stays NaN.
  TW_DEVICE T apply(T g, T p, T scale) const {
    const T scaled = g * scale;
    return fma(l2, p, scaled < -clip ? -clip : scaled > clip ? clip : scaled);
  }
};

// An update is a class with the arrays a list has (kArrays), a Step of coefficients made once a thread, and
// update(values, step, g), where values are the element of each array: 0 the parameter, 1 the gradient.
// written(i) says which are stored.

template <class T>
struct Adam {
  static constexpr int kArrays = 5;  // p, g, m, v, v_max?
  GradientRule<T> gradient;
  GlobalPtr<const int64_t> count;
  GlobalPtr<const T> learning_rate;
  IndexCheck check;  // of count
  double log_beta_1, log_beta_2, weight_decay;
  T one_minus_beta_1, one_minus_beta_2, epsilon;
  bool epsilon_hat, amsgrad;

  struct Step {
    T rate, root_scale, shrink;
  };
  TW_DEVICE Step prepare() const {
    const double steps = static_cast<double>(check.checked(count[0], 0));
    const double rate = scalar_or(learning_rate, 0);
    const double correction_1 = -expm1(steps * log_beta_1), correction_2 = -expm1(steps * log_beta_2);
    const double root = sqrt(correction_2);
    return {static_cast<T>(epsilon_hat ? rate * root / correction_1 : rate / correction_1),
            static_cast<T>(epsilon_hat ? 1.0 : 1 / root), static_cast<T>(1 - rate * weight_decay)};
  }
  static TW_DEVICE bool written(int i) { return i != 1; }
  TW_DEVICE void update(T (&a)[kArrays], const Step& step, T g) const {
    a[2] = fma(g - a[2], one_minus_beta_1, a[2]);
    a[3] = fma(fma(g, g, -a[3]), one_minus_beta_2, a[3]);
    a[4] = amsgrad ? max_nan(a[4], a[3]) : a[3];
    const T move = step.rate * a[2] / fma(static_cast<T>(sqrt(a[4])), step.root_scale, epsilon);
    a[0] = fma(a[0], step.shrink, -move);
  }
};

template <class T>
struct Sgd {
  static constexpr int kArrays = 3;  // p, g, velocity?
  GradientRule<T> gradient;
  GlobalPtr<const T> learning_rate;
  SgdParams params;
  bool with_velocity;

  struct Step {
    T momentum, gain, velocity_rate, gradient_rate, shrink;
  };
  // With g's share 1 - dampening: PyTorch's velocity holds gradients, Keras's holds steps.
  TW_DEVICE Step prepare() const {
    const double rate = scalar_or(learning_rate, 0), kept = 1 - params.dampening;
    const double of_velocity = params.velocity_scaled ? 1 : -rate;
    return {static_cast<T>(params.momentum), static_cast<T>(params.velocity_scaled ? -rate * kept : kept),
            static_cast<T>(params.nesterov ? of_velocity * params.momentum : of_velocity),
            static_cast<T>(!with_velocity || params.nesterov ? -rate : 0.0),
            static_cast<T>(1 - rate * params.weight_decay)};
  }
  static TW_DEVICE bool written(int i) { return i != 1; }
  TW_DEVICE void update(T (&a)[kArrays], const Step& step, T g) const {
    T moved = fma(step.gradient_rate, g, a[0] * step.shrink);
    if (with_velocity) {
      a[2] = fma(step.momentum, a[2], step.gain * g);
      moved = fma(step.velocity_rate, a[2], moved);
    }
    a[0] = moved;
  }
};

template <class T>
struct Rmsprop {
  static constexpr int kArrays = 5;  // p, g, mean_square, velocity?, mean_gradient?
  GradientRule<T> gradient;
  GlobalPtr<const T> learning_rate;
  RmspropParams params;
  bool with_velocity, centered;

  struct Step {
    T rho, momentum, inside, outside, gain, rate, shrink;
  };
  TW_DEVICE Step prepare() const {
    const double rate = scalar_or(learning_rate, 0);
    return {static_cast<T>(params.rho),
            static_cast<T>(params.momentum),
            static_cast<T>(params.epsilon_inside ? params.epsilon : 0.0),
            static_cast<T>(params.epsilon_inside ? 0.0 : params.epsilon),
            static_cast<T>(params.velocity_scaled ? rate : 1.0),
            static_cast<T>(params.velocity_scaled ? 1.0 : rate),
            static_cast<T>(1 - rate * params.weight_decay)};
  }
  static TW_DEVICE bool written(int i) { return i != 1; }
  TW_DEVICE void update(T (&a)[kArrays], const Step& step, T g) const {
    const T rest = T(1) - step.rho;
    a[2] = fma(step.rho, a[2], rest * g * g);
    T spread = a[2];
    if (centered) {
      a[4] = fma(step.rho, a[4], rest * g);
      spread = fma(-a[4], a[4], a[2]);
    }
    T move = step.gain * g / (static_cast<T>(sqrt(spread + step.inside)) + step.outside);
    if (with_velocity) {
      move = fma(step.momentum, a[3], move);
      a[3] = move;
    }
    a[0] = fma(-step.rate, move, a[0] * step.shrink);
  }
};

template <class T, class Update>
TW_KERNEL void TW_LAUNCH_BOUNDS(kListThreads) list_update(Update rule, ListTable<T, Update::kArrays> table) {
  constexpr int kArrays = Update::kArrays, kVector = kVectorBytes / static_cast<int>(sizeof(T));
  const typename Update::Step step = rule.prepare();
  for (int64_t chunk = blockIdx.x; chunk < table.chunks; chunk += gridDim.x) {
    const auto& entry = table.entries[table.entry_of(chunk)];
    const T scale = rule.gradient.scale_of(entry.number);
    const int64_t begin = (chunk - entry.first_chunk) * kListChunk;
    const int64_t end = begin + kListChunk < entry.size ? begin + kListChunk : entry.size;
    for (int64_t i = begin + int64_t{threadIdx.x} * kVector; i < end; i += int64_t{blockDim.x} * kVector) {
      const int64_t count = end - i;
      T values[kArrays][kVector];
      TW_UNROLL
      for (int a = 0; a < kArrays; ++a) {
        if (!entry.arrays[a]) continue;
        if (entry.aligned) {
          load_wide<kVector, T>(values[a], entry.arrays[a], i, count);
        } else {
          load_single<kVector, T>(values[a], entry.arrays[a], i, count);
        }
      }
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) {
        T of_element[kArrays];
        TW_UNROLL
        for (int a = 0; a < kArrays; ++a) of_element[a] = entry.arrays[a] ? values[a][v] : T(0);
        rule.update(of_element, step, rule.gradient.apply(of_element[1], of_element[0], scale));
        TW_UNROLL
        for (int a = 0; a < kArrays; ++a) values[a][v] = of_element[a];
      }
      TW_UNROLL
      for (int a = 0; a < kArrays; ++a) {
        if (!entry.arrays[a] || !Update::written(a)) continue;
        if (entry.aligned) {
          store_narrow<kVector, T>(entry.arrays[a], i, values[a], count);
        } else {
          store_single<kVector, T>(entry.arrays[a], i, values[a], count);
        }
      }
    }
  }
}

// ---- clipping by norm -----------------------------------------------------------------------------------

TW_KERNEL void TW_LAUNCH_BOUNDS(kListThreads) list_zero(GlobalPtr<double> values, int64_t count) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) values[i] = 0.0;
}

// squares[number] of each array of the table, from its chunks' partial sums, in order.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kListThreads)
    list_squares_join(GlobalPtr<double> squares, GlobalPtr<const double> partial, ListTable<T, 1> table) {
  BlockTeamOf<double> team;
  for (int e = static_cast<int>(blockIdx.x); e < table.count; e += static_cast<int>(gridDim.x)) {
    const auto& entry = table.entries[e];
    const int64_t chunks = (entry.size + kListChunk - 1) / kListChunk;
    double sum = 0;
    for (int64_t c = team.rank(); c < chunks; c += team.size()) sum += partial[entry.first_chunk + c];
    sum = team.reduce(sum, 0.0, [](double a, double b) { return a + b; });
    if (team.rank() == 0) squares[entry.number] = sum;
  }
}

// Scale that brings a norm down to `limit`.
TW_DEVICE double shrink_to(double norm, double limit) { return norm > limit ? limit / norm : 1.0; }

// scales[i]: sign, caller's scale and both clips, for the `count` arrays of a list. One block.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kListThreads)
    list_scales(GlobalPtr<T> scales, GlobalPtr<const double> squares, GlobalPtr<const T> gradient_scale,
                int64_t count, double clip_norm, double global_clip_norm, bool maximize) {
  BlockTeamOf<double> team;
  const double scale = scalar_or(gradient_scale, 1) * (maximize ? -1 : 1);
  const auto factor_of = [&](double square) {
    return clip_norm > 0 ? shrink_to(fabs(scale) * sqrt(square), clip_norm) : 1.0;
  };
  double total = 0;
  for (int64_t i = team.rank(); i < count; i += team.size()) {
    const double square = squares[i], factor = factor_of(square);
    total += square * factor * factor;
  }
  total = team.reduce(total, 0.0, [](double a, double b) { return a + b; });
  const double common = global_clip_norm > 0 ? shrink_to(fabs(scale) * sqrt(total), global_clip_norm) : 1.0;
  for (int64_t i = team.rank(); i < count; i += team.size()) {
    const double square = squares[i];
    scales[i] = static_cast<T>(static_cast<double>(static_cast<T>(scale * factor_of(square))) * common);
  }
}

}  // namespace TW_BACKEND
