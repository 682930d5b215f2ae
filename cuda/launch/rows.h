// SPDX-License-Identifier: Apache-2.0
// Rows picked and added by id: what embedding and take have in common.
#pragma once

#include "core/view.h"
#include "device/config.cuh"
#include "launch/value_guard.h"

namespace TW_BACKEND {

// y[o, i, :] = x[o, ids[i], :]; x (outer, rows, inner), y (outer, n, inner), the last axis contiguous. Any dtype.
void take_rows_by_id(const char* name, const View& y, const View& x, const View& ids, const ValueGuard& guard,
                     Stream stream);

// y[o, ids[i], :] += dy[o, i, :]. float32 and float64.
void add_rows_by_id(const char* name, const View& y, const View& dy, const View& ids, const ValueGuard& guard,
                    Stream stream);

}  // namespace TW_BACKEND
