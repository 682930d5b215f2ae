// SPDX-License-Identifier: Apache-2.0
// Small kernels with one seeded fault each, beside kernels that do the same thing right. test_faults.py
// builds them into a library; the same file with TW_MAIN is a program that runs them all, for the sanitizers.
#include <map>
#include <string>
#include <vector>

#include "device/launch.cuh"
#include "device/number.cuh"
#include "device/smem.cuh"
#include "device/vector.cuh"
#include "device/warp.cuh"
#include "simt/mutation.h"

namespace TW_BACKEND {
namespace {

constexpr int kThreads = 64;

struct Smem {
  SharedArray<float, kThreads> a;
};

int thread_index() { return static_cast<int>(threadIdx.x); }

// Shared memory with every element written, so that a missing barrier can only be a race.
Smem& written_shared() {
  Smem& smem = block_shared<Smem>();
  if (thread_index() < kThreads) smem.a[thread_index()] = -1.0f;
  block_sync();
  return smem;
}

// Every thread hands its number to another one through shared memory.
template <bool kBarrier>
TW_KERNEL void exchange(GlobalPtr<float> y) {
  Smem& smem = written_shared();
  const int t = thread_index();
  smem.a[t] = static_cast<float>(t);
  if (kBarrier) block_sync();
  y[t] = smem.a[kThreads - 1 - t];
}

// Reading is over before the next round writes only if a barrier says so.
template <bool kSecondBarrier>
TW_KERNEL void rounds(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index();
  float sum = 0.0f;
  for (int round = 0; round < 3; ++round) {
    smem.a[t] = static_cast<float>(t + round);
    block_sync();
    sum += smem.a[(t + 32) % kThreads];
    if (kSecondBarrier) block_sync();
  }
  y[t] = sum;
}

TW_KERNEL void same_element(GlobalPtr<float>) {
  block_shared<Smem>().a[0] = static_cast<float>(thread_index());
}

enum class Between { nothing, warp_sync, shuffle };

// The neighbour is in the same warp.
template <Between kBetween>
TW_KERNEL void lanes(GlobalPtr<float> y) {
  Smem& smem = written_shared();
  const int t = thread_index();
  smem.a[t] = static_cast<float>(t);
  if (kBetween == Between::warp_sync) warp_sync();
  if (kBetween == Between::shuffle) shfl_xor(1.0f, 1);
  y[t] = smem.a[t ^ 1];
}

// Warps 0 and 1 meet at barrier 1. What warp 0 wrote is then known to warp 1, but not to warp 2.
template <int kReader>
TW_KERNEL void named_pair(GlobalPtr<float> y) {
  Smem& smem = written_shared();
  if (warp_index() == 0) smem.a[lane_index()] = static_cast<float>(lane_index());
  if (warp_index() < 2) named_barrier_sync(1, 64);
  if (warp_index() == kReader) y[lane_index()] = smem.a[lane_index()];
}

struct ByteSmem {
  SharedArray<uint8_t, 64> a;
};

// Neighbouring bytes of one word belong to different threads.
template <int kShift>
TW_KERNEL void bytes(GlobalPtr<float> y) {
  ByteSmem& smem = block_shared<ByteSmem>();
  const int t = thread_index();
  smem.a[t >> kShift] = static_cast<uint8_t>(t);
  block_sync();
  y[t] = static_cast<float>(smem.a[kThreads - 1 - t]);
}

TW_KERNEL void unwritten(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  if (thread_index() < 40) smem.a[thread_index()] = 1.0f;
  block_sync();
  y[thread_index()] = smem.a[thread_index()];
}

TW_KERNEL void shared_end(GlobalPtr<float>) { block_shared<Smem>().a[thread_index() + 1] = 0.0f; }

struct BigSmem {
  SharedArray<float, 2 * kThreads> a;
};
TW_KERNEL void shared_size(GlobalPtr<float>) { block_shared<BigSmem>().a[thread_index()] = 0.0f; }

TW_KERNEL void plain_pointer(GlobalPtr<float>) {
  Smem* smem = &block_shared<Smem>();
  if (thread_index() == 0) reinterpret_cast<volatile char*>(smem)[sizeof(Smem)] = 1;
}

template <int kOffset>
TW_KERNEL void global_end(GlobalPtr<float> y) {
  y[thread_index() + kOffset] = 0.0f;
}

template <int kOffset>
TW_KERNEL void vector_store(GlobalPtr<float> y) {
  if (thread_index() < 8) store_vector(y + (4 * thread_index() + kOffset), Vector<float, 4>{});
}

template <int kOffset>
TW_KERNEL void shared_vector(GlobalPtr<float> y) {
  Smem& smem = block_shared<Smem>();
  const int t = thread_index();
  if (t < 8) store_vector(smem.a, 4 * t + kOffset, Vector<float, 4>{{1.0f, 2.0f, 3.0f, 4.0f}});
  block_sync();
  if (t < 8) y[t] = load_vector<4>(smem.a, 4 * t + kOffset).elements[3];
}

TW_KERNEL void barrier_of_some(GlobalPtr<float>) {
  if (thread_index() < 48) block_sync();
}

TW_KERNEL void barrier_on_two_lines(GlobalPtr<float>) {
  if (thread_index() < 32) {
    block_sync();
  } else {
    block_sync();
  }
}

TW_KERNEL void barriers_crossed(GlobalPtr<float>) { named_barrier_sync(warp_index() == 0 ? 1 : 2, 64); }

TW_KERNEL void barrier_count_differs(GlobalPtr<float>) { named_barrier_sync(1, warp_index() == 0 ? 64 : 96); }

TW_KERNEL void shuffle_of_some(GlobalPtr<float> y) {
  if (lane_index() < 16) y[thread_index()] = shfl_xor(1.0f, 1);
}

TW_KERNEL void shuffle_on_two_lines(GlobalPtr<float> y) {
  float value = 0.0f;
  if (lane_index() < 16) {
    value = shfl_xor(1.0f, 1);
  } else {
    value = shfl_xor(2.0f, 1);
  }
  y[thread_index()] = value;
}

TW_KERNEL void shuffle_against_barrier(GlobalPtr<float> y) {
  if (lane_index() < 16) {
    y[thread_index()] = shfl_xor(1.0f, 1);
  } else {
    block_sync();
  }
}

TW_KERNEL void shuffle(GlobalPtr<float> y) {
  y[thread_index()] = shfl_xor(static_cast<float>(thread_index()), 1);
}

// warp_sync may be reached on different lines.
TW_KERNEL void warp_sync_on_two_lines(GlobalPtr<float> y) {
  if (lane_index() < 16) {
    warp_sync();
  } else {
    warp_sync();
  }
  y[thread_index()] = 0.0f;
}

// Lane i gets, in order: shfl_xor 5, shfl_down 3, shfl 7, ballot of odd lanes, any, all, sum, maximum.
TW_KERNEL void warp_values(GlobalPtr<float> y) {
  const float lane = static_cast<float>(lane_index());
  const float values[8] = {shfl_xor(lane, 5),
                           shfl_down(lane, 3),
                           shfl(lane, 7),
                           static_cast<float>(ballot(lane_index() % 2 == 1) >> 16),
                           any(lane_index() == 31) ? 1.0f : 0.0f,
                           all(lane_index() != 31) ? 1.0f : 0.0f,
                           warp_sum(lane),
                           warp_max(lane)};
  for (int i = 0; i < 8; ++i) y[lane_index() * 8 + i] = values[i];
}

TW_KERNEL void throws(GlobalPtr<float>) {
  const std::vector<char> owned(1000);  // must be freed although its fiber never returns
  if (thread_index() == 40) throw std::runtime_error("thrown by thread 40");
  block_sync();
}

using Kernel = void (*)(GlobalPtr<float>);
struct Case {
  Kernel kernel;
  int threads = kThreads;
  size_t shared_bytes = sizeof(Smem);
  bool writable = true;
  unsigned cluster = 1;
};

const std::map<std::string, Case>& cases() {
  static const std::map<std::string, Case> all = {
      {"exchange", {exchange<true>}},
      {"missing_barrier", {exchange<false>}},
      {"rounds", {rounds<true>}},
      {"missing_second_barrier", {rounds<false>}},
      {"same_element", {same_element}},
      {"lanes_warp_sync", {lanes<Between::warp_sync>}},
      {"lanes_nothing", {lanes<Between::nothing>}},
      {"lanes_shuffle", {lanes<Between::shuffle>}},
      {"named_pair", {named_pair<1>, 96}},
      {"named_pair_stranger", {named_pair<2>, 96}},
      {"bytes", {bytes<0>}},
      {"bytes_shared", {bytes<1>}},
      {"unwritten", {unwritten}},
      {"shared_end", {shared_end}},
      {"shared_size", {shared_size}},
      {"plain_pointer", {plain_pointer}},
      {"global", {global_end<0>}},
      {"global_end", {global_end<193>}},
      {"global_begin", {global_end<-1>}},
      {"read_only", {global_end<0>, kThreads, 0, false}},
      {"vector_store", {vector_store<0>}},
      {"vector_store_misaligned", {vector_store<1>}},
      {"shared_vector", {shared_vector<0>}},
      {"shared_vector_misaligned", {shared_vector<2>}},
      {"barrier_of_some", {barrier_of_some}},
      {"barrier_on_two_lines", {barrier_on_two_lines}},
      {"barriers_crossed", {barriers_crossed}},
      {"barrier_count_differs", {barrier_count_differs}},
      {"shuffle", {shuffle}},
      {"shuffle_of_some", {shuffle_of_some}},
      {"shuffle_on_two_lines", {shuffle_on_two_lines}},
      {"shuffle_against_barrier", {shuffle_against_barrier}},
      {"shuffle_in_part_of_a_warp", {shuffle, 48}},
      {"warp_sync_on_two_lines", {warp_sync_on_two_lines}},
      {"warp_values", {warp_values, 32}},
      {"throws", {throws}},
      {"too_many_threads", {shuffle, 1056}},
      {"too_much_shared", {shuffle, kThreads, 300 * 1024}},
      {"no_threads", {shuffle, 0}},
  };
  return all;
}

}  // namespace
}  // namespace TW_BACKEND

#include "kernel_cases.h"

#ifndef TW_MAIN
extern "C" {

void tw_from_f16(const uint16_t* bits, float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] = tilewright::simt::f16_to_f32(bits[i]);
}
void tw_to_f16(const float* values, uint16_t* bits, int64_t n) {
  for (int64_t i = 0; i < n; ++i) bits[i] = tilewright::simt::f32_to_f16(values[i]);
}
void tw_from_bf16(const uint16_t* bits, float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] = tilewright::simt::bf16_to_f32(bits[i]);
}
void tw_to_bf16(const float* values, uint16_t* bits, int64_t n) {
  for (int64_t i = 0; i < n; ++i) bits[i] = tilewright::simt::f32_to_bf16(values[i]);
}

}  // extern "C"
#endif
