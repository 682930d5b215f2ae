// SPDX-License-Identifier: Apache-2.0
#include "simt/counters.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

namespace tilewright::simt {

std::atomic<bool> counting{false};

namespace {

constexpr int kLanes = 32;
constexpr uintptr_t kBanks = 32, kBankBytes = 4, kSectorBytes = 32;

std::mutex mutex;

std::map<std::string, AccessCounts>& counted() {
  static std::map<std::string, AccessCounts> counts;
  return counts;
}

}  // namespace

void AccessCounts::add(const AccessCounts& other) {
  shared_requests += other.shared_requests;
  shared_passes += other.shared_passes;
  shared_conflicts += other.shared_conflicts;
  global_reads += other.global_reads;
  global_read_sectors += other.global_read_sectors;
  global_writes += other.global_writes;
  global_write_sectors += other.global_write_sectors;
}

void count_accesses(bool on) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (on) counted().clear();
  counting = on;
}

std::map<std::string, AccessCounts> counted_accesses() {
  const std::lock_guard<std::mutex> lock(mutex);
  return counted();
}

size_t AccessCounters::Hash::operator()(const Key& k) const {
  uint64_t h = reinterpret_cast<uintptr_t>(k.file) ^ static_cast<uint64_t>(k.line) << 40;
  h = (h ^ static_cast<uint64_t>(k.warp) << 20 ^ k.number) * 0x9e3779b97f4a7c15u;
  return static_cast<size_t>((h ^ h >> 29) + k.kind * 131u + k.bytes);
}

void AccessCounters::start() {
  on_ = counts_accesses();
  numbers_.clear();
  requests_.clear();
}

void AccessCounters::count(bool shared, int thread, uintptr_t address, size_t bytes, Access access,
                           Site site) {
  const uint8_t kind = static_cast<uint8_t>((shared ? 2 : 0) + (access == Access::read ? 1 : 0));
  Key key{site.file, site.line, thread, 0, kind, static_cast<uint8_t>(bytes)};
  const uint32_t number = numbers_[key]++;
  key.warp = thread / kLanes;
  key.number = number;
  requests_[key].push_back({thread % kLanes, address});
}

// As many lanes as move 128 bytes go together; within them, different words of one bank go one by one.
int AccessCounters::passes(const Request& request, size_t bytes) {
  const int lanes =
      bytes <= kBankBytes ? kLanes : kLanes * static_cast<int>(kBankBytes) / static_cast<int>(bytes);
  int passes = 0;
  for (int first = 0; first < kLanes; first += lanes) {
    std::set<uintptr_t> words[kBanks];
    size_t most = 0;
    for (const Lane& lane : request) {
      if (lane.index < first || lane.index >= first + lanes) continue;
      for (uintptr_t at = lane.address; at < lane.address + bytes; at += kBankBytes) {
        std::set<uintptr_t>& bank = words[at / kBankBytes % kBanks];
        bank.insert(at / kBankBytes);
        most = std::max(most, bank.size());
      }
    }
    passes += static_cast<int>(most);
  }
  return passes;
}

int AccessCounters::needed_passes(const Request& request, size_t bytes) {
  const int lanes =
      bytes <= kBankBytes ? kLanes : kLanes * static_cast<int>(kBankBytes) / static_cast<int>(bytes);
  std::set<int> groups;
  for (const Lane& lane : request) groups.insert(lane.index / lanes);
  return static_cast<int>(groups.size());
}

int AccessCounters::sectors(const Request& request, size_t bytes) {
  std::set<uintptr_t> touched;
  for (const Lane& lane : request) {
    for (uintptr_t s = lane.address / kSectorBytes; s <= (lane.address + bytes - 1) / kSectorBytes; ++s)
      touched.insert(s);
  }
  return static_cast<int>(touched.size());
}

void AccessCounters::finish(const char* kernel) {
  if (!on_) return;
  AccessCounts sum;
  for (const auto& [key, request] : requests_) {
    if (key.kind >= 2) {
      const int all = passes(request, key.bytes);
      ++sum.shared_requests;
      sum.shared_passes += all;
      sum.shared_conflicts += all - needed_passes(request, key.bytes);
    } else if (key.kind == 1) {
      ++sum.global_reads;
      sum.global_read_sectors += sectors(request, key.bytes);
    } else {
      ++sum.global_writes;
      sum.global_write_sectors += sectors(request, key.bytes);
    }
  }
  const std::lock_guard<std::mutex> lock(mutex);
  counted()[kernel].add(sum);
}

}  // namespace tilewright::simt
