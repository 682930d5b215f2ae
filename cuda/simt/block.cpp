// SPDX-License-Identifier: Apache-2.0
// A block's life: threads start, take turns and end.
#include "simt/block.h"

#include <stdexcept>

#include "simt/cluster.h"

namespace tilewright::simt {

thread_local Dim3 threadIdx, blockIdx, blockDim, gridDim;
thread_local Block* running_block = nullptr;

Block& current_block() {
  if (running_block == nullptr) {
    throw std::logic_error("[simt] device code was called outside a kernel");
  }
  return *running_block;
}

Clocks& Block::clocks() const { return cluster_.clocks_; }

void Block::start(const LaunchInfo& launch, Dim3 index, const Schedule& schedule) {
  launch_ = launch;
  index_ = index;
  threads_ = static_cast<int>(launch.block.count());
  finished_ = 0;
  current_ = 0;
  if (thread_.size() < static_cast<size_t>(threads_)) thread_.resize(threads_);
  if (warp_.size() < static_cast<size_t>(warps())) warp_.resize(warps());
  for (int w = 0; w < warps(); ++w) warp_[w].arrived = warp_[w].absent = 0;
  for (Barrier& barrier : barriers_) barrier.arrived = 0, barrier.released.clear();
  mbarriers_.clear();
  runnable_.clear();
  for (int t = 0; t < threads_; ++t) {
    Thread& thread = thread_[t];
    const unsigned i = static_cast<unsigned>(t);
    thread.block = this;
    thread.index =
        Dim3(i % launch.block.x, i / launch.block.x % launch.block.y, i / (launch.block.x * launch.block.y));
    thread.state = State::running;
    thread.copies.clear();
    thread.fiber.prepare(stacks_.get(static_cast<size_t>(t)), &Block::thread_entry, &thread);
    runnable_.insert(t);
  }
  const int64_t number = (static_cast<int64_t>(index.z) * launch.grid.y + index.y) * launch.grid.x + index.x;
  scheduler_.start(schedule, number, threads_);
  shadow_.start(launch.shared_bytes, warps() * static_cast<int>(launch.cluster));
  counters_.start();
  prepare_shared_memory();
}

void Block::thread_entry(void* argument) {
  Thread& thread = *static_cast<Thread*>(argument);
  thread.block->run_thread(thread);
}

void Block::run_thread(Thread& thread) {
  try {
    if (!cluster_.cancelled_) {
      threadIdx = thread.index;
      cluster_.body_(cluster_.context_);
      finish_thread();
    }
  } catch (const Cancelled&) {
  } catch (...) {
    if (!cluster_.error_) cluster_.error_ = std::current_exception();
  }
  thread.state = State::finished;
  runnable_.erase(static_cast<int>(&thread - thread_.data()));
  Block* next_block = nullptr;
  int next = -1;
  const bool goes_on =
      !cluster_.error_ && !cluster_.cancelled_ && cluster_.choose(this, current_, &next_block, &next);
  if (goes_on) next_block->enter(next);
  Fiber::leave_to(thread.fiber, goes_on ? next_block->thread_[next].fiber : cluster_.host_);
}

// The running thread has left the kernel: whoever waits for it waits in vain.
void Block::finish_thread() {
  thread_[current_].state = State::finished;
  runnable_.erase(current_);
  ++finished_;
  leave_warp();
  check_block_barrier();
  cluster_.thread_finished(this);
}

// The block goes on with `thread`, to whose fiber the caller switches.
void Block::enter(int thread) {
  current_ = thread;
  running_block = this;
  blockIdx = index_;
}

// After a fault: unwind the threads that are still on their stacks, so that nothing they own leaks.
void Block::cancel_unfinished() {
  for (int t = 0; t < threads_; ++t) {
    if (thread_[t].state == State::finished) continue;
    enter(t);
    Fiber::switch_to(cluster_.host_, thread_[t].fiber);
  }
}

void Block::yield() {
  const int self = current_;
  Block* next_block = nullptr;
  int next = -1;
  if (!cluster_.choose(this, self, &next_block, &next)) cluster_.fail_deadlock(this);
  if (next == self && next_block == this) return;
  next_block->enter(next);
  Fiber::switch_to(thread_[self].fiber, next_block->thread_[next].fiber);
  if (cluster_.cancelled_) throw Cancelled{};
  threadIdx = thread_[self].index;
}

void Block::wait(State state, const char* operation, Site site) {
  Thread& thread = thread_[current_];
  thread.state = state;
  thread.operation = operation;
  thread.site = site;
  runnable_.erase(current_);
}

void Block::wake(int thread) {
  thread_[thread].state = State::running;
  runnable_.insert(thread);
}

}  // namespace tilewright::simt
