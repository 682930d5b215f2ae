// SPDX-License-Identifier: Apache-2.0
// Small kernels for what runs beside the threads: asynchronous copies, mbarriers, clusters, atomics, named
// barriers, tensor cores. Each right one stands beside its faulty versions. y holds 256 floats, i at [i].
#include <map>
#include <string>

#include "device/async_copy.cuh"
#include "device/atomic.cuh"
#include "device/cluster.cuh"
#include "device/launch.cuh"
#include "device/mbarrier.cuh"
#include "device/mma.cuh"
#include "device/smem.cuh"
#include "device/warp.cuh"

namespace TW_BACKEND {
namespace {

constexpr int kThreads = 64;

struct Smem {
  SharedArray<float, 256> a;
  SharedArray<uint64_t, 4> barriers;
  SharedArray<int, 4> counter;
};

int thread_index() { return static_cast<int>(threadIdx.x); }
bool first_block() { return blockIdx.x == 0; }

enum class Fault { none, wait, barrier, too_few, reuse, early_read };

// Two groups through a ring of two; y[i] becomes y[i] + y[63 - i] of each group.
template <Fault kFault>
TW_KERNEL void copies(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index();
  for (int group = 0; group < 2; ++group) {
    copy_async<4>(smem.a, group * kThreads + t, GlobalPtr<const float>(y) + (group * kThreads + t));
    copy_async_commit();
  }
  float sums[2];
  for (int group = 0; group < 2; ++group) {
    if (kFault == Fault::too_few) {
      copy_async_wait<1>();
    } else if (kFault != Fault::wait && group == 0) {
      copy_async_wait<1>();
    } else if (kFault != Fault::wait) {
      copy_async_wait<0>();
    }
    if (kFault != Fault::barrier) block_sync();
    sums[group] = smem.a[group * kThreads + t] + smem.a[group * kThreads + kThreads - 1 - t];
    if (kFault == Fault::reuse && group == 0) {
      copy_async<4>(smem.a, t, GlobalPtr<const float>(y) + t);
      copy_async_commit();
    }
  }
  if (first_block()) y[t + 128] = sums[0], y[t + 192] = sums[1];
}

// Of 16 bytes the first `valid` are copied, the others are zero.
TW_KERNEL void zero_fill(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index();
  if (t < 5) copy_async<16>(smem.a, 4 * t, GlobalPtr<const float>(y) + 4 * t, 4 * t);
  copy_async_commit();
  copy_async_wait<0>();
  block_sync();
  if (first_block() && t < 20) y[128 + t] = smem.a[t];
}

TW_KERNEL void copy_out_of_bounds(GlobalPtr<float> y) {
  copy_async<16>(block_shared<Smem>().a, 4 * thread_index(),
                 GlobalPtr<const float>(y) + 4 * thread_index() + 4);
}
TW_KERNEL void copy_misaligned(GlobalPtr<float> y) {
  if (thread_index() == 0) copy_async<16>(block_shared<Smem>().a, 2, GlobalPtr<const float>(y));
}

// One producer warp hands four tiles to one consumer warp through a ring of two mbarrier pairs.
template <Fault kFault>
TW_KERNEL void ring(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  if (thread_index() == 0) {
    for (int i = 0; i < 4; ++i) mbarrier_init(smem.barriers, i, 32);  // 0, 1: full; 2, 3: empty
  }
  block_sync();
  const int lane = lane_index();
  for (int tile = 0; tile < 4; ++tile) {
    const int slot = tile % 2, parity = tile / 2 % 2;
    if (warp_index() == 0) {
      if (kFault != Fault::reuse) mbarrier_wait(smem.barriers, 2 + slot, parity ^ 1);
      smem.a[slot * 32 + lane] = static_cast<float>(100 * tile + lane);
      mbarrier_arrive(smem.barriers, slot);
    } else {
      if (kFault != Fault::wait) mbarrier_wait(smem.barriers, slot, parity);
      const float value = smem.a[slot * 32 + 31 - lane];
      mbarrier_arrive(smem.barriers, 2 + slot);
      if (first_block()) y[tile * 32 + lane] = value;
    }
  }
}

// The copy engine fills shared memory; the barrier counts 256 bytes.
template <Fault kFault>
TW_KERNEL void bulk(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  if (thread_index() == 0) mbarrier_init(smem.barriers, 0, 1);
  block_sync();
  if (thread_index() == 0) {
    mbarrier_arrive_expect(smem.barriers, 0, kFault == Fault::too_few ? 512 : 256);
    copy_bulk(smem.a, 0, GlobalPtr<const float>(y), 64, smem.barriers, 0);
  }
  if (kFault != Fault::wait) mbarrier_wait(smem.barriers, 0, 0);
  const float value = smem.a[63 - thread_index()];
  if (first_block()) y[128 + thread_index()] = value;
}

TW_KERNEL void mbarrier_unmade(GlobalPtr<float>) {
  Smem& smem = block_shared<Smem>();
  smem.barriers[0] = 0;
  mbarrier_arrive(smem.barriers, 0);
}

// Each block of a cluster reads its neighbour's shared memory.
template <Fault kFault>
TW_KERNEL void neighbours(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index(), rank = cluster_rank();
  smem.a[t] = static_cast<float>(100 * static_cast<int>(blockIdx.x) + t);
  if (kFault != Fault::barrier) cluster_sync();
  const float value = map_shared_rank(smem.a, rank ^ 1)[63 - t];
  if (kFault != Fault::early_read) cluster_sync();
  y[static_cast<int>(blockIdx.x) * kThreads + t] = value;
}

// Block 1 waits until block 0 has written into it.
template <Fault kFault>
TW_KERNEL void remote_arrival(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index();
  if (t == 0) mbarrier_init(smem.barriers, 0, kThreads);
  cluster_sync();
  if (cluster_rank() == 0) {
    map_shared_rank(smem.a, 1)[t] = static_cast<float>(t);
    mbarrier_arrive_remote(smem.barriers, 0, 1);
  } else {
    if (kFault != Fault::wait) mbarrier_wait(smem.barriers, 0, 0);
    y[t] = smem.a[63 - t];
  }
  cluster_sync();
}

TW_KERNEL void cluster_barrier_of_some(GlobalPtr<float>) {
  if (cluster_rank() == 0) cluster_sync();
}

// Warp 0 arrives and goes on; warp 1 waits for what it wrote.
template <Fault kFault>
TW_KERNEL void arrive(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  if (warp_index() == 0) {
    smem.a[lane_index()] = static_cast<float>(lane_index());
    if (kFault == Fault::wait) return;
    named_barrier_arrive(1, 64);
    if (kFault == Fault::reuse) smem.a[lane_index()] = -1.0f;
  } else {
    named_barrier_sync(1, 64);
    y[lane_index()] = smem.a[31 - lane_index()];
  }
}

template <Fault kFault>
TW_KERNEL void count(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index();
  if (t == 0) smem.counter[0] = 0, smem.counter[1] = 0, smem.counter[2] = 7;
  block_sync();
  atomic_add(smem.counter, 0, t);
  atomic_max(smem.counter, 1, t % 50);
  const int before = atomic_cas(smem.counter, 2, 7, 100 + t);
  if (kFault == Fault::reuse && t == 40) smem.counter[0] = 5;
  if (kFault != Fault::barrier) block_sync();
  if (first_block() && t == 0) {
    y[0] = static_cast<float>(smem.counter[0]), y[1] = static_cast<float>(smem.counter[1]);
  }
  const int winners = static_cast<int>(reduce_add(before == 7 ? 1u : 0u));
  if (first_block() && lane_index() == 0) y[2 + warp_index()] = static_cast<float>(winners);
}

TW_KERNEL void global_count(GlobalPtr<float> y) { atomic_add(y + lane_index(), 1.0f); }

// Lane i gets: shfl_up 3, number of lanes with its value of lane / 5, sum, maximum, minimum.
TW_KERNEL void more_warp_values(GlobalPtr<float> y) {
  const int lane = lane_index();
  const float values[5] = {
      static_cast<float>(shfl_up(lane, 3)),
      static_cast<float>(match_any(static_cast<unsigned>(lane / 5)) >> (lane / 5 * 5) & 0xffff),
      static_cast<float>(reduce_add(static_cast<unsigned>(lane))), static_cast<float>(reduce_max(lane - 40)),
      static_cast<float>(reduce_min(lane - 40))};
  for (int i = 0; i < 5; ++i) y[lane * 5 + i] = values[i];
}

struct MmaSmem {
  SharedArray<uint16_t, 16 * 16> a;
  SharedArray<uint16_t, 16 * 8> b;
};

// y (16, 8) = a (16, 16) @ b (16, 8), a[i, k] = i + k / 4, b[k, j] = k - 3 j, in f16; a by rows, b
// transposed.
template <Fault kFault>
TW_KERNEL void multiply(GlobalPtr<float> y) {
  MmaSmem& smem = block_shared<MmaSmem>();
  const int lane = lane_index();
  for (int i = lane; i < 256; i += 32)
    smem.a[i] = from_f32<F16>(static_cast<float>(i / 16) + static_cast<float>(i % 16) / 4).bits;
  for (int i = lane; i < 128; i += 32)
    smem.b[i] = from_f32<F16>(static_cast<float>(i / 8) - 3.0f * static_cast<float>(i % 8)).bits;
  if (kFault != Fault::barrier) warp_sync();
  uint32_t a[4], b[2];
  load_matrix<4>(a, smem.a, lane % 16 * 16 + lane / 16 * 8);
  load_matrix<2, true>(b, smem.b, lane % 16 * 8);
  float c[4] = {};
  mma<F16>(c, a, b);
  for (int i = 0; i < 4; ++i) y[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = c[i];
}

TW_KERNEL void mma_of_some(GlobalPtr<float>) {
  float c[4] = {};
  if (lane_index() < 31) mma<F16>(c, {1, 2, 3, 4}, {1, 2});
}

TW_KERNEL void load_matrix_misaligned(GlobalPtr<float>) {
  MmaSmem& smem = block_shared<MmaSmem>();
  uint32_t a[1];
  load_matrix<1>(a, smem.a, lane_index() % 8 * 16 + 4);
}

using Kernel = void (*)(GlobalPtr<float>);
struct Case {
  Kernel kernel;
  int threads = kThreads;
  unsigned cluster = 1;
  size_t shared_bytes = sizeof(Smem);
  bool writable = true;
};

const std::map<std::string, Case>& cases() {
  static const std::map<std::string, Case> all = {
      {"copies", {copies<Fault::none>}},
      {"copies_not_waited_for", {copies<Fault::wait>}},
      {"copies_no_barrier", {copies<Fault::barrier>}},
      {"copies_one_group_short", {copies<Fault::too_few>}},
      {"copies_over_readers", {copies<Fault::reuse>}},
      {"zero_fill", {zero_fill}},
      {"copy_out_of_bounds", {copy_out_of_bounds}},
      {"copy_misaligned", {copy_misaligned}},
      {"ring", {ring<Fault::none>}},
      {"ring_not_waited_for", {ring<Fault::wait>}},
      {"ring_reused", {ring<Fault::reuse>}},
      {"bulk", {bulk<Fault::none>}},
      {"bulk_not_waited_for", {bulk<Fault::wait>}},
      {"bulk_too_few_bytes", {bulk<Fault::too_few>}},
      {"mbarrier_unmade", {mbarrier_unmade}},
      {"neighbours", {neighbours<Fault::none>, kThreads, 2}},
      {"neighbours_no_barrier", {neighbours<Fault::barrier>, kThreads, 2}},
      {"neighbours_end_early", {neighbours<Fault::early_read>, kThreads, 2}},
      {"remote_arrival", {remote_arrival<Fault::none>, kThreads, 2}},
      {"remote_not_waited_for", {remote_arrival<Fault::wait>, kThreads, 2}},
      {"cluster_barrier_of_some", {cluster_barrier_of_some, kThreads, 2}},
      {"cluster_too_large", {cluster_barrier_of_some, kThreads, 3}},
      {"arrive", {arrive<Fault::none>}},
      {"arrive_never", {arrive<Fault::wait>}},
      {"arrive_then_write", {arrive<Fault::reuse>}},
      {"count", {count<Fault::none>}},
      {"count_no_barrier", {count<Fault::barrier>}},
      {"count_plain_write", {count<Fault::reuse>}},
      {"global_count", {global_count}},
      {"more_warp_values", {more_warp_values, 32}},
      {"multiply", {multiply<Fault::none>, 32}},
      {"multiply_no_sync", {multiply<Fault::barrier>, 32}},
      {"mma_of_some", {mma_of_some, 32}},
      {"load_matrix_misaligned", {load_matrix_misaligned, 32}},
  };
  return all;
}

}  // namespace
}  // namespace TW_BACKEND

#include "kernel_cases.h"
