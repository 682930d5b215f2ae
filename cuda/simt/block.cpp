// SPDX-License-Identifier: Apache-2.0
#include "simt/block.h"

#include <algorithm>
#include <stdexcept>

#include "simt/mutation.h"

namespace tilewright::simt {

thread_local Dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

thread_local Block* running_block = nullptr;

constexpr size_t kGuardBytes = 1024;
constexpr size_t kArenaAlignment = 1024;  // the most any instruction asks for
constexpr char kGuardByte = 0x5a;
// As float and as bfloat16 a signalling NaN.
constexpr unsigned char kUnwritten[4] = {0xbf, 0xff, 0xbf, 0xff};

std::string to_string(Dim3 d) {
  return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
}

}  // namespace

Block& current_block() {
  if (running_block == nullptr) {
    throw std::logic_error("[simt] device code was called outside a kernel");
  }
  return *running_block;
}

Block::Block() = default;
Block::~Block() = default;

void Block::run(const LaunchInfo& launch, Dim3 index, const Schedule& schedule, Body body, void* context) {
  body_ = body;
  context_ = context;
  start(launch, index, schedule);
  running_block = this;
  blockIdx = index;
  blockDim = launch.block;
  gridDim = launch.grid;
  current_ = scheduler_.pick(runnable_, schedule.order == Schedule::Order::reverse ? threads_ : -1);
  Fiber::switch_to(host_, thread_[current_].fiber);
  cancel_unfinished();
  running_block = nullptr;
  if (error_) std::rethrow_exception(error_);
  check_guard_zones();
}

void Block::start(const LaunchInfo& launch, Dim3 index, const Schedule& schedule) {
  launch_ = launch;
  index_ = index;
  threads_ = static_cast<int>(launch.block.count());
  finished_ = 0;
  cancelled_ = false;
  error_ = nullptr;
  const int warps = (threads_ + kWarpLanes - 1) / kWarpLanes;
  if (thread_.size() < static_cast<size_t>(threads_)) thread_.resize(threads_);
  if (warp_.size() < static_cast<size_t>(warps)) warp_.resize(warps);
  for (int w = 0; w < warps; ++w) warp_[w].arrived = warp_[w].absent = 0;
  for (Barrier& barrier : barriers_) barrier = Barrier{};
  runnable_.clear();
  for (int t = 0; t < threads_; ++t) {
    Thread& thread = thread_[t];
    const unsigned i = static_cast<unsigned>(t);
    thread.block = this;
    thread.index =
        Dim3(i % launch.block.x, i / launch.block.x % launch.block.y, i / (launch.block.x * launch.block.y));
    thread.state = State::running;
    thread.fiber.prepare(stacks_.get(static_cast<size_t>(t)), &Block::thread_entry, &thread);
    runnable_.insert(t);
  }
  const int64_t number = (static_cast<int64_t>(index.z) * launch.grid.y + index.y) * launch.grid.x + index.x;
  scheduler_.start(schedule, number, threads_);
  clocks_.start(warps);
  shadow_.start(launch.shared_bytes);
  prepare_shared_memory();
}

void Block::prepare_shared_memory() {
  const size_t needed = kArenaAlignment + 2 * kGuardBytes + launch_.shared_bytes;
  if (arena_.size() < needed) arena_.resize(needed);
  const uintptr_t base = reinterpret_cast<uintptr_t>(arena_.data());
  const uintptr_t aligned = (base + kGuardBytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  shared_ = arena_.data() + (aligned - base);
  memset(shared_ - kGuardBytes, kGuardByte, kGuardBytes);
  memset(shared_ + launch_.shared_bytes, kGuardByte, kGuardBytes);
  for (size_t i = 0; i < launch_.shared_bytes; ++i) shared_[i] = static_cast<char>(kUnwritten[i % 4]);
}

void Block::check_guard_zones() const {
  const auto intact = [](const char* zone) {
    return std::all_of(zone, zone + kGuardBytes, [](char byte) { return byte == kGuardByte; });
  };
  const bool before = intact(shared_ - kGuardBytes);
  if (before && intact(shared_ + launch_.shared_bytes)) return;
  throw Fault(FaultKind::shared_out_of_bounds,
              std::string("[simt] ") + fault_name(FaultKind::shared_out_of_bounds) + where() + "\n  bytes " +
                  (before ? "after" : "before") +
                  " the block's shared memory were overwritten through a plain pointer");
}

// Threads

void Block::thread_entry(void* argument) {
  Thread& thread = *static_cast<Thread*>(argument);
  thread.block->run_thread(thread);
}

void Block::run_thread(Thread& thread) {
  try {
    if (!cancelled_) {
      threadIdx = thread.index;
      body_(context_);
      finish_thread();
    }
  } catch (const Cancelled&) {
  } catch (...) {
    if (!error_) error_ = std::current_exception();
  }
  thread.state = State::finished;
  runnable_.erase(static_cast<int>(&thread - thread_.data()));
  const int next = error_ || cancelled_ ? -1 : scheduler_.pick(runnable_, current_);
  if (next >= 0) current_ = next;
  Fiber::leave_to(thread.fiber, next < 0 ? host_ : thread_[next].fiber);
}

// The running thread has left the kernel: whoever waits for it waits in vain.
void Block::finish_thread() {
  thread_[current_].state = State::finished;
  runnable_.erase(current_);
  ++finished_;
  leave_warp();
  check_block_barrier();
  if (runnable_.empty() && finished_ < threads_) {
    fail_block(FaultKind::deadlock, "no thread can go on:", 0, threads_);
  }
}

// After a fault: unwind the threads that are still on their stacks, so that nothing they own leaks.
void Block::cancel_unfinished() {
  if (!error_) return;
  cancelled_ = true;
  for (int t = 0; t < threads_; ++t) {
    if (thread_[t].state == State::finished) continue;
    current_ = t;
    Fiber::switch_to(host_, thread_[t].fiber);
  }
}

void Block::yield() {
  const int self = current_;
  const int next = scheduler_.pick(runnable_, self);
  if (next < 0) fail_block(FaultKind::deadlock, "no thread can go on:", 0, threads_);
  if (next != self) {
    current_ = next;
    Fiber::switch_to(thread_[self].fiber, thread_[next].fiber);
    if (cancelled_) throw Cancelled{};
    threadIdx = thread_[self].index;
  }
}

void Block::wait(State state, const char* operation, Site site) {
  Thread& thread = thread_[current_];
  thread.state = state;
  thread.operation = operation;
  thread.site = site;
  runnable_.erase(current_);
}

void Block::wake(int thread) {
  thread_[thread].state = State::running;
  runnable_.insert(thread);
}

// Barriers of the block

void Block::barrier(int id, int threads, Site site) {
  const char* operation = id == 0 ? "block_sync" : "named_barrier_sync";
  if (is_removed(operation, site)) return;
  if (id < 0 || id >= kBarriers || (id > 0 && (threads <= 0 || threads % kWarpLanes != 0))) {
    fail(FaultKind::launch, site,
         "named barrier " + std::to_string(id) + " of " + std::to_string(threads) +
             " threads, expected a number from 1 to 15 and whole warps");
  }
  Barrier& barrier = barriers_[id];
  if (barrier.arrived > 0 && id > 0 && barrier.expected != threads) {
    fail(FaultKind::divergent_barrier, site,
         "named barrier " + std::to_string(id) + " is met by " + std::to_string(threads) +
             " threads here and by " + std::to_string(barrier.expected) + " at " +
             simt::to_string(barrier.site));
  }
  if (barrier.arrived++ == 0) {
    barrier.site = site;
    barrier.expected = threads;
  }
  wait(State::at_barrier, operation, site);
  thread_[current_].barrier_id = id;
  leave_warp();
  if (id == 0) {
    check_block_barrier();
  } else if (barrier.arrived == barrier.expected) {
    release_barrier(id);
  }
  yield();
}

// Barrier 0 is complete once every thread is there. Threads that have finished, or that came from another
// line, mean that the call is not reached by the whole block alike, which CUDA leaves undefined.
void Block::check_block_barrier() {
  if (barriers_[0].arrived == 0 || barriers_[0].arrived + finished_ < threads_) return;
  bool same_line = true;
  for (int t = 0; t < threads_; ++t) {
    if (thread_[t].state == State::at_barrier && thread_[t].site != barriers_[0].site) same_line = false;
  }
  if (finished_ > 0 || !same_line) {
    fail_block(FaultKind::divergent_barrier, "not all threads meet at one block_sync:", 0, threads_);
  }
  release_barrier(0);
}

void Block::release_barrier(int id) {
  uint32_t warps = 0;
  for (int t = 0; t < threads_; ++t) {
    if (thread_[t].state != State::at_barrier || thread_[t].barrier_id != id) continue;
    warps |= uint32_t{1} << (t / kWarpLanes);
    --warp_[t / kWarpLanes].absent;
    wake(t);
  }
  barriers_[id] = Barrier{};
  clocks_.join_warps(warps);
}

// Operations of a warp

int Block::warp_threads(int warp) const { return std::min(kWarpLanes, threads_ - warp * kWarpLanes); }

// The running thread waits at a barrier or has finished: a lane that waits for it waits in vain.
void Block::leave_warp() {
  const int w = current_ / kWarpLanes;
  ++warp_[w].absent;
  if (warp_[w].arrived > 0) fail_warp(w);
}

void Block::fail_warp(int warp) const {
  const int first = warp * kWarpLanes;
  fail_block(FaultKind::divergent_warp,
             "all 32 lanes of warp " + std::to_string(warp) + " must call the same operation:", first,
             first + warp_threads(warp));
}

void Block::meet_warp(const char* operation, Site site) {
  const int w = current_ / kWarpLanes;
  Warp& warp = warp_[w];
  if (warp_threads(w) < kWarpLanes) {
    fail(FaultKind::divergent_warp, site,
         std::string(operation) + " in warp " + std::to_string(w) + ", which has only " +
             std::to_string(warp_threads(w)) + " threads");
  }
  if (warp.arrived++ == 0) {
    warp.operation = operation;
    warp.site = site;
  }
  wait(State::at_warp_operation, operation, site);
  // Lanes may reach warp_sync on different lines.
  const bool is_sync = strcmp(operation, "warp_sync") == 0;
  const bool same = strcmp(operation, warp.operation) == 0 && (site == warp.site || is_sync);
  if (!same || warp.absent > 0) fail_warp(w);
  if (warp.arrived == kWarpLanes) {
    warp.arrived = 0;
    memcpy(warp.results, warp.given, sizeof(warp.results));
    for (int lane = 0; lane < kWarpLanes; ++lane) wake(w * kWarpLanes + lane);
    if (is_sync) clocks_.join_lanes(w);
  }
  yield();
}

const char* Block::warp_exchange(const char* operation, Site site, const void* value, size_t bytes) {
  const int self = current_;
  Warp& warp = warp_[self / kWarpLanes];
  if (is_removed(operation, site)) return nullptr;
  memcpy(warp.given[self % kWarpLanes], value, bytes);
  meet_warp(operation, site);
  return warp.results[0];
}

void Block::warp_sync(Site site) {
  if (!is_removed("warp_sync", site)) meet_warp("warp_sync", site);
}

unsigned warp_ballot(const char* operation, Site site, bool predicate) {
  const char* values = current_block().warp_exchange(operation, site, &predicate, sizeof(predicate));
  if (values == nullptr) return predicate ? ~0u : 0u;
  unsigned bits = 0;
  for (int lane = 0; lane < kWarpLanes; ++lane) {
    bits |= static_cast<unsigned>(values[lane * Block::kExchangeBytes] != 0) << lane;
  }
  return bits;
}

// Shared memory

void* Block::shared_memory(size_t bytes, Site site) {
  if (bytes > launch_.shared_bytes) {
    fail(FaultKind::shared_out_of_bounds, site,
         "the kernel uses " + std::to_string(bytes) + " bytes, the launch gave " +
             std::to_string(launch_.shared_bytes));
  }
  return shared_;
}

void Block::check_shared(const void* address, size_t bytes, Access access, Site site) {
  if (scheduler_.interrupts()) yield();
  const char* at = static_cast<const char*>(address);
  if (at < shared_ || at + bytes > shared_ + launch_.shared_bytes) {
    fail(FaultKind::shared_out_of_bounds, site, std::to_string(bytes) + " bytes outside the block's memory");
  }
  const size_t offset = static_cast<size_t>(at - shared_);
  const Stamp stamp = clocks_.stamp(current_, site);
  const Conflict conflict = access == Access::read ? shadow_.read(offset, bytes, stamp, clocks_)
                                                   : shadow_.write(offset, bytes, stamp, clocks_);
  if (!conflict) return;
  const std::string range = "bytes " + std::to_string(offset) + " to " + std::to_string(offset + bytes - 1);
  if (conflict.kind == Conflict::Kind::unwritten) {
    fail(FaultKind::uninitialised_read, site, "reads " + range + ", which nobody has written");
  }
  fail(FaultKind::race, site,
       std::string(access == Access::read ? "reads " : "writes ") + range + ", which " +
           describe_thread(conflict.other.thread) + (conflict.other_wrote ? " wrote" : " read") + " at " +
           simt::to_string(conflict.other.site) + " with no barrier between");
}

// Reports

std::string Block::where() const {
  return std::string(" in kernel ") + launch_.kernel + "\n  block " + to_string(index_) + " of grid " +
         to_string(launch_.grid) + ", block size " + to_string(launch_.block);
}

std::string Block::describe_thread(int thread) const {
  std::string text = "thread " + std::to_string(thread);
  if (launch_.block.y > 1 || launch_.block.z > 1) text += " " + to_string(thread_[thread].index);
  return text;
}

// One line for each place where threads first..last-1 are.
std::string Block::describe_waits(int first, int last) const {
  std::string text;
  std::vector<bool> told(static_cast<size_t>(last));
  for (int t = first; t < last; ++t) {
    if (told[t]) continue;
    const Thread& a = thread_[t];
    const bool waits = a.state == State::at_barrier || a.state == State::at_warp_operation;
    std::vector<int> same;
    for (int u = t; u < last; ++u) {
      const Thread& b = thread_[u];
      if (b.state != a.state) continue;
      if (waits && (b.site != a.site || b.operation != a.operation || b.barrier_id != a.barrier_id)) continue;
      told[u] = true;
      same.push_back(u);
    }
    text += "\n  " + thread_ranges(same);
    if (a.state == State::finished) text += ": finished";
    if (a.state == State::running) text += ": running";
    if (!waits) continue;
    text += std::string(": waiting in ") + a.operation;
    if (a.state == State::at_barrier && a.barrier_id > 0) {
      text += " " + std::to_string(a.barrier_id) + " (" + std::to_string(barriers_[a.barrier_id].arrived) +
              " of " + std::to_string(barriers_[a.barrier_id].expected) + " threads)";
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
