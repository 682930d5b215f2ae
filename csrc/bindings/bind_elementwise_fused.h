// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bindings/arrays.h"

namespace tilewright::bindings {

// Bias with activation, and dropout: the part of the elementwise family that works on rows in C order.
void bind_elementwise_fused(py::module_& m, const Ops& ops);

}  // namespace tilewright::bindings
