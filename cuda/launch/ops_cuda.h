// SPDX-License-Identifier: Apache-2.0
// The tables of operations that the CUDA sources fill: for a GPU, and for the emulator.
#pragma once

#include <stdint.h>

#include <string>
#include <vector>

#include "core/ops.h"

namespace tilewright::cuda {
const Ops& ops();

// Empty if a GPU can be used, else why not. Needs no driver.
std::string unavailable_reason();

struct DeviceInfo {
  std::string name;
  int major, minor, multiprocessors;
  int64_t memory_bytes, shared_bytes_per_block, l2_bytes;
  int driver_version, runtime_version;  // 1000 * major + 10 * minor
};
// One entry a GPU. Throws where there is no driver.
std::vector<DeviceInfo> device_info();

// Why kernels on the current GPU cannot use an address, or "".
std::string address_fault(const void* address);
// What is queued on `consumer` from here on waits for what is queued on `producer` now; the host does not.
void order_streams(void* producer, void* consumer);

// Throws what kernels have reported of ids and labels since the last call (value_guard.h). Waits for the GPU.
void raise_value_errors();
}  // namespace tilewright::cuda

namespace tilewright::simt_backend {
const Ops& ops();
}
