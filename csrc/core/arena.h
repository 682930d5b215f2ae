// SPDX-License-Identifier: Apache-2.0
// Arena: the memory of recorded steps. While a step is recorded, a block whose array has been dropped is handed
// out again, so reference counting plans the memory; afterwards the arena keeps every block, because replays
// write to the same addresses. Recordings that never run at the same time share one arena.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace tilewright {

class Arena : public std::enable_shared_from_this<Arena> {
 public:
  // Where its blocks come from: the memory pool unless told otherwise.
  struct Source {
    std::function<void*(size_t)> allocate;  // throws where there is no memory
    std::function<void(void*)> release;
  };
  Arena();
  explicit Arena(Source source) : source_(std::move(source)) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  // Gives all blocks back to where they came from: no array over them may be left.
  ~Arena();

  // 64-byte aligned, uninitialised: the free block that fits best, or a new one. Throws std::bad_alloc.
  void* allocate(size_t bytes);
  void release(void* block) noexcept;

  // Where an address lies: a block with the serial number of the array that lives there, or none.
  struct Place {
    const void* block;  // null: outside the arena
    int64_t serial;     // which call of allocate since begin_recording
    int64_t offset;     // bytes from the start of the block
  };
  Place place_of(const void* address) const;

  void begin_recording();
  // Bytes of all arrays made since begin_recording: what they would take if nothing were reused.
  int64_t requested_bytes() const;
  int64_t bytes() const;

 private:
  struct Block {
    size_t bytes;
    int64_t serial;
    bool used;
  };
  Source source_;
  mutable std::mutex mutex_;  // arrays may be dropped by any thread
  std::map<const char*, Block> blocks_;
  std::multimap<size_t, const char*> free_;
  int64_t serial_ = 0, requested_ = 0, bytes_ = 0;
};

// The arena from which this thread's arrays come, or null for the memory pool. Returns the one it replaces.
Arena* current_arena();
Arena* set_current_arena(Arena* arena);

}  // namespace tilewright
