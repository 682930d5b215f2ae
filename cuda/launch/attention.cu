// SPDX-License-Identifier: Apache-2.0
// Attention on CUDA: from Views to the problem the kernels take.
#include <stdint.h>

#include <limits>

#include "device/launch.cuh"
#include "device/scratch.cuh"
#include "launch/attention_launch.h"
#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/grid.h"

namespace TW_BACKEND {
namespace {

template <class T>
AttentionArray<T> array_of(const View& v, const char* name) {
  return {global_pointer<T>(v, name), v.stride(0), v.stride(1), v.stride(2)};
}

// Lines that begin at multiples of 16 bytes.
bool has_vectors(const View& v) {
  if (reinterpret_cast<uintptr_t>(v.data) % kVectorBytes != 0) return false;
  for (int axis = 0; axis < 3; ++axis)
    if (v.shape[axis] > 1 && v.strides[axis] * dtype_size(v.dtype) % kVectorBytes != 0) return false;
  return true;
}

void check_sizes(const char* name, int64_t rows, int64_t keys, int64_t heads, int64_t depth) {
  if (depth > kMostAttentionDepth)
    fail(ErrorKind::value, name,
         "q has head size " + std::to_string(depth) + ", expected at most " +
             std::to_string(kMostAttentionDepth));
  constexpr int64_t kMost = std::numeric_limits<int>::max() - 1024;
  if (rows > kMost || keys > kMost || heads * (std::max(rows, keys) / 8 + 1) > kMost)
    fail(ErrorKind::value, name,
         "q and k have " + std::to_string(rows) + " queries and " + std::to_string(keys) + " keys of " +
             std::to_string(heads) + " heads, expected less than 2^31 - 1024 tiles");
}

template <class T>
AttentionProblem<T> problem_of(const View& q, const View& k, const View& v, const View& mask,
                               const AttentionParams& params) {
  const int64_t group = k.dim(2) > 0 ? q.dim(2) / k.dim(2) : 0;
  const bool bools = mask && mask.dtype == Dtype::b8;
  AttentionProblem<T> p = {array_of<const T>(q, "q"),
                           array_of<const T>(k, "k"),
                           array_of<const T>(v, "v"),
                           optional_pointer<const T>(bools ? View() : mask, "mask"),
                           optional_pointer<const Bool>(bools ? mask : View(), "mask"),
                           0,
                           0,
                           0,
                           0,
                           Divisor(std::max<int64_t>(q.dim(1), 1)),
                           static_cast<int>(group * q.dim(1)),
                           static_cast<int>(k.dim(1)),
                           static_cast<int>(q.dim(3)),
                           static_cast<int>(group),
                           static_cast<int>(k.dim(2)),
                           0,
                           static_cast<Wide<T>>(params.scale),
                           params.causal,
                           has_vectors(q) && has_vectors(k) && has_vectors(v)};
  if (mask) {
    p.mask_batch = mask.stride(0), p.mask_head = mask.stride(1);
    p.mask_query = mask.stride(2), p.mask_key = mask.stride(3);
  }
  return p;
}

void attention_forward(const View& out, const View& lse, const View& q, const View& k, const View& v,
                       const View& mask, const AttentionParams& params, Stream stream) {
  check_sizes("attention", q.dim(1) * q.dim(2), k.dim(1), q.dim(0) * k.dim(2), q.dim(3));
  const int64_t heads = q.dim(0) * k.dim(2);
  if (heads == 0 || q.dim(1) * q.dim(2) == 0) return;
  for_any_float(out.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    AttentionForward<T> f = {problem_of<T>(q, k, v, mask, params),
                             array_of<T>(out, "out"),
                             optional_pointer<Wide<T>>(lse, "lse"),
                             0,
                             0,
                             0,
                             1,
                             1,
                             no_pointer<Wide<T>>(),
                             no_pointer<Wide<T>>(),
                             has_vectors(out)};
    if (lse) f.lse_batch = lse.stride(0), f.lse_head = lse.stride(1), f.lse_query = lse.stride(2);
    launch_attention_forward<T>({heads, stream}, f);
  });
}

void attention_backward(const View& dq, const View& dk, const View& dv, const View& dy, const View& dlse,
                        const View& q, const View& k, const View& v, const View& y, const View& lse,
                        const View& mask, const AttentionParams& params, Stream stream) {
  check_sizes("attention_backward", q.dim(1) * q.dim(2), k.dim(1), q.dim(0) * k.dim(2), q.dim(3));
  const int64_t heads = q.dim(0) * k.dim(2);
  if (heads == 0) return;
  for_any_float(dq.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const AttentionProblem<T> p = problem_of<T>(q, k, v, mask, params);
    const int64_t rows = heads * p.rows;
    const Scratch<Wide<T>> statistics(2 * rows, stream, "attention_backward");
    AttentionBackward<T> b = {p,
                              array_of<const T>(y, "y"),
                              array_of<const T>(dy, "dy"),
                              array_of<T>(dq, "dq"),
                              array_of<T>(dk, "dk"),
                              array_of<T>(dv, "dv"),
                              global_pointer<const Wide<T>>(lse, "lse"),
                              optional_pointer<const Wide<T>>(dlse, "dlse"),
                              lse.stride(0),
                              lse.stride(1),
                              lse.stride(2),
                              0,
                              0,
                              0,
                              statistics.pointer(),
                              has_vectors(dq) && has_vectors(dk) && has_vectors(dv)};
    b.problem.vectors = p.vectors && has_vectors(dy);
    if (dlse) b.dlse_batch = dlse.stride(0), b.dlse_head = dlse.stride(1), b.dlse_query = dlse.stride(2);
    const AttentionLaunch l = {heads, stream};
    if (rows > 0) {
      launch("attention_statistics", attention_statistics<T>,
             Dim3(static_cast<unsigned>(ceil_divide(rows, kAttentionRowThreads / kWarpSize))),
             Dim3(kAttentionRowThreads), 0, stream, b, rows);
      launch_attention_dq(l, b);
    }
    if (p.keys > 0) launch_attention_dkv(l, b);
  });
}

}  // namespace

void fill_attention(Ops& ops) {
  ops.attention_forward.set(attention_forward, kF32 | kF64 | kF16 | kBF16);
  ops.attention_backward.set(attention_backward, kF32 | kF64 | kF16 | kBF16);
}

}  // namespace TW_BACKEND
