// SPDX-License-Identifier: Apache-2.0
#include "cpu/indices.h"

#include <atomic>
#include <string>

#include "core/check.h"
#include "core/dispatch.h"
#include "core/parallel.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

int64_t offset_of(const View& view, int64_t index) {
  int64_t offset = 0;
  for (int i = view.ndim - 1; i >= 0; --i) {
    offset += index % view.shape[i] * view.strides[i];
    index /= view.shape[i];
  }
  return offset;
}

std::string place_text(const View& view, int64_t index) {
  View place = view;
  for (int i = view.ndim - 1; i >= 0; --i) {
    place.shape[i] = index % view.shape[i];
    index /= view.shape[i];
  }
  return shape_text(place);
}

// Whether all of n ids in a row are in range: the sign of either difference says no, and no branch asks.
template <class Id>
bool all_in_range(const Id* ids, int64_t n, int64_t lowest, int64_t highest) {
  uint64_t signs = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto id = static_cast<uint64_t>(int64_t{ids[i]});
    signs |= (id - static_cast<uint64_t>(lowest)) | (static_cast<uint64_t>(highest) - id);
  }
  return static_cast<int64_t>(signs) >= 0;
}

// Position of the first bad id in C order, or -1.
template <class Id>
int64_t first_bad(const View& ids, int64_t lowest, int64_t highest) {
  const Id* data = ids.as<Id>();
  std::atomic<int64_t> first{INT64_MAX};
  const bool plain = ids.contiguous();
  parallel_ranges(ids.size(), kElementsPerTask, [&](int64_t begin, int64_t end) {
    if (plain && all_in_range(data + begin, end - begin, lowest, highest)) return;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t id = data[plain ? i : offset_of(ids, i)];
      if (id >= lowest && id <= highest) continue;
      int64_t seen = first.load();
      while (i < seen && !first.compare_exchange_weak(seen, i)) {
      }
      return;
    }
  });
  return first == INT64_MAX ? -1 : first.load();
}

}  // namespace

void check_indices(const char* operation, const char* argument, const View& ids, int64_t lowest, int64_t highest) {
  for_index(ids.dtype, [&](auto type) {
    using Id = type_t<decltype(type)>;
    const int64_t bad = first_bad<Id>(ids, lowest, highest);
    if (bad < 0) return;
    const std::string value = std::to_string(ids.as<Id>()[offset_of(ids, bad)]);
    const std::string range = highest < lowest ? "none, for there is nothing to index"
                                               : std::to_string(lowest) + " to " + std::to_string(highest);
    fail(ErrorKind::value, operation,
         std::string(argument) + " has value " + value + " at " + place_text(ids, bad) + ", expected " + range);
  });
}

}  // namespace tilewright::cpu
