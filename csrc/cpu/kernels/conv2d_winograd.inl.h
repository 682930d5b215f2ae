// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's minimal filtering, in both directions along both axes of a tile.
// Computes    input: B^T d B; filter: G g G^T; output: A^T m A + bias, raised to low; for the weight gradient
//             spread: A dy A^T, and filter_gradient: G^T u G
// Layout      NHWC tiles, channels in the lanes, any pitch of rows and pixels; plane i of a tile lies
//             i * plane further
// Method      Lavin & Gray (2016), arXiv:1509.09308, F(2x2, 3x3) and F(4x4, 3x3). The points of F(4x4) are 0,
//             +-1/sqrt(2), +-sqrt(2) and infinity (Alam et al. 2022, arXiv:2201.10369): a third of the error
//             of 0, +-1, +-2 (largest error at 64 channels 1.4e-6 of the largest value, 5.7e-6 there;
//             0.625 and 1.5: 1.9e-6; 0.75 and 1.5: 1.4e-6). Points of opposite sign share their products
// Work split  one call per tile, or per panel of the filter
// Limits      36 loads and as many stores on about 144 multiply-adds per register: 35 to 60 ns in the cache; where
//             there are 16 registers, half of the intermediate values wait in the first-level cache
// Measured    docs/kernels/conv2d.md
#include "cpu/kernels/conv2d_winograd.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <int kOutputs>
struct WinogradAxis;

// One axis of F(2, 3): points 0, 1, -1, infinity.
template <>
struct WinogradAxis<2> {
  using V = VecF;

  static TW_INLINE void input(const V (&x)[4], V (&to)[4]) {
    to[0] = x[0] - x[2];
    to[1] = x[1] + x[2];
    to[2] = x[2] - x[1];
    to[3] = x[3] - x[1];
  }
  static TW_INLINE void output(const V (&m)[4], V (&to)[2]) {
    to[0] = m[0] + (m[1] + m[2]);
    to[1] = (m[1] - m[2]) + m[3];
  }
  static TW_INLINE void spread(const V (&y)[2], V (&to)[4]) {
    to[0] = y[0];
    to[1] = y[0] + y[1];
    to[2] = y[0] - y[1];
    to[3] = y[1];
  }
  static TW_INLINE void filter(const V (&g)[3], V (&to)[4]) {
    const V half = V::set1(0.5f), even = half * (g[0] + g[2]), odd = half * g[1];
    to[0] = g[0];
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = g[2];
  }
  static TW_INLINE void filter_gradient(const V (&u)[4], V (&to)[3]) {
    const V half = V::set1(0.5f), even = half * (u[1] + u[2]);
    to[0] = u[0] + even;
    to[1] = half * (u[1] - u[2]);
    to[2] = even + u[3];
  }
};

// One axis of F(4, 3): points 0, a, -a, b, -b, infinity with a = 1 / b, so a^2 b^2 = 1.
template <>
struct WinogradAxis<4> {
  using V = VecF;
  static constexpr double kA = 0.70710678118654752, kB = 1.41421356237309505;
  static constexpr double kA2 = 0.5, kB2 = 2, kSum = kA2 + kB2;
  // 1 over the product of a point's distances to the others, 0 among them.
  static constexpr double kOverA = 1 / (2 * kA2 * (kA2 - kB2)), kOverB = 1 / (2 * kB2 * (kB2 - kA2));

  static TW_INLINE V of(double value) { return V::set1(float(value)); }

  static TW_INLINE void input(const V (&x)[6], V (&to)[6]) {
    const V even_a = fma(of(-kB2), x[2], x[4]), odd_a = fma(of(-kB2), x[1], x[3]);
    const V even_b = fma(of(-kA2), x[2], x[4]), odd_b = fma(of(-kA2), x[1], x[3]);
    to[0] = fma(of(-kSum), x[2], x[0]) + x[4];
    to[1] = fma(of(kA), odd_a, even_a);
    to[2] = fma(of(-kA), odd_a, even_a);
    to[3] = fma(of(kB), odd_b, even_b);
    to[4] = fma(of(-kB), odd_b, even_b);
    to[5] = fma(of(-kSum), x[3], x[1]) + x[5];
  }
  static TW_INLINE void output(const V (&m)[6], V (&to)[4]) {
    const V even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
    to[0] = m[0] + (even_a + even_b);
    to[1] = fma(of(kB), odd_b, of(kA) * odd_a);
    to[2] = fma(of(kB2), even_b, of(kA2) * even_a);
    to[3] = fma(of(kB * kB2), odd_b, fma(of(kA * kA2), odd_a, m[5]));
  }
  static TW_INLINE void spread(const V (&y)[4], V (&to)[6]) {
    const V even_a = fma(of(kA2), y[2], y[0]), odd_a = fma(of(kA2), y[3], y[1]);
    const V even_b = fma(of(kB2), y[2], y[0]), odd_b = fma(of(kB2), y[3], y[1]);
    to[0] = y[0];
    to[1] = fma(of(kA), odd_a, even_a);
    to[2] = fma(of(-kA), odd_a, even_a);
    to[3] = fma(of(kB), odd_b, even_b);
    to[4] = fma(of(-kB), odd_b, even_b);
    to[5] = y[3];
  }
  static TW_INLINE void filter(const V (&g)[3], V (&to)[6]) {
    const V even_a = of(kOverA) * fma(of(kA2), g[2], g[0]), odd_a = of(kOverA * kA) * g[1];
    const V even_b = of(kOverB) * fma(of(kB2), g[2], g[0]), odd_b = of(kOverB * kB) * g[1];
    to[0] = g[0];
    to[1] = even_a + odd_a;
    to[2] = even_a - odd_a;
    to[3] = even_b + odd_b;
    to[4] = even_b - odd_b;
    to[5] = g[2];
  }
  static TW_INLINE void filter_gradient(const V (&u)[6], V (&to)[3]) {
    const V even_a = of(kOverA) * (u[1] + u[2]), odd_a = of(kOverA * kA) * (u[1] - u[2]);
    const V even_b = of(kOverB) * (u[3] + u[4]), odd_b = of(kOverB * kB) * (u[3] - u[4]);
    to[0] = u[0] + (even_a + even_b);
    to[1] = odd_a + odd_b;
    to[2] = fma(of(kA2), even_a, fma(of(kB2), even_b, u[5]));
  }
};

// From kFrom x kFrom registers to kTo x kTo: columns first, then row by row, each put as soon as it is there.
template <int kFrom, int kTo, class Axis, class Load, class Put>
TW_INLINE void transform_square(Axis axis, Load load, Put put) {
  using V = VecF;
  V half[kTo][kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < kFrom; ++j) {
    V from[kFrom], to[kTo];
#pragma GCC unroll 6
    for (int i = 0; i < kFrom; ++i) from[i] = load(i, j);
    axis(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < kTo; ++i) half[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kTo; ++i) {
    V to[kTo];
    axis(half[i], to);
#pragma GCC unroll 6
    for (int j = 0; j < kTo; ++j) put(i, j, to[j]);
  }
}

// All of a register's lanes, known when the code is compiled.
struct WholeRegister {
  constexpr operator int() const { return VecF::kLanes; }
};

// body(first channel, channels) for all registers, compiled twice: whole ones need no masks.
template <class Body>
TW_INLINE void for_registers(int64_t channels, Body body) {
  int64_t c = 0;
  for (; c + VecF::kLanes <= channels; c += VecF::kLanes) body(c, WholeRegister());
  if (c < channels) body(c, int(channels - c));
}
TW_INLINE VecF load_lanes(const float* p, int n) {
  return n == VecF::kLanes ? VecF::load(p) : VecF::load_n(p, n);
}
TW_INLINE void store_lanes(float* p, VecF value, int n) {
  if (n == VecF::kLanes)
    store(p, value);
  else
    store_n(p, value, n);
}

// What the next tile of a row reads is asked for: its few neighbours in each of several rows escape the
// hardware's prefetcher. 5 to 12 % of a pass; asking for the lines that `output` writes gains nothing.
template <int kOutputs>
void winograd_input(const WinogradTileArgs& args) {
  using V = VecF;
  constexpr int kPoints = kOutputs + 2;
  const int64_t row = args.row, pixel = args.pixel, plane = args.plane;
  for_registers(args.channels, [&](int64_t c, auto n) {
    const float* tile = args.tile + c;
    float* planes = args.planes + c;
    transform_square<kPoints, kPoints>(
        [](const V(&x)[kPoints], V(&to)[kPoints]) { WinogradAxis<kOutputs>::input(x, to); },
        [&](int i, int j) {
          if (j >= kPoints - kOutputs) prefetch_l1(tile + i * row + (j + kOutputs) * pixel);
          return load_lanes(tile + i * row + j * pixel, n);
        },
        [&](int i, int j, V value) { store_lanes(planes + (i * kPoints + j) * plane, value, n); });
  });
}

template <int kOutputs>
void winograd_spread(const WinogradTileArgs& args) {
  using V = VecF;
  using Axis = WinogradAxis<kOutputs>;
  constexpr int kPoints = kOutputs + 2;
  const int64_t row = args.row, pixel = args.pixel, plane = args.plane;
  for_registers(args.channels, [&](int64_t c, auto n) {
    const float* tile = args.tile + c;
    float* planes = args.planes + c;
    transform_square<kOutputs, kPoints>(
        [](const V(&y)[kOutputs], V(&to)[kPoints]) { Axis::spread(y, to); },
        [&](int i, int j) {
          prefetch_l1(tile + i * row + (j + kOutputs) * pixel);
          return load_lanes(tile + i * row + j * pixel, n);
        },
        [&](int i, int j, V value) { store_lanes(planes + (i * kPoints + j) * plane, value, n); });
  });
}

template <int kOutputs>
void winograd_output(const WinogradOutputArgs& args) {
  using V = VecF;
  constexpr int kPoints = kOutputs + 2;
  const V low = V::set1(args.low);
  const int64_t plane = args.plane, y_row = args.y_row, y_pixel = args.y_pixel;
  const bool whole = args.rows == kOutputs && args.cols == kOutputs;
  for_registers(args.channels, [&](int64_t c, auto n) {
    const float* planes = args.planes + c;
    float* y = args.y + c;
    const V bias = args.bias ? load_lanes(args.bias + c, n) : V::zero();
    const auto each = [&](auto put) {
      transform_square<kPoints, kOutputs>(
          [](const V(&m)[kPoints], V(&to)[kOutputs]) { WinogradAxis<kOutputs>::output(m, to); },
          [&](int i, int j) { return load_lanes(planes + (i * kPoints + j) * plane, n); }, put);
    };
    // A NaN is the second operand and stays.
    if (whole)
      each([&](int i, int j, V value) {
        store_lanes(y + i * y_row + j * y_pixel, max_fast(low, value + bias), n);
      });
    else
      each([&](int i, int j, V value) {
        if (i < args.rows && j < args.cols)
          store_lanes(y + i * y_row + j * y_pixel, max_fast(low, value + bias), n);
      });
  });
}

template <int kOutputs>
void winograd_filter(const WinogradFilterArgs& args) {
  using V = VecF;
  constexpr int kPoints = kOutputs + 2;
  for (int64_t in = 0; in < args.count; ++in)
    for_registers(args.channels, [&](int64_t k, auto n) {
      const float* w = args.w + in * args.in + k;
      float* planes = args.planes + in * args.pitch + k;
      transform_square<3, kPoints>(
          [](const V(&g)[3], V(&to)[kPoints]) { WinogradAxis<kOutputs>::filter(g, to); },
          [&](int i, int j) { return load_lanes(w + i * args.row + j * args.col, n); },
          [&](int i, int j, V value) { store(planes + (i * kPoints + j) * args.plane, value); });
    });
}

template <int kOutputs>
void winograd_filter_gradient(const WinogradFilterGradientArgs& args) {
  using V = VecF;
  constexpr int kPoints = kOutputs + 2;
  for (int64_t in = 0; in < args.count; ++in)
    for_registers(args.channels, [&](int64_t k, auto n) {
      const float* planes = args.planes + in * args.pitch + k;
      float* dw = args.dw + in * args.in + k;
      transform_square<kPoints, 3>(
          [](const V(&u)[kPoints], V(&to)[3]) { WinogradAxis<kOutputs>::filter_gradient(u, to); },
          [&](int i, int j) {
            const float* from = planes + (i * kPoints + j) * args.plane;
            V sum = load_lanes(from, n);
            for (int64_t s = 1; s < args.slices; ++s) sum = sum + load_lanes(from + s * args.slice, n);
            return sum;
          },
          [&](int i, int j, V value) { store_lanes(dw + i * args.row + j * args.col, value, n); });
    });
}

template <int kOutputs>
constexpr WinogradTable winograd_table() {
  return {Vec<float>::kLanes,        winograd_input<kOutputs>,  winograd_spread<kOutputs>,
          winograd_output<kOutputs>, winograd_filter<kOutputs>, winograd_filter_gradient<kOutputs>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(WinogradKernels& kernels) {
  kernels = {{winograd_table<2>(), winograd_table<4>()}};
}

}  // namespace tilewright::cpu::TW_ISA
