// SPDX-License-Identifier: Apache-2.0
// Kernels of the attention family. A tile of scores stands with queries in the lanes: s[key * unit + query].
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// Scores below are lifted to it: log2(e) times it is still a number.
template <class T>
inline constexpr T kLowestScore = T(-2e38);
template <>
inline constexpr double kLowestScore<double> = -1e308;

// What the kernels of one instruction set were built for.
struct AttentionLayout {
  int lanes;  // elements of a register
  int unit;   // queries side by side in a tile: a few registers
  int panel;  // keys, or elements of a head, in one register tile
  int few;    // up to so many rows the decode kernels, which read keys in place, win over tiles
};

// Keys of one call of a decode product: the rows of all heads of so many keys fit the first-level cache.
inline constexpr int64_t kDecodeKeys = 8;

template <class T>
struct AttentionTile {
  AttentionLayout layout;

  // dst[d * stride + i] = rows[i][d] * scale for i < count <= lanes; zero for count <= i < lanes
  void (*pack_lanes)(T* dst, int64_t stride, const T* const* rows, int count, int64_t depth, T scale);
  // rows[i][d] = src[d * stride + i] * scale?[i] for i < count <= lanes
  void (*unpack_lanes)(T* const* rows, const T* src, int64_t stride, int count, int64_t depth,
                       const T* scale);
  // dst[i][d] = src[i][d] * scale, zero for depth <= d < width
  void (*copy_rows)(T* dst, int64_t dst_stride, const T* src, int64_t src_stride, int64_t count,
                    int64_t depth, int64_t width, T scale);
  // sum of a[d] * b[d]
  T (*dot)(const T* a, const T* b, int64_t depth);

  // ---- on one unit; `vectors` of its registers hold queries, the rest is left alone
  // s[key][query] = sum_d k[key][d] * q[d][query]; q (depth, unit)
  void (*scores)(T* s, const T* q, const T* k, int64_t key_stride, int vectors, int64_t keys, int64_t depth);
  // o[d][query] = o[d][query] * factor?[query] + sum_key rows[key][d] * p[key][query]
  void (*accumulate)(T* o, const T* factor, const T* p, const T* rows, int64_t row_stride, int vectors,
                     int64_t keys, int64_t depth);
  // y[key][d] += sum_query s[key][query] * x[query][d]; depth a multiple of `lanes`
  void (*accumulate_keys)(T* y, int64_t y_stride, const T* s, const T* x, int64_t x_stride, int64_t queries,
                          int64_t keys, int64_t depth);
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
  // s becomes p = exp(s - lse), dp becomes scale * ds = scale * p * (dp - delta); a row with lse = -inf gives
  // zeros
  void (*softmax_gradient)(T* s, T* dp, const T* lse, const T* delta, T scale, int vectors, int64_t keys);

  // ---- on `rows` rows that share keys (attention_decode.h); rows of keys are `key_stride` apart
  // s[row][key] = sum_d q[row][d] * k[key][d]
  void (*decode_scores)(T* s, int64_t s_stride, const T* q, int64_t q_stride, int rows, const T* k,
                        int64_t key_stride, int64_t keys, int64_t depth);
  // o[row][d] += sum_key p[row][key] * v[key][d]
  void (*decode_accumulate)(T* o, int64_t o_stride, const T* p, int64_t p_stride, int rows, const T* v,
                            int64_t key_stride, int64_t keys, int64_t depth);
  // y[key][d] = sum_row w[row][key] * x[row][d]
  void (*decode_outer)(T* y, int64_t key_stride, const T* w, int64_t w_stride, int rows, const T* x,
                       int64_t x_stride, int64_t keys, int64_t depth);
  // softmax_step and softmax_gradient of one row, keys in the lanes; nothing came before
  void (*decode_softmax)(T* s, T* max, T* sum, int64_t keys);
  void (*decode_gradient)(T* s, T* dp, T lse, T delta, int64_t keys);
};

using AttentionKernels = FloatTables<AttentionTile>;

}  // namespace tilewright::cpu
