// SPDX-License-Identifier: Apache-2.0
// Computes    Adagrad: a += g^2; p -= rate g / sqrt(a + epsilon)
//             Adadelta: a -> g^2; d = g sqrt(b + epsilon) / sqrt(a + epsilon); b -> d^2; p -= rate d
//             Adamax: a -> g; b = max(b2 b, |g|); p -= rate a / (b + epsilon)
//             Nadam: a -> g; b -> g^2; p -= (rate a + gradient_rate g) / (sqrt(b) root_scale + epsilon)
//             Lion: p -= rate sign(b1 a + (1 - b1) g); a = b2 a + (1 - b2) g
//             Ftrl: b += g + shrinkage p - (a'^power - a^power) / rate p, a' = a + g^2;
//             p = (clip(b, -l1, l1) - b) / (a'^power / rate + l2);  x -> y is x = beta x + (1 - beta) y
// Layout      as kernels/optimizer.cuh: lists of parameters, gradients, a and b; updated in place
// Method      Duchi et al., JMLR 12 (2011); Zeiler, arXiv:1212.5701; Kingma and Ba, arXiv:1412.6980, section
//             7.1; Dozat, "Incorporating Nesterov Momentum into Adam", 2016; Chen et al., arXiv:2302.06675;
//             McMahan et al., KDD 2013
// Work split  as kernels/optimizer.cuh; Ftrl, whose powers take many registers, is a kernel of its own
// Limits      bound by memory, but for Ftrl with a power other than -0.5. A step below 1 is reported and
//             taken as 1
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/optimizer.cuh"

namespace TW_BACKEND {

template <class T>
struct AdaptiveStep {
  T decay_1, gain_1, decay_2, gain_2;  // beta and 1 - beta
  T rate, gradient_rate, root_scale, epsilon, shrink;
};

template <class T>
struct Adaptive {
  static constexpr int kArrays = 4;  // p, g, a, b?
  GradientRule<T> gradient;
  GlobalPtr<const int64_t> count;  // adamax and nadam
  GlobalPtr<const T> product;      // nadam
  GlobalPtr<const T> learning_rate;
  IndexCheck check;  // of count
  AdaptiveParams params;

  using Step = AdaptiveStep<T>;
  TW_DEVICE Step prepare() const {
    const double rate = scalar_or(learning_rate, 0);
    Step step = {static_cast<T>(params.beta_1),
                 static_cast<T>(1 - params.beta_1),
                 static_cast<T>(params.beta_2),
                 static_cast<T>(1 - params.beta_2),
                 static_cast<T>(rate),
                 T(0),
                 T(0),
                 static_cast<T>(params.epsilon),
                 static_cast<T>(1 - rate * params.weight_decay)};
    if (!count) return step;
    const double steps = static_cast<double>(check.checked(count[0], 0));
    if (params.rule == AdaptiveRule::adamax) {
      step.rate = static_cast<T>(rate / (1 - pow(params.beta_1, steps)));
    } else {
      const double past = scalar_or(product, 1), next = momentum(steps + 1);
      step.rate = static_cast<T>(rate * next / (1 - past * next));
      step.gradient_rate = static_cast<T>(rate * (1 - momentum(steps)) / (1 - past));
      step.root_scale = static_cast<T>(1 / sqrt(1 - pow(params.beta_2, steps)));
    }
    return step;
  }
  TW_DEVICE double momentum(double t) const {
    return params.beta_1 * (1 - 0.5 * pow(0.96, t * params.momentum_decay));
  }
  static TW_DEVICE bool written(int i) { return i != 1; }
  TW_DEVICE void update(T (&x)[kArrays], const Step& s, T g) const {
    T move = 0;
    switch (params.rule) {
      case AdaptiveRule::adagrad:
        x[2] = fma(g, g, x[2]);
        move = s.rate * g / static_cast<T>(sqrt(x[2] + s.epsilon));
        break;
      case AdaptiveRule::adadelta: {
        x[2] = fma(s.decay_2, x[2], s.gain_2 * g * g);
        const T d = static_cast<T>(sqrt(x[3] + s.epsilon)) * g / static_cast<T>(sqrt(x[2] + s.epsilon));
        x[3] = fma(s.decay_2, x[3], s.gain_2 * d * d);
        move = s.rate * d;
        break;
      }
      case AdaptiveRule::adamax:
        x[2] = fma(g - x[2], s.gain_1, x[2]);
        x[3] = max_nan(static_cast<T>(fabs(g)), s.decay_2 * x[3]);
        move = s.rate * x[2] / (x[3] + s.epsilon);
        break;
      case AdaptiveRule::nadam:
        x[2] = fma(g - x[2], s.gain_1, x[2]);
        x[3] = fma(fma(g, g, -x[3]), s.gain_2, x[3]);
        move =
            fma(s.rate, x[2], s.gradient_rate * g) / fma(static_cast<T>(sqrt(x[3])), s.root_scale, s.epsilon);
        break;
      default: {  // lion
        const T direction = fma(x[2], s.decay_1, g * s.gain_1);
        x[2] = fma(x[2], s.decay_2, g * s.gain_2);
        // A direction of 0 or NaN is its own sign.
        const bool own = direction == T(0) || direction != direction;
        move = s.rate * (own ? direction : static_cast<T>(copysign(T(1), direction)));
      }
    }
    x[0] = fma(x[0], s.shrink, -move);
  }
};

template <class T>
struct Ftrl {
  static constexpr int kArrays = 4;  // p, g, a, b
  GradientRule<T> gradient;
  GlobalPtr<const T> learning_rate;
  AdaptiveParams params;

  struct Step {
    T rate, shrink, power, l1, l2, shrinkage;
  };
  TW_DEVICE Step prepare() const {
    const double rate = scalar_or(learning_rate, 0);
    return {static_cast<T>(rate),
            static_cast<T>(1 - rate * params.weight_decay),
            static_cast<T>(-params.learning_rate_power),
            static_cast<T>(params.l1),
            static_cast<T>(2 * params.l2 + params.beta / rate),
            static_cast<T>(2 * params.l2_shrinkage)};
  }
  static TW_DEVICE bool written(int i) { return i != 1; }
  TW_DEVICE void update(T (&x)[kArrays], const Step& s, T g) const {
    const T p = x[0] * s.shrink, sum = fma(g, g, x[2]);
    const bool root = s.power == T(0.5);
    const T size = root ? T(sqrt(sum)) : T(pow(sum, s.power));
    const T old_size = root ? T(sqrt(x[2])) : T(pow(x[2], s.power));
    const T linear = x[3] + (fma(s.shrinkage, p, g) - (size - old_size) / s.rate * p);
    x[2] = sum;
    x[3] = linear;
    const T inside = linear < -s.l1 ? -s.l1 : linear > s.l1 ? s.l1 : linear;  // NaN stays NaN
    x[0] = (inside - linear) / (size / s.rate + s.l2);
  }
};

}  // namespace TW_BACKEND
