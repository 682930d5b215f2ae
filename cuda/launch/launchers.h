// SPDX-License-Identifier: Apache-2.0
// Every launcher, one line each: what ops_cuda.cu puts into the table. Destination, inputs, stream; shapes and
// dtypes have been checked by the caller.
#pragma once

#include "core/view.h"
#include "device/config.cuh"

namespace TW_BACKEND {

// softmax: (rows, cols) views with adjacent columns; y may be x, dx may be dy. f32, f16, bf16.
void softmax_forward(const View& y, const View& x, Stream stream);
void log_softmax_forward(const View& y, const View& x, Stream stream);
void softmax_backward(const View& dx, const View& dy, const View& y, Stream stream);
void log_softmax_backward(const View& dx, const View& dy, const View& y, Stream stream);

}  // namespace TW_BACKEND
