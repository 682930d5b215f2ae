// SPDX-License-Identifier: Apache-2.0
// Activations by name, as the Python functions with a fused epilogue take them.
#pragma once

#include "bindings/arrays.h"

namespace tilewright::bindings {

// None or a name; `slope` None gives the activation's default: 0.2 for leaky_relu (Keras), 1 for elu.
// Raises ValueError for an unknown name, TypeError for what is no string.
Epilogue epilogue_of(const char* operation, py::handle activation, py::handle slope);

// Whether the gradient needs the activation's argument (gelu, gelu_tanh, silu) and not its result.
bool needs_preactivation(Activation activation);

}  // namespace tilewright::bindings
