// SPDX-License-Identifier: Apache-2.0
// What a block says of a fault: kernel, block, threads and source lines.
#include "simt/block.h"

namespace tilewright::simt {
namespace {

std::string to_string(Dim3 d) {
  return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
}

}  // namespace

std::string Block::where() const {
  return std::string(" in kernel ") + launch_.kernel + "\n  block " + to_string(index_) + " of grid " +
         to_string(launch_.grid) + ", block size " + to_string(launch_.block);
}

std::string Block::describe_thread(int thread) const {
  std::string text = "thread " + std::to_string(thread);
  if (launch_.block.y > 1 || launch_.block.z > 1) text += " " + to_string(thread_[thread].index);
  return text;
}

std::string Block::describe_stamp(const Stamp& stamp) const {
  const int per_block = warps() * kWarpLanes;
  std::string text = describe_thread(stamp.thread % per_block);
  if (launch_.cluster > 1)
    text += " of block " + std::to_string(stamp.thread / per_block) + " of the cluster";
  return text;
}

bool Block::waits_alike(const Thread& a, const Thread& b) const {
  if (a.state != b.state) return false;
  if (a.state == State::running || a.state == State::finished) return true;
  return a.site == b.site && a.operation == b.operation && a.barrier_id == b.barrier_id &&
         (a.state != State::at_mbarrier || a.mbarrier == b.mbarrier);
}

// One line for each place where threads first..last-1 are.
std::string Block::describe_waits(int first, int last) const {
  std::string text;
  std::vector<bool> told(static_cast<size_t>(last));
  for (int t = first; t < last; ++t) {
    if (told[t]) continue;
    const Thread& a = thread_[t];
    std::vector<int> same;
    for (int u = t; u < last; ++u) {
      if (!waits_alike(a, thread_[u])) continue;
      told[u] = true;
      same.push_back(u);
    }
    text += "\n  " + thread_ranges(same);
    if (a.state == State::finished) text += ": finished";
    if (a.state == State::running) text += ": running";
    if (a.state == State::running || a.state == State::finished) continue;
    text += std::string(": waiting in ") + a.operation;
    if (a.state == State::at_barrier && a.barrier_id > 0) {
      text += " " + std::to_string(a.barrier_id) + " (" + std::to_string(barriers_[a.barrier_id].arrived) +
              " of " + std::to_string(barriers_[a.barrier_id].expected) + " threads)";
    }
    if (a.state == State::at_mbarrier) {
      text += " for parity " + std::to_string(a.barrier_id) + " (phase " + std::to_string(a.mbarrier->phase) +
              ", " + std::to_string(a.mbarrier->pending) + " of " + std::to_string(a.mbarrier->arrivals) +
              " arrivals and " + std::to_string(a.mbarrier->bytes) + " bytes to come)";
    }
    text += " at " + simt::to_string(a.site);
  }
  return text;
}

void Block::fail(FaultKind kind, Site site, const std::string& what) const {
  const std::string place = site.file != nullptr ? " at " + simt::to_string(site) : "";
  throw Fault(kind, std::string("[simt] ") + fault_name(kind) + where() + "\n  " + describe_thread(current_) +
                        place + ": " + what);
}

void Block::fail_block(FaultKind kind, const std::string& what, int first, int last) const {
  throw Fault(kind, std::string("[simt] ") + fault_name(kind) + where() + "\n  " + what +
                        describe_waits(first, last));
}

}  // namespace tilewright::simt
