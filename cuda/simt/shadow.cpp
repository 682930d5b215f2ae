// SPDX-License-Identifier: Apache-2.0
#include "simt/shadow.h"

#include <algorithm>

namespace tilewright::simt {

void Shadow::start(size_t bytes, int warps) {
  const size_t words = (bytes + kWord - 1) / kWord;
  warps_ = warps;
  words_.assign(words, Cell{});
  is_split_.assign(words, 0);
  bytes_.clear();
  read_sets_.clear();
  free_read_sets_.clear();
}

void Shadow::split(size_t word) {
  if (is_split_[word]) return;
  if (bytes_.empty()) bytes_.resize(words_.size() * kWord);
  is_split_[word] = 1;
  for (size_t b = 0; b < kWord; ++b) {
    Cell& cell = bytes_[word * kWord + b];
    cell = words_[word];
    if (cell.read_set < 0) continue;
    const int copy = new_read_set();
    std::copy(read_set(words_[word].read_set), read_set(words_[word].read_set) + warps_, read_set(copy));
    cell.read_set = copy;
  }
}

// Calls visit_cell for each cell of the range until it returns true.
template <class Visit>
void Shadow::visit(size_t offset, size_t bytes, Visit&& visit_cell) {
  for (size_t at = offset; at < offset + bytes;) {
    const size_t word = at / kWord;
    const bool whole = at % kWord == 0 && at + kWord <= offset + bytes;
    if (whole && !is_split_[word]) {
      if (visit_cell(words_[word])) return;
      at += kWord;
    } else {
      split(word);
      if (visit_cell(bytes_[at])) return;
      ++at;
    }
  }
}

Conflict Shadow::access(size_t offset, size_t bytes, Access access, const Stamp& stamp,
                        const Clocks& clocks) {
  Conflict conflict;
  visit(offset, bytes, [&](Cell& cell) {
    conflict = access_cell(cell, access, stamp, clocks);
    return static_cast<bool>(conflict);
  });
  return conflict;
}

void Shadow::land(size_t offset, size_t bytes, const Stamp& stamp) {
  visit(offset, bytes, [&](Cell& cell) {
    if (cell.write.kind == Stamp::in_flight) cell.write = stamp;
    return false;
  });
}

Conflict Shadow::access_cell(Cell& cell, Access access, const Stamp& stamp, const Clocks& clocks) {
  const Stamp& write = cell.write;
  if (access != Access::write && write.clock == 0) return {Conflict::Kind::unwritten, false, {}};
  const bool both_atomic = access == Access::update && write.kind == Stamp::atomic;
  if (write.clock != 0 && !both_atomic && !clocks.happened_before(write, stamp)) {
    return {Conflict::Kind::race, true, write};
  }
  // A read has to come after every atomic, a write after everything, an atomic after every plain read.
  const bool atomics_matter = access == Access::write || write.kind == Stamp::atomic;
  if (access != Access::read || atomics_matter) {
    const Conflict conflict =
        race_with_readers(cell, access != Access::update, access != Access::read, stamp, clocks);
    if (conflict) return conflict;
  }
  if (access == Access::write) {
    forget_readers(cell);
    cell.write = stamp;
  } else {
    if (access == Access::update) cell.write = stamp;
    add_reader(cell, stamp, clocks);
  }
  return {};
}

Conflict Shadow::race_with(const WarpReads& reads, bool atomics_too, bool readers_too, const Stamp& stamp,
                           const Clocks& clocks) {
  const bool is_atomic = reads.last.kind == Stamp::atomic;
  if (reads.lanes == 0 || (is_atomic ? !atomics_too : !readers_too)) return {};
  Stamp other = reads.last;
  for (uint32_t left = reads.lanes; left != 0; left &= left - 1) {
    other.thread = reads.last.thread - reads.last.lane() + __builtin_ctz(left);
    if (!clocks.happened_before(other, stamp)) return {Conflict::Kind::race, is_atomic, other};
  }
  return {};
}

Conflict Shadow::race_with_readers(const Cell& cell, bool atomics_too, bool readers_too, const Stamp& stamp,
                                   const Clocks& clocks) const {
  if (cell.read_set < 0) return race_with(cell.reads, atomics_too, readers_too, stamp, clocks);
  const WarpReads* set = read_set(cell.read_set);
  for (int w = 0; w < warps_; ++w) {
    if (const Conflict c = race_with(set[w], atomics_too, readers_too, stamp, clocks)) return c;
  }
  return {};
}

// Reads of earlier epochs of the warp happened before this one. Lanes that read one epoch under different
// clocks (one of them released in between) keep the first; a lane that reads again starts anew. Both can hide
// a race, and cannot invent one.
void Shadow::add_lane(WarpReads& reads, const Stamp& stamp) {
  const uint32_t lane = uint32_t{1} << stamp.lane();
  const bool same_epoch =
      reads.lanes != 0 && reads.last.epoch == stamp.epoch && reads.last.kind == stamp.kind;
  if (same_epoch && ((reads.lanes & lane) == 0 || reads.last.clock == stamp.clock)) {
    reads.lanes |= lane;
  } else {
    reads = {lane, stamp};
  }
}

void Shadow::add_reader(Cell& cell, const Stamp& stamp, const Clocks& clocks) {
  if (cell.read_set < 0) {
    const bool alone = cell.reads.lanes == 0 || cell.reads.last.actor == stamp.actor ||
                       !race_with(cell.reads, true, true, stamp, clocks);
    if (alone && cell.reads.lanes != 0 && cell.reads.last.actor != stamp.actor) cell.reads.lanes = 0;
    if (alone) return add_lane(cell.reads, stamp);
    const int set = new_read_set();
    read_set(set)[cell.reads.last.thread / kWarpLanes] = cell.reads;
    cell.read_set = set;
  }
  add_lane(read_set(cell.read_set)[stamp.thread / kWarpLanes], stamp);
}

void Shadow::forget_readers(Cell& cell) {
  cell.reads.lanes = 0;
  if (cell.read_set >= 0) free_read_sets_.push_back(cell.read_set);
  cell.read_set = -1;
}

int Shadow::new_read_set() {
  if (!free_read_sets_.empty()) {
    const int set = free_read_sets_.back();
    free_read_sets_.pop_back();
    std::fill(read_set(set), read_set(set) + warps_, WarpReads{});
    return set;
  }
  read_sets_.resize(read_sets_.size() + static_cast<size_t>(warps_));
  return static_cast<int>(read_sets_.size() / static_cast<size_t>(warps_)) - 1;
}

}  // namespace tilewright::simt
