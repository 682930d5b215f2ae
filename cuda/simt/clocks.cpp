// SPDX-License-Identifier: Apache-2.0
#include "simt/clocks.h"

#include <algorithm>

namespace tilewright::simt {

constexpr uint32_t kAllLanes = 0xffffffffu;

void Knowledge::join(const Knowledge& other) {
  if (other.clock == 0) return;
  if (other.epoch == epoch) {
    // Lanes that arrived one by one: each is taken to have arrived with the last. That can hide a race, and
    // cannot invent one.
    clock = std::max(clock, other.clock);
    lanes |= other.lanes;
  } else if (other.epoch > epoch) {
    *this = other;
  }
}

void Clocks::start(int warps) {
  warps_ = actors_ = warps;
  if (known_.size() < static_cast<size_t>(warps)) known_.resize(warps);
  for (int w = 0; w < warps; ++w) known_[w].assign(warps, Knowledge{});
  clocks_.assign(warps, 1);
  epochs_.assign(warps, 1);
}

int16_t Clocks::add_actor() {
  for (int w = 0; w < warps_; ++w) known_[w].emplace_back();
  return static_cast<int16_t>(actors_++);
}

Stamp Clocks::stamp(int thread, Site site, Stamp::Kind kind) const {
  const int w = thread / kWarpLanes;
  return {clocks_[w], epochs_[w], thread, static_cast<int16_t>(w), kind, site};
}

Stamp Clocks::stamp_of(int16_t actor, uint32_t clock, const Stamp& issued) const {
  return {clock, 0, issued.thread, actor, Stamp::plain, issued.site};
}

void Clocks::join(Released* into, const std::vector<Knowledge>& from) const {
  if (into->size() < static_cast<size_t>(actors_)) into->resize(actors_);
  for (size_t a = 0; a < from.size(); ++a) (*into)[a].join(from[a]);
}

void Clocks::release(int thread, Released* released) {
  const int w = thread / kWarpLanes;
  join(released, known_[w]);
  (*released)[w].join({clocks_[w], epochs_[w], uint32_t{1} << (thread % kWarpLanes)});
  ++clocks_[w];  // what comes next is not part of it
}

void Clocks::release_actor(int16_t actor, uint32_t clock, Released* released) const {
  if (released->size() < static_cast<size_t>(actors_)) released->resize(actors_);
  (*released)[actor] = {clock, 1, kAllLanes};
}

void Clocks::acquire(int warp, const Released& released) {
  for (size_t a = 0; a < released.size(); ++a) {
    if (static_cast<int>(a) != warp) known_[warp][a].join(released[a]);
  }
}

void Clocks::join_warps(const std::vector<bool>& warps, Released* released) {
  for (int w = 0; w < warps_; ++w) {
    if (!warps[w]) continue;
    join(released, known_[w]);
    (*released)[w].join({clocks_[w], epochs_[w], kAllLanes});
  }
  for (int w = 0; w < warps_; ++w) {
    if (!warps[w]) continue;
    acquire(w, *released);
    ++clocks_[w];
    ++epochs_[w];
  }
}

}  // namespace tilewright::simt
