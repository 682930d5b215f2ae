// SPDX-License-Identifier: Apache-2.0
// The shared memory of one block that every chip from sm_80 on has (sm_86 and sm_89 have the least).
#pragma once

#include <stddef.h>

#include "device/config.cuh"

namespace TW_BACKEND {

inline constexpr size_t kLeastShared = 99 * 1024;

// The size of a configuration's Smem, refused at compile time where some chip could not run it.
template <class Smem>
constexpr size_t shared_size() {
  static_assert(sizeof(Smem) <= kLeastShared, "the block does not fit every chip from sm_80 on");
  return sizeof(Smem);
}

}  // namespace TW_BACKEND
