// SPDX-License-Identifier: Apache-2.0
// Blocks of memory behind the arrays Python makes: 64-byte aligned, reused by size class, huge pages for
// large ones. Fresh pages cost as much as the arithmetic of a bandwidth-bound kernel; reuse removes that.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tilewright {

// Uninitialised; throws std::bad_alloc. `bytes` may be 0 (a valid, unique pointer comes back).
void* pool_allocate(size_t bytes);
// Takes back what pool_allocate gave; any thread, any order.
void pool_release(void* block) noexcept;

struct PoolStats {
  int64_t in_use_bytes;   // handed out now
  int64_t cached_bytes;   // kept for reuse
  int64_t peak_bytes;     // highest in_use_bytes since the start or reset_pool_peak
  int64_t allocations;    // calls of pool_allocate
  int64_t fresh;          // of these, how many had to ask the operating system
};
PoolStats pool_stats();
void reset_pool_peak();
// Gives cached blocks back to the operating system.
void pool_trim();

}  // namespace tilewright
