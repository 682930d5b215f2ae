// SPDX-License-Identifier: Apache-2.0
// Copies from global to shared memory that bypass registers and run while the thread goes on (cp.async). A
// thread waits for its own copies only; a barrier after the wait makes them everybody's.
#pragma once

#include "device/config.cuh"
#include "device/smem.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

// kBytes (4, 8 or 16) to element i of `to`; of these only the first `valid` bytes are read, the rest is zero.
// Both sides are aligned to kBytes.
template <int kBytes, class T, int kSize>
TW_DEVICE void copy_async(SharedArray<T, kSize>& to, int i, GlobalPtr<const T> from, int valid = kBytes,
                          Site site = Site::here()) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16, "cp.async moves 4, 8 or 16 bytes");
  static_assert(kBytes % sizeof(T) == 0, "whole elements");
#if TW_SIMT
  T* target = to.address(i, kBytes, site);
  simt::check_alignment(target, kBytes, "asynchronous copy", site);
  const void* source = valid > 0 ? from.source(static_cast<size_t>(valid), kBytes, site) : nullptr;
  simt::current_block().copy_async(target, source, kBytes, static_cast<size_t>(valid), site);
#else
  (void)site;
  if (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(to, i)),
                 "l"(from), "r"(valid)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to, i)), "l"(from),
                 "n"(kBytes), "r"(valid)
                 : "memory");
  }
#endif
}

// Ends a group: the thread's copies since the last one.
TW_DEVICE void copy_async_commit(Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().copy_async_commit(site);
#else
  (void)site;
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until at most the last kGroups groups of this thread are still under way.
template <int kGroups>
TW_DEVICE void copy_async_wait(Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().copy_async_wait(kGroups, site);
#else
  (void)site;
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
#endif
}

}  // namespace TW_BACKEND
