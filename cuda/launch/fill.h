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
void fill_shape_affine(Ops& ops);
void fill_matmul(Ops& ops);
void fill_norm(Ops& ops);
void fill_norm_batch(Ops& ops);
void fill_random(Ops& ops);
void fill_loss(Ops& ops);
void fill_pool2d(Ops& ops);
void fill_optimizer(Ops& ops);
void fill_optimizer_adaptive(Ops& ops);
void fill_softmax(Ops& ops);
void fill_embedding(Ops& ops);
void fill_attention(Ops& ops);
void fill_conv2d(Ops& ops);
void fill_rnn(Ops& ops);

}  // namespace TW_BACKEND
