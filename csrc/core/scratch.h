// SPDX-License-Identifier: Apache-2.0
// Aligned temporary memory of one thread, reused from call to call (stack discipline).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace tilewright {

// 64-byte aligned, uninitialised. Buffers of one thread are released in reverse order of their making,
// which C++ scopes give for free. Throws std::bad_alloc.
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
  bool heap_;
};

template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) : bytes_(static_cast<size_t>(count) * sizeof(T)) {}
  T* data() const { return static_cast<T*>(bytes_.data()); }
  T& operator[](int64_t i) const { return data()[i]; }

 private:
  ScratchBytes bytes_;
};

}  // namespace tilewright
