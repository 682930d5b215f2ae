// SPDX-License-Identifier: Apache-2.0
// Rows that will be needed next, asked for a few at a time while something else is computed: a burst of
// prefetches would wait for the few misses a core can have outstanding, as the reads themselves would.
#pragma once

#include <stdint.h>

#include <algorithm>

namespace tilewright::cpu {

class RowPrefetch {
 public:
  explicit RowPrefetch(int64_t row_bytes) : row_bytes_(row_bytes) {}

  // `rows` rows, `stride` bytes apart. At most kRanges calls; more are ignored.
  void add(const void* row, int64_t stride, int64_t rows) {
    if (rows <= 0 || ranges_ == kRanges) return;
    range_[ranges_++] = {static_cast<const char*>(row), stride, rows};
    rows_ += rows;
  }

  // From now on each step asks for an equal share of the rows added so far.
  void spread(int64_t steps) { share_ = (rows_ + steps - 1) / std::max<int64_t>(steps, 1); }

  void step() {
    for (int64_t left = share_; left > 0 && at_ < ranges_;) {
      Range& range = range_[at_];
      const int64_t n = std::min(left, range.rows);
      for (int64_t i = 0; i < n; ++i, range.row += range.stride)
        for (int64_t byte = 0; byte < row_bytes_; byte += 64) __builtin_prefetch(range.row + byte, 0, 2);
      left -= n, range.rows -= n;
      if (range.rows == 0) ++at_;
    }
  }

 private:
  static constexpr int kRanges = 8;
  struct Range {
    const char* row;
    int64_t stride, rows;
  };
  const int64_t row_bytes_;
  Range range_[kRanges];
  int ranges_ = 0, at_ = 0;
  int64_t rows_ = 0, share_ = 0;
};

}  // namespace tilewright::cpu
