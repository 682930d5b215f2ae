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
  const auto sizes = [](Dim3 d) {
    return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
  };
  fail(ErrorKind::runtime, name,
       std::string("kernel launch failed: ") + cudaGetErrorString(status) + " (grid " + sizes(grid) +
           ", block " + sizes(block) + ", shared memory " + std::to_string(shared_bytes) + " bytes)");
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
  constexpr size_t kWithoutAsking = 48 * 1024;  // more has to be requested for the kernel
  if (shared_bytes > kWithoutAsking) {
    check_launch(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      static_cast<int>(shared_bytes)),
                 name, grid, block, shared_bytes);
  }
  kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(stream.handle)>>>(args...);
  check_launch(cudaGetLastError(), name, grid, block, shared_bytes);
#endif
}

}  // namespace TW_BACKEND
