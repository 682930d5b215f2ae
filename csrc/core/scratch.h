// SPDX-License-Identifier: Apache-2.0
// Aligned temporary memory of one thread, reused from call to call (stack discipline).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <limits>

namespace tilewright {

// 64-byte aligned, uninitialised. Made and released by the same thread; in reverse order, which C++ scopes
// give for free, the memory is reused at once. Throws std::bad_alloc.
class ScratchBytes {
 public:
  explicit ScratchBytes(size_t bytes);
  ~ScratchBytes();
  ScratchBytes(const ScratchBytes&) = delete;
  ScratchBytes& operator=(const ScratchBytes&) = delete;
  void* data() const { return data_; }

 private:
  void* data_;
  size_t bytes_;
  bool heap_;  // from the memory pool, not from the thread's arena
};

template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) : bytes_(byte_count(count)) {}
  T* data() const { return static_cast<T*>(bytes_.data()); }
  T& operator[](int64_t i) const { return data()[i]; }

 private:
  // A count that is negative or too large becomes a size that no allocation can meet.
  static size_t byte_count(int64_t count) {
    constexpr size_t kMax = std::numeric_limits<size_t>::max();
    return static_cast<size_t>(count) > kMax / sizeof(T) ? kMax : static_cast<size_t>(count) * sizeof(T);
  }

  ScratchBytes bytes_;
};

}  // namespace tilewright
