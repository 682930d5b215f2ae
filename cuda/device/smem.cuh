// SPDX-License-Identifier: Apache-2.0
// Shared memory and the barriers of a block. A kernel configuration declares one struct of SharedArrays,
//   struct Smem { SharedArray<float, 64> partial; };
// its launcher passes sizeof(Smem) and the kernel reaches it by block_shared<Smem>().
#pragma once

#include "device/config.cuh"
#if TW_SIMT
#include "simt/memory.h"
#endif

namespace TW_BACKEND {

#if TW_SIMT

// Element accesses give a checked reference: read it into a named type (`const float v = a[i]`), not `auto`.
using simt::SharedArray;

#else

template <class T, int kCount>
struct SharedArray {
  static __host__ __device__ constexpr int size() { return kCount; }
  TW_DEVICE T& operator[](int i) { return elements_[i]; }
  TW_DEVICE T* pointer(int i) { return elements_ + i; }

  T elements_[kCount];
};

#endif

// The block's shared memory, uninitialised, aligned to 1024 bytes.
template <class Smem>
TW_DEVICE Smem& block_shared(Site site = Site::here()) {
#if TW_SIMT
  return *static_cast<Smem*>(simt::current_block().shared_memory(sizeof(Smem), site));
#else
  (void)site;
  extern __shared__ __align__(1024) unsigned char tw_block_shared[];
  return *reinterpret_cast<Smem*>(tw_block_shared);
#endif
}

// All threads of the block meet; what they wrote before is seen by all after.
TW_DEVICE void block_sync(Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().barrier(0, 0, site);
#else
  (void)site;
  __syncthreads();
#endif
}

// `threads` threads (whole warps) meet at barrier `id`, 1 to 15.
TW_DEVICE void named_barrier_sync(int id, int threads, Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().barrier(id, threads, site);
#else
  (void)site;
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

// Counts this warp among the `threads` threads of barrier `id` and goes on: what it wrote before is seen by
// those who wait there in named_barrier_sync.
TW_DEVICE void named_barrier_arrive(int id, int threads, Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().barrier_arrive(id, threads, site);
#else
  (void)site;
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

#if !TW_SIMT
// The address of element i as instructions on shared memory want it.
template <class T, int kSize>
TW_DEVICE uint32_t shared_address(SharedArray<T, kSize>& array, int i) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(array.pointer(i)));
}
#endif

}  // namespace TW_BACKEND
