// SPDX-License-Identifier: Apache-2.0
// What the reduce family's drivers share: fill_reduce (reduce.cpp) enters these into the table.
#pragma once

#include "core/ops.h"

namespace tilewright::cpu {

// reduce_scan.cpp
void argmax(const View& y, const View& x, int axis, bool minimum, Stream);
void cumsum(const View& y, const View& x, int axis, bool exclusive, bool reverse, Stream);
// reduce_select.cpp
void top_k(const View& values, const View& indices, const View& x, Stream);

}  // namespace tilewright::cpu
