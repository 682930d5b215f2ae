// SPDX-License-Identifier: Apache-2.0
// Random family on the CPU: spans of kElementsPerTask elements, each drawn from its own counters.
#include "cpu/kernels/random.h"

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 13;  // a multiple of four, so that tasks start at a block

// Calls draw(begin, n, span) for every task.
template <class Draw>
void for_random_spans(const View& y, const View& key, double a, double b, Draw&& draw) {
  const uint64_t seed = static_cast<uint64_t>(key.as<int64_t>()[0]);
  const uint64_t offset = static_cast<uint64_t>(key.as<int64_t>()[key.stride(0)]);
  parallel_ranges(y.size(), kElementsPerTask, [&](int64_t begin, int64_t end) {
    draw(begin, end - begin, RandomSpan{seed, offset + static_cast<uint64_t>(begin / 4), a, b});
  });
}

template <class Select>
void fill_floats(const View& y, const View& key, double a, double b, Select&& kernel_of) {
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const auto fill = kernel_of(kernels<RandomKernels>().of<T>());
    for_random_spans(y, key, a, b, [&](int64_t begin, int64_t n, const RandomSpan& span) {
      fill(y.as<T>() + begin, n, span);
    });
  });
}

void random_uniform(const View& y, const View& key, double low, double high, Stream) {
  fill_floats(y, key, low, high, [](const auto& table) { return table.uniform; });
}

void random_normal(const View& y, const View& key, double mean, double stddev, Stream) {
  fill_floats(y, key, mean, stddev, [](const auto& table) { return table.normal; });
}

void random_truncated_normal(const View& y, const View& key, double mean, double stddev, Stream) {
  fill_floats(y, key, mean, stddev, [](const auto& table) { return table.truncated_normal; });
}

template <class T, class Kernel>
void fill_bernoulli(const View& y, const View& key, double probability, Kernel kernel) {
  const double words = std::nearbyint(probability * 4294967296.0);
  for_random_spans(y, key, 0, 0, [&](int64_t begin, int64_t n, const RandomSpan& span) {
    T* to = y.as<T>() + begin;
    if (words >= 4294967296.0)
      std::fill_n(to, n, T(1));  // one word more than a threshold can name
    else
      kernel(to, n, span, static_cast<uint32_t>(words));
  });
}

void random_bernoulli(const View& y, const View& key, double probability, Stream) {
  const RandomKernels& table = kernels<RandomKernels>();
  if (y.dtype == Dtype::b8) {
    fill_bernoulli<uint8_t>(y, key, probability, table.bernoulli_bool);
    return;
  }
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    fill_bernoulli<T>(y, key, probability, table.of<T>().bernoulli);
  });
}

}  // namespace

void fill_random(Ops& ops) {
  ops.random_uniform.set(random_uniform, kF32F64);
  ops.random_normal.set(random_normal, kF32F64);
  ops.random_truncated_normal.set(random_truncated_normal, kF32F64);
  ops.random_bernoulli.set(random_bernoulli, kF32F64 | mask_of(Dtype::b8));
}

}  // namespace tilewright::cpu
