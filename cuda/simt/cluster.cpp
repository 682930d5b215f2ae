// SPDX-License-Identifier: Apache-2.0
#include "simt/cluster.h"

namespace tilewright::simt {

extern thread_local Block* running_block;

void Cluster::run(const LaunchInfo& launch, Dim3 first, const Schedule& schedule, Body body, void* context) {
  body_ = body;
  context_ = context;
  error_ = nullptr;
  cancelled_ = false;
  at_barrier_ = 0;
  bulk_in_flight_ = 0;
  size_ = static_cast<int>(launch.cluster);
  while (blocks_.size() < launch.cluster)
    blocks_.push_back(std::make_unique<Block>(*this, static_cast<int>(blocks_.size())));
  is_random_ = schedule.order == Schedule::Order::random;
  random_ = Random(schedule.seed + first.x);
  blockDim = launch.block;
  gridDim = launch.grid;
  for (int rank = 0; rank < size_; ++rank) {
    blocks_[rank]->start(launch, Dim3(first.x + static_cast<unsigned>(rank), first.y, first.z), schedule);
  }
  clocks_.start(size_ * blocks_[0]->warps());
  Block* block = nullptr;
  int thread = -1;
  const bool reverse = schedule.order == Schedule::Order::reverse;
  choose(blocks_[reverse ? size_ - 1 : 0].get(), reverse ? blocks_[0]->threads_ : -1, &block, &thread);
  block->enter(thread);
  Fiber::switch_to(host_, block->thread_[thread].fiber);
  if (error_) {
    cancelled_ = true;
    for (int rank = 0; rank < size_; ++rank) blocks_[rank]->cancel_unfinished();
  }
  running_block = nullptr;
  if (error_) std::rethrow_exception(error_);
  for (int rank = 0; rank < size_; ++rank) {
    blocks_[rank]->check_guard_zones();
    blocks_[rank]->counters_.finish(launch.kernel);
  }
}

bool Cluster::choose(Block* block, int current, Block** next_block, int* next) {
  if (bulk_in_flight_ > 0 && is_random_ && random_.below(16) == 0) land_one_bulk(random_.below(2) == 0);
  while (true) {
    const bool elsewhere = size_ > 1 && is_random_ && random_.below(8) == 0;
    const int first = block->rank_ + (elsewhere ? 1 + random_.below(size_) : 0);
    for (int i = 0; i < size_; ++i) {
      Block* candidate = blocks_[(first + i) % size_].get();
      *next = candidate->scheduler_.pick(candidate->runnable_,
                                         candidate == block ? current : candidate->current_);
      *next_block = candidate;
      if (*next >= 0) return true;
    }
    // What lands as late as may be lands now.
    if (bulk_in_flight_ == 0) return false;
    land_one_bulk(true);
  }
}

// Some bytes of a bulk copy, or all, arrive in shared memory.
void Cluster::land_one_bulk(bool whole) {
  for (int rank = 0; rank < size_; ++rank) {
    Block& block = *blocks_[rank];
    for (const auto& barrier : block.mbarriers_.all()) {
      if (barrier->in_flight.empty()) continue;
      AsyncCopy& copy = barrier->in_flight.front();
      const size_t rest = copy.bytes - copy.landed;
      block.land_bulk(*barrier, copy, whole || rest <= 16 ? rest : 16);
      return;
    }
  }
}

void Cluster::thread_finished(Block* block) {
  finish_cluster_barrier();
  bool unfinished = false;
  for (int rank = 0; rank < size_; ++rank) {
    if (!blocks_[rank]->runnable_.empty()) return;
    unfinished |= blocks_[rank]->finished_ < blocks_[rank]->threads_;
  }
  Block* next_block = nullptr;
  int next = -1;
  if (unfinished && !choose(block, block->current_, &next_block, &next)) fail_deadlock(block);
}

void Cluster::fail_deadlock(Block* block) {
  // Tell of a block whose threads wait, not of one that has ended.
  for (int i = 0; i < size_; ++i) {
    Block* candidate = blocks_[(block->rank_ + i) % size_].get();
    if (candidate->finished_ < candidate->threads_) {
      candidate->fail_block(FaultKind::deadlock, "no thread can go on:", 0, candidate->threads_);
    }
  }
  block->fail_block(FaultKind::deadlock, "no thread can go on:", 0, block->threads_);
}

// Complete once every thread of every block is there; one that has finished never comes.
void Cluster::finish_cluster_barrier() {
  const int threads = size_ * blocks_[0]->threads_;
  int finished = 0;
  for (int rank = 0; rank < size_; ++rank) finished += blocks_[rank]->finished_;
  if (at_barrier_ == 0 || at_barrier_ + finished < threads) return;
  if (finished > 0) {
    for (int rank = 0; rank < size_; ++rank) {
      if (blocks_[rank]->finished_ > 0)
        blocks_[rank]->fail_block(FaultKind::divergent_barrier,
                                  "not all threads meet at the cluster's barrier:", 0,
                                  blocks_[rank]->threads_);
    }
  }
  at_barrier_ = 0;
  Released released;
  clocks_.join_warps(std::vector<bool>(static_cast<size_t>(clocks_.warps()), true), &released);
  for (int rank = 0; rank < size_; ++rank) {
    Block& block = *blocks_[rank];
    for (int t = 0; t < block.threads_; ++t) {
      --block.warp_[t / kWarpLanes].absent;
      block.wake(t);
    }
  }
}

}  // namespace tilewright::simt
