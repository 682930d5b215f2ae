// SPDX-License-Identifier: Apache-2.0
// Tensor cores as a warp uses them: fragments are plain registers in the lane order of the PTX manual.
//   lane = 4 g + t; an accumulator holds rows g and g + 8 of columns 2 t and 2 t + 1
//
//              columns  0  1    2  3    4  5    6  7
//     row g             t = 0   t = 1   t = 2   t = 3      c[0] c[1]
//     row g + 8         t = 0   t = 1   t = 2   t = 3      c[2] c[3]
#pragma once

#include "device/config.cuh"
#include "device/number.cuh"
#include "device/smem.cuh"
#if TW_SIMT
#include "simt/mma.h"
#endif

namespace TW_BACKEND {

// A float of which a tensor core looks at the upper 19 bits; see tf32_bits (number.cuh) for the rounding.
struct Tf32 {
  float value;
};

// Loads kCount (1, 2 or 4) 8x8 matrices of 16-bit elements: lane 8 i + r names row r of matrix i, 16 bytes at
// element `row` of the array, and lane 4 g + t gets elements 2 t and 2 t + 1 of row g of each (kTranspose: of
// column g). A matrix of 32-bit elements is 8x4: lane 4 g + t gets element t of row g.
template <int kCount, bool kTranspose = false, class T, int kSize>
TW_DEVICE void load_matrix(uint32_t (&registers)[kCount], SharedArray<T, kSize>& array, int row,
                           Site site = Site::here()) {
  static_assert(kCount == 1 || kCount == 2 || kCount == 4, "ldmatrix loads 1, 2 or 4 matrices");
#if TW_SIMT
  constexpr size_t kRowBytes = 16;
  simt::Block& block = simt::current_block();
  const char* address = nullptr;
  if (static_cast<int>(threadIdx.x) % kWarpSize < 8 * kCount) {
    address = reinterpret_cast<const char*>(array.address(row, kRowBytes, site));
    simt::check_alignment(address, kRowBytes, "load_matrix", site);
    block.check_shared(address, kRowBytes, simt::Access::read, site, true);
  }
  const char* results = block.warp_exchange("load_matrix", site, &address, sizeof(address),
                                            simt::load_matrix<kCount, kTranspose>);
  memcpy(registers, results + static_cast<int>(threadIdx.x) % kWarpSize * simt::Block::kExchangeBytes,
         sizeof(registers));
#else
  (void)site;
  const uint32_t address = shared_address(array, row);
  if (kCount == 1 && !kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(registers[0])
                 : "r"(address)
                 : "memory");
  } else if (kCount == 1) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(registers[0])
                 : "r"(address)
                 : "memory");
  } else if (kCount == 2 && !kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(registers[0]), "=r"(registers[1 % kCount])
                 : "r"(address)
                 : "memory");
  } else if (kCount == 2) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(registers[0]), "=r"(registers[1 % kCount])
                 : "r"(address)
                 : "memory");
  } else if (!kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1 % kCount]), "=r"(registers[2 % kCount]),
                   "=r"(registers[3 % kCount])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1 % kCount]), "=r"(registers[2 % kCount]),
                   "=r"(registers[3 % kCount])
                 : "r"(address)
                 : "memory");
  }
#endif
}

// How many elements of k one mma takes.
template <class T>
inline constexpr int kMmaDepth = 16;
template <>
inline constexpr int kMmaDepth<Tf32> = 8;

// c (16, 8) += a (16, k) @ b (k, 8), k = kMmaDepth<T>, T F16, Bf16 or Tf32; accumulates in float.
//   16-bit: a[0] row g, a[1] row g + 8 at k = 2 t, 2 t + 1; a[2], a[3] the same at k + 8;
//           b[0] column g at k = 2 t, 2 t + 1; b[1] at k + 8
//   tf32:   a[0] row g, a[1] row g + 8 at k = t; a[2], a[3] at k + 4; b[0] column g at k = t; b[1] at k + 4
template <class T>
TW_DEVICE void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = Site::here());

#if TW_SIMT

TW_DEVICE void mma_emulated(const char* name, simt::Block::Compute compute, float (&c)[4],
                            const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  const simt::MmaLane given = {{c[0], c[1], c[2], c[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const char* results = simt::current_block().warp_exchange(name, site, &given, sizeof(given), compute);
  memcpy(c, results + static_cast<int>(threadIdx.x) % kWarpSize * simt::Block::kExchangeBytes, sizeof(c));
}

template <>
TW_DEVICE void mma<F16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  mma_emulated("mma f16", simt::mma_f16, c, a, b, site);
}
template <>
TW_DEVICE void mma<Bf16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  mma_emulated("mma bf16", simt::mma_bf16, c, a, b, site);
}
template <>
TW_DEVICE void mma<Tf32>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
  mma_emulated("mma tf32", simt::mma_tf32, c, a, b, site);
}

#else

template <>
TW_DEVICE void mma<F16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
TW_DEVICE void mma<Bf16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
TW_DEVICE void mma<Tf32>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

}  // namespace TW_BACKEND
