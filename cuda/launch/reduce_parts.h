// SPDX-License-Identifier: Apache-2.0
// The parts of the reduce family that have files of their own.
#pragma once

#include "core/view.h"
#include "device/config.cuh"

namespace TW_BACKEND {

void cumsum(const View& y, const View& x, int axis, bool exclusive, bool reverse, Stream stream);
void top_k(const View& values, const View& indices, const View& x, Stream stream);
void global_norm(const View& y, const ViewList& arrays, Stream stream);

}  // namespace TW_BACKEND
