// SPDX-License-Identifier: Apache-2.0
#include "core/arena.h"

#include <algorithm>

#include "core/pool.h"

namespace tilewright {
namespace {
thread_local Arena* arena_of_thread = nullptr;
// A larger block may stand in for a smaller one up to this factor; beyond it a new block is the better use.
constexpr size_t kMaxWaste = 2;
constexpr size_t kGranule = 64;
}  // namespace

Arena* current_arena() { return arena_of_thread; }

Arena* set_current_arena(Arena* arena) {
  Arena* before = arena_of_thread;
  arena_of_thread = arena;
  return before;
}

Arena::Arena() : Arena(Source{pool_allocate, pool_release}) {}

Arena::~Arena() {
  for (auto& [address, block] : blocks_) source_.release(const_cast<char*>(address));
}

void* Arena::allocate(size_t bytes) {
  const size_t wanted = std::max((bytes + kGranule - 1) / kGranule, size_t{1}) * kGranule;
  std::lock_guard<std::mutex> lock(mutex_);
  auto fit = free_.lower_bound(wanted);
  if (fit != free_.end() && fit->first <= kMaxWaste * wanted) {
    // Of equal sizes the one dropped last, which is the likeliest to be in the caches.
    fit = std::prev(free_.upper_bound(fit->first));
    const char* address = fit->second;
    free_.erase(fit);
    Block& block = blocks_.at(address);
    block.used = true;
    block.serial = serial_++;
    requested_ += static_cast<int64_t>(wanted);
    return const_cast<char*>(address);
  }
  auto* address = static_cast<char*>(source_.allocate(wanted));
  blocks_[address] = {wanted, serial_++, true};
  requested_ += static_cast<int64_t>(wanted);
  bytes_ += static_cast<int64_t>(wanted);
  return address;
}

void Arena::release(void* address) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  Block& block = blocks_.at(static_cast<char*>(address));
  block.used = false;
  free_.emplace(block.bytes, static_cast<char*>(address));
}

Arena::Place Arena::place_of(const void* address) const {
  const auto* p = static_cast<const char*>(address);
  std::lock_guard<std::mutex> lock(mutex_);
  auto next = blocks_.upper_bound(p);
  if (next == blocks_.begin()) return {nullptr, -1, 0};
  const auto& [start, block] = *std::prev(next);
  if (p >= start + block.bytes) return {nullptr, -1, 0};
  return {start, block.serial, p - start};
}

void Arena::begin_recording() {
  std::lock_guard<std::mutex> lock(mutex_);
  // Arrays that outlived an earlier recording are told apart from those of this one by a negative number.
  for (auto& [address, block] : blocks_) block.serial = -1;
  serial_ = requested_ = 0;
}

int64_t Arena::requested_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requested_;
}

int64_t Arena::bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

}  // namespace tilewright
