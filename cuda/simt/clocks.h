// SPDX-License-Identifier: Apache-2.0
// What happened before what, by vector clocks. The actors are the warps of a block (of a cluster) and its
// mbarriers: a bulk copy is an act of the mbarrier that its bytes are counted on.
//
// Order between warps is kept by clocks that are handed on where they meet. Order between lanes of one warp
// is kept by an epoch that grows when they meet at warp_sync or a barrier. A lane that arrives somewhere
// alone hands on its own accesses and those of the epochs before, not what its neighbours just did.
#pragma once

#include <stdint.h>

#include <vector>

#include "simt/schedule.h"
#include "simt/site.h"

namespace tilewright::simt {

// An access: by whom, when, from where. clock 0 means "none".
struct Stamp {
  enum Kind : uint8_t {
    plain,
    atomic,      // atomics of different threads are no race
    collective,  // by a warp as a whole: unordered even with other accesses of the lane it is booked on
    in_flight,   // an asynchronous copy that nobody has waited for: ordered before nothing
  };
  uint32_t clock = 0;  // of the actor
  uint32_t epoch = 0;  // of the lanes inside the warp
  int thread = 0;      // in the cluster
  int16_t actor = 0;
  Kind kind = plain;
  Site site;

  int lane() const { return thread % kWarpLanes; }
};

// What is known of one actor: its accesses up to `clock`; in the last epoch only those of some lanes.
struct Knowledge {
  uint32_t clock = 0;
  uint32_t epoch = 0;
  uint32_t lanes = 0;

  bool covers(const Stamp& stamp) const {
    return stamp.clock <= clock && (stamp.epoch < epoch || (lanes >> stamp.lane() & 1));
  }
  void join(const Knowledge& other);
};

// What those who arrive at a meeting place hand to those who leave it.
using Released = std::vector<Knowledge>;

class Clocks {
 public:
  void start(int warps);
  int warps() const { return warps_; }
  // A further actor, for an mbarrier.
  int16_t add_actor();

  Stamp stamp(int thread, Site site, Stamp::Kind kind = Stamp::plain) const;
  // A stamp of an mbarrier's copy, known to those who know the barrier's `clock`.
  Stamp stamp_of(int16_t actor, uint32_t clock, const Stamp& issued) const;

  // The lanes of `warp` have met.
  void join_lanes(int warp) { ++epochs_[warp]; }
  // The thread arrives: `released` gets what it knows.
  void release(int thread, Released* released);
  // The mbarrier's phase `clock` is complete.
  void release_actor(int16_t actor, uint32_t clock, Released* released) const;
  // A thread of the warp leaves the meeting place. Knowledge is kept a warp, not a lane.
  void acquire(int warp, const Released& released);
  // All lanes of the warps that are marked (one flag a warp) meet, and get what was released before.
  void join_warps(const std::vector<bool>& warps, Released* released);

  bool happened_before(const Stamp& before, const Stamp& now) const {
    if (before.kind == Stamp::in_flight) return false;
    const int warp = now.thread / kWarpLanes;
    if (before.actor != warp) return known_[warp][before.actor].covers(before);
    if (before.thread == now.thread && before.kind != Stamp::collective && now.kind != Stamp::collective)
      return true;
    return before.epoch < epochs_[warp];
  }

 private:
  void join(Released* into, const std::vector<Knowledge>& from) const;

  int warps_ = 0;
  int actors_ = 0;
  std::vector<std::vector<Knowledge>> known_;  // [warp][actor]
  std::vector<uint32_t> clocks_;               // of the warps
  std::vector<uint32_t> epochs_;
};

}  // namespace tilewright::simt
