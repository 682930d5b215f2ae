// SPDX-License-Identifier: Apache-2.0
// Cuts lists of C-ordered arrays into tables that fit a launch (device/list_table.cuh).
#pragma once

#include <stdint.h>

#include <algorithm>

#include "device/list_table.cuh"
#include "launch/axes.h"
#include "launch/grid.h"

namespace TW_BACKEND {

// Calls body(table, chunks before it) for parts of the lists, in order. All lists that are not empty have the sizes
// of the first; an empty one gives null pointers.
template <class T, int kArrays, class Body>
void for_tables(const ViewList* const (&lists)[kArrays], const char* const (&names)[kArrays], Body&& body) {
  ListTable<T, kArrays> table;
  int64_t before = 0;
  const auto send = [&] {
    if (table.chunks > 0) body(table, before);
    before += table.chunks;
    table.count = 0;
    table.chunks = 0;
  };
  for (int64_t i = 0; i < lists[0]->count; ++i) {
    const int64_t size = (*lists[0])[i].size();
    if (size == 0) continue;
    if (table.count == table.kCapacity) send();
    auto& entry = table.entries[table.count++];
    entry.size = size;
    entry.first_chunk = table.chunks;
    entry.number = static_cast<int32_t>(i);
    entry.aligned = true;
    table.chunks += ceil_divide(size, kListChunk);
    for (int a = 0; a < kArrays; ++a) {
      const bool given = lists[a]->count > 0;
      entry.arrays[a] = given ? global_pointer<T>((*lists[a])[i], names[a]) : GlobalPtr<T>();
      entry.aligned = entry.aligned && (!given || aligned((*lists[a])[i].data, kVectorBytes));
    }
  }
  send();
}

inline int64_t chunks_of(const ViewList& list) {
  int64_t chunks = 0;
  for (const View& view : list) chunks += ceil_divide(view.size(), kListChunk);
  return chunks;
}

inline Dim3 chunk_grid(int64_t chunks) { return Dim3(static_cast<unsigned>(std::min(chunks, kMaxBlocks))); }

}  // namespace TW_BACKEND
