// SPDX-License-Identifier: Apache-2.0
// One thread block: a fiber per CUDA thread, all on one OS thread, and the places where they meet.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "simt/fault.h"
#include "simt/fiber.h"
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
};

enum class Access { read, write };

class Block {
 public:
  using Body = void (*)(void* context);

  Block();
  ~Block();

  // Runs body(context) as every thread of block `index`. Throws what a thread threw, or a Fault.
  void run(const LaunchInfo& launch, Dim3 index, const Schedule& schedule, Body body, void* context);

  // What kernels call, through cuda/device.

  // The block's shared memory; `bytes` is what the kernel takes it for.
  void* shared_memory(size_t bytes, Site site);
  // Barrier 0 is that of the whole block (`threads` is not used); 1 to 15 are met by `threads` threads.
  void barrier(int id, int threads, Site site);
  // Meets the other lanes of the warp; returns the 32 values the lanes gave, kExchangeBytes apart, valid
  // until the next meeting. Null if this place has been removed (mutation.h).
  const char* warp_exchange(const char* operation, Site site, const void* value, size_t bytes);
  void warp_sync(Site site);
  // Checks an access to shared memory, and may let other threads run first.
  void check_shared(const void* address, size_t bytes, Access access, Site site);
  // Throws a Fault about the running thread.
  [[noreturn]] void fail(FaultKind kind, Site site, const std::string& what) const;

  static constexpr size_t kExchangeBytes = 64;

 private:
  enum class State : uint8_t { running, at_barrier, at_warp_operation, finished };
  struct Thread {
    Fiber fiber;
    Block* block = nullptr;
    Dim3 index;
    State state = State::running;
    const char* operation = nullptr;  // where it waits
    int barrier_id = 0;
    Site site;
  };
  struct Barrier {
    int arrived = 0;
    int expected = 0;
    Site site;  // of the first arrival
  };
  struct Warp {
    int arrived = 0;  // lanes that wait in the operation
    int absent = 0;   // lanes that wait at a barrier or have finished
    const char* operation = nullptr;
    Site site;
    alignas(16) char given[kWarpLanes][kExchangeBytes];
    alignas(16) char results[kWarpLanes][kExchangeBytes];
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

  // Continues somebody else; returns when the running thread is chosen again.
  void yield();
  void wait(State state, const char* operation, Site site);
  void wake(int thread);
  void check_block_barrier();
  void release_barrier(int id);
  void meet_warp(const char* operation, Site site);
  void leave_warp();
  [[noreturn]] void fail_warp(int warp) const;
  int warp_threads(int warp) const;
  std::string where() const;
  std::string describe_waits(int first, int last) const;
  std::string describe_thread(int thread) const;
  [[noreturn]] void fail_block(FaultKind kind, const std::string& what, int first, int last) const;

  LaunchInfo launch_{};
  Dim3 index_;
  Body body_ = nullptr;
  void* context_ = nullptr;
  int threads_ = 0;
  int current_ = 0;
  int finished_ = 0;
  bool cancelled_ = false;
  std::exception_ptr error_;

  Fiber host_;  // the OS thread's own stack
  StackPool stacks_;
  std::vector<Thread> thread_;
  std::vector<Warp> warp_;
  Barrier barriers_[kBarriers];
  ThreadSet runnable_;
  Scheduler scheduler_;
  WarpClocks clocks_;
  Shadow shadow_;
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

unsigned warp_ballot(const char* operation, Site site, bool predicate);

inline void warp_sync(Site site) { current_block().warp_sync(site); }

}  // namespace tilewright::simt
