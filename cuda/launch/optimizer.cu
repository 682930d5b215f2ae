// SPDX-License-Identifier: Apache-2.0
// Optimizers: whole lists in one launch, after the norms where they are clipped.
#include <cmath>
#include <string>

#include "core/check.h"
#include "core/dispatch.h"
#include "kernels/optimizer.cuh"
#include "launch/fill.h"
#include "launch/optimizer_lists.h"
#include "launch/value_guard.h"

namespace TW_BACKEND {
namespace {

void adam_update(const ViewList& params, const ViewList& grads, const ViewList& m, const ViewList& v,
                 const ViewList& v_max, const View& step, const View& learning_rate,
                 const View& gradient_scale, const AdamParams& adam, Stream stream) {
  constexpr const char* kName = "adam_update";
  if (params.count == 0) return;
  const ValueGuard guard(kName, "step", step, 1, INT64_MAX);
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const Scales<T> scales(kName, grads, gradient_scale, adam.gradient, stream);
    Adam<T> update;
    update.gradient = rule_of<T>(gradient_scale, scales, adam.gradient);
    update.count = global_pointer<const int64_t>(step, "step");
    update.learning_rate = global_pointer<const T>(learning_rate, "learning_rate");
    update.check = guard.check();
    update.log_beta_1 = std::log(adam.beta_1);
    update.log_beta_2 = std::log(adam.beta_2);
    update.weight_decay = adam.weight_decay;
    update.one_minus_beta_1 = static_cast<T>(1 - adam.beta_1);
    update.one_minus_beta_2 = static_cast<T>(1 - adam.beta_2);
    update.epsilon = static_cast<T>(adam.epsilon);
    update.epsilon_hat = adam.epsilon_hat;
    update.amsgrad = v_max.count > 0;
    update_lists<T>(kName, update, {&params, &grads, &m, &v, &v_max}, {"params", "grads", "m", "v", "v_max"},
                    stream);
  });
  int64_t index = 0, count = 0;
  if (!guard.reported() || !guard.first_bad(index, count)) return;
  fail(ErrorKind::value, kName, "step is " + std::to_string(count) + ", expected at least 1");
}

void sgd_update(const ViewList& params, const ViewList& grads, const ViewList& velocity,
                const View& learning_rate, const View& gradient_scale, const SgdParams& sgd, Stream stream) {
  constexpr const char* kName = "sgd_update";
  if (params.count == 0) return;
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const Scales<T> scales(kName, grads, gradient_scale, sgd.gradient, stream);
    const Sgd<T> update = {rule_of<T>(gradient_scale, scales, sgd.gradient),
                           global_pointer<const T>(learning_rate, "learning_rate"), sgd, velocity.count > 0};
    update_lists<T>(kName, update, {&params, &grads, &velocity}, {"params", "grads", "velocity"}, stream);
  });
}

void rmsprop_update(const ViewList& params, const ViewList& grads, const ViewList& velocity,
                    const ViewList& mean_square, const ViewList& mean_gradient, const View& learning_rate,
                    const View& gradient_scale, const RmspropParams& rmsprop, Stream stream) {
  constexpr const char* kName = "rmsprop_update";
  if (params.count == 0) return;
  for_float(params[0].dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const Scales<T> scales(kName, grads, gradient_scale, rmsprop.gradient, stream);
    const Rmsprop<T> update = {rule_of<T>(gradient_scale, scales, rmsprop.gradient),
                               global_pointer<const T>(learning_rate, "learning_rate"), rmsprop,
                               velocity.count > 0, mean_gradient.count > 0};
    update_lists<T>(kName, update, {&params, &grads, &mean_square, &velocity, &mean_gradient},
                    {"params", "grads", "mean_square", "velocity", "mean_gradient"}, stream);
  });
}

}  // namespace

void fill_optimizer(Ops& ops) {
  ops.adam_update.set(adam_update, kF32F64);
  ops.sgd_update.set(sgd_update, kF32F64);
  ops.rmsprop_update.set(rmsprop_update, kF32F64);
  fill_optimizer_adaptive(ops);
}

}  // namespace TW_BACKEND
