// SPDX-License-Identifier: Apache-2.0
#include "simt/fault.h"

#include <string.h>

namespace tilewright::simt {

const char* fault_name(FaultKind kind) {
  switch (kind) {
    case FaultKind::launch:
      return "launch refused";
    case FaultKind::race:
      return "race on shared memory";
    case FaultKind::uninitialised_read:
      return "uninitialised shared memory read";
    case FaultKind::shared_out_of_bounds:
      return "shared memory access out of bounds";
    case FaultKind::global_out_of_bounds:
      return "global memory access out of bounds";
    case FaultKind::misaligned:
      return "misaligned access";
    case FaultKind::read_only_write:
      return "write to a read-only argument";
    case FaultKind::divergent_barrier:
      return "divergent block barrier";
    case FaultKind::divergent_warp:
      return "warp operation without convergence";
    case FaultKind::deadlock:
      return "deadlock";
  }
  return "?";
}

std::string to_string(const Site& site) {
  if (site.file == nullptr) return "?";
  const char* slash = strrchr(site.file, '/');
  return std::string(slash != nullptr ? slash + 1 : site.file) + ":" + std::to_string(site.line);
}

std::string thread_ranges(const std::vector<int>& threads) {
  std::string text = threads.size() == 1 ? "thread " : "threads ";
  for (size_t i = 0; i < threads.size();) {
    size_t last = i;
    while (last + 1 < threads.size() && threads[last + 1] == threads[last] + 1) ++last;
    if (i > 0) text += ", ";
    text += std::to_string(threads[i]);
    if (last > i) text += "-" + std::to_string(threads[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace tilewright::simt
