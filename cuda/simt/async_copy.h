// SPDX-License-Identifier: Apache-2.0
// Asynchronous copies on their way into shared memory. From its issue until its thread has waited for it the
// shadow holds a copy "in flight", so any access to its bytes is a race, whenever the data itself lands: at
// once, in pieces, or as late as may be, which the schedule picks.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "simt/clocks.h"

namespace tilewright::simt {

struct AsyncCopy {
  char* to;
  const char* from;
  size_t bytes, valid;  // valid of the bytes come from `from`, the others are zero
  size_t landed = 0;    // bytes that are there
  Stamp issued;
};

// The copies of one thread: groups that were committed, oldest first, and those since the last commit.
class CopyQueue {
 public:
  void clear() {
    copies_.clear();
    ends_.clear();
  }
  bool empty() const { return copies_.empty(); }
  void add(const AsyncCopy& copy) { copies_.push_back(copy); }
  void commit() { ends_.push_back(copies_.size()); }
  std::vector<AsyncCopy>& copies() { return copies_; }
  // How many copies the groups up to the one before the last `in_flight` have.
  size_t due(size_t in_flight) const {
    return ends_.size() > in_flight ? ends_[ends_.size() - in_flight - 1] : 0;
  }
  void forget(size_t count, size_t in_flight) {
    copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(count));
    if (ends_.size() > in_flight)
      ends_.erase(ends_.begin(), ends_.end() - static_cast<std::ptrdiff_t>(in_flight));
    for (size_t& end : ends_) end -= count;
  }

 private:
  std::vector<AsyncCopy> copies_;
  std::vector<size_t> ends_;
};

}  // namespace tilewright::simt
