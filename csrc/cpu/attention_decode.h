// SPDX-License-Identifier: Apache-2.0
// Attention of a few queries: chosen by the forward and the backward driver when p.few() says so.
#pragma once

#include "cpu/attention_problem.h"

namespace tilewright::cpu {

template <class T>
void decode_forward(const AttentionProblem<T>& p, const View& out, const View& lse);
template <class T>
void decode_backward(const AttentionProblem<T>& p, const AttentionGradients& g);

}  // namespace tilewright::cpu
