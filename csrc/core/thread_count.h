// SPDX-License-Identifier: Apache-2.0
// How many threads this process may sensibly use, and why.
#pragma once

#include <string>

namespace tilewright {

inline constexpr int kMaxThreads = 1024;

struct ThreadCount {
  int threads;
  std::string reason;  // "TILEWRIGHT_NUM_THREADS", "affinity", "cgroup cpu.max", ...
};

// TILEWRIGHT_NUM_THREADS, else OMP_NUM_THREADS, else the smaller of the affinity mask and the cgroup's CPU
// quota rounded up. A variable that is no number from 1 to kMaxThreads is passed over, and the reason says
// so. `root` is put before /proc and /sys (tests give a made-up tree).
ThreadCount default_thread_count(const std::string& root = "");

// CPUs of this thread's affinity mask.
int affinity_count();

}  // namespace tilewright
