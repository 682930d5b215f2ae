// SPDX-License-Identifier: Apache-2.0
// Where the elements of strided arrays lie: division by a fixed number without a division instruction, and the
// offsets of several arrays of one shape from a single running index.
#pragma once

#include "device/config.cuh"

namespace TW_BACKEND {

inline constexpr int kMaxAxes = 8;

// n / d and n % d for one d. Below 2^31 by a multiplication (Granlund and Montgomery, "Division by invariant
// integers using multiplication", 1994), beyond it by the machine's slow 64-bit division.
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(int64_t divisor) : divisor_(divisor) {
    narrow_ = divisor >= 1 && divisor <= INT32_MAX;
    if (!narrow_) return;
    while ((int64_t{1} << shift_) < divisor) ++shift_;
    const uint64_t power = uint64_t{1} << shift_, d = static_cast<uint64_t>(divisor);
    multiplier_ = static_cast<uint32_t>(((power - d) << 32) / d + 1);
  }

  TW_DEVICE int64_t size() const { return divisor_; }

  // Returns n / d and leaves n % d in `rest`. n is not negative.
  TW_DEVICE int64_t divide(int64_t n, int64_t& rest) const {
    int64_t quotient;
    if (narrow_ && n <= INT32_MAX) {
      const uint32_t small = static_cast<uint32_t>(n);
      quotient = (static_cast<uint32_t>((uint64_t{small} * multiplier_) >> 32) + small) >> shift_;
    } else {
      quotient = n / divisor_;
    }
    rest = n - quotient * divisor_;
    return quotient;
  }

 private:
  int64_t divisor_ = 1;
  uint32_t multiplier_ = 1, shift_ = 0;
  bool narrow_ = true;
};

template <int kOperands>
struct Offsets {
  int64_t of[kOperands];
};

// Axes shared by kOperands arrays, the innermost first. Strides count elements.
template <int kOperands>
struct Axes {
  int count = 0;
  Divisor sizes[kMaxAxes];
  int64_t strides[kOperands][kMaxAxes] = {};

  // Offsets of the element that `index` counts, innermost axis fastest, from axis `first` outwards.
  TW_DEVICE Offsets<kOperands> offsets(int64_t index, int first = 0) const {
    Offsets<kOperands> at;
    TW_UNROLL
    for (int k = 0; k < kOperands; ++k) at.of[k] = 0;
    for (int axis = first; axis < count; ++axis) {
      int64_t place;
      index = sizes[axis].divide(index, place);
      TW_UNROLL
      for (int k = 0; k < kOperands; ++k) at.of[k] += place * strides[k][axis];
    }
    return at;
  }
};

}  // namespace TW_BACKEND
