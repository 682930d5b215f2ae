// SPDX-License-Identifier: Apache-2.0
#include "core/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <mutex>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "core/os_memory.h"

namespace tilewright {
namespace {

// Size classes: every multiple of 64 bytes up to 4 KiB, then eight to each doubling.
constexpr size_t kGranule = 64;
constexpr int kLinearBits = 12;
constexpr size_t kLinearBytes = size_t{1} << kLinearBits;
constexpr int kLinearClasses = kLinearBytes / kGranule;
constexpr int kMaxBits = 47;
constexpr int kClasses = kLinearClasses + (kMaxBits - kLinearBits) * 8;
// What the cache may hold beyond the working set at its peak.
constexpr int64_t kCacheSlack = int64_t{64} << 20;

struct SizeClass {
  int index;
  size_t bytes;  // what a block of the class holds
};

SizeClass size_class(size_t bytes) {
  if (bytes <= kLinearBytes) {
    const size_t granules = std::max<size_t>(1, (bytes + kGranule - 1) / kGranule);
    return {static_cast<int>(granules) - 1, granules * kGranule};
  }
  const int bits = 63 - __builtin_clzll(bytes - 1);  // 2^bits < bytes <= 2^(bits + 1)
  const int step_bits = bits - 3;
  const size_t eighths = ((bytes - 1) >> step_bits) + 1;  // 9 to 16
  return {kLinearClasses + (bits - kLinearBits) * 8 + static_cast<int>(eighths) - 9, eighths << step_bits};
}

// Before every block. Cached blocks are linked twice: newest first within their class, and by age over all.
struct alignas(64) Header {
  Header* class_next;
  Header* class_previous;
  Header* newer;
  Header* older;
  size_t bytes;  // with the header, as asked of the operating system
  int32_t class_index;
  uint32_t state;
};
static_assert(sizeof(Header) == kGranule);
constexpr uint32_t kInUse = 0x75736564;   // "used"
constexpr uint32_t kCached = 0x66726565;  // "free"

void* block_of(Header* header) { return header + 1; }
Header* header_of(void* block) { return static_cast<Header*>(block) - 1; }

// Under AddressSanitizer only the bytes asked for may be touched: what rounding added and cached blocks may
// not.
#ifdef __SANITIZE_ADDRESS__
void allow_access(Header* header, size_t bytes) {
  __asan_poison_memory_region(block_of(header), header->bytes - sizeof(Header));
  __asan_unpoison_memory_region(block_of(header), bytes);
}
#else
void allow_access(Header*, size_t) {}
#endif

// TILEWRIGHT_POOL_LIMIT, or -1 when it is not set to a number.
int64_t limit_from_environment() {
  const char* text = getenv("TILEWRIGHT_POOL_LIMIT");
  if (text == nullptr || *text < '0' || *text > '9') return -1;
  char* end = nullptr;
  errno = 0;
  const long long value = strtoll(text, &end, 10);
  return *end == '\0' && errno == 0 ? value : -1;
}

// The operating system is called outside the lock, which is held for some ten instructions only.
class Pool {
 public:
  void* allocate(size_t bytes) {
    const SizeClass wanted = size_class(bytes);
    const size_t block_bytes = wanted.bytes + sizeof(Header);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (Header* header = newest_[wanted.index]) {
        unlink(header);
        return hand_out(header, bytes);
      }
    }
    void* memory = os_allocate(block_bytes);
    if (memory == nullptr) {
      trim();
      memory = os_allocate(block_bytes);
      if (memory == nullptr) throw std::bad_alloc();
    }
    Header* header = new (memory) Header{};
    header->bytes = block_bytes;
    header->class_index = wanted.index;
    std::lock_guard<std::mutex> lock(mutex_);
    ++stats_.fresh;
    return hand_out(header, bytes);
  }

  void release(void* block) {
    Header* header = header_of(block);
    Header* evicted;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (header->state != kInUse) {
        fputs("tilewright: a block was released twice, or is not of this pool\n", stderr);
        abort();
      }
      stats_.in_use_bytes -= static_cast<int64_t>(header->bytes);
      allow_access(header, 0);
      link(header);
      evicted = evict(cache_limit());
    }
    free_chain(evicted);
  }

  void trim() {
    Header* evicted;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      evicted = evict(0);
    }
    free_chain(evicted);
  }

  PoolStats stats() {
    std::lock_guard<std::mutex> lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.peak_bytes = stats_.in_use_bytes;
  }

  std::mutex& mutex() { return mutex_; }

 private:
  int64_t cache_limit() const {
    if (limit_ >= 0) return limit_;
    return stats_.peak_bytes + stats_.peak_bytes / 4 + kCacheSlack - stats_.in_use_bytes;
  }

  void* hand_out(Header* header, size_t bytes) {
    allow_access(header, bytes);
    header->state = kInUse;
    ++stats_.allocations;
    stats_.in_use_bytes += static_cast<int64_t>(header->bytes);
    stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.in_use_bytes);
    return block_of(header);
  }

  void link(Header* header) {
    header->state = kCached;
    stats_.cached_bytes += static_cast<int64_t>(header->bytes);
    Header*& first = newest_[header->class_index];
    header->class_previous = nullptr;
    header->class_next = first;
    if (first != nullptr) first->class_previous = header;
    first = header;
    header->newer = nullptr;
    header->older = youngest_;
    (youngest_ != nullptr ? youngest_->newer : oldest_) = header;
    youngest_ = header;
  }

  void unlink(Header* header) {
    stats_.cached_bytes -= static_cast<int64_t>(header->bytes);
    (header->class_previous != nullptr ? header->class_previous->class_next : newest_[header->class_index]) =
        header->class_next;
    if (header->class_next != nullptr) header->class_next->class_previous = header->class_previous;
    (header->newer != nullptr ? header->newer->older : youngest_) = header->older;
    (header->older != nullptr ? header->older->newer : oldest_) = header->newer;
  }

  // Takes the oldest blocks out until `limit` bytes stay; returns them as a chain through class_next.
  Header* evict(int64_t limit) {
    Header* chain = nullptr;
    while (oldest_ != nullptr && stats_.cached_bytes > limit) {
      Header* header = oldest_;
      unlink(header);
      header->class_next = chain;
      chain = header;
    }
    return chain;
  }

  static void free_chain(Header* chain) {
    while (chain != nullptr) {
      Header* next = chain->class_next;
      allow_access(chain, chain->bytes - sizeof(Header));
      os_release(chain, chain->bytes);
      chain = next;
    }
  }

  std::mutex mutex_;
  PoolStats stats_{};
  const int64_t limit_ = limit_from_environment();
  Header* newest_[kClasses] = {};
  Header* youngest_ = nullptr;
  Header* oldest_ = nullptr;
};

// Never destroyed: Python may drop its last arrays after static destructors have run.
Pool* the_pool = nullptr;

Pool* make_pool() {
  the_pool = new Pool;
  // A fork waits until no thread is inside, so the child inherits whole lists and a free lock.
  pthread_atfork([] { the_pool->mutex().lock(); }, [] { the_pool->mutex().unlock(); },
                 [] { the_pool->mutex().unlock(); });
  return the_pool;
}

Pool& pool() {
  static Pool* const instance = make_pool();
  return *instance;
}

}  // namespace

void* pool_allocate(size_t bytes) {
  if (bytes > (size_t{1} << kMaxBits)) throw std::bad_alloc();
  return pool().allocate(bytes);
}

void pool_release(void* block) noexcept {
  if (block != nullptr) pool().release(block);
}

PoolStats pool_stats() { return pool().stats(); }
void reset_pool_peak() { pool().reset_peak(); }
void pool_trim() { pool().trim(); }

}  // namespace tilewright
