// SPDX-License-Identifier: Apache-2.0
// Random numbers of four distributions.
#include <cmath>

#include "core/dispatch.h"
#include "kernels/random.cuh"
#include "launch/axes.h"
#include "launch/fill.h"
#include "launch/grid.h"

namespace TW_BACKEND {
namespace {

RandomBlocks blocks_of(const View& y, const View& key) {
  return {global_pointer<const int64_t>(key, "key"), key.stride(0), y.size()};
}

MapGrid grid_of(const View& y) { return MapGrid(ceil_divide(y.size(), kPhiloxWords), kRandomThreads); }

// Calls body(Type<T>, std::bool_constant<kAligned>).
template <class Body>
void for_aligned(const View& y, Body&& body) {
  if (y.size() == 0) return;
  for_float(y.dtype, [&](auto type) {
    if (aligned(y.data, kVectorBytes)) return body(type, std::true_type{});
    body(type, std::false_type{});
  });
}

void random_uniform(const View& y, const View& key, double low, double high, Stream stream) {
  for_aligned(y, [&](auto type, auto is_aligned) {
    using T = type_t<decltype(type)>;
    const T a = static_cast<T>(low), b = static_cast<T>(high);
    const T below = high > low ? std::nextafter(b, a) : b;
    launch_map("random_uniform", random_uniform_map<T, is_aligned()>, grid_of(y), stream,
               global_pointer<T>(y, "y"), blocks_of(y, key), a, b, below);
  });
}

template <bool kTruncated>
void random_normal(const View& y, const View& key, double mean, double stddev, Stream stream) {
  for_aligned(y, [&](auto type, auto is_aligned) {
    using T = type_t<decltype(type)>;
    launch_map("random_normal", random_normal_map<T, is_aligned(), kTruncated>, grid_of(y), stream,
               global_pointer<T>(y, "y"), blocks_of(y, key), static_cast<T>(mean), static_cast<T>(stddev));
  });
}

template <class T>
void bernoulli(const View& y, const View& key, double probability, Stream stream) {
  const double words = std::nearbyint(probability * 4294967296.0);
  const bool always = words >= 4294967296.0;
  launch_map("random_bernoulli", random_bernoulli_map<T>, grid_of(y), stream, global_pointer<T>(y, "y"),
             blocks_of(y, key), always ? 0u : static_cast<uint32_t>(words), always);
}

void random_bernoulli(const View& y, const View& key, double probability, Stream stream) {
  if (y.size() == 0) return;
  if (y.dtype == Dtype::b8) return bernoulli<uint8_t>(y, key, probability, stream);
  for_float(y.dtype, [&](auto type) { bernoulli<type_t<decltype(type)>>(y, key, probability, stream); });
}

}  // namespace

void fill_random(Ops& ops) {
  ops.random_uniform.set(random_uniform, kF32F64);
  ops.random_normal.set(random_normal<false>, kF32F64);
  ops.random_truncated_normal.set(random_normal<true>, kF32F64);
  ops.random_bernoulli.set(random_bernoulli, kF32F64 | mask_of(Dtype::b8));
}

}  // namespace TW_BACKEND
