// SPDX-License-Identifier: Apache-2.0
// The backward driver of attention, an entry of the table (core/ops.h).
#pragma once

#include "core/ops.h"

namespace tilewright::cpu {

void attention_backward(const View& dq, const View& dk, const View& dv, const View& dout, const View& dlse,
                        const View& q, const View& k, const View& v, const View& out, const View& lse,
                        const View& mask, const AttentionParams& params, Stream);

}  // namespace tilewright::cpu
