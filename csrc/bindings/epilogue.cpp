// SPDX-License-Identifier: Apache-2.0
#include "bindings/epilogue.h"

#include <cstring>

namespace tilewright::bindings {
namespace {

struct Named {
  const char* name;
  Activation activation;
};
constexpr Named kActivations[] = {
    {"linear", Activation::none},
    {"relu", Activation::relu},
    {"relu6", Activation::relu6},
    {"leaky_relu", Activation::leaky_relu},
    {"elu", Activation::elu},
    {"sigmoid", Activation::sigmoid},
    {"tanh", Activation::tanh},
    {"gelu", Activation::gelu},
    {"gelu_tanh", Activation::gelu_tanh},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"softplus", Activation::softplus},
};

std::string known_names() {
  std::string names = "None";
  for (const Named& known : kActivations) names += std::string(", \"") + known.name + "\"";
  return names;
}

}  // namespace

Epilogue epilogue_of(const char* operation, py::handle activation, py::handle slope) {
  Epilogue epilogue;
  if (activation.is_none()) return epilogue;
  const char* name = PyUnicode_Check(activation.ptr()) ? PyUnicode_AsUTF8(activation.ptr()) : nullptr;
  if (name == nullptr) {
    PyErr_Clear();
    fail(ErrorKind::type, operation,
         "activation is a " + std::string(Py_TYPE(activation.ptr())->tp_name) + ", expected one of " +
             known_names());
  }
  for (const Named& known : kActivations) {
    if (std::strcmp(known.name, name) != 0) continue;
    epilogue.activation = known.activation;
    if (!slope.is_none())
      epilogue.slope = slope.cast<double>();
    else
      epilogue.slope = known.activation == Activation::leaky_relu ? 0.2 : 1.0;
    return epilogue;
  }
  fail(ErrorKind::value, operation,
       "activation is \"" + std::string(name) + "\", expected one of " + known_names());
}

bool needs_preactivation(Activation activation) {
  return activation == Activation::gelu || activation == Activation::gelu_tanh ||
         activation == Activation::silu;
}

}  // namespace tilewright::bindings
