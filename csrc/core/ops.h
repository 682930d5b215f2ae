// SPDX-License-Identifier: Apache-2.0
// The catalogue: every operation of the engine, one documented line each. Each back end (cpu, simt, cuda)
// fills one such table. Conventions: destinations first; Views in C order unless "strided" is said, which
// means any strides; "?" marks a View that may be none; (..) is a shape; T is the float dtype that the
// destination has; ids are int32 or int64. Shapes are checked by the bindings, values by the kernels.
#pragma once

#include "core/op.h"
#include "core/params.h"

namespace tilewright {

struct Ops {
  explicit Ops(const char* backend) : list{backend, {}} {}
  OpList list;
  using V = const View&;
  using L = const ViewList&;
  using S = Stream;

  // ---- elementwise: strided, inputs already broadcast to y's shape (stride 0); y may be exactly an input
  // y = f(x)
  Op<void(V y, V x, Unary f, double p, double q, S)> unary{list, "unary"};
  // dx = dy * f'(x); y = f(x) may be given to save work, or none
  Op<void(V dx, V dy, V x, V y, Unary f, double p, double q, S)> unary_backward{list, "unary_backward"};
  // dx = dy * f''(x)
  Op<void(V dx, V dy, V x, Unary f, double p, double q, S)> unary_backward2{list, "unary_backward2"};
  // y = f(a, b)
  Op<void(V y, V a, V b, Binary f, S)> binary{list, "binary"};
  // y = condition ? a : b; condition bool
  Op<void(V y, V condition, V a, V b, S)> where{list, "where"};
  // y = x in y's dtype, any pair of dtypes, any strides on both sides: copy, cast and transposition
  Op<void(V y, V x, S)> copy{list, "copy"};
  // y = value
  Op<void(V y, double value, S)> fill{list, "fill"};
  // y = activation(x + bias? + residual?); bias (C) along the last axis; z? receives the pre-activation
  Op<void(V y, V z, V x, V bias, V residual, const Epilogue&, S)> bias_activation_forward{list, "bias_activation_forward"};
  // dz = dy * activation'(.), db? = sum of dz over rows; saved is y, or z where the activation needs it
  Op<void(V dz, V db, V dy, V saved, const Epilogue&, S)> bias_activation_backward{list, "bias_activation_backward"};
  // y = x * keep / (1 - rate), keep from Philox(key); its own backward. key (2,) int64: seed, offset
  Op<void(V y, V x, V key, double rate, S)> dropout{list, "dropout"};

  // ---- reduce: y has x's rank with 1 where an axis is reduced; x and y strided
  // sum, prod and sum_squares of int32 have an int64 y; any and all a bool y, whatever x is
  Op<void(V y, V x, Reduce f, S)> reduce{list, "reduce"};
  // mean, variance = sum (x - mean)^2 / (n - ddof), in two passes
  Op<void(V mean, V variance, V x, double ddof, S)> moments{list, "moments"};
  // y int64: position along `axis` of the first maximum (minimum); NaN counts as extreme, as in NumPy
  Op<void(V y, V x, int axis, bool minimum, S)> argmax{list, "argmax"};
  // running sum along `axis`; y like x, may be x
  Op<void(V y, V x, int axis, bool exclusive, bool reverse, S)> cumsum{list, "cumsum"};
  // values, indices (int64) (rows, k) of x (rows, cols), rows contiguous: the k largest of each row, descending,
  // NaN first, equal values by position
  Op<void(V values, V indices, V x, S)> top_k{list, "top_k"};
  // y (): sqrt of the sum of squares of all arrays, which are strided
  Op<void(V y, L arrays, S)> global_norm{list, "global_norm"};

  // ---- matmul: a (..., M, K), b (..., K, N) strided with equal or stride-0 batch axes, y (..., M, N) with
  // contiguous rows. y = activation(alpha * a @ b + beta * y + bias? + residual?); bias (N); z? as above
  Op<void(V y, V z, V a, V b, V bias, V residual, double alpha, double beta, const Epilogue&, S)> matmul{list, "matmul"};

  // ---- conv2d: x (N, H, W, C), w (R, S, C / groups, K), y (N, P, Q, K)
  Op<void(V y, V z, V x, V w, V bias, V residual, const Conv2dParams&, const Epilogue&, S)> conv2d_forward{list, "conv2d_forward"};
  // also the transposed convolution's forward: dx = activation(gradient of conv2d by x + bias? (C))
  Op<void(V dx, V dy, V w, V bias, const Conv2dParams&, const Epilogue&, S)> conv2d_backward_data{list, "conv2d_backward_data"};
  // dw, db? (K) = sum of dy over N, P, Q
  Op<void(V dw, V db, V dy, V x, const Conv2dParams&, S)> conv2d_backward_weight{list, "conv2d_backward_weight"};

  // ---- pool2d: x (N, H, W, C), y (N, P, Q, C); indices? int32: row * W + column of the maximum
  Op<void(V y, V indices, V x, const Pool2dParams&, S)> max_pool2d_forward{list, "max_pool2d_forward"};
  Op<void(V dx, V dy, V indices, const Pool2dParams&, S)> max_pool2d_backward{list, "max_pool2d_backward"};
  // y[p] = x[indices[p]]: what differentiates max_pool2d_backward
  Op<void(V y, V x, V indices, S)> max_pool2d_gather{list, "max_pool2d_gather"};
  Op<void(V y, V x, const Pool2dParams&, S)> avg_pool2d_forward{list, "avg_pool2d_forward"};
  Op<void(V dx, V dy, const Pool2dParams&, S)> avg_pool2d_backward{list, "avg_pool2d_backward"};

  // ---- softmax over the last axis of (rows, cols) Views, rows contiguous, any row stride; y may be x
  Op<void(V y, V x, S)> softmax_forward{list, "softmax_forward"};
  // dx = y * (dy - sum(dy * y)); dx may be dy
  Op<void(V dx, V dy, V y, S)> softmax_backward{list, "softmax_backward"};
  Op<void(V y, V x, S)> log_softmax_forward{list, "log_softmax_forward"};
  // dx = dy - exp(y) * sum(dy); dx may be dy
  Op<void(V dx, V dy, V y, S)> log_softmax_backward{list, "log_softmax_backward"};

  // ---- norm: x, y (rows, cols), rows contiguous, any row stride; gamma?, beta? (cols); mean?, rstd? of T are kept for
  // backward: (rows,) of layer_norm and rms_norm. h = x + residual?; sum receives h where a residual is given. y may be x
  Op<void(V y, V sum, V mean, V rstd, V x, V residual, V gamma, V beta, double epsilon, S)> layer_norm_forward{list, "layer_norm_forward"};
  // x is h; dsum? is what flows into h directly and is added to dx; dgamma?, dbeta? (cols)
  Op<void(V dx, V dgamma, V dbeta, V dy, V dsum, V x, V mean, V rstd, V gamma, S)> layer_norm_backward{list, "layer_norm_backward"};
  Op<void(V y, V sum, V rstd, V x, V residual, V gamma, double epsilon, S)> rms_norm_forward{list, "rms_norm_forward"};
  Op<void(V dx, V dgamma, V dy, V dsum, V x, V rstd, V gamma, S)> rms_norm_backward{list, "rms_norm_backward"};
  // statistics of each column, mean and rstd (cols); moving_mean?, moving_variance? (cols), strided, are updated in place
  Op<void(V y, V mean, V rstd, V moving_mean, V moving_variance, V x, V gamma, V beta, const BatchNormParams&, S)> batch_norm_training{list, "batch_norm_training"};
  Op<void(V y, V x, V mean, V variance, V gamma, V beta, double epsilon, S)> batch_norm_inference{list, "batch_norm_inference"};
  Op<void(V dx, V dgamma, V dbeta, V dy, V x, V mean, V rstd, V gamma, S)> batch_norm_backward{list, "batch_norm_backward"};

  // ---- attention: q (B, Tq, Hq, D), k, v (B, Tk, Hkv, D), last axis contiguous, others strided; mask? (B|1, Hq|1,
  // Tq|1, Tk|1) strided, of T (added) or bool (true: may look). lse? (B, Hq, Tq) strided: log-sum-exp of the scores
  Op<void(V out, V lse, V q, V k, V v, V mask, const AttentionParams&, S)> attention_forward{list, "attention_forward"};
  // dlse?: the gradient of lse
  Op<void(V dq, V dk, V dv, V dout, V dlse, V q, V k, V v, V out, V lse, V mask, const AttentionParams&, S)> attention_backward{list, "attention_backward"};

  // ---- embedding: table (V, D), ids (n,), y (n, D)
  Op<void(V y, V table, V ids, S)> embedding_gather{list, "embedding_gather"};
  // table[ids[i]] += dy[i], in the order of i for every row
  Op<void(V table, V dy, V ids, S)> embedding_scatter_add{list, "embedding_scatter_add"};

  // ---- shape (slices, concatenation and padding are `copy` and `fill` on Views); negative indices count from the
  // end; any dtype, where nothing is added
  // y[o, i, :] = x[o, ids[i], :]; x (outer, V, inner), ids (n,), y (outer, n, inner), the last axis contiguous
  Op<void(V y, V x, V ids, S)> take{list, "take"};
  // dx[o, ids[i], :] += dy[o, i, :], in the order of i
  Op<void(V dx, V dy, V ids, S)> take_backward{list, "take_backward"};
  // y[.., i, ..] = x[.., indices[.., i, ..], ..] along `axis`; indices has y's shape; strided
  Op<void(V y, V x, V indices, int axis, S)> gather{list, "gather"};
  // y[.., indices[.., i, ..], ..] += x[.., i, ..] in the order of i; indices has x's shape; strided
  Op<void(V y, V x, V indices, int axis, S)> scatter_add{list, "scatter_add"};
  // y (n, depth) = on where ids[i] == column, else off; an id outside [0, depth) gives a row of off
  Op<void(V y, V ids, double on, double off, S)> one_hot{list, "one_hot"};
  // x (N, H, W, C) to y (N, P, Q, C); half-pixel centres, or aligned corners
  Op<void(V y, V x, Resize method, bool align_corners, S)> resize_forward{list, "resize_forward"};
  Op<void(V dx, V dy, Resize method, bool align_corners, S)> resize_backward{list, "resize_backward"};
  // y (N, P, Q, C) = x (N, H, W, C), of T or uint8, read at row m00 p + m01 q + m02, column m10 p + m11 q + m12;
  // matrices (N or 1, 2, 3) float32 or float64, strided
  Op<void(V y, V x, V matrices, const AffineParams&, S)> affine_transform_forward{list, "affine_transform_forward"};
  Op<void(V dx, V dy, V matrices, const AffineParams&, S)> affine_transform_backward{list, "affine_transform_backward"};

  // ---- random: Philox4x32-10; key (2,) int64: seed, offset; element i uses counter offset + i / 4
  Op<void(V y, V key, double low, double high, S)> random_uniform{list, "random_uniform"};
  Op<void(V y, V key, double mean, double stddev, S)> random_normal{list, "random_normal"};
  // normal, drawn again outside mean +- 2 stddev (as Keras's)
  Op<void(V y, V key, double mean, double stddev, S)> random_truncated_normal{list, "random_truncated_normal"};
  Op<void(V y, V key, double probability, S)> random_bernoulli{list, "random_bernoulli"};

  // ---- rnn: x (B, T, I), w (I, G U), u (U, G U): G gates of U units side by side; h0? (B, U); mask? (B, T) bool, false:
  // the step keeps the state. y (B, T, U): every step's h; h_last (B, U). Backward: dgates is a workspace like gates;
  // dh0 (and dc0) always, of the rest what is none is left out; dy?, dh_last? (dc_last?) are what flows in.
  // LSTM, gates i, f, g, o: b? (4 U); gates (B, T, 4 U) and cells? (B, T, U), every step's c, are kept for backward
  Op<void(V y, V h_last, V c_last, V gates, V cells, V x, V w, V u, V b, V h0, V c0, V mask, const RnnParams&, S)> lstm_forward{list, "lstm_forward"};
  Op<void(V dx, V dw, V du, V db, V dh0, V dc0, V dgates, V dy, V dh_last, V dc_last, V x, V w, V u, V h0, V c0, V mask, V y, V gates, V cells, const RnnParams&, S)> lstm_backward{list, "lstm_backward"};
  // GRU, gates z, r, h: b? (3 U), or (2, 3 U): of x w and of h u. gates (B, T, 4 U): z, r, h, and h u + b or r * h
  Op<void(V y, V h_last, V gates, V x, V w, V u, V b, V h0, V mask, const RnnParams&, S)> gru_forward{list, "gru_forward"};
  Op<void(V dx, V dw, V du, V db, V dh0, V dgates, V dy, V dh_last, V x, V w, V u, V h0, V mask, V y, V gates, const RnnParams&, S)> gru_backward{list, "gru_backward"};
  // one gate: h = activation(x w + b? (U) + h u); dgates (B, T, U)
  Op<void(V y, V h_last, V x, V w, V u, V b, V h0, V mask, const RnnParams&, S)> simple_rnn_forward{list, "simple_rnn_forward"};
  Op<void(V dx, V dw, V du, V db, V dh0, V dgates, V dy, V dh_last, V x, V w, V u, V h0, V mask, V y, const RnnParams&, S)> simple_rnn_backward{list, "simple_rnn_backward"};

  // ---- loss: rows contiguous, any row stride; the gradient of each loss, where one is given, in the same pass
  // loss (rows,) = -sum q log softmax(logits); labels (rows,) ids, strided, or (rows, cols) of T: probabilities
  Op<void(V loss, V dlogits, V logits, V labels, const CrossEntropyParams&, S)> softmax_cross_entropy{list, "softmax_cross_entropy"};
  // (n,) arrays: max(x, 0) - x * q + log(1 + exp(-|x|)), q = label * (1 - label_smoothing) + label_smoothing / 2
  Op<void(V loss, V dlogits, V logits, V labels, double label_smoothing, S)> sigmoid_cross_entropy{list, "sigmoid_cross_entropy"};
  // loss (rows,) = mean over cols of (prediction - target)^2
  Op<void(V loss, V dprediction, V prediction, V target, S)> mean_squared_error{list, "mean_squared_error"};

  // ---- optimizer: whole lists in place, one call. step (1,) int64 counts from 1; learning_rate (1,), gradient_scale? (1,) of T
  Op<void(L params, L grads, L m, L v, L v_max, V step, V learning_rate, V gradient_scale, const AdamParams&, S)> adam_update{list, "adam_update"};
  Op<void(L params, L grads, L velocity, V learning_rate, V gradient_scale, const SgdParams&, S)> sgd_update{list, "sgd_update"};
  Op<void(L params, L grads, L velocity, L mean_square, L mean_gradient, V learning_rate, V gradient_scale, const RmspropParams&, S)> rmsprop_update{list, "rmsprop_update"};
  // The other rules, with up to two state lists; adamax and nadam need step, nadam its product of momentum factors (1,) of T.
  Op<void(L params, L grads, L a, L b, V step, V product, V learning_rate, V gradient_scale, const AdaptiveParams&, S)> adaptive_update{list, "adaptive_update"};
};

}  // namespace tilewright
