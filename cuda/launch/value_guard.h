// SPDX-License-Identifier: Apache-2.0
// The host's side of device/error_cell.cuh. On the emulator a bad value raises when the operation ends, in the CPU's
// words. On a GPU nothing waits: the device's one cell is read by raise_value_errors, before results are.
#pragma once

#include <string>

#include "core/view.h"
#include "device/error_cell.cuh"

namespace TW_BACKEND {

// `ids` is int32 or int64, of any strides; lowest > highest: there is nothing to index, which fails at once.
class ValueGuard {
 public:
  ValueGuard(const char* operation, const char* argument, const View& ids, int64_t lowest, int64_t highest);

  IndexCheck check() const;

  // After the operation's launches. `describe(position, value)` words the finding; the default is that of ids.
  void finish() const;

  // The first value out of range in C order, except `passed`: its place and itself. False if there is none.
  bool first_bad(int64_t& index, int64_t& value, const int64_t* passed = nullptr) const;
  bool reported() const;

 private:
  const char* operation_;
  const char* argument_;
  const View& ids_;
  int64_t lowest_, highest_;
#if TW_SIMT
  mutable ErrorCell cell_ = {};
#endif
};

// Throws what kernels have reported since the last call, and forgets it. Waits for the device.
void raise_value_errors();

}  // namespace TW_BACKEND
