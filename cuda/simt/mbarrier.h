// SPDX-License-Identifier: Apache-2.0
// State of the mbarriers in a block's shared memory. A phase is complete once all arrivals have come and all
// expected bytes have landed; then the next one begins with the same number of arrivals.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <vector>

#include "simt/async_copy.h"
#include "simt/clocks.h"

namespace tilewright::simt {

struct Mbarrier {
  size_t offset = 0;  // in the block's shared memory
  int16_t actor = 0;  // whose acts the landings are; its clock is the phase, from 1 on
  int arrivals = 0;   // of a phase
  int pending = 0;    // of this phase
  int64_t bytes = 0;  // expected and not landed; negative while they land before they are announced
  uint32_t phase = 0;
  Released releasing;  // by this phase's arrivals
  Released released;   // by the last complete phase, which had seen all before
  std::vector<AsyncCopy> in_flight;
};

class Mbarriers {
 public:
  void clear() { all_.clear(); }
  // Null if there is none.
  Mbarrier* at(size_t offset) const {
    for (const auto& barrier : all_)
      if (barrier->offset == offset) return barrier.get();
    return nullptr;
  }
  Mbarrier& add() { return *all_.emplace_back(std::make_unique<Mbarrier>()); }
  const std::vector<std::unique_ptr<Mbarrier>>& all() const { return all_; }

 private:
  std::vector<std::unique_ptr<Mbarrier>> all_;
};

}  // namespace tilewright::simt
