// SPDX-License-Identifier: Apache-2.0
// The batch_norm part of the norm family.
#pragma once

#include "core/ops.h"

namespace tilewright::cpu {

void fill_batch_norm(Ops& ops);

}  // namespace tilewright::cpu
