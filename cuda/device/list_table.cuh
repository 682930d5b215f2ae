// SPDX-License-Identifier: Apache-2.0
// Lists of arrays as a kernel gets them: by value, in its parameter block, so that one launch serves them all and a
// captured graph keeps its own copy. The arrays are cut into chunks, numbered through the list.
#pragma once

#include "device/vector.cuh"

namespace TW_BACKEND {

// What one launch can be given: 32764 bytes since CUDA 12.1. An emulated thread copies its parameters to its own
// small stack.
inline constexpr int kTableBytes = TW_SIMT ? 8 * 1024 : 30 * 1024;
inline constexpr int64_t kListChunk = 4096;  // elements

// kArrays lists side by side: array i of each has size(i) elements.
template <class T, int kArrays>
struct ListTable {
  struct Entry {
    GlobalPtr<T> arrays[kArrays];
    int64_t size;
    int64_t first_chunk;
    int32_t number;  // of the entry in the whole list, of which this table may hold a part
    bool aligned;    // all its arrays begin at multiples of 16 bytes
  };
  static constexpr int kCapacity = kTableBytes / static_cast<int>(sizeof(Entry));

  int count = 0;
  int64_t chunks = 0;
  Entry entries[kCapacity];

  // The entry that holds chunk `chunk`.
  TW_DEVICE int entry_of(int64_t chunk) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (entries[middle].first_chunk <= chunk) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
};

}  // namespace TW_BACKEND
