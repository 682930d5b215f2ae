// SPDX-License-Identifier: Apache-2.0
// The CPU's table of operations, and one filler per family (each at the foot of <family>.cpp).
#pragma once

#include "core/ops.h"

namespace tilewright::cpu {

const Ops& ops();

void fill_elementwise(Ops& ops);
void fill_reduce(Ops& ops);
void fill_matmul(Ops& ops);
void fill_conv2d(Ops& ops);
void fill_pool2d(Ops& ops);
void fill_softmax(Ops& ops);
void fill_norm(Ops& ops);
void fill_attention(Ops& ops);
void fill_embedding(Ops& ops);
void fill_shape(Ops& ops);
void fill_random(Ops& ops);
void fill_rnn(Ops& ops);
void fill_loss(Ops& ops);
void fill_optimizer(Ops& ops);

}  // namespace tilewright::cpu
