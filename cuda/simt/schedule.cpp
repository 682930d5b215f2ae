// SPDX-License-Identifier: Apache-2.0
#include "simt/schedule.h"

#include <stdlib.h>

#include <mutex>
#include <numeric>
#include <stdexcept>

namespace tilewright::simt {
namespace {

struct Setting {
  std::mutex mutex;
  bool known = false;
  Schedule schedule;
};

Setting& setting() {
  static Setting instance;
  return instance;
}

}  // namespace

bool ThreadSet::empty() const {
  for (uint64_t word : words_)
    if (word != 0) return false;
  return true;
}

int ThreadSet::at_or_after(int thread) const {
  const int first = thread / 64 % kWords;
  for (int i = 0; i <= kWords; ++i) {
    const int w = (first + i) % kWords;
    uint64_t word = words_[w];
    if (i == 0) word &= ~uint64_t{0} << (thread % 64);
    if (word != 0) return w * 64 + __builtin_ctzll(word);
  }
  return -1;
}

int ThreadSet::at_or_before(int thread) const {
  if (thread < 0) thread = kMaxBlockThreads - 1;
  const int first = thread / 64;
  for (int i = 0; i <= kWords; ++i) {
    const int w = (first - i + kWords) % kWords;
    uint64_t word = words_[w];
    if (i == 0) word &= ~uint64_t{0} >> (63 - thread % 64);
    if (word != 0) return w * 64 + 63 - __builtin_clzll(word);
  }
  return -1;
}

Schedule parse_schedule(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  Schedule schedule;
  bool takes_number = true;
  if (name == "forward" || name == "reverse") {
    schedule.order = name == "forward" ? Schedule::Order::forward : Schedule::Order::reverse;
    takes_number = false;
  } else if (name == "random") {
    schedule.order = Schedule::Order::random;
  } else if (name == "starve") {
    schedule.order = Schedule::Order::starve;
  } else {
    takes_number = false;
    schedule.seed = 1;  // marks the name as unknown
  }
  bool good = schedule.seed == 0 && (colon == std::string::npos || takes_number);
  if (good && colon != std::string::npos) {
    const std::string number = text.substr(colon + 1);
    good =
        !number.empty() && number.size() <= 18 && number.find_first_not_of("0123456789") == std::string::npos;
    if (good) schedule.seed = std::stoull(number);
  }
  if (!good) {
    throw std::invalid_argument("[simt] schedule is \"" + text +
                                "\", expected forward, reverse, random:SEED or starve:WARP");
  }
  return schedule;
}

std::string to_string(const Schedule& schedule) {
  switch (schedule.order) {
    case Schedule::Order::forward:
      return "forward";
    case Schedule::Order::reverse:
      return "reverse";
    case Schedule::Order::random:
      return "random:" + std::to_string(schedule.seed);
    case Schedule::Order::starve:
      return "starve:" + std::to_string(schedule.seed);
  }
  return "?";
}

Schedule current_schedule() {
  Setting& s = setting();
  const std::lock_guard<std::mutex> lock(s.mutex);
  if (!s.known) {
    const char* text = getenv("TILEWRIGHT_SIMT_SCHEDULE");
    if (text != nullptr && *text != '\0') s.schedule = parse_schedule(text);
    s.known = true;
  }
  return s.schedule;
}

void set_schedule(const Schedule& schedule) {
  Setting& s = setting();
  const std::lock_guard<std::mutex> lock(s.mutex);
  s.schedule = schedule;
  s.known = true;
}

void Scheduler::start(const Schedule& schedule, int64_t block, int threads) {
  schedule_ = schedule;
  threads_ = threads;
  random_ = Random(schedule.seed * 0x100000001b3u + static_cast<uint64_t>(block));
}

int Scheduler::pick(const ThreadSet& runnable, int current) {
  switch (schedule_.order) {
    case Schedule::Order::forward:
      return runnable.at_or_after(current + 1);
    case Schedule::Order::reverse:
      return runnable.at_or_before(current - 1);
    case Schedule::Order::random:
      return runnable.at_or_after(random_.below(threads_));
    case Schedule::Order::starve: {
      const int warps = (threads_ + kWarpLanes - 1) / kWarpLanes;
      ThreadSet others = runnable;
      others.erase_warp(static_cast<int>(schedule_.seed % static_cast<uint64_t>(warps)));
      const int chosen = others.at_or_after(current + 1);
      return chosen >= 0 ? chosen : runnable.at_or_after(current + 1);
    }
  }
  return -1;
}

size_t Scheduler::lands_now(size_t bytes) {
  if (schedule_.order == Schedule::Order::forward) return bytes;
  if (schedule_.order != Schedule::Order::random) return 0;
  return static_cast<size_t>(random_.below(static_cast<int>(bytes / 4) + 1)) * 4;
}

int64_t scheduled_block(const Schedule& schedule, int64_t i, int64_t blocks) {
  if (schedule.order == Schedule::Order::reverse) return blocks - 1 - i;
  if (schedule.order != Schedule::Order::random) return i;
  // A step that shares no factor with `blocks` visits each block once.
  Random random(schedule.seed);
  int64_t step = 1 + static_cast<int64_t>(random.next() % static_cast<uint64_t>(blocks));
  while (std::gcd(step, blocks) != 1) ++step;
  const int64_t start = static_cast<int64_t>(random.next() % static_cast<uint64_t>(blocks));
  return static_cast<int64_t>((static_cast<__int128>(i) * step + start) % blocks);
}

}  // namespace tilewright::simt
