// SPDX-License-Identifier: Apache-2.0
// Sizes of grids and blocks. They follow from the shape of the work alone, never from the GPU at hand, so that
// the same call gives the same bits on every chip.
#pragma once

#include <stdint.h>

#include <algorithm>
#include <type_traits>

#include "device/launch.cuh"

namespace TW_BACKEND {

inline constexpr int64_t kMultiprocessors = 132;             // of the chip the sizes are chosen for
inline constexpr int64_t kMaxBlocks = kMultiprocessors * 16;  // of a kernel whose threads stride over the work
inline constexpr int kMapThreads = 256;                      // of a block whose threads work alone

template <int kValue>
using Constant = std::integral_constant<int, kValue>;

constexpr int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_divide(a, b) * b; }

// Blocks and threads for `items` pieces of work, one or more a thread; little work gets a small block.
struct MapGrid {
  int blocks, threads;

  explicit MapGrid(int64_t items, int64_t most_threads = kMapThreads) {
    threads = static_cast<int>(std::clamp<int64_t>(round_up(items, kWarpSize), kWarpSize, most_threads));
    blocks = static_cast<int>(std::clamp<int64_t>(ceil_divide(items, threads), 1, kMaxBlocks));
  }
};

// Launches a kernel that needs no shared memory.
template <class... Params, class... Args>
void launch_map(const char* name, void (*kernel)(Params...), MapGrid grid, Stream stream, Args... args) {
  launch(name, kernel, Dim3(static_cast<unsigned>(grid.blocks)), Dim3(static_cast<unsigned>(grid.threads)), 0,
         stream, args...);
}

// A pointer that is null, and reaches nothing, where the View is none.
template <class T>
GlobalPtr<T> optional_pointer(const View& view, const char* name) {
  return view ? global_pointer<T>(view, name) : GlobalPtr<T>();
}
template <class T>
GlobalPtr<T> no_pointer() {
  return GlobalPtr<T>();
}

}  // namespace TW_BACKEND
