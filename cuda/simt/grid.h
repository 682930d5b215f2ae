// SPDX-License-Identifier: Apache-2.0
// A kernel launch on the emulator.
#pragma once

#include "core/view.h"
#include "simt/cluster.h"
#include "simt/memory.h"

namespace tilewright::simt {

namespace detail {
void run_grid(const LaunchInfo& launch, Cluster::Body body, void* context);
}

// Runs body() as every thread of every block and returns when all are done. Blocks spread over the threads
// of core/parallel.h. Throws a Fault for sizes no GPU accepts and for what the kernel does wrong.
template <class F>
void run_grid(const LaunchInfo& launch, F&& body) {
  detail::run_grid(
      launch, [](void* context) { (*static_cast<std::remove_reference_t<F>*>(context))(); }, &body);
}

// A kernel's pointer to the first element of `view`, which may reach every element of it and nothing else.
template <class T>
GlobalPtr<T> global_pointer(const View& view, const char* name) {
  int64_t lowest = 0, highest = 0;
  for (int i = 0; i < view.ndim; ++i) {
    if (view.shape[i] == 0) return GlobalPtr<T>(view.as<T>(), {view.as<char>(), view.as<char>(), name, true});
    const int64_t reach = (view.shape[i] - 1) * view.strides[i];
    (reach < 0 ? lowest : highest) += reach;
  }
  T* data = view.as<T>();
  return GlobalPtr<T>(data, {reinterpret_cast<const char*>(data + lowest),
                             reinterpret_cast<const char*>(data + highest + 1), name, view.writable});
}

}  // namespace tilewright::simt
