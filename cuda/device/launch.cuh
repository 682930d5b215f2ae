// SPDX-License-Identifier: Apache-2.0
// The only door from the host to a kernel. Under nvcc it launches on the stream; under a C++ compiler it
// runs the grid on the emulator before it returns. Both fail with kernel name and launch sizes.
#pragma once

#include <string>

#include "core/check.h"
#include "core/view.h"
#include "device/config.cuh"
#include "device/vector.cuh"
#if TW_SIMT
#include "simt/grid.h"
#endif

namespace TW_BACKEND {

// The pointer a kernel gets for `view`. `name` is the argument's name in messages.
template <class T>
GlobalPtr<T> global_pointer(const View& view, const char* name) {
#if TW_SIMT
  return simt::global_pointer<T>(view, name);
#else
  (void)name;
  return view.as<T>();
#endif
}

#if !TW_SIMT
inline void check_launch(cudaError_t status, const char* name, Dim3 grid, Dim3 block, size_t shared_bytes) {
  if (status == cudaSuccess) return;
  const bool lost = cudaFree(nullptr) != cudaSuccess;  // a fault inside a kernel stays with the context
  const auto sizes = [](Dim3 d) {
    return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
  };
  fail(ErrorKind::runtime, name,
       std::string("kernel launch failed: ") + cudaGetErrorString(status) + " (grid " + sizes(grid) +
           ", block " + sizes(block) + ", shared memory " + std::to_string(shared_bytes) + " bytes)" +
           (lost ? "; the CUDA context is lost, expected a new process" : "; the CUDA context is still usable"));
}
#endif

#if !TW_SIMT
// Shared memory beyond 48 KiB has to be requested for the kernel.
template <class... Params>
void request_shared(const char* name, void (*kernel)(Params...), Dim3 grid, Dim3 block, size_t bytes) {
  if (bytes <= 48 * 1024) return;
  check_launch(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), name,
      grid, block, bytes);
}
#endif

// `kernel` is a TW_KERNEL function, `shared_bytes` the size of its Smem struct or 0.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), Dim3 grid, Dim3 block, size_t shared_bytes,
            Stream stream, Args... args) {
#if TW_SIMT
  (void)stream;
  simt::run_grid({name, grid, block, shared_bytes}, [&] { kernel(args...); });
#else
  request_shared(name, kernel, grid, block, shared_bytes);
  kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(stream.handle)>>>(args...);
  check_launch(cudaGetLastError(), name, grid, block, shared_bytes);
#endif
}

// The same in clusters of `cluster` neighbouring blocks along x (device/cluster.cuh).
template <class... Params, class... Args>
void launch_cluster(const char* name, void (*kernel)(Params...), Dim3 grid, Dim3 block, unsigned cluster,
                    size_t shared_bytes, Stream stream, Args... args) {
#if TW_SIMT
  (void)stream;
  simt::run_grid({name, grid, block, shared_bytes, cluster}, [&] { kernel(args...); });
#else
  request_shared(name, kernel, grid, block, shared_bytes);
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {cluster, 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.handle);
  config.attrs = &attribute;
  config.numAttrs = 1;
  check_launch(cudaLaunchKernelEx(&config, kernel, Params(args)...), name, grid, block, shared_bytes);
#endif
}

}  // namespace TW_BACKEND
