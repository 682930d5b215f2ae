// SPDX-License-Identifier: Apache-2.0
// Thread block clusters (compute capability 9.0 and later): blocks that run together, meet at one barrier and
// reach each other's shared memory. launch_cluster (launch.cuh) starts them.
#pragma once

#include "device/config.cuh"
#include "device/smem.cuh"

namespace TW_BACKEND {

// This block's number in its cluster.
TW_DEVICE int cluster_rank() {
#if TW_SIMT
  return simt::current_block().cluster_rank();
#else
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
#endif
}

// All threads of the cluster meet; what they wrote before, to any block's shared memory, is seen by all
// after. A block must not end while others may still reach into it: it waits here first.
TW_DEVICE void cluster_sync(Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().cluster_barrier(site);
#else
  (void)site;
  asm volatile("barrier.cluster.arrive.aligned;\n\tbarrier.cluster.wait.aligned;" ::: "memory");
#endif
}

// The same array in the shared memory of block `rank`.
template <class T, int kSize>
TW_DEVICE SharedArray<T, kSize>& map_shared_rank(SharedArray<T, kSize>& array, int rank,
                                                 Site site = Site::here()) {
#if TW_SIMT
  return *static_cast<SharedArray<T, kSize>*>(simt::current_block().remote_shared(&array, rank, site));
#else
  (void)site;
  uint64_t mapped;
  asm("mapa.u64 %0, %1, %2;" : "=l"(mapped) : "l"(&array), "r"(rank));
  return *reinterpret_cast<SharedArray<T, kSize>*>(mapped);
#endif
}

}  // namespace TW_BACKEND
