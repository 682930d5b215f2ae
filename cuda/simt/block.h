// SPDX-License-Identifier: Apache-2.0
// One thread block: a fiber per CUDA thread, and the places where they meet. Blocks of a cluster run side by
// side (cluster.h); all of them stay on one OS thread.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <string>
#include <type_traits>
#include <vector>

#include "simt/async_copy.h"
#include "simt/clocks.h"
#include "simt/counters.h"
#include "simt/fault.h"
#include "simt/fiber.h"
#include "simt/mbarrier.h"
#include "simt/schedule.h"
#include "simt/shadow.h"
#include "simt/site.h"

namespace tilewright::simt {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
      : x(x_size), y(y_size), z(z_size) {}
  constexpr uint64_t count() const { return uint64_t{x} * y * z; }
};

// CUDA's built-in variables, of the thread that is running.
extern thread_local Dim3 threadIdx, blockIdx, blockDim, gridDim;

struct LaunchInfo {
  const char* kernel;
  Dim3 grid, block;
  size_t shared_bytes;
  unsigned cluster = 1;  // blocks along x that run together
};

class Cluster;

class Block {
 public:
  explicit Block(Cluster& cluster, int rank) : cluster_(cluster), rank_(rank) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // What kernels call, through cuda/device.

  // The block's shared memory; `bytes` is what the kernel takes it for.
  void* shared_memory(size_t bytes, Site site);
  // Barrier 0 is that of the whole block (`threads` is not used); 1 to 15 are met by `threads` threads.
  void barrier(int id, int threads, Site site);
  // Counts the running thread's warp at the barrier and goes on.
  void barrier_arrive(int id, int threads, Site site);
  // All threads of all blocks of the cluster meet.
  void cluster_barrier(Site site);
  int cluster_rank() const { return rank_; }
  // `address` in this block's shared memory, as it lies in that of block `rank`.
  void* remote_shared(const void* address, int rank, Site site) const;

  // Meets the other lanes of the warp. The last one computes: compute(given, results), both kExchangeBytes a
  // lane; null copies. Returns the results, valid until the next meeting, or null if this place is a shuffle
  // or vote that has been removed (mutation.h).
  using Compute = void (*)(const char* given, char* results);
  const char* warp_exchange(const char* operation, Site site, const void* value, size_t bytes,
                            Compute compute = nullptr);
  void warp_sync(Site site);

  // Checks an access to shared memory, and may let other threads run first. `collective`: by the warp as one.
  void check_shared(const void* address, size_t bytes, Access access, Site site, bool collective = false);
  // Counts an access to global memory, where accesses are counted.
  void count_global(const void* address, size_t bytes, Access access, Site site);

  // cp.async: `valid` of the `bytes` come from `from`, the rest is zero. Groups are those of the thread.
  void copy_async(void* to, const void* from, size_t bytes, size_t valid, Site site);
  void copy_async_commit(Site site);
  void copy_async_wait(int groups_in_flight, Site site);

  // mbarriers, 8 bytes of shared memory each; of this block or, for arrivals, of another one of the cluster.
  void mbarrier_init(void* barrier, int arrivals, Site site);
  void mbarrier_arrive(void* barrier, int64_t expected_bytes, Site site);
  void mbarrier_wait(void* barrier, int parity, Site site);
  // Copies to shared memory; the barrier learns of the bytes as they land.
  void copy_bulk(void* to, const void* from, size_t bytes, void* barrier, Site site);

  // Throws a Fault about the running thread.
  [[noreturn]] void fail(FaultKind kind, Site site, const std::string& what) const;

  static constexpr size_t kExchangeBytes = 64;

 private:
  friend class Cluster;
  enum class State : uint8_t {
    running,
    at_barrier,
    at_warp_operation,
    at_cluster_barrier,
    at_mbarrier,
    finished
  };
  struct Thread {
    Fiber fiber;
    Block* block = nullptr;
    Dim3 index;
    State state = State::running;
    const char* operation = nullptr;  // where it waits
    int barrier_id = 0;               // or the parity of an mbarrier
    Mbarrier* mbarrier = nullptr;
    Site site;
    CopyQueue copies;
  };
  struct Barrier {
    int arrived = 0;
    int expected = 0;
    Site site;  // of the first arrival
    Released released;
  };
  struct Warp {
    int arrived = 0;  // lanes that wait in the operation
    int absent = 0;   // lanes that wait at a barrier or have finished
    const char* operation = nullptr;
    Site site;
    alignas(16) char given[kWarpLanes * kExchangeBytes];
    alignas(16) char results[kWarpLanes * kExchangeBytes];
  };
  struct Cancelled {};
  static constexpr int kBarriers = 16;

  static void thread_entry(void* thread);
  void run_thread(Thread& thread);
  void finish_thread();
  void cancel_unfinished();
  void start(const LaunchInfo& launch, Dim3 index, const Schedule& schedule);
  void prepare_shared_memory();
  void check_guard_zones() const;

  void enter(int thread);
  // Continues somebody else; returns when the running thread is chosen again.
  void yield();
  void wait(State state, const char* operation, Site site);
  void wake(int thread);
  Barrier& arrive(const char* operation, int id, int threads, Site site);
  void check_block_barrier();
  void release_barrier(int id);
  void meet_warp(const char* operation, Site site, Compute compute);
  void leave_warp();
  [[noreturn]] void fail_warp(int warp) const;
  int warp_threads(int warp) const;
  int warps() const { return (threads_ + kWarpLanes - 1) / kWarpLanes; }
  int first_warp() const { return rank_ * warps(); }
  int cluster_thread(int thread) const { return first_warp() * kWarpLanes + thread; }

  bool owns(const void* address, size_t bytes) const;
  Block& owner_of(const void* address, size_t bytes, Site site) const;
  Clocks& clocks() const;
  void check_access(Block& owner, const void* address, size_t bytes, Access access, const Stamp& stamp) const;
  size_t offset_of(const void* address) const {
    return static_cast<size_t>(static_cast<const char*>(address) - shared_);
  }
  void land_sometimes();
  void land_bulk(Mbarrier& barrier, AsyncCopy& copy, size_t count);
  Mbarrier& mbarrier_at(void* barrier, Site site);
  void complete_mbarrier(Mbarrier& barrier);

  std::string where() const;
  std::string describe_waits(int first, int last) const;
  std::string describe_thread(int thread) const;
  std::string describe_stamp(const Stamp& stamp) const;
  bool waits_alike(const Thread& a, const Thread& b) const;
  [[noreturn]] void fail_block(FaultKind kind, const std::string& what, int first, int last) const;

  Cluster& cluster_;
  const int rank_;
  LaunchInfo launch_{};
  Dim3 index_;
  int threads_ = 0;
  int current_ = 0;
  int finished_ = 0;

  StackPool stacks_;
  std::vector<Thread> thread_;
  std::vector<Warp> warp_;
  Barrier barriers_[kBarriers];
  ThreadSet runnable_;
  Scheduler scheduler_;
  Shadow shadow_;
  Mbarriers mbarriers_;
  AccessCounters counters_;
  std::vector<char> arena_;  // alignment, guard zone, shared memory, guard zone
  char* shared_ = nullptr;
};

// The block whose thread is running on this OS thread. Faults outside any kernel throw std::logic_error.
Block& current_block();

template <class T, class Source>
T warp_shuffle(const char* operation, Site site, T value, Source&& source_of) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 4 or 8 bytes");
  const char* values = current_block().warp_exchange(operation, site, &value, sizeof(T));
  if (values == nullptr) return value;
  const int source = source_of(static_cast<int>(threadIdx.x) % kWarpLanes);
  if (source < 0 || source >= kWarpLanes) return value;
  T result;
  memcpy(&result, values + source * Block::kExchangeBytes, sizeof(T));
  return result;
}

// result = combine(result, value of lane i) for i = 1, 2, ..., starting with lane 0's.
template <class T, class Combine>
T warp_fold(const char* operation, Site site, T value, Combine&& combine) {
  const char* values = current_block().warp_exchange(operation, site, &value, sizeof(T));
  if (values == nullptr) return value;
  T result, other;
  memcpy(&result, values, sizeof(T));
  for (int lane = 1; lane < kWarpLanes; ++lane) {
    memcpy(&other, values + lane * Block::kExchangeBytes, sizeof(T));
    result = combine(result, other);
  }
  return result;
}

unsigned warp_ballot(const char* operation, Site site, bool predicate);
// Bit i is set where lane i gave the same value.
unsigned warp_match(const char* operation, Site site, uint64_t value);

inline void warp_sync(Site site) { current_block().warp_sync(site); }

}  // namespace tilewright::simt
