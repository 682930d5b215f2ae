// SPDX-License-Identifier: Apache-2.0
// Sorts rows of entries in global memory: tiles in shared memory, then wider steps one launch each.
#pragma once

#include <stdint.h>

#include <algorithm>

#include "kernels/sort.cuh"
#include "launch/grid.h"

namespace TW_BACKEND {

// The length a row of `count` entries is filled up to.
inline int64_t sort_length(int64_t count) {
  int64_t length = kSortTile;
  while (length < count) length *= 2;
  return length;
}

// rows x length entries, length from sort_length.
template <class Order>
void sort_rows(const char* name, GlobalPtr<typename Order::Entry> entries, int64_t rows, int64_t length,
               Stream stream) {
  constexpr size_t kShared = sizeof(SortSmem<typename Order::Entry, kSortTile>);
  const auto tiles = [&](int64_t first_size, int64_t last_size) {
    launch(name, sort_tiles<Order>, Dim3(static_cast<unsigned>(rows * length / kSortTile)), Dim3(kSortThreads),
           kShared, stream, entries, length, first_size, last_size);
  };
  const int64_t pairs = rows * length / 2;
  tiles(2, kSortTile);
  for (int64_t size = 2 * kSortTile; size <= length; size *= 2) {
    for (int64_t stride = size / 2; stride >= kSortTile; stride /= 2) {
      launch_map(name, sort_step<Order>, MapGrid(pairs, kSortThreads), stream, entries, pairs, length, size,
                 stride);
    }
    tiles(size, size);
  }
}

}  // namespace TW_BACKEND
