// SPDX-License-Identifier: Apache-2.0
// Barriers in shared memory that count arrivals and bytes. A phase is complete when all its arrivals have
// come and all bytes announced for it have landed; parity 0 is that of the first phase, then 1, 0, 1, ...
// Element i of a SharedArray<uint64_t, n> is one. Bytes, bulk copies and remote arrivals need compute
// capability 9.0.
#pragma once

#include "device/cluster.cuh"
#include "device/config.cuh"
#include "device/smem.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

// By one thread, before a block_sync or cluster_sync that all users pass.
template <int kSize>
TW_DEVICE void mbarrier_init(SharedArray<uint64_t, kSize>& barriers, int i, int arrivals,
                             Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().mbarrier_init(barriers.address(i, 8, site), arrivals, site);
#else
  (void)site;
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(barriers, i)), "r"(arrivals)
               : "memory");
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");  // for copies and other blocks
#endif
#endif
}

// What this thread wrote before is seen by those who wait for the phase.
template <int kSize>
TW_DEVICE void mbarrier_arrive(SharedArray<uint64_t, kSize>& barriers, int i, Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().mbarrier_arrive(barriers.address(i, 8, site), 0, site);
#else
  (void)site;
  uint64_t state;
  asm volatile("mbarrier.arrive.shared.b64 %0, [%1];"
               : "=l"(state)
               : "r"(shared_address(barriers, i))
               : "memory");
#endif
}

// Arrives and announces `bytes` bytes of bulk copies for this phase.
template <int kSize>
TW_DEVICE void mbarrier_arrive_expect(SharedArray<uint64_t, kSize>& barriers, int i, int bytes,
                                      Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().mbarrier_arrive(barriers.address(i, 8, site), bytes, site);
#else
  (void)site;
  uint64_t state;
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 %0, [%1], %2;"
               : "=l"(state)
               : "r"(shared_address(barriers, i)), "r"(bytes)
               : "memory");
#endif
}

// Arrives at the barrier of block `rank` of the cluster.
template <int kSize>
TW_DEVICE void mbarrier_arrive_remote(SharedArray<uint64_t, kSize>& barriers, int i, int rank,
                                      Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().mbarrier_arrive(map_shared_rank(barriers, rank, site).address(i, 8, site), 0, site);
#else
  (void)site;
  asm volatile(
      "{\n\t.reg .b32 remote;\n\tmapa.shared::cluster.u32 remote, %0, %1;\n\t"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote];\n\t}" ::"r"(
          shared_address(barriers, i)),
      "r"(rank)
      : "memory");
#endif
}

// Waits until the phase of this parity is complete.
template <int kSize>
TW_DEVICE void mbarrier_wait(SharedArray<uint64_t, kSize>& barriers, int i, int parity,
                             Site site = Site::here()) {
#if TW_SIMT
  simt::current_block().mbarrier_wait(barriers.address(i, 8, site), parity, site);
#else
  (void)site;
  const uint32_t address = shared_address(barriers, i);
  uint32_t done;
  do {
    asm volatile(
        "{\n\t.reg .pred complete;\n\t"
#if __CUDA_ARCH__ >= 900
        "mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n\t"
#else
        "mbarrier.test_wait.parity.shared.b64 complete, [%1], %2;\n\t"
#endif
        "selp.b32 %0, 1, 0, complete;\n\t}"
        : "=r"(done)
        : "r"(address), "r"(parity)
        : "memory");
  } while (done == 0);
#endif
}

// Copies `count` elements (a multiple of 16 bytes, aligned to 16) by the copy engine; issued by one thread.
// Barrier `i` has been told of the bytes by mbarrier_arrive_expect, before or after.
template <class T, int kSize, int kBarriers>
TW_DEVICE void copy_bulk(SharedArray<T, kSize>& to, int at, GlobalPtr<const T> from, int count,
                         SharedArray<uint64_t, kBarriers>& barriers, int i, Site site = Site::here()) {
  const int bytes = count * static_cast<int>(sizeof(T));
#if TW_SIMT
  T* target = to.address(at, static_cast<size_t>(bytes), site);
  simt::check_alignment(target, 16, "bulk copy", site);
  simt::current_block().copy_bulk(target, from.source(static_cast<size_t>(bytes), 16, site),
                                  static_cast<size_t>(bytes), barriers.address(i, 8, site), site);
#else
  (void)site;
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
          shared_address(to, at)),
      "l"(from), "r"(bytes), "r"(shared_address(barriers, i))
      : "memory");
#endif
}

}  // namespace TW_BACKEND
