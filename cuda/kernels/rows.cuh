// SPDX-License-Identifier: Apache-2.0
// A row as the threads of a team have it, in registers (HeldRow: memory is read once) or read again at each
// sweep, from the caches (StreamedRow). launch/rows_split.h chooses.
#pragma once

#include "device/team.cuh"
#include "kernels/groups.cuh"

namespace TW_BACKEND {

// The columns of a row that one thread of a team has, in groups of kVector: group s begins at (s * team size
// + rank) * kVector. each(body) calls body(values, col, count) for all of them.
template <class T, int kVector, int kSteps>
class HeldRow {
 public:
  template <class Team>
  TW_DEVICE HeldRow(const Team& team, GlobalPtr<const T> row, int64_t cols)
      : first_(team.rank() * kVector), step_(team.size() * kVector), cols_(cols) {
    TW_UNROLL
    for (int s = 0; s < kSteps; ++s) load_wide<kVector, T>(values_[s], row, col(s), cols - col(s));
  }
  // Adds another row, and writes the sum.
  TW_DEVICE void add(GlobalPtr<const T> other, GlobalPtr<T> sum) {
    TW_UNROLL
    for (int s = 0; s < kSteps; ++s) {
      Wide<T> values[kVector];
      load_wide<kVector, T>(values, other, col(s), cols_ - col(s));
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) values_[s][v] += values[v];
      store_narrow<kVector, T>(sum, col(s), values_[s], cols_ - col(s));
    }
  }
  template <class Body>
  TW_DEVICE void each(Body&& body) const {
    TW_UNROLL
    for (int s = 0; s < kSteps; ++s) {
      if (col(s) < cols_) body(values_[s], col(s), cols_ - col(s));
    }
  }

 private:
  TW_DEVICE int64_t col(int s) const { return first_ + int64_t{s} * step_; }

  int first_, step_;
  int64_t cols_;
  Wide<T> values_[kSteps][kVector];
};

template <class T, int kVector>
class StreamedRow {
 public:
  template <class Team>
  TW_DEVICE StreamedRow(const Team& team, GlobalPtr<const T> row, int64_t cols)
      : row_(row), first_(team.rank() * kVector), step_(team.size() * kVector), cols_(cols) {}
  TW_DEVICE void add(GlobalPtr<const T> other, GlobalPtr<T> sum) {
    each([&](const Wide<T>(&values)[kVector], int64_t col, int64_t count) {
      Wide<T> total[kVector];
      load_wide<kVector, T>(total, other, col, count);
      TW_UNROLL
      for (int v = 0; v < kVector; ++v) total[v] += values[v];
      store_narrow<kVector, T>(sum, col, total, count);
    });
    row_ = sum;
  }
  template <class Body>
  TW_DEVICE void each(Body&& body) const {
    for (int64_t col = first_; col < cols_; col += step_) {
      Wide<T> values[kVector];
      load_wide<kVector, T>(values, row_, col, cols_ - col);
      body(values, col, cols_ - col);
    }
  }

 private:
  GlobalPtr<const T> row_;
  int first_, step_;
  int64_t cols_;
};

// Up to three sums of a row that a team makes at once.
struct RowSums {
  double of[3];
};
TW_DEVICE RowSums add_sums(const RowSums& a, const RowSums& b) {
  return {{a.of[0] + b.of[0], a.of[1] + b.of[1], a.of[2] + b.of[2]}};
}

// The team of a block whose row kernels reduce RowSums.
inline constexpr int kRowThreads = 512;  // 128 registers a thread
using RowBlock = BlockTeamOf<RowSums, kRowThreads>;

}  // namespace TW_BACKEND
