// SPDX-License-Identifier: Apache-2.0
// What the emulator has to agree with, asked of whoever runs it: tensor-core fragments, ldmatrix lanes, roundings,
// Philox words. Built by nvcc these kernels dump golden data; built with the emulator they are compared with it.
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/view.h"
#include "device/launch.cuh"
#include "device/mma.cuh"
#include "device/number.cuh"
#include "device/philox.cuh"
#include "device/smem.cuh"

namespace TW_BACKEND {
namespace {

constexpr int kLane = 32;

int divided(int64_t n, int by) { return static_cast<int>((n + by - 1) / by); }

// in: per lane 4 words of a, 2 of b; out: per lane the 4 floats of c = a @ b.
template <class T>
TW_KERNEL void golden_mma(GlobalPtr<float> y, GlobalPtr<const uint32_t> x) {
  const int lane = static_cast<int>(threadIdx.x);
  uint32_t a[4], b[2];
  for (int i = 0; i < 4; ++i) a[i] = x[6 * lane + i];
  for (int i = 0; i < 2; ++i) b[i] = x[6 * lane + 4 + i];
  float c[4] = {};
  mma<T>(c, a, b);
  for (int i = 0; i < 4; ++i) y[4 * lane + i] = c[i];
}

struct MatrixSmem {
  SharedArray<uint16_t, 512> rows;
};

// in: 512 16-bit elements, 32 rows of 16 of which the first 8 are loaded; out: 4 registers a lane.
template <bool kTranspose>
TW_KERNEL void golden_load_matrix(GlobalPtr<uint32_t> y, GlobalPtr<const uint16_t> x) {
  MatrixSmem& smem = block_shared<MatrixSmem>();
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 512; i += kLane) {
    const uint16_t value = x[i];
    smem.rows[i] = value;
  }
  block_sync();
  uint32_t registers[4];
  load_matrix<4, kTranspose>(registers, smem.rows, 16 * lane);
  for (int i = 0; i < 4; ++i) y[4 * lane + i] = registers[i];
}

template <class T>
TW_KERNEL void golden_round(GlobalPtr<uint16_t> y, GlobalPtr<const float> x, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    const float value = x[i];
    y[i] = from_f32<T>(value).bits;
  }
}

TW_KERNEL void golden_tf32(GlobalPtr<uint32_t> y, GlobalPtr<const uint32_t> x, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    const uint32_t bits = x[i];
    y[i] = tf32_bits(bits);
  }
}

// in: per block of words seed, block, attempt, part; out: its four words.
TW_KERNEL void golden_philox(GlobalPtr<uint32_t> y, GlobalPtr<const uint64_t> x, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const uint64_t seed = x[4 * i], block = x[4 * i + 1], attempt = x[4 * i + 2], part = x[4 * i + 3];
  const PhiloxBlock words = philox(seed, block, static_cast<uint32_t>(attempt), static_cast<uint32_t>(part));
  for (int k = 0; k < 4; ++k) y[4 * i + k] = words.words[k];
}

template <class T>
GlobalPtr<T> pointer(void* data, Dtype dtype, int64_t n, const char* name) {
  return global_pointer<T>(View::of(data, dtype, {n}), name);
}

void run(const std::string& item, void* y, int64_t y_bytes, void* x, int64_t x_bytes) {
  const Dim3 one(1), warp(kLane), block(128);
  const auto f32_out = [&] { return pointer<float>(y, Dtype::f32, y_bytes / 4, "y"); };
  const auto u32_out = [&] { return pointer<uint32_t>(y, Dtype::s32, y_bytes / 4, "y"); };
  const auto u16_out = [&] { return pointer<uint16_t>(y, Dtype::f16, y_bytes / 2, "y"); };
  const auto u32_in = [&] { return pointer<const uint32_t>(x, Dtype::s32, x_bytes / 4, "x"); };
  const auto f32_in = [&] { return pointer<const float>(x, Dtype::f32, x_bytes / 4, "x"); };
  const int64_t n = x_bytes / 4;
  if (item == "mma_f16") launch("golden_mma", golden_mma<F16>, one, warp, 0, {}, f32_out(), u32_in());
  if (item == "mma_bf16") launch("golden_mma", golden_mma<Bf16>, one, warp, 0, {}, f32_out(), u32_in());
  if (item == "mma_tf32") launch("golden_mma", golden_mma<Tf32>, one, warp, 0, {}, f32_out(), u32_in());
  const auto u16_in = [&] { return pointer<const uint16_t>(x, Dtype::f16, x_bytes / 2, "x"); };
  if (item == "load_matrix")
    launch("golden_load_matrix", golden_load_matrix<false>, one, warp, sizeof(MatrixSmem), {}, u32_out(), u16_in());
  if (item == "load_matrix_transposed")
    launch("golden_load_matrix", golden_load_matrix<true>, one, warp, sizeof(MatrixSmem), {}, u32_out(), u16_in());
  if (item == "round_f16")
    launch("golden_round", golden_round<F16>, Dim3(divided(n, 128)), block, 0, {}, u16_out(), f32_in(), n);
  if (item == "round_bf16")
    launch("golden_round", golden_round<Bf16>, Dim3(divided(n, 128)), block, 0, {}, u16_out(), f32_in(), n);
  if (item == "round_tf32")
    launch("golden_tf32", golden_tf32, Dim3(divided(n, 128)), block, 0, {}, u32_out(), u32_in(), n);
  if (item == "philox")
    launch("golden_philox", golden_philox, Dim3(divided(x_bytes / 32, 128)), block, 0, {}, u32_out(),
           pointer<const uint64_t>(x, Dtype::s64, x_bytes / 8, "x"), x_bytes / 32);
}

}  // namespace
}  // namespace TW_BACKEND

// Host arrays in and out; `report` receives what went wrong. 0 if nothing did.
extern "C" int tw_golden(const char* item, void* y, int64_t y_bytes, const void* x, int64_t x_bytes, char* report,
                         int64_t report_bytes) {
  try {
#ifdef __CUDACC__
    void *x_device = nullptr, *y_device = nullptr;
    const auto check = [](cudaError_t status) {
      if (status != cudaSuccess) throw std::runtime_error(cudaGetErrorString(status));
    };
    check(cudaMalloc(&x_device, static_cast<size_t>(x_bytes)));
    check(cudaMalloc(&y_device, static_cast<size_t>(y_bytes)));
    check(cudaMemcpy(x_device, x, static_cast<size_t>(x_bytes), cudaMemcpyHostToDevice));
    TW_BACKEND::run(item, y_device, y_bytes, x_device, x_bytes);
    check(cudaMemcpy(y, y_device, static_cast<size_t>(y_bytes), cudaMemcpyDeviceToHost));
    check(cudaFree(x_device));
    check(cudaFree(y_device));
#else
    TW_BACKEND::run(item, y, y_bytes, const_cast<void*>(x), x_bytes);
#endif
    return 0;
  } catch (const std::exception& error) {
    std::strncpy(report, error.what(), static_cast<size_t>(report_bytes - 1));
    return 1;
  }
}
