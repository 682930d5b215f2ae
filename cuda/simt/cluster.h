// SPDX-License-Identifier: Apache-2.0
// The blocks that run together: one, or the blocks of a thread block cluster, which reach each other's shared
// memory and meet at the cluster's barrier. Their fibers take turns on one OS thread.
#pragma once

#include <exception>
#include <memory>
#include <vector>

#include "simt/block.h"

namespace tilewright::simt {

class Cluster {
 public:
  using Body = void (*)(void* context);

  Cluster() = default;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Runs body(context) as every thread of launch.cluster blocks, `first` and its neighbours along x. Throws
  // what a thread threw, or a Fault.
  void run(const LaunchInfo& launch, Dim3 first, const Schedule& schedule, Body body, void* context);

 private:
  friend class Block;

  // Somebody who can run, preferably in `block`; false if nobody can, not even after copies have landed.
  bool choose(Block* block, int current, Block** next_block, int* next);
  void land_one_bulk(bool whole);
  void thread_finished(Block* block);
  [[noreturn]] void fail_deadlock(Block* block);
  void finish_cluster_barrier();

  std::vector<std::unique_ptr<Block>> blocks_;
  int size_ = 1;
  Body body_ = nullptr;
  void* context_ = nullptr;
  Fiber host_;  // the OS thread's own stack
  std::exception_ptr error_;
  bool cancelled_ = false;
  Clocks clocks_;
  Random random_;
  bool is_random_ = false;
  int at_barrier_ = 0;
  size_t bulk_in_flight_ = 0;
  std::vector<bool> meeting_;  // scratch: the warps at a barrier that opens
};

}  // namespace tilewright::simt
