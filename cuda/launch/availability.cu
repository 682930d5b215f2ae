// SPDX-License-Identifier: Apache-2.0
// Whether there is a GPU. The runtime is linked statically and finds the driver itself, so this answers on
// machines that have none.
#include <cuda_runtime.h>

#include "launch/ops_cuda.h"

namespace tilewright::cuda {

std::string unavailable_reason() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return devices > 0 ? "" : "no CUDA device is visible";
}

}  // namespace tilewright::cuda
