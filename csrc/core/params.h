// SPDX-License-Identifier: Apache-2.0
// The scalars of the catalogue's operations: what is neither a View nor worth an argument of its own.
#pragma once

#include <stdint.h>

namespace tilewright {

// y = f(x). p and q are the function's constants, named in the comment where it has any.
enum class Unary : uint8_t {
  relu, relu6,
  leaky_relu,  // p: slope for x < 0
  elu,         // p: alpha
  sigmoid, tanh, gelu, gelu_tanh, silu,
  softplus, exp, log, sqrt, rsqrt, neg, abs, sign, square,
  clip,  // p: low, q: high
  erf, sin, cos,
  // Not activations, but needed by losses, metrics and optimizers.
  expm1, log1p, reciprocal, floor, ceil, round, logical_not, isnan, isinf, isfinite,
};

enum class Binary : uint8_t {
  add, sub, mul, div, maximum, minimum, pow,
  equal, not_equal, less, less_equal, greater, greater_equal,  // result is bool
  logical_and, logical_or, logical_xor,                        // bool in, bool out
};

// What an epilogue applies to z = (product) * alpha + C * beta + bias. Those whose gradient needs z rather
// than y (gelu, gelu_tanh, silu) have z written as a second output when it is asked for.
enum class Activation : uint8_t {
  none, relu, relu6, leaky_relu, elu, sigmoid, tanh, gelu, gelu_tanh, silu, softplus,
};

enum class Reduce : uint8_t { sum, mean, max, min, prod, any, all, logsumexp, sum_squares, norm };
// nearest rounds half-pixel centres (Keras, TensorFlow 2, PyTorch nearest-exact); nearest_floor is PyTorch's nearest.
enum class Resize : uint8_t { nearest, nearest_floor, bilinear };

// What lies outside an image (a b c d), with the names and the exact meaning of scipy.ndimage.
enum class Border : uint8_t {
  constant,       // k k k | a b c d | k k k; nothing between the last pixel and k is interpolated
  nearest,        // a a a | a b c d | d d d
  reflect,        // c b a | a b c d | d c b
  mirror,         // d c b | a b c d | c b a
  wrap,           // b c d | a b c d | b c d: the last pixel and the first are one place
  grid_constant,  // like constant, but pixels of value k are interpolated with
  grid_wrap,      // b c d | a b c d | a b c
};

struct AffineParams {
  bool bilinear = true;  // or the nearest pixel
  Border border = Border::constant;
  double fill_value = 0;
};

struct Epilogue {
  Activation activation = Activation::none;
  double slope = 0;  // leaky_relu's slope, elu's alpha
};

struct Conv2dParams {
  int64_t stride[2] = {1, 1};         // rows, columns
  int64_t padding[4] = {0, 0, 0, 0};  // top, bottom, left, right
  int64_t dilation[2] = {1, 1};
  int64_t groups = 1;
};

struct Pool2dParams {
  int64_t window[2] = {2, 2};
  int64_t stride[2] = {2, 2};
  int64_t padding[4] = {0, 0, 0, 0};  // top, bottom, left, right
  bool count_padding = false;         // averages divide by the whole window (PyTorch's default) or by what lies inside
};

struct AttentionParams {
  double scale = 1;
  bool causal = false;  // query i sees keys j <= i + (Tk - Tq): the last query sees every key
};

// moving = moving * decay + batch * (1 - decay)
struct BatchNormParams {
  double epsilon = 1e-3;
  double decay = 0.99;
  bool unbiased = false;  // the moving variance gets n / (n - 1) times the batch's
};

struct CrossEntropyParams {
  double label_smoothing = 0;
  int64_t ignore_index = -1;
  bool has_ignore_index = false;
};

struct RnnParams {
  bool reverse = false;     // runs from the last time step to the first
  bool reset_after = true;  // GRU: Keras's, PyTorch's and cuDNN's form; false is the paper's
  Activation activation = Activation::tanh;  // simple_rnn: tanh or relu
};

// What happens to every gradient before an optimizer uses it, in this order: scale, clip, l2.
struct GradientParams {
  bool maximize = false;        // climbs instead of descending
  double clip_value = 0;        // > 0: each element is cut to [-clip_value, clip_value]
  double clip_norm = 0;         // > 0: each array is scaled down to at most this L2 norm
  double global_clip_norm = 0;  // > 0: all arrays together are scaled down to at most this L2 norm
  double l2 = 0;                // g += l2 * p
};

struct AdamParams {
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
  bool epsilon_hat = false;  // epsilon beside sqrt(v) (Keras) instead of beside the corrected root (PyTorch)
  double weight_decay = 0;   // decoupled: p -= learning_rate * weight_decay * p
  GradientParams gradient;
};

struct SgdParams {
  double momentum = 0, dampening = 0;
  bool nesterov = false;
  bool velocity_scaled = false;  // velocity holds -learning_rate * g (Keras) instead of g (PyTorch)
  double weight_decay = 0;
  GradientParams gradient;
};

// The rules of adaptive_update, and what its lists a and b hold.
enum class AdaptiveRule : uint8_t {
  adagrad,   // a: sum of squared gradients
  adadelta,  // a: mean of squared gradients, b: of squared steps
  adamax,    // a: mean gradient, b: largest gradient, decaying
  nadam,     // a: mean gradient, b: mean of squared gradients
  lion,      // a: mean gradient
  ftrl,      // a: sum of squared gradients, b: the linear term
};

struct AdaptiveParams {
  AdaptiveRule rule = AdaptiveRule::adagrad;
  double beta_1 = 0.9, beta_2 = 0.999;  // adadelta's rho is beta_2
  double epsilon = 1e-7;
  double momentum_decay = 1;  // nadam: beta_1's factor at step t is 1 - 0.5 * 0.96^(t * momentum_decay)
  // Of ftrl only: exponent of the accumulator in the step size, and what pulls weights towards 0.
  double learning_rate_power = -0.5, l1 = 0, l2 = 0, l2_shrinkage = 0, beta = 0;
  double weight_decay = 0;
  GradientParams gradient;
};

struct RmspropParams {
  double rho = 0.9, momentum = 0, epsilon = 1e-7;
  bool epsilon_inside = true;   // sqrt(v + epsilon) (Keras) instead of sqrt(v) + epsilon (PyTorch)
  bool velocity_scaled = true;  // velocity holds learning_rate * g / root (Keras) instead of g / root (PyTorch)
  double weight_decay = 0;
  GradientParams gradient;
};

}  // namespace tilewright
