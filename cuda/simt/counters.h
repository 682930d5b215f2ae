// SPDX-License-Identifier: Apache-2.0
// Counts what a warp's memory accesses cost: passes over the banks of shared memory, and 32-byte sectors of
// global memory. The n-th access of a lane at a source line belongs with the n-th of its neighbours there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "simt/shadow.h"

namespace tilewright::simt {

struct AccessCounts {
  int64_t shared_requests = 0;  // by a warp
  int64_t shared_passes = 0;    // over the banks; as many as its bytes need, and one more for each conflict
  int64_t shared_conflicts = 0;
  int64_t global_reads = 0;  // requests
  int64_t global_read_sectors = 0;
  int64_t global_writes = 0;
  int64_t global_write_sectors = 0;

  void add(const AccessCounts& other);
};

// From here on, count. Forgets what was counted.
void count_accesses(bool on);
extern std::atomic<bool> counting;
inline bool counts_accesses() { return counting.load(std::memory_order_relaxed); }
// By kernel name.
std::map<std::string, AccessCounts> counted_accesses();

// Of one block.
class AccessCounters {
 public:
  void start();
  bool on() const { return on_; }
  void count(bool shared, int thread, uintptr_t address, size_t bytes, Access access, Site site);
  // Adds up the block's accesses under the kernel's name.
  void finish(const char* kernel);

 private:
  struct Key {
    const char* file;
    int line;
    int warp;
    uint32_t number;
    uint8_t kind;  // shared, read, bytes
    uint8_t bytes;
    bool operator==(const Key& o) const {
      return line == o.line && number == o.number && warp == o.warp && kind == o.kind && bytes == o.bytes &&
             file == o.file;
    }
  };
  struct Hash {
    size_t operator()(const Key& k) const;
  };
  struct Lane {
    int index;
    uintptr_t address;
  };
  using Request = std::vector<Lane>;
  static int passes(const Request& request, size_t bytes);
  static int needed_passes(const Request& request, size_t bytes);
  static int sectors(const Request& request, size_t bytes);

  bool on_ = false;
  std::unordered_map<Key, uint32_t, Hash> numbers_;  // of a thread (in `warp`) at a line: accesses so far
  std::unordered_map<Key, Request, Hash> requests_;
};

}  // namespace tilewright::simt
