// SPDX-License-Identifier: Apache-2.0
// Where the elements of strided arrays lie: division by a fixed number without a division instruction, and
// the offsets of several arrays of one shape from a single running index.
#pragma once

#include "device/config.cuh"

namespace TW_BACKEND {

inline constexpr int kMaxAxes = 8;

// The upper 64 bits of a product.
TW_DEVICE uint64_t multiply_high(uint64_t a, uint64_t b) {
#if TW_SIMT
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
#else
  return __umul64hi(a, b);
#endif
}

// n / d and n % d for one d >= 1 and 0 <= n < 2^63, by a multiplication (Granlund and Montgomery, "Division
// by invariant integers using multiplication", 1994). A GPU has no instruction to divide: n / d of 64 bits is
// a call.
class Divisor {
 public:
  Divisor() : Divisor(1) {}
  explicit Divisor(int64_t divisor) : divisor_(divisor) {
    const uint64_t d = divisor > 1 ? static_cast<uint64_t>(divisor) : 1;
    while (shift_ < 63 && (uint64_t{1} << shift_) < d) ++shift_;
    using Wide = unsigned __int128;
    const Wide excess = (Wide{1} << shift_) - d;
    wide_ = static_cast<uint64_t>((excess << 64) / d + 1);
    narrow_ = static_cast<uint32_t>((excess << 32) / d + 1);
  }

  TW_DEVICE int64_t size() const { return divisor_; }

  // Returns n / d and leaves n % d in `rest`.
  TW_DEVICE int64_t divide(int64_t n, int64_t& rest) const {
    int64_t quotient;
    if (n <= INT32_MAX && divisor_ <= INT32_MAX) {
      const uint32_t small = static_cast<uint32_t>(n);
      quotient = (static_cast<uint32_t>((uint64_t{small} * narrow_) >> 32) + small) >> shift_;
    } else {
      const uint64_t large = static_cast<uint64_t>(n);
      quotient = static_cast<int64_t>((multiply_high(large, wide_) + large) >> shift_);
    }
    rest = n - quotient * divisor_;
    return quotient;
  }

 private:
  int64_t divisor_;
  uint64_t wide_;
  uint32_t narrow_, shift_ = 0;
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
