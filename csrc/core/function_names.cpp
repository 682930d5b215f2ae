// SPDX-License-Identifier: Apache-2.0
#include "core/function_names.h"

#include "core/check.h"

namespace tilewright {
namespace {

constexpr const char* kUnaryNames[] = {
    "relu",       "relu6",    "leaky_relu", "elu",   "sigmoid",     "tanh",  "gelu",     "gelu_tanh",
    "silu",       "softplus", "exp",        "log",   "sqrt",        "rsqrt", "negative", "abs",
    "sign",       "square",   "clip",       "erf",   "sin",         "cos",   "expm1",    "log1p",
    "reciprocal", "floor",    "ceil",       "round", "logical_not", "isnan", "isinf",    "isfinite",
};
constexpr const char* kBinaryNames[] = {
    "add",           "subtract",    "multiply",   "divide",      "maximum",    "minimum",
    "power",         "equal",       "not_equal",  "less",        "less_equal", "greater",
    "greater_equal", "logical_and", "logical_or", "logical_xor",
};

template <size_t kCount>
int index_of(const char* operation, const std::string& name, const char* const (&names)[kCount]) {
  for (size_t i = 0; i < kCount; ++i)
    if (name == names[i]) return static_cast<int>(i);
  fail(ErrorKind::value, operation, "function is \"" + name + "\", which is not known");
}

}  // namespace

const char* name_of(Unary function) { return kUnaryNames[static_cast<int>(function)]; }
const char* name_of(Binary function) { return kBinaryNames[static_cast<int>(function)]; }

Unary unary_named(const char* operation, const std::string& name) {
  static_assert(sizeof(kUnaryNames) / sizeof(char*) == static_cast<size_t>(Unary::isfinite) + 1,
                "one name each");
  return static_cast<Unary>(index_of(operation, name, kUnaryNames));
}

Binary binary_named(const char* operation, const std::string& name) {
  static_assert(sizeof(kBinaryNames) / sizeof(char*) == static_cast<size_t>(Binary::logical_xor) + 1,
                "one name each");
  return static_cast<Binary>(index_of(operation, name, kBinaryNames));
}

}  // namespace tilewright
