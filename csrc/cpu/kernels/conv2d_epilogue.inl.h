// SPDX-License-Identifier: Apache-2.0
// The last pass over a finished tile of a convolution, while it is in the cache.
// Computes    z = y + residual?,  y = activation(z)
// Layout      pixels y_pixel (z_pixel, residual_pixel) apart, `channels` contiguous values each
// Method      bias and relu are folded into the tiles' first and last step; only the rest comes here
// Work split  one call per row of a tile
// Limits      y may be z
#include "cpu/kernels/activation.inl.h"
#include "cpu/kernels/conv2d.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
void epilogue(const EpilogueArgs<T>& args) {
  using V = Vec<T>;
  const V slope = V::set1(args.slope);
  with_activation(args.activation, [&](auto activation) {
    for (int64_t i = 0; i < args.pixels; ++i) {
      T* y = args.y + i * args.y_pixel;
      T* z = args.z ? args.z + i * args.z_pixel : nullptr;
      const T* residual = args.residual ? args.residual + i * args.residual_pixel : nullptr;
      for (int64_t c = 0; c < args.channels; c += V::kLanes) {
        const int n = args.channels - c < V::kLanes ? int(args.channels - c) : V::kLanes;
        V value = V::load_n(y + c, n);
        if (residual) value = value + V::load_n(residual + c, n);
        if (z) store_n(z + c, value, n);
        store_n(y + c, activate<decltype(activation)::value>(value, slope), n);
      }
    }
  });
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
