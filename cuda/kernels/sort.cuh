// SPDX-License-Identifier: Apache-2.0
// Computes    rows of entries in the order of before(a, b)
// Layout      (rows, length), length a power of two; entries that fill up a row come last
// Method      bitonic sort (Batcher, "Sorting networks and their applications", 1968): no choice depends on
//             data or timing. Steps that stay inside a tile of kSortTile entries run in shared memory, in one
//             launch
// Work split  a block per tile; sort_step: threads stride over pairs
// Limits      entries have 8 or 16 bytes. Equal ones may change places, which nobody can tell
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/smem.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

inline constexpr int kSortTile = 1024;
inline constexpr int kSortThreads = kSortTile / 2;

template <class Entry, int kCount>
struct SortSmem {
  SharedArray<Entry, kCount> entries;
};

// Pair `t` of entries `stride` apart: the lower one of each.
TW_DEVICE int64_t pair_begin(int64_t t, int64_t stride) { return 2 * t - (t & (stride - 1)); }

// One pair of a step: blocks of `size` entries ascend and descend in turn. `index` is the lower entry's place
// in its row, by which the direction goes.
template <class Order, class Entries>
TW_DEVICE void compare_exchange(Entries&& entries, int64_t low, int64_t high, int64_t index, int64_t size) {
  const typename Order::Entry a = entries[low], b = entries[high];
  const bool in_order = Order::before(a, b), ascends = (index & size) == 0;
  if (in_order != ascends) {
    entries[low] = b;
    entries[high] = a;
  }
}

// Steps of strides first_stride ... 1 for each size from first_size to last_size, on kCount entries in shared
// memory. `index` is the place of the first of them in its row. Each thread has the pair of its own number.
template <class Order, int kCount>
TW_DEVICE void sort_shared(SharedArray<typename Order::Entry, kCount>& entries, int64_t index,
                           int64_t first_size, int64_t last_size, Site site = Site::here()) {
  const int64_t t = threadIdx.x;
  for (int64_t size = first_size; size <= last_size; size *= 2) {
    for (int64_t stride = size / 2 < kCount / 2 ? size / 2 : kCount / 2; stride > 0; stride /= 2) {
      block_sync(site);
      const int64_t low = pair_begin(t, stride);
      compare_exchange<Order>(entries, low, low + stride, index + low, size);
    }
  }
  block_sync(site);
}

// All sizes from first_size to last_size, as far as they stay inside a tile.
template <class Order>
TW_KERNEL void TW_LAUNCH_BOUNDS(kSortThreads)
    sort_tiles(GlobalPtr<typename Order::Entry> entries, int64_t length, int64_t first_size,
               int64_t last_size) {
  using Entry = typename Order::Entry;
  auto& smem = block_shared<SortSmem<Entry, kSortTile>>();
  const int64_t base = int64_t{blockIdx.x} * kSortTile;
  const int t = static_cast<int>(threadIdx.x);
  for (int i = t; i < kSortTile; i += kSortThreads) smem.entries[i] = entries[base + i];
  sort_shared<Order>(smem.entries, base & (length - 1), first_size, last_size);
  for (int i = t; i < kSortTile; i += kSortThreads) {
    const Entry entry = smem.entries[i];
    entries[base + i] = entry;
  }
}

template <class Order>
TW_KERNEL void TW_LAUNCH_BOUNDS(kSortThreads)
    sort_step(GlobalPtr<typename Order::Entry> entries, int64_t pairs, int64_t length, int64_t size,
              int64_t stride) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < pairs; t += step) {
    const int64_t low = pair_begin(t, stride);
    compare_exchange<Order>(entries, low, low + stride, low & (length - 1), size);
  }
}

}  // namespace TW_BACKEND
