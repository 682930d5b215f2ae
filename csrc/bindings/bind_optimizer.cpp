// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

// The lists of one update, checked: each like `params` in number, shape and dtype, without gaps, and no byte
// written twice or written while it is read.
class Lists {
 public:
  Lists(const char* operation, py::handle params, py::handle grads)
      : operation_(operation), params_(operation, "params", params, true), grads_(operation, "grads", grads, false) {
    for (size_t i = 0; i < params_.size(); ++i) check_same_dtype(operation, name("params", i).c_str(), params_[i], "params[0]", params_[0]);
    add("params", params_, true);
    match("grads", grads_);
    add("grads", grads_, false);
  }

  // A list of state arrays.
  Arrays state(const char* argument, py::handle list) {
    if (list.is_none()) fail(ErrorKind::type, operation_, std::string(argument) + " is None, expected a list of arrays");
    return optional_state(argument, list);
  }

  // The same; an empty list for None.
  Arrays optional_state(const char* argument, py::handle list) {
    Arrays arrays(operation_, argument, list.is_none() ? py::handle(empty_) : list, true);
    if (!list.is_none()) {
      match(argument, arrays);
      add(argument, arrays, true);
    }
    return arrays;
  }

  void check_disjoint() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    const Range* last = nullptr;       // of all ranges so far, the one that reaches furthest
    const Range* last_written = nullptr;
    for (const Range& range : ranges_) {
      const Range* other = range.written ? last : last_written;
      if (other && other->end > range.begin)
        fail(ErrorKind::value, operation_,
             name(range.argument, range.index) + " shares memory with " + name(other->argument, other->index) +
                 ", expected separate arrays");
      if (!last || range.end > last->end) last = &range;
      if (range.written && (!last_written || range.end > last_written->end)) last_written = &range;
    }
  }

  const Arrays& params() const { return params_; }
  const Arrays& grads() const { return grads_; }
  Dtype dtype() const { return params_.size() ? params_[0].dtype : Dtype::f32; }

 private:
  struct Range {
    uintptr_t begin, end;
    const char* argument;
    size_t index;
    bool written;
  };

  static std::string name(const char* argument, size_t index) {
    return std::string(argument) + "[" + std::to_string(index) + "]";
  }

  void match(const char* argument, const Arrays& arrays) {
    if (arrays.size() != params_.size())
      fail(ErrorKind::value, operation_,
           std::string(argument) + " has " + std::to_string(arrays.size()) + " arrays, expected " +
               std::to_string(params_.size()) + " like params");
    for (size_t i = 0; i < arrays.size(); ++i) {
      const View &view = arrays[i], &param = params_[i];
      if (view.same_shape(param) && view.dtype == param.dtype) continue;  // names are made only for messages
      check_same_shape(operation_, name(argument, i).c_str(), view, name("params", i).c_str(), param);
      check_same_dtype(operation_, name(argument, i).c_str(), view, name("params", i).c_str(), param);
    }
  }

  void add(const char* argument, const Arrays& arrays, bool written) {
    for (size_t i = 0; i < arrays.size(); ++i) {
      const View& view = arrays[i];
      if (!view.contiguous())
        fail(ErrorKind::value, operation_, name(argument, i) + " has gaps or another order in memory, expected C order");
      if (view.size() == 0) continue;
      const auto begin = reinterpret_cast<uintptr_t>(view.data);
      ranges_.push_back({begin, begin + static_cast<uintptr_t>(view.bytes()), argument, i, written});
    }
  }

  const char* operation_;
  py::tuple empty_;
  Arrays params_, grads_;
  std::vector<Range> ranges_;
};

// A one-element array of the parameters' dtype (learning rate, gradient scale); None where `optional`.
View one(const char* operation, const char* argument, py::handle array, Dtype dtype, bool optional = false) {
  if (optional && array.is_none()) return {};
  const View view = input(operation, argument, array);
  check_shape(operation, argument, view, {1});
  check_dtype(operation, argument, view, {dtype});
  return view;
}

void check_fraction(const char* operation, const char* argument, double value) {
  if (!(value >= 0 && value < 1))
    fail(ErrorKind::value, operation, std::string(argument) + " is " + std::to_string(value) + ", expected 0 <= " + argument + " < 1");
}

void check_not_negative(const char* operation, const char* argument, double value) {
  if (!(value >= 0))
    fail(ErrorKind::value, operation, std::string(argument) + " is " + std::to_string(value) + ", expected at least 0");
}

// The options every optimizer has, by the names the Python functions give them.
GradientParams gradient_params(const char* operation, const py::dict& options) {
  GradientParams params;
  params.maximize = options["maximize"].cast<bool>();
  params.clip_value = options["clip_value"].cast<double>();
  params.clip_norm = options["clip_norm"].cast<double>();
  params.global_clip_norm = options["global_clip_norm"].cast<double>();
  params.l2 = options["l2"].cast<double>();
  check_not_negative(operation, "clip_value", params.clip_value);
  check_not_negative(operation, "clip_norm", params.clip_norm);
  check_not_negative(operation, "global_clip_norm", params.global_clip_norm);
  check_not_negative(operation, "l2", params.l2);
  return params;
}

double not_negative(const char* operation, const py::dict& options, const char* argument) {
  const auto value = options[argument].cast<double>();
  check_not_negative(operation, argument, value);
  return value;
}

double fraction(const char* operation, const py::dict& options, const char* argument) {
  const auto value = options[argument].cast<double>();
  check_fraction(operation, argument, value);
  return value;
}

struct RuleName {
  const char* name;
  AdaptiveRule rule;
  bool second, counts;  // has a second state list; needs the step count
};
constexpr RuleName kRules[] = {
    {"adagrad", AdaptiveRule::adagrad, false, false}, {"adadelta", AdaptiveRule::adadelta, true, false},
    {"adamax", AdaptiveRule::adamax, true, true},     {"nadam", AdaptiveRule::nadam, true, true},
    {"lion", AdaptiveRule::lion, false, false},       {"ftrl", AdaptiveRule::ftrl, true, false},
};

const RuleName& rule_named(const std::string& name) {
  for (const RuleName& rule : kRules)
    if (name == rule.name) return rule;
  fail(ErrorKind::value, "adaptive_update", "rule is '" + name + "', expected adagrad, adadelta, adamax, nadam, lion or ftrl");
}

AdaptiveParams adaptive_params(const char* operation, AdaptiveRule rule, const py::dict& options) {
  AdaptiveParams params;
  params.rule = rule;
  params.beta_1 = options["beta_1"].cast<double>();
  params.beta_2 = options["beta_2"].cast<double>();
  // Lion's beta_1 may be 1, and its mean then alone decides.
  if (rule != AdaptiveRule::lion || params.beta_1 != 1) check_fraction(operation, "beta_1", params.beta_1);
  check_fraction(operation, rule == AdaptiveRule::adadelta ? "rho" : "beta_2", params.beta_2);
  params.epsilon = not_negative(operation, options, "epsilon");
  params.momentum_decay = not_negative(operation, options, "momentum_decay");
  params.learning_rate_power = options["learning_rate_power"].cast<double>();
  check_not_negative(operation, "-learning_rate_power", -params.learning_rate_power);
  params.l1 = not_negative(operation, options, "l1_regularization");
  params.l2 = not_negative(operation, options, "l2_regularization");
  params.l2_shrinkage = not_negative(operation, options, "l2_shrinkage");
  params.beta = not_negative(operation, options, "beta");
  params.weight_decay = not_negative(operation, options, "weight_decay");
  params.gradient = gradient_params(operation, options);
  return params;
}

}  // namespace

void bind_optimizer(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "adam_update",
      [&ops](py::handle params, py::handle grads, py::handle m, py::handle v, py::handle v_max, py::handle step,
             py::handle rate, py::handle scale, const py::dict& options, py::handle stream) {
        constexpr const char* op = "adam_update";
        Lists lists(op, params, grads);
        const Arrays ms = lists.state("m", m), vs = lists.state("v", v), maxima = lists.optional_state("v_max", v_max);
        lists.check_disjoint();
        const View step_view = input(op, "step", step);
        check_shape(op, "step", step_view, {1});
        check_dtype(op, "step", step_view, {Dtype::s64});
        AdamParams adam;
        adam.beta_1 = fraction(op, options, "beta_1");
        adam.beta_2 = fraction(op, options, "beta_2");
        adam.epsilon = not_negative(op, options, "epsilon");
        adam.epsilon_hat = options["epsilon_hat"].cast<bool>();
        adam.weight_decay = not_negative(op, options, "weight_decay");
        adam.gradient = gradient_params(op, options);
        run(ops.adam_update, lists.params().list(), lists.grads().list(), ms.list(), vs.list(), maxima.list(), step_view,
            one(op, "learning_rate", rate, lists.dtype()), one(op, "gradient_scale", scale, lists.dtype(), true), adam,
            stream_of(stream));
      },
      "One Adam step over lists of arrays, in place", py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"),
      py::arg("v_max"), py::arg("step"), py::arg("learning_rate"), py::arg("gradient_scale"), py::arg("options"), stream);
  m.def(
      "sgd_update",
      [&ops](py::handle params, py::handle grads, py::handle velocity, py::handle rate, py::handle scale,
             const py::dict& options, py::handle stream) {
        constexpr const char* op = "sgd_update";
        Lists lists(op, params, grads);
        const Arrays velocities = lists.optional_state("velocity", velocity);
        lists.check_disjoint();
        SgdParams sgd;
        sgd.momentum = not_negative(op, options, "momentum");
        sgd.dampening = options["dampening"].cast<double>();
        sgd.nesterov = options["nesterov"].cast<bool>();
        sgd.velocity_scaled = options["velocity_scaled"].cast<bool>();
        sgd.weight_decay = not_negative(op, options, "weight_decay");
        sgd.gradient = gradient_params(op, options);
        if ((sgd.momentum > 0 || sgd.nesterov) && velocity.is_none())
          fail(ErrorKind::value, op, "velocity is None, expected a list like params for momentum > 0");
        run(ops.sgd_update, lists.params().list(), lists.grads().list(), velocities.list(),
            one(op, "learning_rate", rate, lists.dtype()), one(op, "gradient_scale", scale, lists.dtype(), true), sgd,
            stream_of(stream));
      },
      "One SGD step over lists of arrays, in place", py::arg("params"), py::arg("grads"), py::arg("velocity"),
      py::arg("learning_rate"), py::arg("gradient_scale"), py::arg("options"), stream);
  m.def(
      "rmsprop_update",
      [&ops](py::handle params, py::handle grads, py::handle velocity, py::handle mean_square, py::handle mean_gradient,
             py::handle rate, py::handle scale, const py::dict& options, py::handle stream) {
        constexpr const char* op = "rmsprop_update";
        Lists lists(op, params, grads);
        const Arrays velocities = lists.optional_state("velocity", velocity);
        const Arrays squares = lists.state("mean_square", mean_square);
        const Arrays means = lists.optional_state("mean_gradient", mean_gradient);
        lists.check_disjoint();
        RmspropParams rmsprop;
        rmsprop.rho = fraction(op, options, "rho");
        rmsprop.momentum = not_negative(op, options, "momentum");
        rmsprop.epsilon = not_negative(op, options, "epsilon");
        rmsprop.epsilon_inside = options["epsilon_inside"].cast<bool>();
        rmsprop.velocity_scaled = options["velocity_scaled"].cast<bool>();
        rmsprop.weight_decay = not_negative(op, options, "weight_decay");
        rmsprop.gradient = gradient_params(op, options);
        if (rmsprop.momentum > 0 && velocity.is_none())
          fail(ErrorKind::value, op, "velocity is None, expected a list like params for momentum > 0");
        run(ops.rmsprop_update, lists.params().list(), lists.grads().list(), velocities.list(), squares.list(),
            means.list(), one(op, "learning_rate", rate, lists.dtype()),
            one(op, "gradient_scale", scale, lists.dtype(), true), rmsprop, stream_of(stream));
      },
      "One RMSprop step over lists of arrays, in place", py::arg("params"), py::arg("grads"), py::arg("velocity"),
      py::arg("mean_square"), py::arg("mean_gradient"), py::arg("learning_rate"), py::arg("gradient_scale"),
      py::arg("options"), stream);
  m.def(
      "adaptive_update",
      [&ops](const std::string& rule_name, py::handle params, py::handle grads, py::handle a, py::handle b, py::handle step,
             py::handle product, py::handle rate, py::handle scale, const py::dict& options, py::handle stream) {
        const RuleName& rule = rule_named(rule_name);
        const std::string name = std::string(rule.name) + "_update";
        const char* op = name.c_str();
        const py::tuple names = options["state_names"];
        const auto first = names[0].cast<std::string>(), second = names[1].cast<std::string>();
        Lists lists(op, params, grads);
        const Arrays as = lists.state(first.c_str(), a);
        const Arrays bs = rule.second ? lists.state(second.c_str(), b) : lists.optional_state(second.c_str(), py::none());
        lists.check_disjoint();
        View step_view, product_view;
        if (rule.counts) {
          step_view = input(op, "step", step);
          check_shape(op, "step", step_view, {1});
          check_dtype(op, "step", step_view, {Dtype::s64});
        }
        if (rule.rule == AdaptiveRule::nadam) product_view = one(op, "product", product, lists.dtype());
        run(ops.adaptive_update, lists.params().list(), lists.grads().list(), as.list(), bs.list(), step_view, product_view,
            one(op, "learning_rate", rate, lists.dtype()), one(op, "gradient_scale", scale, lists.dtype(), true),
            adaptive_params(op, rule.rule, options), stream_of(stream));
      },
      "One step of adagrad, adadelta, adamax, nadam, lion or ftrl over lists of arrays, in place", py::arg("rule"),
      py::arg("params"), py::arg("grads"), py::arg("a"), py::arg("b"), py::arg("step"), py::arg("product"),
      py::arg("learning_rate"), py::arg("gradient_scale"), py::arg("options"), stream);
}

}  // namespace tilewright::bindings
