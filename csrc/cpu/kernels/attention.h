// SPDX-License-Identifier: Apache-2.0
// Kernels of the attention family. A tile of scores stands with queries in the lanes: s[key * unit + query].
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// What the kernels of one instruction set were built for.
struct AttentionLayout {
  int lanes;  // elements of a register
  int unit;   // queries side by side in a tile: a few registers
  int panel;  // keys, or elements of a head, in one register tile: buffers exist for whole panels
  int group;  // keys side by side in packed keys: a multiple of lanes and of panel
};

template <class T>
struct AttentionTile {
  AttentionLayout layout;

  // dst[d * stride + i] = rows[i][d] * scale for i < count <= lanes; zero for count <= i < lanes
  void (*pack_lanes)(T* dst, int64_t stride, const T* const* rows, int count, int64_t depth, T scale);
  // rows[i][d] = src[d * stride + i] * scale[i] for i < count <= lanes
  void (*unpack_lanes)(T* const* rows, const T* src, int64_t stride, int count, int64_t depth,
                       const T* scale);
  // dst[i * stride + d] = rows[i][d] * scale; zero for depth <= d < stride
  void (*pack_rows)(T* dst, int64_t stride, const T* const* rows, int64_t count, int64_t depth, T scale);
  // sum of a[d] * b[d]
  T (*dot)(const T* a, const T* b, int64_t depth);

  // ---- on one unit; `vectors` of its registers hold queries, the rest is left alone
  // s[key][query] = sum_d k[d][key] * q[d][query]; q (depth, unit), k (groups, depth, group)
  void (*scores)(T* s, const T* q, const T* k, int vectors, int64_t keys, int64_t depth);
  // o[d][query] = o[d][query] * factor?[query] + sum_key rows[key][d] * p[key][query]
  void (*accumulate)(T* o, const T* factor, const T* p, const T* rows, int64_t row_stride, int vectors,
                     int64_t keys, int64_t depth);
  // y[key][d] += sum_query s[key][query] * x[query][d]; depth a multiple of `lanes`, y and x (.., depth)
  void (*accumulate_keys)(T* y, const T* s, const T* x, int64_t queries, int64_t keys, int64_t depth);
  // s[key][query] += bias[key][query]
  void (*add_bias)(T* s, const T* bias, int vectors, int64_t keys);
  // s[key][query] += bias[key]
  void (*add_key_bias)(T* s, const T* bias, int vectors, int64_t keys);
  // s[key][query] = -inf for first <= key < keys with key >= visible[query]
  void (*hide)(T* s, const T* visible, int vectors, int64_t first, int64_t keys);
  // one step of the online softmax: s becomes exp(s - max), max and sum take the new keys in, factor is what
  // sums over earlier keys must be multiplied with
  void (*softmax_step)(T* s, T* max, T* sum, T* factor, int vectors, int64_t keys);
  // lse = max + log(sum), -inf where nothing was seen; inverse = 1 / sum, or 0
  void (*softmax_finish)(T* lse, T* inverse, const T* max, const T* sum, int vectors);
  // s becomes p = exp(s - lse), dp becomes ds = p * (dp - delta); a row with lse = -inf gives zeros
  void (*softmax_gradient)(T* s, T* dp, const T* lse, const T* delta, int vectors, int64_t keys);
};

using AttentionKernels = FloatTables<AttentionTile>;

}  // namespace tilewright::cpu
