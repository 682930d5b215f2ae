// SPDX-License-Identifier: Apache-2.0
// Ids and indices given by the caller: found in range before anything is read or written through them.
#pragma once

#include "core/view.h"

namespace tilewright::cpu {

// Raises ValueError naming the first id (in C order) outside [lowest, highest], its place and the valid range.
// `ids` is int32 or int64, of any shape and strides.
void check_indices(const char* operation, const char* argument, const View& ids, int64_t lowest, int64_t highest);

}  // namespace tilewright::cpu
