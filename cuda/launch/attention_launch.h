// SPDX-License-Identifier: Apache-2.0
// From a problem to the kernel for its dtype and head size; one definition per file attention_<kind>.cu.
#pragma once

#include "core/view.h"
#include "kernels/attention.cuh"

namespace TW_BACKEND {

inline constexpr const char* kAttentionName = "attention";
inline constexpr int kMostAttentionDepth = 256;

// Rows of a key head up to which a block has one warp's rows, and its keys are rather cut into slices.
inline constexpr int kFewAttentionRows = 16;

// What a launcher needs beside the problem.
struct AttentionLaunch {
  int64_t heads;  // B Hkv
  Stream stream;
};

// Sets tiles and slices, and runs the kernel, and the one that adds the slices. float, double, F16, Bf16.
template <class T>
void launch_attention_forward(const AttentionLaunch& l, AttentionForward<T> f);
template <class T>
void launch_attention_dq(const AttentionLaunch& l, AttentionBackward<T> b);
template <class T>
void launch_attention_dkv(const AttentionLaunch& l, AttentionBackward<T> b);

}  // namespace TW_BACKEND
