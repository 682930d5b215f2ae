// SPDX-License-Identifier: Apache-2.0
// The tables of operations that the CUDA sources fill: for a GPU, and for the emulator.
#pragma once

#include "core/ops.h"

namespace tilewright::cuda {
const Ops& ops();

// Throws what kernels have found out of range (ids, labels) since the last call. Waits for the device.
void raise_value_errors();

// Empty if a GPU can be used, else why not. Needs no driver.
std::string unavailable_reason();
}  // namespace tilewright::cuda

namespace tilewright::simt_backend {
const Ops& ops();
}
