// SPDX-License-Identifier: Apache-2.0
// Adagrad, Adadelta, Adamax, Nadam, Lion and Ftrl.
#include <string>

#include "core/check.h"
#include "core/dispatch.h"
#include "kernels/optimizer_adaptive.cuh"
#include "launch/fill.h"
#include "launch/optimizer_lists.h"
#include "launch/value_guard.h"

namespace TW_BACKEND {
namespace {

const char* name_of(AdaptiveRule rule) {
  switch (rule) {
    case AdaptiveRule::adagrad:
      return "adagrad_update";
    case AdaptiveRule::adadelta:
      return "adadelta_update";
    case AdaptiveRule::adamax:
      return "adamax_update";
    case AdaptiveRule::nadam:
      return "nadam_update";
    case AdaptiveRule::lion:
      return "lion_update";
    case AdaptiveRule::ftrl:
      return "ftrl_update";
  }
  return "adaptive_update";
}

void adaptive_update(const ViewList& params, const ViewList& grads, const ViewList& a, const ViewList& b,
                     const View& step, const View& product, const View& learning_rate,
                     const View& gradient_scale, const AdaptiveParams& adaptive, Stream stream) {
  if (params.count == 0) return;
  const char* name = name_of(adaptive.rule);
  View counted = step;  // rules without a step have none to check
  if (!step) counted.ndim = 1;
  const ValueGuard guard(name, "step", counted, 1, INT64_MAX);
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const Scales<T> scales(name, grads, gradient_scale, adaptive.gradient, stream);
    const GradientRule<T> gradient = rule_of<T>(gradient_scale, scales, adaptive.gradient);
    const auto rate = global_pointer<const T>(learning_rate, "learning_rate");
    if (adaptive.rule == AdaptiveRule::ftrl) {
      const Ftrl<T> update = {gradient, rate, adaptive};
      return update_lists<T>(name, update, {&params, &grads, &a, &b}, {"params", "grads", "a", "b"}, stream);
    }
    const Adaptive<T> update = {gradient,
                                optional_pointer<const int64_t>(step, "step"),
                                optional_pointer<const T>(product, "product"),
                                rate,
                                guard.check(),
                                adaptive};
    update_lists<T>(name, update, {&params, &grads, &a, &b}, {"params", "grads", "a", "b"}, stream);
  });
  int64_t index = 0, count = 0;
  if (!guard.reported() || !guard.first_bad(index, count)) return;
  fail(ErrorKind::value, name, "step is " + std::to_string(count) + ", expected at least 1");
}

}  // namespace

void fill_optimizer_adaptive(Ops& ops) { ops.adaptive_update.set(adaptive_update, kF32F64); }

}  // namespace TW_BACKEND
