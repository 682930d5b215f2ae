// SPDX-License-Identifier: Apache-2.0
// Computes    partial[chunk] = sum of squares of a chunk;  y = sqrt(sum of partial)
// Layout      a list of C-ordered arrays (device/list_table.cuh); partial in the order of the list
// Method      every element is widened first, so a float32 square cannot overflow; each chunk has a fixed
//             tree, and the chunks are added in a fixed order
// Work split  list_squares: a block per chunk, blocks stride over chunks; norm_join: one block
// Limits      double throughout
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/element.cuh"
#include "device/list_table.cuh"
#include "device/team.cuh"

namespace TW_BACKEND {

inline constexpr int kListThreads = 256;

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kListThreads) list_squares(GlobalPtr<double> partial, ListTable<T, 1> table) {
  constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
  BlockTeamOf<double> team;
  for (int64_t chunk = blockIdx.x; chunk < table.chunks; chunk += gridDim.x) {
    const auto& entry = table.entries[table.entry_of(chunk)];
    const int64_t begin = (chunk - entry.first_chunk) * kListChunk;
    const int64_t end = begin + kListChunk < entry.size ? begin + kListChunk : entry.size;
    const GlobalPtr<const T> x = entry.arrays[0];
    double sum = 0;
    for (int64_t i = begin + team.rank() * kVector; i < end; i += team.size() * kVector) {
      if (entry.aligned && i + kVector <= end) {
        const Vector<T, kVector> values = load_vector<kVector>(x + i);
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) {
          const double wide = values.elements[v];
          sum += wide * wide;
        }
      } else {
        for (int v = 0; v < kVector && i + v < end; ++v) {
          const double wide = x[i + v];
          sum += wide * wide;
        }
      }
    }
    sum = team.reduce(sum, 0.0, [](double a, double b) { return a + b; });
    if (team.rank() == 0) partial[chunk] = sum;
  }
}

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kListThreads)
    norm_join(GlobalPtr<T> y, GlobalPtr<const double> partial, int64_t count) {
  BlockTeamOf<double> team;
  double sum = 0;
  for (int64_t i = team.rank(); i < count; i += team.size()) sum += partial[i];
  sum = team.reduce(sum, 0.0, [](double a, double b) { return a + b; });
  if (team.rank() == 0) y[0] = static_cast<T>(sqrt(sum));
}

}  // namespace TW_BACKEND
