// SPDX-License-Identifier: Apache-2.0
#include "core/scratch.h"

#include <algorithm>
#include <new>

#include "core/os_memory.h"
#include "core/pool.h"

namespace tilewright {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kFirstArenaBytes = size_t{64} << 10;
// A thread keeps at most this much; larger buffers come from the memory pool, which reuses them too.
constexpr size_t kMaxArenaBytes = size_t{16} << 20;

size_t round_up(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// One block that fills like a stack. It cannot move while buffers are in it, so what does not fit goes to the
// memory pool, and the block grows to the size that was missing the next time it is empty.
class Arena {
 public:
  ~Arena() { os_release(block_, capacity_); }

  // Null when the buffer does not fit.
  void* push(size_t bytes) {
    demand_ = std::max(demand_, used_ + outside_ + bytes);
    if (live_ == 0 && demand_ > capacity_) grow();
    if (bytes > capacity_ - used_) {
      outside_ += bytes;
      return nullptr;
    }
    void* data = block_ + used_;
    used_ += bytes;
    ++live_;
    return data;
  }

  // A buffer released out of order leaves a gap until all buffers are gone.
  void pop(void* data, size_t bytes) {
    --live_;
    if (static_cast<char*>(data) + bytes == block_ + used_) used_ -= bytes;
    if (live_ == 0) used_ = 0;
  }

  void pop_outside(size_t bytes) { outside_ -= bytes; }

 private:
  void grow() {
    size_t bytes = std::max(capacity_, kFirstArenaBytes);
    while (bytes < demand_ && bytes < kMaxArenaBytes) bytes *= 2;
    demand_ = std::min(demand_, bytes);
    if (bytes == capacity_) return;
    os_release(block_, capacity_);
    block_ = static_cast<char*>(os_allocate(bytes));
    capacity_ = block_ != nullptr ? bytes : 0;
  }

  char* block_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t outside_ = 0;  // bytes of live buffers that did not fit
  size_t demand_ = 0;   // most that was wanted at one time
  int64_t live_ = 0;    // buffers in the block
};

thread_local Arena arena;

}  // namespace

ScratchBytes::ScratchBytes(size_t bytes) {
  if (bytes > kMaxArenaBytes) {
    bytes_ = 0;
    heap_ = true;
    data_ = pool_allocate(bytes);
    return;
  }
  bytes_ = std::max(round_up(bytes), kAlignment);
  data_ = arena.push(bytes_);
  heap_ = data_ == nullptr;
  if (!heap_) return;
  try {
    data_ = pool_allocate(bytes_);
  } catch (...) {
    arena.pop_outside(bytes_);
    throw;
  }
}

ScratchBytes::~ScratchBytes() {
  if (!heap_) {
    arena.pop(data_, bytes_);
    return;
  }
  pool_release(data_);
  arena.pop_outside(bytes_);
}

}  // namespace tilewright
