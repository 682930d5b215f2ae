// SPDX-License-Identifier: Apache-2.0
// Recording: the calls of one step, kept with their arguments, to be run again without Python. Recorder writes
// them down while the step runs; two recordings of the same step are compared before one of them is trusted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/op.h"

namespace tilewright {

class Recording {
 public:
  explicit Recording(std::shared_ptr<Arena> arena) : arena_(std::move(arena)) {}

  void add(const Call& call, std::unique_ptr<KeptCall> kept);
  // Ends the recording: notes what its arrays would take if none shared memory.
  void close() { requested_bytes_ = arena_->requested_bytes(); }

  // Repeats every call in order; an observer of this thread sees them as it saw the first ones.
  void run() const;

  // What makes `other` another step, as words to show, or "" if both are the same: same operations, same
  // scalars, same arrays inside the step; from outside the same memory, or memory with equal bytes.
  std::string difference(const Recording& other) const;

  size_t calls() const { return entries_.size(); }
  const char* operation(size_t i) const { return entries_[i].call.op.name(); }
  int64_t requested_bytes() const { return requested_bytes_; }
  const std::shared_ptr<Arena>& arena() const { return arena_; }

 private:
  struct Entry {
    Call call;
    std::unique_ptr<KeptCall> kept;
    std::vector<Arena::Place> places;  // of each View's data
  };
  std::shared_ptr<Arena> arena_;
  std::vector<Entry> entries_;
  int64_t requested_bytes_ = 0;
};

}  // namespace tilewright
