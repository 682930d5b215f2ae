// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/ops.h"

namespace tilewright::cpu {

// Bias with activation, and dropout: the part of the elementwise family that works on rows in C order.
void fill_elementwise_fused(Ops& ops);

}  // namespace tilewright::cpu
