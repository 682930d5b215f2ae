// SPDX-License-Identifier: Apache-2.0
// Destinations too large for the caches: written past them, because a line that is stored whole
// need not be read first. A copy gains a third (31 to 44 GB/s here), an addition a tenth.
#pragma once

#include <stdint.h>

namespace tilewright::cpu {

// Outputs from this size on are streamed: a quarter of the last-level cache. What is smaller stays there for
// whoever reads it next.
int64_t streaming_bytes();

}  // namespace tilewright::cpu
