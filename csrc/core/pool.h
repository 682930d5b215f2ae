// SPDX-License-Identifier: Apache-2.0
// Blocks of memory behind the arrays Python makes: 64-byte aligned, reused by size class, huge pages for
// large ones. Fresh pages cost as much as the arithmetic of a bandwidth-bound kernel; reuse removes that.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tilewright {

// Uninitialised; throws std::bad_alloc. `bytes` may be 0 (a valid, unique pointer comes back).
void* pool_allocate(size_t bytes);
// Takes back what pool_allocate gave; any thread, any order. Null is ignored.
void pool_release(void* block) noexcept;

// Bytes count whole blocks: the request rounded up to its size class (at most an eighth more) and a header.
struct PoolStats {
  int64_t in_use_bytes;  // handed out now
  int64_t cached_bytes;  // kept for reuse
  int64_t peak_bytes;    // highest in_use_bytes since the start or reset_pool_peak
  int64_t allocations;   // calls of pool_allocate that succeeded
  int64_t fresh;         // of these, how many had to ask the operating system
};
PoolStats pool_stats();
void reset_pool_peak();
// Gives cached blocks back to the operating system.
void pool_trim();

// The cache is bounded: handed out and cached blocks together stay below 5/4 of the peak plus 64 MiB, so a
// training step finds every block of the step before it. TILEWRIGHT_POOL_LIMIT, if set to a number of bytes,
// bounds the cached blocks instead (0: keep nothing). What was released longest ago goes first.

}  // namespace tilewright
