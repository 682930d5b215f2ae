// SPDX-License-Identifier: Apache-2.0
#include "simt/shadow.h"

#include <algorithm>

namespace tilewright::simt {

void WarpClocks::start(int warps) {
  for (int w = 0; w < warps; ++w) {
    std::fill(clocks_[w], clocks_[w] + warps, 0u);
    clocks_[w][w] = 1;
    epochs_[w] = 1;
  }
}

Stamp WarpClocks::stamp(int thread, Site site) const {
  const int w = thread / kWarpLanes;
  return {clocks_[w][w], epochs_[w], thread, site};
}

void WarpClocks::join_warps(uint32_t warps) {
  uint32_t joined[kMaxBlockWarps] = {};
  for (int w = 0; w < kMaxBlockWarps; ++w) {
    if ((warps >> w & 1) == 0) continue;
    for (int v = 0; v < kMaxBlockWarps; ++v) joined[v] = std::max(joined[v], clocks_[w][v]);
  }
  for (int w = 0; w < kMaxBlockWarps; ++w) {
    if ((warps >> w & 1) == 0) continue;
    std::copy(joined, joined + kMaxBlockWarps, clocks_[w]);
    ++clocks_[w][w];  // what comes next is not known to the others yet
    ++epochs_[w];
  }
}

bool WarpClocks::happened_before(const Stamp& before, int thread) const {
  if (before.thread == thread) return true;
  const int warp = thread / kWarpLanes;
  const int before_warp = before.thread / kWarpLanes;
  if (warp == before_warp) return before.epoch < epochs_[warp];
  return clocks_[warp][before_warp] >= before.clock;
}

void Shadow::start(size_t bytes) {
  const size_t words = (bytes + kWord - 1) / kWord;
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
    read_sets_[copy] = read_sets_[words_[word].read_set];
    cell.read_set = copy;
  }
}

template <class Visit>
Conflict Shadow::visit(size_t offset, size_t bytes, Visit&& visit_cell) {
  const size_t end = offset + bytes;
  for (size_t at = offset; at < end;) {
    const size_t word = at / kWord;
    const bool whole = at % kWord == 0 && end - at >= kWord;
    if (whole && !is_split_[word]) {
      if (const Conflict c = visit_cell(words_[word])) return c;
      at += kWord;
    } else {
      split(word);
      if (const Conflict c = visit_cell(bytes_[at])) return c;
      ++at;
    }
  }
  return {};
}

Conflict Shadow::read(size_t offset, size_t bytes, const Stamp& stamp, const WarpClocks& clocks) {
  return visit(offset, bytes, [&](Cell& cell) { return read_cell(cell, stamp, clocks); });
}

Conflict Shadow::write(size_t offset, size_t bytes, const Stamp& stamp, const WarpClocks& clocks) {
  return visit(offset, bytes, [&](Cell& cell) { return write_cell(cell, stamp, clocks); });
}

int Shadow::new_read_set() {
  if (!free_read_sets_.empty()) {
    const int set = free_read_sets_.back();
    free_read_sets_.pop_back();
    read_sets_[set] = ReadSet{};
    return set;
  }
  read_sets_.emplace_back();
  return static_cast<int>(read_sets_.size()) - 1;
}

void Shadow::add_reader(ReadSet& set, const Stamp& stamp) {
  WarpReads& reads = set.warps[stamp.thread / kWarpLanes];
  const bool same_epoch = reads.first.clock == stamp.clock && reads.first.epoch == stamp.epoch;
  if (!same_epoch) {
    reads = {stamp, Stamp{}};  // the warp's earlier reads happened before this one
  } else if (reads.first.thread != stamp.thread) {
    reads.second = stamp;
  }
}

Conflict Shadow::read_cell(Cell& cell, const Stamp& stamp, const WarpClocks& clocks) {
  if (cell.write.clock == 0) return {Conflict::Kind::unwritten, false, {}};
  if (!clocks.happened_before(cell.write, stamp.thread)) return {Conflict::Kind::race, true, cell.write};
  if (cell.read_set >= 0) {
    add_reader(read_sets_[cell.read_set], stamp);
  } else if (cell.read.clock == 0 || clocks.happened_before(cell.read, stamp.thread)) {
    cell.read = stamp;  // whoever is ordered after this read is ordered after the former one
  } else {
    cell.read_set = new_read_set();
    add_reader(read_sets_[cell.read_set], cell.read);
    add_reader(read_sets_[cell.read_set], stamp);
  }
  return {};
}

// A read that the write in `stamp` does not come after.
Conflict Shadow::read_before(const Cell& cell, const Stamp& stamp, const WarpClocks& clocks) const {
  if (cell.read_set < 0) {
    if (cell.read.clock == 0 || clocks.happened_before(cell.read, stamp.thread)) return {};
    return {Conflict::Kind::race, false, cell.read};
  }
  for (const WarpReads& reads : read_sets_[cell.read_set].warps) {
    for (const Stamp& read : {reads.first, reads.second}) {
      if (read.clock != 0 && !clocks.happened_before(read, stamp.thread)) {
        return {Conflict::Kind::race, false, read};
      }
    }
  }
  return {};
}

Conflict Shadow::write_cell(Cell& cell, const Stamp& stamp, const WarpClocks& clocks) {
  if (cell.write.clock != 0 && !clocks.happened_before(cell.write, stamp.thread)) {
    return {Conflict::Kind::race, true, cell.write};
  }
  if (const Conflict c = read_before(cell, stamp, clocks)) return c;
  cell.write = stamp;
  cell.read = Stamp{};
  if (cell.read_set >= 0) {
    free_read_sets_.push_back(cell.read_set);
    cell.read_set = -1;
  }
  return {};
}

}  // namespace tilewright::simt
