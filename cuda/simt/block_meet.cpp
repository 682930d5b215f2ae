// SPDX-License-Identifier: Apache-2.0
// Where the threads of a block meet: barriers, mbarriers and the operations of a warp.
#include <algorithm>

#include "simt/block.h"
#include "simt/cluster.h"
#include "simt/mutation.h"

namespace tilewright::simt {

// Barriers of the block

Block::Barrier& Block::arrive(const char* operation, int id, int threads, Site site) {
  if (id < 0 || id >= kBarriers || (id > 0 && (threads <= 0 || threads % kWarpLanes != 0))) {
    fail(FaultKind::launch, site,
         std::string(operation) + " " + std::to_string(id) + " of " + std::to_string(threads) +
             " threads, expected a number from 1 to 15 and whole warps");
  }
  Barrier& barrier = barriers_[id];
  if (barrier.arrived > 0 && id > 0 && barrier.expected != threads) {
    fail(FaultKind::divergent_barrier, site,
         "named barrier " + std::to_string(id) + " is met by " + std::to_string(threads) +
             " threads here and by " + std::to_string(barrier.expected) + " at " +
             simt::to_string(barrier.site));
  }
  if (barrier.arrived++ == 0) {
    barrier.site = site;
    barrier.expected = threads;
  }
  return barrier;
}

void Block::barrier(int id, int threads, Site site) {
  const char* operation = id == 0 ? "block_sync" : "named_barrier_sync";
  if (is_removed(operation, site)) return;
  const Barrier& barrier = arrive(operation, id, threads, site);
  wait(State::at_barrier, operation, site);
  thread_[current_].barrier_id = id;
  leave_warp();
  if (id == 0) {
    check_block_barrier();
  } else if (barrier.arrived == barrier.expected) {
    release_barrier(id);
  }
  yield();
}

void Block::barrier_arrive(int id, int threads, Site site) {
  if (is_removed("named_barrier_arrive", site)) return;
  meet_warp("named_barrier_arrive", site, nullptr);
  Barrier& barrier = arrive("named_barrier_arrive", id, threads, site);
  clocks().release(cluster_thread(current_), &barrier.released);
  if (barrier.arrived == barrier.expected) release_barrier(id);
}

// Barrier 0 is complete once every thread is there. Threads that have finished, or that came from another
// line, mean that the call is not reached by the whole block alike, which CUDA leaves undefined.
void Block::check_block_barrier() {
  if (barriers_[0].arrived == 0 || barriers_[0].arrived + finished_ < threads_) return;
  bool same_line = true;
  for (int t = 0; t < threads_; ++t) {
    if (thread_[t].state == State::at_barrier && thread_[t].site != barriers_[0].site) same_line = false;
  }
  if (finished_ > 0 || !same_line) {
    fail_block(FaultKind::divergent_barrier, "not all threads meet at one block_sync:", 0, threads_);
  }
  release_barrier(0);
}

void Block::release_barrier(int id) {
  std::vector<bool>& meeting = cluster_.meeting_;
  meeting.assign(static_cast<size_t>(clocks().warps()), false);
  for (int t = 0; t < threads_; ++t) {
    if (thread_[t].state != State::at_barrier || thread_[t].barrier_id != id) continue;
    meeting[first_warp() + t / kWarpLanes] = true;
    --warp_[t / kWarpLanes].absent;
    wake(t);
  }
  Barrier& barrier = barriers_[id];
  clocks().join_warps(meeting, &barrier.released);
  barrier.arrived = 0;
  barrier.released.clear();
}

void Block::cluster_barrier(Site site) {
  if (is_removed("cluster_sync", site)) return;
  wait(State::at_cluster_barrier, "cluster_sync", site);
  leave_warp();
  ++cluster_.at_barrier_;
  cluster_.finish_cluster_barrier();
  yield();
}

// mbarriers

Mbarrier& Block::mbarrier_at(void* barrier, Site site) {
  Block& owner = owner_of(barrier, sizeof(uint64_t), site);
  check_access(owner, barrier, sizeof(uint64_t), Access::update,
               clocks().stamp(cluster_thread(current_), site, Stamp::atomic));
  Mbarrier* found = owner.mbarriers_.at(owner.offset_of(barrier));
  if (found == nullptr) fail(FaultKind::uninitialised_read, site, "no mbarrier was made here");
  return *found;
}

void Block::mbarrier_init(void* barrier, int arrivals, Site site) {
  check_shared(barrier, sizeof(uint64_t), Access::write, site);
  if (arrivals <= 0 || arrivals >= 1 << 20)
    fail(FaultKind::launch, site, "an mbarrier of " + std::to_string(arrivals) + " arrivals");
  const size_t offset = offset_of(barrier);
  if (offset % sizeof(uint64_t) != 0) fail(FaultKind::misaligned, site, "an mbarrier takes 8 aligned bytes");
  Mbarrier* old = mbarriers_.at(offset);
  if (old != nullptr && !old->in_flight.empty())
    fail(FaultKind::race, site,
         "the mbarrier still waits for a copy issued at " +
             simt::to_string(old->in_flight.front().issued.site));
  Mbarrier& fresh = old != nullptr ? *old : mbarriers_.add();
  const int16_t actor = old != nullptr ? old->actor : clocks().add_actor();
  fresh = Mbarrier{};
  fresh.offset = offset;
  fresh.actor = actor;
  fresh.arrivals = fresh.pending = arrivals;
}

void Block::mbarrier_arrive(void* barrier, int64_t expected_bytes, Site site) {
  if (is_removed("mbarrier_arrive", site)) return;
  if (scheduler_.interrupts()) yield();
  Mbarrier& b = mbarrier_at(barrier, site);
  clocks().release(cluster_thread(current_), &b.releasing);
  b.bytes += expected_bytes;
  --b.pending;
  owner_of(barrier, sizeof(uint64_t), site).complete_mbarrier(b);
}

void Block::mbarrier_wait(void* barrier, int parity, Site site) {
  if (is_removed("mbarrier_wait", site)) return;
  if (scheduler_.interrupts()) yield();
  if (!owns(barrier, sizeof(uint64_t)))
    fail(FaultKind::shared_out_of_bounds, site, "mbarrier_wait on a barrier of another block");
  Mbarrier& b = mbarrier_at(barrier, site);
  while (static_cast<int>(b.phase & 1) == parity) {
    wait(State::at_mbarrier, "mbarrier_wait", site);
    thread_[current_].mbarrier = &b;
    thread_[current_].barrier_id = parity;
    yield();
  }
  clocks().acquire(first_warp() + current_ / kWarpLanes, b.released);
}

// In the block that owns it.
void Block::complete_mbarrier(Mbarrier& b) {
  if (b.pending > 0 || b.bytes != 0) return;
  ++b.phase;
  b.pending = b.arrivals;
  clocks().release_actor(b.actor, b.phase, &b.releasing);
  b.released = b.releasing;
  for (int t = 0; t < threads_; ++t) {
    const Thread& thread = thread_[t];
    if (thread.state == State::at_mbarrier && thread.mbarrier == &b &&
        static_cast<int>(b.phase & 1) != thread.barrier_id) {
      wake(t);
    }
  }
}

// Operations of a warp

int Block::warp_threads(int warp) const { return std::min(kWarpLanes, threads_ - warp * kWarpLanes); }

// The running thread waits at a barrier or has finished: a lane that waits for it waits in vain.
void Block::leave_warp() {
  const int w = current_ / kWarpLanes;
  ++warp_[w].absent;
  if (warp_[w].arrived > 0) fail_warp(w);
}

void Block::fail_warp(int warp) const {
  const int first = warp * kWarpLanes;
  fail_block(FaultKind::divergent_warp,
             "all 32 lanes of warp " + std::to_string(warp) + " must call the same operation:", first,
             first + warp_threads(warp));
}

void Block::meet_warp(const char* operation, Site site, Compute compute) {
  const int w = current_ / kWarpLanes;
  Warp& warp = warp_[w];
  if (warp_threads(w) < kWarpLanes) {
    fail(FaultKind::divergent_warp, site,
         std::string(operation) + " in warp " + std::to_string(w) + ", which has only " +
             std::to_string(warp_threads(w)) + " threads");
  }
  if (warp.arrived++ == 0) {
    warp.operation = operation;
    warp.site = site;
  }
  wait(State::at_warp_operation, operation, site);
  // Lanes may reach warp_sync on different lines.
  const bool is_sync = strcmp(operation, "warp_sync") == 0;
  const bool same = strcmp(operation, warp.operation) == 0 && (site == warp.site || is_sync);
  if (!same || warp.absent > 0) fail_warp(w);
  if (warp.arrived == kWarpLanes) {
    warp.arrived = 0;
    if (compute != nullptr) {
      compute(warp.given, warp.results);
    } else {
      memcpy(warp.results, warp.given, sizeof(warp.results));
    }
    for (int lane = 0; lane < kWarpLanes; ++lane) wake(w * kWarpLanes + lane);
    if (is_sync) clocks().join_lanes(first_warp() + w);
  }
  yield();
}

const char* Block::warp_exchange(const char* operation, Site site, const void* value, size_t bytes,
                                 Compute compute) {
  const int self = current_;
  Warp& warp = warp_[self / kWarpLanes];
  if (compute == nullptr && is_removed(operation, site)) return nullptr;
  memcpy(warp.given + self % kWarpLanes * kExchangeBytes, value, bytes);
  meet_warp(operation, site, compute);
  return warp.results;
}

void Block::warp_sync(Site site) {
  if (!is_removed("warp_sync", site)) meet_warp("warp_sync", site, nullptr);
}

unsigned warp_ballot(const char* operation, Site site, bool predicate) {
  const char* values = current_block().warp_exchange(operation, site, &predicate, sizeof(predicate));
  if (values == nullptr) return predicate ? ~0u : 0u;
  unsigned bits = 0;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    bits |= static_cast<unsigned>(values[lane * Block::kExchangeBytes] != 0) << lane;
  }
  return bits;
}

unsigned warp_match(const char* operation, Site site, uint64_t value) {
  const char* values = current_block().warp_exchange(operation, site, &value, sizeof(value));
  if (values == nullptr) return ~0u;
  unsigned bits = 0;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    const bool same = memcmp(values + lane * Block::kExchangeBytes, &value, sizeof(value)) == 0;
    bits |= static_cast<unsigned>(same) << lane;
  }
  return bits;
}

}  // namespace tilewright::simt
