// SPDX-License-Identifier: Apache-2.0
// Memory straight from the operating system, for the pool and the scratch arenas.
#pragma once

#include <stddef.h>

namespace tilewright {

// From this size on, memory is mapped at a multiple of it and offered to the kernel for huge pages.
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// 64-byte aligned, uninitialised; null when there is none. Release with the same size.
void* os_allocate(size_t bytes) noexcept;
void os_release(void* block, size_t bytes) noexcept;

}  // namespace tilewright
