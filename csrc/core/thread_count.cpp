// SPDX-License-Identifier: Apache-2.0
#include "core/thread_count.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

namespace tilewright {
namespace {

constexpr int kNoLimit = INT32_MAX;

// Quota over period, rounded up; kNoLimit when there is no quota ("max" in version 2, -1 in version 1).
int quota_threads(const std::string& quota, const std::string& period) {
  const double q = strtod(quota.c_str(), nullptr), p = strtod(period.c_str(), nullptr);
  if (!(q > 0) || !(p > 0)) return kNoLimit;
  const double threads = q / p;
  return threads >= kMaxThreads ? kMaxThreads : std::max(1, static_cast<int>(threads + 0.999999));
}

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// The smallest quota of the group `path` below `mount` and of its parents. Inside a container `path` may be
// the host's and not exist; the walk then ends at the mount itself, which is the container's group.
template <class ReadQuota>
int smallest_quota(const std::string& mount, std::string path, ReadQuota read_quota) {
  int threads = kNoLimit;
  for (;;) {
    threads = std::min(threads, read_quota(mount + path));
    const size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return threads;
    path.resize(slash);
  }
}

int quota_v2(const std::string& directory) {
  std::ifstream file(directory + "/cpu.max");
  std::string quota, period;
  file >> quota >> period;
  return quota_threads(quota, period);
}

int quota_v1(const std::string& directory) {
  return quota_threads(first_word(directory + "/cpu.cfs_quota_us"),
                       first_word(directory + "/cpu.cfs_period_us"));
}

// Lines of /proc/self/cgroup are "0::/path" (version 2) and "4:cpu,cpuacct:/path" (version 1).
ThreadCount cgroup_count(const std::string& root) {
  ThreadCount found{kNoLimit, ""};
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    ThreadCount here{kNoLimit, ""};
    if (controllers == ",,") {
      here = {smallest_quota(root + "/sys/fs/cgroup", path, quota_v2), "cgroup cpu.max"};
    } else if (controllers.find(",cpu,") != std::string::npos) {
      const int plain = smallest_quota(root + "/sys/fs/cgroup/cpu", path, quota_v1);
      const int joint = smallest_quota(root + "/sys/fs/cgroup/cpu,cpuacct", path, quota_v1);
      here = {std::min(plain, joint), "cgroup cpu.cfs_quota_us"};
    }
    if (here.threads < found.threads) found = here;
  }
  return found;
}

// The variable's number, or 0. OMP_NUM_THREADS may be a list, one entry for each level of nesting; the first
// counts. Adds to `passed_over` when the variable is set to something else.
int from_environment(const char* name, std::string* passed_over) {
  const char* text = getenv(name);
  if (text == nullptr || *text == '\0') return 0;
  char* end = nullptr;
  errno = 0;
  const long value = strtol(text, &end, 10);
  while (end != text && (*end == ' ' || *end == '\t')) ++end;
  const bool is_list = strcmp(name, "OMP_NUM_THREADS") == 0 && *end == ',';
  if (end != text && (*end == '\0' || is_list) && errno == 0 && value >= 1 && value <= kMaxThreads)
    return static_cast<int>(value);
  std::ostringstream note;
  note << " (" << name << "='" << std::string(text).substr(0, 32) << "' ignored, expected 1 to "
       << kMaxThreads << ")";
  *passed_over += note.str();
  return 0;
}

}  // namespace

int affinity_count() {
#ifdef __linux__
  // The kernel refuses a mask smaller than its own, so the mask grows until it fits.
  for (int cpus = 1024; cpus <= (1 << 20); cpus *= 4) {
    cpu_set_t* mask = CPU_ALLOC(cpus);
    if (mask == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(cpus);
    const int rc = sched_getaffinity(0, bytes, mask);
    const bool too_small = rc != 0 && errno == EINVAL;
    const int count = rc == 0 ? CPU_COUNT_S(bytes, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return std::min(count, kMaxThreads);
    if (!too_small) break;
  }
#endif
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
}

ThreadCount default_thread_count(const std::string& root) {
  std::string passed_over;
  for (const char* name : {"TILEWRIGHT_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const int threads = from_environment(name, &passed_over);
    if (threads > 0) return {threads, name + passed_over};
  }
  const ThreadCount cgroup = cgroup_count(root);
  const int cpus = affinity_count();
  if (cgroup.threads < cpus) return {cgroup.threads, cgroup.reason + passed_over};
  return {cpus, "affinity" + passed_over};
}

}  // namespace tilewright
