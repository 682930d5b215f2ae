// SPDX-License-Identifier: Apache-2.0
// A block's shared memory: checks, guard zones, asynchronous copies.
#include <algorithm>

#include "simt/block.h"
#include "simt/cluster.h"
#include "simt/mutation.h"

namespace tilewright::simt {
namespace {

constexpr size_t kGuardBytes = 1024;
constexpr size_t kArenaAlignment = 1024;  // the most any instruction asks for
constexpr char kGuardByte = 0x5a;
// As float and as bfloat16 a signalling NaN.
constexpr unsigned char kUnwritten[4] = {0xbf, 0xff, 0xbf, 0xff};

void copy_bytes(AsyncCopy& copy, size_t count) {
  const size_t end = copy.landed + count;
  const size_t from_source = std::min(end, std::max(copy.valid, copy.landed));
  if (from_source > copy.landed)  // there may be no source at all
    memcpy(copy.to + copy.landed, copy.from + copy.landed, from_source - copy.landed);
  memset(copy.to + from_source, 0, end - from_source);
  copy.landed = end;
}

}  // namespace

void Block::prepare_shared_memory() {
  const size_t needed = kArenaAlignment + 2 * kGuardBytes + launch_.shared_bytes;
  if (arena_.size() < needed) arena_.resize(needed);
  const uintptr_t base = reinterpret_cast<uintptr_t>(arena_.data());
  const uintptr_t aligned = (base + kGuardBytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  shared_ = arena_.data() + (aligned - base);
  memset(shared_ - kGuardBytes, kGuardByte, kGuardBytes);
  memset(shared_ + launch_.shared_bytes, kGuardByte, kGuardBytes);
  for (size_t i = 0; i < launch_.shared_bytes; ++i) shared_[i] = static_cast<char>(kUnwritten[i % 4]);
}

void Block::check_guard_zones() const {
  const auto intact = [](const char* zone) {
    return std::all_of(zone, zone + kGuardBytes, [](char byte) { return byte == kGuardByte; });
  };
  const bool before = intact(shared_ - kGuardBytes);
  if (before && intact(shared_ + launch_.shared_bytes)) return;
  throw Fault(FaultKind::shared_out_of_bounds,
              std::string("[simt] ") + fault_name(FaultKind::shared_out_of_bounds) + where() + "\n  bytes " +
                  (before ? "after" : "before") +
                  " the block's shared memory were overwritten through a plain pointer");
}

void* Block::shared_memory(size_t bytes, Site site) {
  if (bytes > launch_.shared_bytes) {
    fail(FaultKind::shared_out_of_bounds, site,
         "the kernel uses " + std::to_string(bytes) + " bytes, the launch gave " +
             std::to_string(launch_.shared_bytes));
  }
  return shared_;
}

bool Block::owns(const void* address, size_t bytes) const {
  const char* at = static_cast<const char*>(address);
  return at >= shared_ && at + bytes <= shared_ + launch_.shared_bytes;
}

Block& Block::owner_of(const void* address, size_t bytes, Site site) const {
  for (int i = 0; i < cluster_.size_; ++i) {
    Block& block = *cluster_.blocks_[(rank_ + i) % cluster_.size_];
    if (!block.owns(address, bytes)) continue;
    if (&block != this && block.finished_ == block.threads_)
      fail(FaultKind::shared_out_of_bounds, site,
           "shared memory of block " + std::to_string(block.rank_) + " of the cluster, which has ended");
    return block;
  }
  fail(FaultKind::shared_out_of_bounds, site, std::to_string(bytes) + " bytes outside the block's memory");
}

void* Block::remote_shared(const void* address, int rank, Site site) const {
  if (rank < 0 || rank >= cluster_.size_)
    fail(FaultKind::shared_out_of_bounds, site,
         "block " + std::to_string(rank) + " of a cluster of " + std::to_string(cluster_.size_));
  return cluster_.blocks_[rank]->shared_ + offset_of(address);
}

void Block::check_shared(const void* address, size_t bytes, Access access, Site site, bool collective) {
  if (scheduler_.interrupts()) {
    land_sometimes();
    yield();
  }
  if (counters_.on()) {
    counters_.count(true, current_, static_cast<uintptr_t>(offset_of(address)), bytes, access, site);
  }
  const Stamp::Kind kind = access == Access::update ? Stamp::atomic
                           : collective             ? Stamp::collective
                                                    : Stamp::plain;
  Block& owner = owns(address, bytes) ? *this : owner_of(address, bytes, site);
  check_access(owner, address, bytes, access, clocks().stamp(cluster_thread(current_), site, kind));
}

void Block::count_global(const void* address, size_t bytes, Access access, Site site) {
  if (counters_.on())
    counters_.count(false, current_, reinterpret_cast<uintptr_t>(address), bytes, access, site);
}

void Block::check_access(Block& owner, const void* address, size_t bytes, Access access,
                         const Stamp& stamp) const {
  const size_t offset = owner.offset_of(address);
  const Conflict conflict = owner.shadow_.access(offset, bytes, access, stamp, clocks());
  if (!conflict) return;
  const std::string range = "bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes - 1);
  if (conflict.kind == Conflict::Kind::unwritten) {
    fail(FaultKind::uninitialised_read, stamp.site, "reads " + range + ", which nobody has written");
  }
  const char* verb = stamp.kind == Stamp::in_flight ? "begins to copy to "
                     : access == Access::read       ? "reads "
                     : access == Access::write      ? "writes "
                                                    : "updates ";
  const Stamp& other = conflict.other;
  const bool copying = other.kind == Stamp::in_flight;
  fail(FaultKind::race, stamp.site,
       verb + range + ", which " + describe_stamp(other) +
           (copying                ? " copies to"
            : conflict.other_wrote ? " wrote"
                                   : " read") +
           " at " + simt::to_string(other.site) +
           (copying ? " and nobody has waited for" : " with no barrier between"));
}

// Asynchronous copies

void Block::copy_async(void* to, const void* from, size_t bytes, size_t valid, Site site) {
  if (scheduler_.interrupts()) yield();
  if (!owns(to, bytes))
    fail(FaultKind::shared_out_of_bounds, site, std::to_string(bytes) + " bytes outside the block's memory");
  if (counters_.on()) counters_.count(true, current_, offset_of(to), bytes, Access::write, site);
  const Stamp issued = clocks().stamp(cluster_thread(current_), site, Stamp::in_flight);
  check_access(*this, to, bytes, Access::write, issued);
  AsyncCopy copy{static_cast<char*>(to), static_cast<const char*>(from), bytes, valid, 0, issued};
  copy_bytes(copy, scheduler_.lands_now(bytes));
  thread_[current_].copies.add(copy);
}

// Under a random schedule, now and then: data that nobody waits for lands all the same.
void Block::land_sometimes() {
  std::vector<AsyncCopy>& copies = thread_[current_].copies.copies();
  if (copies.empty()) return;
  AsyncCopy& copy = copies[static_cast<size_t>(scheduler_.below(static_cast<int>(copies.size())))];
  copy_bytes(copy, copy.bytes - copy.landed);
}

void Block::copy_async_commit(Site site) {
  if (!is_removed("copy_async_commit", site)) thread_[current_].copies.commit();
}

void Block::copy_async_wait(int groups_in_flight, Site site) {
  if (is_removed("copy_async_wait", site)) return;
  CopyQueue& queue = thread_[current_].copies;
  const size_t due = queue.due(static_cast<size_t>(groups_in_flight));
  for (size_t i = 0; i < due; ++i) {
    AsyncCopy& copy = queue.copies()[i];
    copy_bytes(copy, copy.bytes - copy.landed);
    shadow_.land(offset_of(copy.to), copy.bytes, clocks().stamp(cluster_thread(current_), copy.issued.site));
  }
  queue.forget(due, static_cast<size_t>(groups_in_flight));
}

void Block::copy_bulk(void* to, const void* from, size_t bytes, void* barrier, Site site) {
  if (scheduler_.interrupts()) yield();
  if (bytes == 0 || bytes % 16 != 0)
    fail(FaultKind::misaligned, site,
         "a bulk copy of " + std::to_string(bytes) + " bytes, expected a multiple of 16");
  if (!owns(to, bytes))
    fail(FaultKind::shared_out_of_bounds, site, std::to_string(bytes) + " bytes outside the block's memory");
  Mbarrier& b = mbarrier_at(barrier, site);
  const Stamp issued = clocks().stamp(cluster_thread(current_), site, Stamp::in_flight);
  check_access(*this, to, bytes, Access::write, issued);
  b.in_flight.push_back({static_cast<char*>(to), static_cast<const char*>(from), bytes, bytes, 0, issued});
  ++cluster_.bulk_in_flight_;
  const size_t now = scheduler_.lands_now(bytes);
  if (now > 0) land_bulk(b, b.in_flight.back(), now);
}

// `count` more bytes of the copy, one of barrier.in_flight, are there.
void Block::land_bulk(Mbarrier& barrier, AsyncCopy& copy, size_t count) {
  copy_bytes(copy, count);
  barrier.bytes -= static_cast<int64_t>(count);
  if (copy.landed == copy.bytes) {
    shadow_.land(offset_of(copy.to), copy.bytes,
                 clocks().stamp_of(barrier.actor, barrier.phase + 1, copy.issued));
    barrier.in_flight.erase(barrier.in_flight.begin() + (&copy - barrier.in_flight.data()));
    --cluster_.bulk_in_flight_;
  }
  complete_mbarrier(barrier);
}

}  // namespace tilewright::simt
