// SPDX-License-Identifier: Apache-2.0
// The GPU as the bindings ask about it. The runtime is linked statically and finds the driver itself, so this
// answers on machines that have none.
#include <cuda_runtime.h>

#include "core/check.h"
#include "launch/ops_cuda.h"

namespace tilewright::cuda {
namespace {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // forgotten, unless it stays with the context
  // A fault inside a kernel stays with the context: every later call fails as this one did.
  const bool lost = cudaFree(nullptr) != cudaSuccess;
  fail(ErrorKind::runtime, "cuda", std::string(what) + " failed: " + cudaGetErrorString(status) +
                                       (lost ? "; the CUDA context is lost, expected a new process" : ""));
}

}  // namespace

std::string unavailable_reason() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return devices > 0 ? "" : "no CUDA device is visible";
}

std::vector<DeviceInfo> device_info() {
  int devices = 0, driver = 0, runtime = 0;
  check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  std::vector<DeviceInfo> found;
  for (int i = 0; i < devices; ++i) {
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, i), "cudaGetDeviceProperties");
    found.push_back({p.name, p.major, p.minor, p.multiProcessorCount, static_cast<int64_t>(p.totalGlobalMem),
                     static_cast<int64_t>(p.sharedMemPerBlockOptin), p.l2CacheSize, driver, runtime});
  }
  return found;
}

std::string address_fault(const void* address) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, address) != cudaSuccess) {
    cudaGetLastError();
    return "has an address the CUDA runtime does not know";
  }
  if (attributes.type == cudaMemoryTypeUnregistered || attributes.type == cudaMemoryTypeHost)
    return "lies in memory of the host, expected memory of a GPU";
  int current = 0;
  cudaGetDevice(&current);
  if (attributes.type == cudaMemoryTypeManaged || attributes.device == current) return "";
  return "is on GPU " + std::to_string(attributes.device) + ", expected GPU " + std::to_string(current) +
         ", the current one";
}

void order_streams(void* producer, void* consumer) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  check(cudaEventRecord(event, static_cast<cudaStream_t>(producer)), "cudaEventRecord");
  check(cudaStreamWaitEvent(static_cast<cudaStream_t>(consumer), event, 0), "cudaStreamWaitEvent");
  check(cudaEventDestroy(event), "cudaEventDestroy");  // goes once the event has passed
}

}  // namespace tilewright::cuda
