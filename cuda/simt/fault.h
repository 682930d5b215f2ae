// SPDX-License-Identifier: Apache-2.0
// What the emulator reports: one exception type, whose text says kernel, block, threads and source line.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "simt/site.h"

namespace tilewright::simt {

enum class FaultKind {
  launch,              // sizes no GPU accepts
  race,                // two threads touch one byte of shared memory, unordered, at least one writes
  uninitialised_read,  // of shared memory
  shared_out_of_bounds,
  global_out_of_bounds,
  misaligned,
  read_only_write,    // a store to an argument the caller gave as read-only
  divergent_barrier,  // some threads of the block do not reach a block barrier, or reach another one
  divergent_warp,     // some lanes do not reach a warp operation
  deadlock,           // nobody can go on
};
const char* fault_name(FaultKind kind);

class Fault : public std::runtime_error {
 public:
  Fault(FaultKind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}
  FaultKind kind() const { return kind_; }

 private:
  FaultKind kind_;
};

// "softmax.cuh:88"
std::string to_string(const Site& site);

// "threads 0-15, 32" from an ascending list.
std::string thread_ranges(const std::vector<int>& threads);

}  // namespace tilewright::simt
