// SPDX-License-Identifier: Apache-2.0
// In which order the threads of a block, and the blocks of a grid, run. A right kernel gives the same result
// under every schedule; a missing barrier seldom does.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>

namespace tilewright::simt {

inline constexpr int kWarpLanes = 32;
inline constexpr int kMaxBlockThreads = 1024;
inline constexpr int kMaxBlockWarps = kMaxBlockThreads / kWarpLanes;

// A set of the block's threads.
class ThreadSet {
 public:
  void clear() {
    for (uint64_t& word : words_) word = 0;
  }
  void insert(int thread) { words_[thread / 64] |= uint64_t{1} << (thread % 64); }
  void erase(int thread) { words_[thread / 64] &= ~(uint64_t{1} << (thread % 64)); }
  void erase_warp(int warp) { words_[warp / 2] &= ~(uint64_t{0xffffffff} << (warp % 2 * 32)); }
  bool empty() const;
  // First member >= thread, else the first of all; -1 if the set is empty.
  int at_or_after(int thread) const;
  // First member <= thread, else the last of all; -1 if the set is empty.
  int at_or_before(int thread) const;

 private:
  static constexpr int kWords = kMaxBlockThreads / 64;
  uint64_t words_[kWords] = {};
};

struct Schedule {
  enum class Order {
    forward,  // lowest thread first
    reverse,  // highest thread first
    random,   // any, and threads are also interrupted at accesses to shared memory
    starve,   // one warp runs only when no other can
  };
  Order order = Order::forward;
  uint64_t seed = 0;  // random: of the generator; starve: the warp, modulo the block's warps
};

// "forward", "reverse", "random:SEED", "starve:WARP"; throws std::invalid_argument otherwise.
Schedule parse_schedule(const std::string& text);
std::string to_string(const Schedule& schedule);

// Process-wide: the last set_schedule, else TILEWRIGHT_SIMT_SCHEDULE, else forward.
Schedule current_schedule();
void set_schedule(const Schedule& schedule);

// splitmix64: small, and any seed is good.
class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Uniform in [0, n).
  int below(int n) { return static_cast<int>(next() % static_cast<uint64_t>(n)); }

 private:
  uint64_t state_;
};

// The choices of one block.
class Scheduler {
 public:
  void start(const Schedule& schedule, int64_t block, int threads);
  // Who runs next after `current`; -1 if nobody can.
  int pick(const ThreadSet& runnable, int current);
  // Whether the running thread is to be interrupted here.
  bool interrupts() { return schedule_.order == Schedule::Order::random && random_.below(8) == 0; }
  // How many of an asynchronous copy's bytes are there at once: all (forward), some words (random) or none
  // before somebody waits (reverse, starve).
  size_t lands_now(size_t bytes);
  int below(int n) { return random_.below(n); }

 private:
  Schedule schedule_;
  Random random_;
  int threads_ = 0;
};

// The block that runs as number `i` of `blocks`.
int64_t scheduled_block(const Schedule& schedule, int64_t i, int64_t blocks);

}  // namespace tilewright::simt
