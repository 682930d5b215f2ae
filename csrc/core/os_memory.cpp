// SPDX-License-Identifier: Apache-2.0
#include "core/os_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

namespace tilewright {
namespace {

constexpr size_t kAlignment = 64;
// More than any address space; keeps the sums below from wrapping.
constexpr size_t kMaxBytes = size_t{1} << 48;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t page_bytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

void* map_aligned(size_t bytes) {
  const size_t wanted = round_up(bytes, page_bytes());
  const size_t mapped = wanted + kHugePageBytes;
  void* raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t block = round_up(begin, kHugePageBytes);
  // Give back the ends that the alignment left over.
  const size_t head = block - begin, tail = mapped - head - wanted;
  if (head > 0) munmap(raw, head);
  if (tail > 0) munmap(reinterpret_cast<void*>(block + wanted), tail);
#ifdef MADV_HUGEPAGE
  madvise(reinterpret_cast<void*>(block), wanted, MADV_HUGEPAGE);
#endif
  return reinterpret_cast<void*>(block);
}

}  // namespace

void* os_allocate(size_t bytes) noexcept {
  if (bytes > kMaxBytes) return nullptr;
  if (bytes >= kHugePageBytes) return map_aligned(bytes);
  return aligned_alloc(kAlignment, round_up(bytes > 0 ? bytes : 1, kAlignment));
}

void os_release(void* block, size_t bytes) noexcept {
  if (block == nullptr) return;
  if (bytes >= kHugePageBytes) {
    munmap(block, round_up(bytes, page_bytes()));
  } else {
    free(block);
  }
}

}  // namespace tilewright
