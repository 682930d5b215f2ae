// SPDX-License-Identifier: Apache-2.0
// Ids, labels and indices as kernels take them.
#pragma once

#include "device/launch.cuh"
#include "kernels/embedding.cuh"
#include "launch/grid.h"

namespace TW_BACKEND {

inline IdList id_list(const View& ids, const char* name) {
  if (ids.dtype == Dtype::s32) return {global_pointer<const int32_t>(ids, name), no_pointer<const int64_t>()};
  return {no_pointer<const int32_t>(), global_pointer<const int64_t>(ids, name)};
}

}  // namespace TW_BACKEND
