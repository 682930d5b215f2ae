// SPDX-License-Identifier: Apache-2.0
// Which team has a row of a matrix and whether it holds it (kernels/rows.cuh).
#pragma once

#include <stdint.h>

#include <algorithm>
#include <initializer_list>

#include "kernels/rows.cuh"
#include "launch/axes.h"
#include "launch/dtypes.h"
#include "launch/grid.h"

namespace TW_BACKEND {

inline constexpr int kWarpHolds = 8;  // values a lane
// Values a thread of a block holds without spilling; single columns need more addresses than groups.
template <class T, int kVector>
inline constexpr int kBlockHolds = kVector == 1 ? 8 : 16;
inline constexpr int kLeastThreads = 64;

inline bool rows_aligned(const View& view) {
  if (!view) return true;
  return aligned(view.data, kVectorBytes) &&
         (view.ndim == 1 || view.dim(0) == 1 || view.stride(0) * dtype_size(view.dtype) % kVectorBytes == 0);
}

// Calls run(Type<Team>, Type<Row>, blocks, threads, shared_bytes) as rows of `cols` columns want it.
template <class T, int kVector, class Run>
void choose_row(int64_t rows, int64_t cols, Run&& run) {
  constexpr size_t kShared = sizeof(RowBlock::Smem);
  constexpr int kHolds = kBlockHolds<T, kVector>;
  const int blocks = static_cast<int>(std::min(rows, kMaxBlocks));
  if constexpr (sizeof(T) == 8) {
    // float64 is for checking: one way for all lengths keeps the module small.
    const int64_t threads = round_up(ceil_divide(cols, kVector), kWarpSize);
    run(Type<RowBlock>{}, Type<StreamedRow<T, kVector>>{}, blocks,
        static_cast<int>(std::clamp<int64_t>(threads, kLeastThreads, kRowThreads)), kShared);
  } else if (cols <= kWarpHolds * kWarpSize) {
    const int64_t needed = ceil_divide(rows, WarpTeam::kThreads / kWarpSize);
    run(Type<WarpTeam>{}, Type<HeldRow<T, kVector, kWarpHolds / kVector>>{},
        static_cast<int>(std::min(needed, kMaxBlocks)), WarpTeam::kThreads, size_t{0});
  } else if (cols <= kHolds * kRowThreads) {
    const int64_t threads = round_up(ceil_divide(cols, kHolds), kWarpSize);
    run(Type<RowBlock>{}, Type<HeldRow<T, kVector, kHolds / kVector>>{}, blocks,
        std::max(static_cast<int>(threads), kLeastThreads), kShared);
  } else {
    run(Type<RowBlock>{}, Type<StreamedRow<T, kVector>>{}, blocks, kRowThreads, kShared);
  }
}

// Whether all rows, and the vectors that go with them, begin at multiples of 16 bytes. What is none has no
// say.
inline bool all_aligned(std::initializer_list<const View*> views) {
  return std::all_of(views.begin(), views.end(), [](const View* view) { return rows_aligned(*view); });
}

// Calls body(Type<T>, Constant<kVector>).
template <class Body>
void for_rows(Dtype dtype, bool wide, Body&& body) {
  for_any_float(dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (wide) return body(type, Constant<kVectorBytes / static_cast<int>(sizeof(T))>{});
    body(type, Constant<1>{});
  });
}

inline int64_t row_stride(const View& view) { return view ? view.stride(0) : 0; }

}  // namespace TW_BACKEND
