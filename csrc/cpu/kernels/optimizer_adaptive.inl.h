// SPDX-License-Identifier: Apache-2.0
// The rules of adaptive_update over one span; beta_1 and beta_2 are decay_1 and decay_2, gain = 1 - decay.
// Computes    Adagrad: a += g^2; p -= rate * g / sqrt(a + epsilon)
//             Adadelta: a -> g^2; d = g * sqrt(b + epsilon) / sqrt(a + epsilon); b -> d^2; p -= rate * d
//             Adamax: a -> g; b = max(decay_2 * b, |g|); p -= rate * a / (b + epsilon)
//             Nadam: a -> g; b -> g^2; p -= (rate * a + gradient_rate * g) / (sqrt(b) * root_scale + epsilon)
//             Lion: p -= rate * sign(decay_1 * a + gain_1 * g); a = decay_2 * a + gain_2 * g
//             Ftrl: below;  x -> y is x = decay * x + gain * y; p is multiplied by shrink first
// Layout      all arrays n contiguous elements, updated in place
// Method      Duchi et al., JMLR 12 (2011); Zeiler, arXiv:1212.5701; Kingma & Ba, arXiv:1412.6980, section 7.1;
//             Dozat, "Incorporating Nesterov Momentum into Adam", 2016; Chen et al., arXiv:2302.06675;
//             McMahan et al., "Ad Click Prediction", KDD 2013
// Work split  one call per span
// Limits      bound by memory but for Ftrl with a power other than -0.5, which takes two pow an element
#pragma once

#include "cpu/kernels/optimizer_span.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void adagrad(T* p, const T* g, T* a, T*, int64_t n, const AdaptiveSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V rate = V::set1(span.rate), epsilon = V::set1(span.epsilon), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i);
    const V gi = gradient(lanes.load(g + i), pi);
    const V sum = fma(gi, gi, lanes.load(a + i));
    lanes.store_to(a + i, sum);
    lanes.store_to(p + i, fma(pi, shrink, -(rate * gi / sqrt(sum + epsilon))));
  });
}

template <class T>
void adadelta(T* p, const T* g, T* a, T* b, int64_t n, const AdaptiveSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V decay = V::set1(span.decay_2), gain = V::set1(span.gain_2);
  const V rate = V::set1(span.rate), epsilon = V::set1(span.epsilon), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i), before = lanes.load(b + i);
    const V gi = gradient(lanes.load(g + i), pi);
    const V square = fma(decay, lanes.load(a + i), gain * gi * gi);
    const V step = sqrt(before + epsilon) * gi / sqrt(square + epsilon);
    lanes.store_to(a + i, square);
    lanes.store_to(b + i, fma(decay, before, gain * step * step));
    lanes.store_to(p + i, fma(pi, shrink, -(rate * step)));
  });
}

template <class T>
void adamax(T* p, const T* g, T* a, T* b, int64_t n, const AdaptiveSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V gain = V::set1(span.gain_1), decay = V::set1(span.decay_2);
  const V rate = V::set1(span.rate), epsilon = V::set1(span.epsilon), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i);
    V mean = lanes.load(a + i);
    const V gi = gradient(lanes.load(g + i), pi);
    mean = fma(gi - mean, gain, mean);
    const V largest = max_nan(abs(gi), decay * lanes.load(b + i));
    lanes.store_to(a + i, mean);
    lanes.store_to(b + i, largest);
    lanes.store_to(p + i, fma(pi, shrink, -(rate * mean / (largest + epsilon))));
  });
}

template <class T>
void nadam(T* p, const T* g, T* a, T* b, int64_t n, const AdaptiveSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V gain_1 = V::set1(span.gain_1), gain_2 = V::set1(span.gain_2);
  const V rate = V::set1(span.rate), gradient_rate = V::set1(span.gradient_rate);
  const V root_scale = V::set1(span.root_scale), epsilon = V::set1(span.epsilon), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i);
    V mean = lanes.load(a + i), square = lanes.load(b + i);
    const V gi = gradient(lanes.load(g + i), pi);
    mean = fma(gi - mean, gain_1, mean);
    square = fma(fma(gi, gi, -square), gain_2, square);
    lanes.store_to(a + i, mean);
    lanes.store_to(b + i, square);
    const V ahead = fma(rate, mean, gradient_rate * gi);
    lanes.store_to(p + i, fma(pi, shrink, -(ahead / fma(sqrt(square), root_scale, epsilon))));
  });
}

template <class T>
void lion(T* p, const T* g, T* a, T*, int64_t n, const AdaptiveSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V decay_1 = V::set1(span.decay_1), gain_1 = V::set1(span.gain_1);
  const V decay_2 = V::set1(span.decay_2), gain_2 = V::set1(span.gain_2);
  const V rate = V::set1(span.rate), shrink = V::set1(span.shrink);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V pi = lanes.load(p + i), mean = lanes.load(a + i);
    const V gi = gradient(lanes.load(g + i), pi);
    const V direction = fma(mean, decay_1, gi * gain_1);
    // A direction of 0 or NaN is its own sign.
    const V own = select((direction == V::zero()) | isnan(direction), direction, copysign(V::set1(T(1)), direction));
    lanes.store_to(a + i, fma(mean, decay_2, gi * gain_2));
    lanes.store_to(p + i, fma(pi, shrink, -(rate * own)));
  });
}

// b += g + 2 l2_shrinkage p - (a'^power - a^power) / rate * p, a' = a + g^2
// p = (clip(b, -l1, l1) - b) / (a'^power / rate + l2)
template <class T>
void ftrl(T* p, const T* g, T* a, T* b, int64_t n, const AdaptiveSpan<T>& span) {
  using V = Vec<T>;
  const Gradient<T> gradient(span.gradient);
  const V rate = V::set1(span.rate), shrink = V::set1(span.shrink), shrinkage = V::set1(span.l2_shrinkage);
  const V l1 = V::set1(span.l1), l2 = V::set1(span.l2), exponent = V::set1(span.power);
  const bool root = span.power == T(0.5);
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const V before = lanes.load(a + i), given = lanes.load(p + i), pi = given * shrink;
    const V gi = gradient(lanes.load(g + i), given);
    const V sum = fma(gi, gi, before);
    const V size = root ? sqrt(sum) : pow(sum, exponent), old_size = root ? sqrt(before) : pow(before, exponent);
    // (1 + x)^power - 1 keeps the digits that a difference of two powers loses; from 0 there is none.
    const V grown = expm1(exponent * log1p(gi * gi / before)) * old_size;
    const V growth = root ? size - old_size : select(before > V::zero(), grown, size - old_size);
    const V pull = fma(shrinkage, pi, gi) - growth / rate * pi;
    const V linear = lanes.load(b + i) + pull;
    lanes.store_to(a + i, sum);
    lanes.store_to(b + i, linear);
    const V inside = max_fast(-l1, min_fast(l1, linear));  // NaN stays NaN: the second operand wins
    lanes.store_to(p + i, (inside - linear) / (size / rate + l2));
  });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
