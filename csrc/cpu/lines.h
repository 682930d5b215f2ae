// SPDX-License-Identifier: Apache-2.0
// Lines: arrays of equal shape but for one axis, seen as many lines along that axis. What a scan, a gather along
// an axis or an argmax iterates over, whatever the strides.
#pragma once

#include <stdint.h>

#include <algorithm>

#include "core/view.h"

namespace tilewright::cpu {

template <int kViews>
class Lines {
 public:
  // The axes other than `axis` are merged where every View allows it; the innermost is the last in C order.
  Lines(const View* const (&views)[kViews], int axis) {
    const View& model = *views[0];
    for (int v = 0; v < kViews; ++v) along[v] = views[v]->strides[axis];
    for (int i = model.ndim - 1; i >= 0; --i) {
      if (i == axis || model.shape[i] == 1) continue;
      lines *= model.shape[i];
      bool joins = count_ > 0;
      for (int v = 0; v < kViews && joins; ++v)
        joins = views[v]->strides[i] == strides_[count_ - 1][v] * sizes_[count_ - 1];
      if (joins) {
        sizes_[count_ - 1] *= model.shape[i];
        continue;
      }
      sizes_[count_] = model.shape[i];
      for (int v = 0; v < kViews; ++v) strides_[count_][v] = views[v]->strides[i];
      ++count_;
    }
    if (count_ > 0) {
      inner = sizes_[0];
      for (int v = 0; v < kViews; ++v) across[v] = strides_[0][v];
    }
  }

  // Offsets of the first element of line `index` in every View.
  struct Offsets {
    int64_t of[kViews];
  };
  Offsets at(int64_t index) const {
    Offsets offsets = {};
    for (int i = 0; i < count_; ++i) {
      const int64_t place = index % sizes_[i];
      index /= sizes_[i];
      for (int v = 0; v < kViews; ++v) offsets.of[v] += place * strides_[i][v];
    }
    return offsets;
  }

  int64_t lines = 1;
  int64_t along[kViews] = {};   // stride from element to element of a line
  int64_t inner = 1;            // so many neighbouring lines are evenly spaced,
  int64_t across[kViews] = {};  // by this stride

  // Lines of one task when each has n elements: whole groups of `inner` where they are short.
  int64_t lines_per_task(int64_t n, int64_t elements) const { return std::max<int64_t>(elements / (n + 1), 1); }

 private:
  int64_t sizes_[kMaxDims] = {};
  int64_t strides_[kMaxDims][kViews] = {};
  int count_ = 0;
};

}  // namespace tilewright::cpu
