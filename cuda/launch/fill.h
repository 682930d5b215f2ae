// SPDX-License-Identifier: Apache-2.0
// One filler of the table per family, each at the foot of its <family>.cu.
#pragma once

#include "core/ops.h"
#include "device/config.cuh"

namespace TW_BACKEND {

void fill_elementwise(Ops& ops);
void fill_elementwise_fused(Ops& ops);
void fill_reduce(Ops& ops);
void fill_shape(Ops& ops);
void fill_matmul(Ops& ops);
void fill_softmax(Ops& ops);
void fill_embedding(Ops& ops);

}  // namespace TW_BACKEND
