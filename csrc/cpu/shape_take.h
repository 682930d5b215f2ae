// SPDX-License-Identifier: Apache-2.0
// Rows taken by number, and gradients added to rows by number: what take and embedding share.
#pragma once

#include "core/view.h"

namespace tilewright::cpu {

// y[o, i, :] = x[o, ids[i], :]. x (outer, V, inner) and y (outer, n, inner) with contiguous last axes, any dtype;
// a negative id counts from the end. The caller has checked the ids.
void take_rows(const View& y, const View& x, const View& ids);

// y[o, ids[i], :] += dy[o, i, :] in the order of i, for float32 and float64.
void add_rows(const View& y, const View& dy, const View& ids);

}  // namespace tilewright::cpu
