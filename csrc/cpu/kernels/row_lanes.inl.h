// SPDX-License-Identifier: Apache-2.0
// Narrow rows of floats with a lane for each row: a sum along a row is then one addition a column, for kLanes rows
// together, where a row of its own takes four steps across lanes for a register that it may not even fill.
// Layout      row r of a group lies in lane r; register c holds column c of all of them
// Method      blocks of kLanes x kLanes are transposed in registers on the way in and out: 64 shuffles for 16 rows
// Limits      1 to kMostRowLaneColumns columns; a group may have fewer rows than lanes, the rest are zero, so a
//             row's bits do not depend on its place
#pragma once

#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// Beyond two registers a row, the steps across lanes are a small part of it.
inline constexpr int kMostRowLaneColumns = 2 * VecF::kLanes;

template <class T>
constexpr bool row_lanes_fit(int64_t cols) {
  return kSame<T, float> && VecF::kLanes > 1 && cols > 0 && cols <= kMostRowLaneColumns;
}

struct RowLanes {
  VecF column[kMostRowLaneColumns];

  // read(access, r, c): elements c.. of row r.
  template <class Read>
  TW_INLINE void fill(int rows, int cols, Read read) {
    constexpr int L = VecF::kLanes;
    int first = 0;
    do {  // cols is at least 1
      VecF block[L];
      const int width = cols - first < L ? cols - first : L;
      for (int r = 0; r < L; ++r) {
        if (r >= rows)
          block[r] = VecF::zero();
        else if (width == L)
          block[r] = read(WholeVector<float>(), r, first);
        else
          block[r] = read(TailVector<float>{width}, r, first);
      }
      transpose(block);
      for (int c = 0; c < L; ++c) column[first + c] = block[c];
      first += L;
    } while (first < cols);
  }
  TW_INLINE void load(const float* x, int64_t step, int rows, int cols) {
    fill(rows, cols, [=](auto access, int r, int c) { return access.load(x + r * step + c); });
  }
  TW_INLINE void store(float* y, int64_t step, int rows, int cols) const {
    constexpr int L = VecF::kLanes;
    for (int first = 0; first < cols; first += L) {
      VecF block[L];
      const int width = cols - first < L ? cols - first : L;
      for (int c = 0; c < L; ++c) block[c] = column[first + c];
      transpose(block);
      for (int r = 0; r < rows; ++r) {
        float* p = y + r * step + first;
        if (width == L)
          TW_ISA::store(p, block[r]);
        else
          store_n(p, block[r], width);
      }
    }
  }
};

// Steps across lanes for kLanes rows together, a register each: lane r of the result is the fold of all lanes of row r,
// in the order of reduce. 60 instructions for 16 rows, where each row of its own takes 8 or more.
template <int kDistance, class T, class Combine>
TW_INLINE Vec<T> fold_lane_pairs(Vec<T>* rows, Combine combine) {
  if constexpr (kDistance == 0) {
    return rows[0];
  } else {
    using Lane = Vec<IntOf<T>>;
    const Mask<T> upper = (Lane::iota() & Lane::set1(kDistance)) != Lane::zero();
#pragma GCC unroll 8
    for (int i = 0; i < kDistance; ++i) {
      const Vec<T> a = rows[i], b = rows[i + kDistance];
      rows[i] = combine(select(upper, b, a), xor_lanes<kDistance>(select(upper, a, b)));
    }
    return fold_lane_pairs<kDistance / 2>(rows, combine);
  }
}
template <class T, int kRows, class Combine>
TW_INLINE Vec<T> fold_lanes_of_rows(Vec<T> (&rows)[kRows], Combine combine) {
  static_assert(kRows == Vec<T>::kLanes, "a row for each lane");
  return fold_lane_pairs<kRows / 2>(rows, combine);
}

// body(first row, rows) for groups of at most kLanes rows.
template <class Body>
TW_INLINE void for_row_groups(int64_t rows, Body body) {
  for (int64_t r = 0; r < rows; r += VecF::kLanes)
    body(r, rows - r < VecF::kLanes ? int(rows - r) : VecF::kLanes);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
