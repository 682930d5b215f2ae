// SPDX-License-Identifier: Apache-2.0
#include "cpu/conv2d_method.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/check.h"

namespace tilewright::cpu {
namespace {

constexpr const char* kNames[] = {"direct", "winograd"};

int parse(const char* operation, const char* argument, const char* name) {
  for (int i = 0; i < 2; ++i)
    if (std::strcmp(name, kNames[i]) == 0) return i;
  fail(ErrorKind::value, operation,
       std::string(argument) + " is '" + name + "', expected direct or winograd");
}

std::atomic<int>& chosen() {
  static std::atomic<int> method{[] {
    const char* variable = "TILEWRIGHT_CONV2D_METHOD";
    const char* name = std::getenv(variable);
    return name && *name ? parse("conv2d_method", variable, name) : 0;
  }()};
  return method;
}

std::atomic<int> forced_outputs{0};

}  // namespace

Conv2dMethod conv2d_method() { return static_cast<Conv2dMethod>(chosen().load(std::memory_order_relaxed)); }

const char* conv2d_method_name() { return kNames[static_cast<int>(conv2d_method())]; }

void set_conv2d_method(const char* name) {
  chosen().store(parse("set_conv2d_method", "method", name), std::memory_order_relaxed);
}

int winograd_outputs() { return forced_outputs.load(std::memory_order_relaxed); }

void set_winograd_outputs(int outputs) {
  if (outputs != 0 && outputs != 2 && outputs != 4)
    fail(ErrorKind::value, "set_winograd_outputs",
         "outputs is " + std::to_string(outputs) + ", expected 0, 2 or 4");
  forced_outputs.store(outputs, std::memory_order_relaxed);
}

}  // namespace tilewright::cpu
