// SPDX-License-Identifier: Apache-2.0
#include "cpu/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include "core/parallel.h"
#include "core/pool.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/roofline.h"

namespace tilewright::cpu {
namespace {

constexpr int kRepeats = 6;
constexpr int64_t kCopyBytes = int64_t{128} << 20;  // beyond any last-level cache
constexpr int64_t kCopyPiece = int64_t{1} << 20;

template <class Body>
double best_seconds(Body&& body) {
  double best = 1e30;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

double measure_flops() {
  const auto chains = kernels<RooflineKernels>().fma_chains;
  const int threads = num_threads();
  constexpr int64_t kRounds = 400000;
  int64_t flop = 0;
  const auto sinks = std::make_unique<float[]>(static_cast<size_t>(threads) * 16);
  const double seconds = best_seconds([&] {
    parallel_for(threads, [&](int64_t task) {
      const int64_t done = chains(&sinks[static_cast<size_t>(task) * 16], kRounds);
      if (task == 0) flop = done;
    });
  });
  return static_cast<double>(flop) * threads / seconds;
}

struct Block {
  explicit Block(int64_t bytes) : data(static_cast<char*>(pool_allocate(static_cast<size_t>(bytes)))) {}
  ~Block() { pool_release(data); }
  char* data;
};

double measure_reading() {
  const Block from(kCopyBytes);
  std::memset(from.data, 0, kCopyBytes);
  const auto read = kernels<RooflineKernels>().read_stream;
  const auto sinks = std::make_unique<float[]>(kCopyBytes / kCopyPiece);
  const double seconds = best_seconds([&] {
    parallel_ranges(kCopyBytes, kCopyPiece, [&](int64_t begin, int64_t end) {
      sinks[static_cast<size_t>(begin / kCopyPiece)] =
          read(reinterpret_cast<const float*>(from.data + begin), (end - begin) / 4);
    });
  });
  return kCopyBytes / seconds;
}

double measure_copying() {
  const Block from(kCopyBytes), to(kCopyBytes);
  std::memset(from.data, 1, kCopyBytes);
  std::memset(to.data, 0, kCopyBytes);
  const CopyStream stream = kernels<ElementwiseKernels>().copy_stream;
  const auto timed = [&](bool past_caches) {
    return best_seconds([&] {
      parallel_ranges(kCopyBytes, kCopyPiece, [&](int64_t begin, int64_t end) {
        if (past_caches)
          stream(to.data + begin, from.data + begin, end - begin);
        else
          std::memcpy(to.data + begin, from.data + begin, static_cast<size_t>(end - begin));
      });
    });
  };
  const double seconds = std::min(timed(false), timed(true));  // whichever this machine does better
  return 2.0 * kCopyBytes / seconds;
}

}  // namespace

Roofline measure_roofline() { return {measure_flops(), measure_copying(), measure_reading()}; }

}  // namespace tilewright::cpu
