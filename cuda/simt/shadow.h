// SPDX-License-Identifier: Apache-2.0
// Shadow of a block's shared memory: who last wrote and read each byte. Two accesses of one byte of which one
// writes are a race unless one happened before the other (clocks.h), whatever the schedule was; two atomics
// are none.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "simt/clocks.h"
#include "simt/site.h"

namespace tilewright::simt {

enum class Access { read, write, update };  // update: an atomic

// What an access ran into.
struct Conflict {
  enum class Kind { none, unwritten, race };
  Kind kind = Kind::none;
  bool other_wrote = false;
  Stamp other;
  explicit operator bool() const { return kind != Kind::none; }
};

class Shadow {
 public:
  // Forgets everything; the memory has `bytes` bytes, none written, and is used by `warps` warps.
  void start(size_t bytes, int warps);
  // A write with a stamp that is in flight begins an asynchronous copy.
  Conflict access(size_t offset, size_t bytes, Access access, const Stamp& stamp, const Clocks& clocks);
  // The copy to these bytes is over; it counts as a write with this stamp.
  void land(size_t offset, size_t bytes, const Stamp& stamp);

 private:
  // The last reads (or atomics) of one warp: which lanes, all in one epoch.
  struct WarpReads {
    uint32_t lanes = 0;
    Stamp last;
  };
  // State of one word, or of one byte of a word that was accessed in parts.
  struct Cell {
    Stamp write;
    WarpReads reads;    // of the only warp that reads, or
    int read_set = -1;  // of many
  };
  static constexpr size_t kWord = 4;

  Conflict access_cell(Cell& cell, Access access, const Stamp& stamp, const Clocks& clocks);
  Conflict race_with_readers(const Cell& cell, bool atomics_too, bool readers_too, const Stamp& stamp,
                             const Clocks& clocks) const;
  static Conflict race_with(const WarpReads& reads, bool atomics_too, bool readers_too, const Stamp& stamp,
                            const Clocks& clocks);
  void add_reader(Cell& cell, const Stamp& stamp, const Clocks& clocks);
  static void add_lane(WarpReads& reads, const Stamp& stamp);
  void forget_readers(Cell& cell);
  int new_read_set();
  WarpReads* read_set(int set) { return &read_sets_[static_cast<size_t>(set) * warps_]; }
  const WarpReads* read_set(int set) const { return &read_sets_[static_cast<size_t>(set) * warps_]; }
  void split(size_t word);
  template <class Visit>
  void visit(size_t offset, size_t bytes, Visit&& visit_cell);

  int warps_ = 1;
  std::vector<Cell> words_;
  std::vector<Cell> bytes_;  // filled at the first access to a part of a word
  std::vector<uint8_t> is_split_;
  std::vector<WarpReads> read_sets_;  // warps_ entries each
  std::vector<int> free_read_sets_;
};

}  // namespace tilewright::simt
