// SPDX-License-Identifier: Apache-2.0
// How a kernel says that a value it was given (an id, a label) is out of range. It goes on with the nearest value
// that is in range, so that no foreign memory is touched, and the first thread to claim the cell leaves its finding
// there. The host reads it later: launch/value_guard.h.
#pragma once

#include "device/vector.cuh"

namespace TW_BACKEND {

struct ErrorCell {
  int32_t claimed;
  int32_t unused;
  uint64_t operation, argument;  // addresses of the host's words for them
  int64_t index;                 // of the value in C order
  int64_t value, lowest, highest;
};

TW_DEVICE bool claim(const GlobalPtr<ErrorCell>& cell) {
#if TW_SIMT
  int32_t expected = 0;
  return __atomic_compare_exchange_n(&cell.address()->claimed, &expected, 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
#else
  return atomicCAS(&cell->claimed, 0, 1) == 0;
#endif
}

// The range of one argument of one operation.
struct IndexCheck {
  GlobalPtr<ErrorCell> cell;
  uint64_t operation, argument;
  int64_t lowest, highest;

  TW_DEVICE bool holds(int64_t value) const { return value >= lowest && value <= highest; }

  // `value`, number `index` of the argument, brought into range.
  TW_DEVICE int64_t checked(int64_t value, int64_t index) const {
    if (holds(value)) return value;
    report(value, index);
    return value < lowest ? lowest : highest;
  }

  TW_DEVICE void report(int64_t value, int64_t index) const {
    if (claim(cell)) cell[0] = ErrorCell{1, 0, operation, argument, index, value, lowest, highest};
  }
};

}  // namespace TW_BACKEND
