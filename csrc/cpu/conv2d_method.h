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

}  // namespace tilewright::cpu
