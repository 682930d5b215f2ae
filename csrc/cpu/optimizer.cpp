// SPDX-License-Identifier: Apache-2.0
// Optimizers on the CPU: one call updates whole lists. All arrays are cut into spans of at most kSpan elements;
// small arrays share a task, so a thousand of them cost no more than one of the same total size.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/check.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/optimizer.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kSpan = 1 << 14;  // 16 Ki elements: four float32 arrays of it stay in L2

struct Span {
  int64_t array, offset, count;
};

// The spans of a list, and where each task's spans begin; decided by sizes alone.
struct Cut {
  std::vector<Span> spans;
  std::vector<int64_t> task_begin;

  explicit Cut(const ViewList& arrays) {
    int64_t filled = kSpan;
    for (int64_t a = 0; a < arrays.count; ++a) {
      const int64_t size = arrays[a].size();
      for (int64_t offset = 0; offset < size; offset += kSpan) {
        const int64_t count = std::min(kSpan, size - offset);
        if (filled + count > kSpan) {
          task_begin.push_back(static_cast<int64_t>(spans.size()));
          filled = 0;
        }
        filled += count;
        spans.push_back({a, offset, count});
      }
    }
    task_begin.push_back(static_cast<int64_t>(spans.size()));
  }

  template <class Body>
  void for_spans(Body&& body) const {
    parallel_for(static_cast<int64_t>(task_begin.size()) - 1, [&](int64_t task) {
      for (int64_t s = task_begin[task]; s < task_begin[task + 1]; ++s) body(s, spans[s]);
    });
  }
};

template <class T>
T* at(const ViewList& arrays, const Span& span) {
  return arrays.count ? arrays[span.array].as<T>() + span.offset : nullptr;
}

template <class T>
double scalar(const View& view, double missing) {
  return view ? static_cast<double>(*view.as<T>()) : missing;
}

// Scale that brings a norm down to `limit`: limit / max(norm, limit); NaN for a norm that is.
double shrink_to(double norm, double limit) { return norm <= limit ? 1.0 : limit / norm; }

// For each array the factor its gradient is multiplied with: sign, caller's scale and norm clips. The norms are
// summed span by span in double, in order, so they have the same bits for any number of threads.
template <class T>
std::vector<T> gradient_scales(const Cut& cut, const ViewList& grads, double scale, const GradientParams& params) {
  if (params.maximize) scale = -scale;
  std::vector<T> scales(static_cast<size_t>(grads.count), static_cast<T>(scale));
  if (params.clip_norm <= 0 && params.global_clip_norm <= 0) return scales;
  const auto sum_squares = kernels<OptimizerKernels>().of<T>().sum_squares;
  std::vector<double> partial(cut.spans.size());
  cut.for_spans([&](int64_t s, const Span& span) { partial[s] = sum_squares(at<T>(grads, span), span.count); });
  std::vector<double> squares(static_cast<size_t>(grads.count), 0.0);
  for (size_t s = 0; s < partial.size(); ++s) squares[cut.spans[s].array] += partial[s];
  double total = 0;
  for (size_t a = 0; a < squares.size(); ++a) {
    double factor = 1;
    if (params.clip_norm > 0) factor = shrink_to(std::fabs(scale) * std::sqrt(squares[a]), params.clip_norm);
    scales[a] = static_cast<T>(scale * factor);
    total += squares[a] * factor * factor;
  }
  if (params.global_clip_norm > 0) {
    // A norm that is not finite makes every gradient NaN, as in Keras: the step went wrong as a whole.
    const double norm = std::fabs(scale) * std::sqrt(total);
    const double factor = shrink_to(norm, params.global_clip_norm) + (norm - norm);
    for (T& s : scales) s = static_cast<T>(s * factor);
  }
  return scales;
}

template <class T>
GradientSpan<T> gradient_span(const GradientParams& params) {
  const T clip = params.clip_value > 0 ? static_cast<T>(params.clip_value) : std::numeric_limits<T>::infinity();
  return {T(1), clip, static_cast<T>(params.l2)};
}

// Runs update(arrays' span, coefficients) over the list with each array's own gradient scale.
template <class T, class Coefficients, class Update>
void for_parameters(const ViewList& params, const ViewList& grads, const View& gradient_scale,
                    const GradientParams& gradient, Coefficients coefficients, Update&& update) {
  const Cut cut(params);
  const std::vector<T> scales = gradient_scales<T>(cut, grads, scalar<T>(gradient_scale, 1), gradient);
  coefficients.gradient = gradient_span<T>(gradient);
  cut.for_spans([&](int64_t, const Span& span) {
    Coefficients own = coefficients;
    own.gradient.scale = scales[span.array];
    update(span, own);
  });
}

void adam_update(const ViewList& params, const ViewList& grads, const ViewList& m, const ViewList& v,
                 const ViewList& v_max, const View& step, const View& learning_rate, const View& gradient_scale,
                 const AdamParams& adam, Stream) {
  if (params.count == 0) return;
  const auto count = static_cast<double>(*step.as<int64_t>());
  if (count < 1) fail(ErrorKind::value, "adam_update", "step is " + std::to_string(*step.as<int64_t>()) + ", expected at least 1");
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const double rate = scalar<T>(learning_rate, 0);
    const double correction_1 = 1 - std::pow(adam.beta_1, count), correction_2 = 1 - std::pow(adam.beta_2, count);
    AdamSpan<T> span{};
    span.one_minus_beta_1 = static_cast<T>(1 - adam.beta_1);
    span.one_minus_beta_2 = static_cast<T>(1 - adam.beta_2);
    span.rate = static_cast<T>(adam.epsilon_hat ? rate * std::sqrt(correction_2) / correction_1 : rate / correction_1);
    span.root_scale = static_cast<T>(adam.epsilon_hat ? 1 : 1 / std::sqrt(correction_2));
    span.epsilon = static_cast<T>(adam.epsilon);
    span.shrink = static_cast<T>(1 - rate * adam.weight_decay);
    const auto update = kernels<OptimizerKernels>().of<T>().adam;
    for_parameters<T>(params, grads, gradient_scale, adam.gradient, span, [&](const Span& s, const AdamSpan<T>& own) {
      update(at<T>(params, s), at<T>(grads, s), at<T>(m, s), at<T>(v, s), at<T>(v_max, s), s.count, own);
    });
  });
}

void sgd_update(const ViewList& params, const ViewList& grads, const ViewList& velocity, const View& learning_rate,
                const View& gradient_scale, const SgdParams& sgd, Stream) {
  if (params.count == 0) return;
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const double rate = scalar<T>(learning_rate, 0);
    const bool with_velocity = velocity.count > 0;
    // With g's share 1 - dampening: PyTorch's velocity holds gradients, Keras's holds steps.
    SgdSpan<T> span{};
    span.momentum = static_cast<T>(sgd.momentum);
    span.gain = static_cast<T>(sgd.velocity_scaled ? -rate * (1 - sgd.dampening) : 1 - sgd.dampening);
    const double step = sgd.velocity_scaled ? 1 : -rate;
    span.velocity_rate = static_cast<T>(sgd.nesterov ? step * sgd.momentum : step);
    span.gradient_rate = static_cast<T>(!with_velocity || sgd.nesterov ? -rate : 0);
    span.shrink = static_cast<T>(1 - rate * sgd.weight_decay);
    const auto update = kernels<OptimizerKernels>().of<T>().sgd;
    for_parameters<T>(params, grads, gradient_scale, sgd.gradient, span, [&](const Span& s, const SgdSpan<T>& own) {
      update(at<T>(params, s), at<T>(grads, s), at<T>(velocity, s), s.count, own);
    });
  });
}

void rmsprop_update(const ViewList& params, const ViewList& grads, const ViewList& velocity,
                    const ViewList& mean_square, const ViewList& mean_gradient, const View& learning_rate,
                    const View& gradient_scale, const RmspropParams& rmsprop, Stream) {
  if (params.count == 0) return;
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const double rate = scalar<T>(learning_rate, 0);
    RmspropSpan<T> span{};
    span.rho = static_cast<T>(rmsprop.rho);
    span.momentum = static_cast<T>(rmsprop.momentum);
    span.epsilon_inside = static_cast<T>(rmsprop.epsilon_inside ? rmsprop.epsilon : 0);
    span.epsilon_outside = static_cast<T>(rmsprop.epsilon_inside ? 0 : rmsprop.epsilon);
    span.gain = static_cast<T>(rmsprop.velocity_scaled ? rate : 1);
    span.rate = static_cast<T>(rmsprop.velocity_scaled ? 1 : rate);
    span.shrink = static_cast<T>(1 - rate * rmsprop.weight_decay);
    const auto update = kernels<OptimizerKernels>().of<T>().rmsprop;
    for_parameters<T>(params, grads, gradient_scale, rmsprop.gradient, span,
                      [&](const Span& s, const RmspropSpan<T>& own) {
                        update(at<T>(params, s), at<T>(grads, s), at<T>(velocity, s), at<T>(mean_square, s),
                               at<T>(mean_gradient, s), s.count, own);
                      });
  });
}

// The coefficients of one adaptive step; rules take those they need.
template <class T>
AdaptiveSpan<T> adaptive_span(const View& step, const View& product, double rate, const AdaptiveParams& params) {
  AdaptiveSpan<T> span{};
  span.decay_1 = static_cast<T>(params.beta_1);
  span.gain_1 = static_cast<T>(1 - params.beta_1);
  span.decay_2 = static_cast<T>(params.beta_2);
  span.gain_2 = static_cast<T>(1 - params.beta_2);
  span.epsilon = static_cast<T>(params.epsilon);
  span.shrink = static_cast<T>(1 - rate * params.weight_decay);
  span.rate = static_cast<T>(rate);
  span.power = static_cast<T>(-params.learning_rate_power);
  span.l1 = static_cast<T>(params.l1);
  span.l2 = static_cast<T>(2 * params.l2 + params.beta / rate);
  span.l2_shrinkage = static_cast<T>(2 * params.l2_shrinkage);
  const double count = step ? static_cast<double>(*step.as<int64_t>()) : 0;
  if (params.rule == AdaptiveRule::adamax) span.rate = static_cast<T>(rate / (1 - std::pow(params.beta_1, count)));
  if (params.rule == AdaptiveRule::nadam) {
    const auto momentum = [&](double t) { return params.beta_1 * (1 - 0.5 * std::pow(0.96, t * params.momentum_decay)); };
    const double past = scalar<T>(product, 1), next = momentum(count + 1);
    span.rate = static_cast<T>(rate * next / (1 - past * next));
    span.gradient_rate = static_cast<T>(rate * (1 - momentum(count)) / (1 - past));
    span.root_scale = static_cast<T>(1 / std::sqrt(1 - std::pow(params.beta_2, count)));
  }
  return span;
}

void adaptive_update(const ViewList& params, const ViewList& grads, const ViewList& a, const ViewList& b,
                     const View& step, const View& product, const View& learning_rate, const View& gradient_scale,
                     const AdaptiveParams& adaptive, Stream) {
  if (params.count == 0) return;
  if (step && *step.as<int64_t>() < 1)
    fail(ErrorKind::value, adaptive.rule == AdaptiveRule::nadam ? "nadam_update" : "adamax_update",
         "step is " + std::to_string(*step.as<int64_t>()) + ", expected at least 1");
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const AdaptiveSpan<T> span = adaptive_span<T>(step, product, scalar<T>(learning_rate, 0), adaptive);
    const auto update = kernels<OptimizerKernels>().of<T>().adaptive[static_cast<int>(adaptive.rule)];
    for_parameters<T>(params, grads, gradient_scale, adaptive.gradient, span,
                      [&](const Span& s, const AdaptiveSpan<T>& own) {
                        update(at<T>(params, s), at<T>(grads, s), at<T>(a, s), at<T>(b, s), s.count, own);
                      });
  });
}

}  // namespace

void fill_optimizer(Ops& ops) {
  ops.adam_update.set(adam_update, kF32F64);
  ops.sgd_update.set(sgd_update, kF32F64);
  ops.rmsprop_update.set(rmsprop_update, kF32F64);
  ops.adaptive_update.set(adaptive_update, kF32F64);
}

}  // namespace tilewright::cpu
