// SPDX-License-Identifier: Apache-2.0
// Shadow of a block's shared memory: who last wrote and read each byte, and whether that happened before.
//
// Order between warps is kept by vector clocks: WarpClocks::join_warps at a barrier. Order between lanes of
// one warp is kept by an epoch that grows when they meet at warp_sync or a barrier. Two accesses of one byte
// of which one writes are a race unless one happened before the other, whatever the schedule was.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "simt/schedule.h"
#include "simt/site.h"

namespace tilewright::simt {

// An access: by whom, when, from where. clock 0 means "none".
struct Stamp {
  uint32_t clock = 0;  // of the thread's warp
  uint32_t epoch = 0;  // of the lanes inside the warp
  int thread = 0;
  Site site;
};

class WarpClocks {
 public:
  void start(int warps);
  Stamp stamp(int thread, Site site) const;
  // The lanes of `warp` have met.
  void join_lanes(int warp) { ++epochs_[warp]; }
  // All lanes of the warps in the bit set have met.
  void join_warps(uint32_t warps);
  bool happened_before(const Stamp& before, int thread) const;

 private:
  uint32_t clocks_[kMaxBlockWarps][kMaxBlockWarps] = {};  // [w][v]: what w knows of v
  uint32_t epochs_[kMaxBlockWarps] = {};
};

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
  // Forgets everything; the memory has `bytes` bytes, none written.
  void start(size_t bytes);
  Conflict read(size_t offset, size_t bytes, const Stamp& stamp, const WarpClocks& clocks);
  Conflict write(size_t offset, size_t bytes, const Stamp& stamp, const WarpClocks& clocks);

 private:
  // The last read of one warp; `second` is another lane that read in the same epoch.
  struct WarpReads {
    Stamp first, second;
  };
  struct ReadSet {
    WarpReads warps[kMaxBlockWarps];
  };
  // State of one word, or of one byte of a word that was accessed in parts.
  struct Cell {
    Stamp write;
    Stamp read;         // the only reader, or
    int read_set = -1;  // many readers
  };
  static constexpr size_t kWord = 4;

  Conflict read_cell(Cell& cell, const Stamp& stamp, const WarpClocks& clocks);
  Conflict write_cell(Cell& cell, const Stamp& stamp, const WarpClocks& clocks);
  Conflict read_before(const Cell& cell, const Stamp& stamp, const WarpClocks& clocks) const;
  static void add_reader(ReadSet& set, const Stamp& stamp);
  int new_read_set();
  void split(size_t word);
  template <class Visit>
  Conflict visit(size_t offset, size_t bytes, Visit&& visit_cell);

  std::vector<Cell> words_;
  std::vector<Cell> bytes_;  // filled at the first access to a part of a word
  std::vector<uint8_t> is_split_;
  std::vector<ReadSet> read_sets_;
  std::vector<int> free_read_sets_;
};

}  // namespace tilewright::simt
