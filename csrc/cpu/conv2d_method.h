// SPDX-License-Identifier: Apache-2.0
// By which method 3 x 3 convolutions of stride 1 are computed.
#pragma once

namespace tilewright::cpu {

// winograd: fewer multiplications and larger errors (conv2d_winograd.h), where that is faster.
enum class Conv2dMethod : int { direct, winograd };

// direct, or what TILEWRIGHT_CONV2D_METHOD names. Read by every convolution when it runs, a replayed one too.
Conv2dMethod conv2d_method();
const char* conv2d_method_name();
// Switches all later calls of the process. Throws Error for an unknown name.
void set_conv2d_method(const char* name);

// 0: by the cost that the sizes suggest. 2 or 4: that side of a tile wherever the method can serve; for tests
// and benchmarks. Throws Error for another number.
int winograd_outputs();
void set_winograd_outputs(int outputs);

}  // namespace tilewright::cpu
