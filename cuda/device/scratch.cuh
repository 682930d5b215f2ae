// SPDX-License-Identifier: Apache-2.0
// Memory that the kernels of one operation hand to each other. On a GPU it is taken and given back in stream
// order, without waiting, and may be part of a captured graph; on the emulator it is an array of signalling
// NaN bytes, so that a partial result nobody wrote is seen.
#pragma once

#include <string>

#include "core/check.h"
#include "core/view.h"
#include "device/config.cuh"
#include "device/vector.cuh"
#if TW_SIMT
#include <stdlib.h>
#include <string.h>
#endif

namespace TW_BACKEND {

namespace detail {

inline void* scratch_take(size_t bytes, Stream stream, const char* name) {
  void* memory = nullptr;
#if TW_SIMT
  (void)stream;
  constexpr size_t kAlignment = 256;
  memory = aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (memory != nullptr) memset(memory, 0xff, bytes);
  const bool taken = memory != nullptr;
#else
  const bool taken = cudaMallocAsync(&memory, bytes, static_cast<cudaStream_t>(stream.handle)) == cudaSuccess;
  if (!taken) (void)cudaGetLastError();  // an error left behind would be blamed on the next launch
#endif
  if (!taken) {
    fail(ErrorKind::memory, name, "workspace of " + std::to_string(bytes) + " bytes does not fit the device");
  }
  return memory;
}

inline void scratch_give(void* memory, Stream stream) {
#if TW_SIMT
  (void)stream;
  free(memory);
#else
  if (memory != nullptr) (void)cudaFreeAsync(memory, static_cast<cudaStream_t>(stream.handle));
#endif
}

}  // namespace detail

// `count` elements, uninitialised; none if count is 0. `name` is the operation's, for the message.
template <class T>
class Scratch {
 public:
  Scratch(int64_t count, Stream stream, const char* name) : count_(count), stream_(stream), name_(name) {
    if (count > 0) memory_ = detail::scratch_take(static_cast<size_t>(count) * sizeof(T), stream, name);
  }
  ~Scratch() { detail::scratch_give(memory_, stream_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // The memory as an array in C order with the shape and dtype of `model`.
  View view(const View& model) const {
    View v = model;
    v.data = memory_;
    v.writable = true;
    int64_t step = 1;
    for (int axis = v.ndim - 1; axis >= 0; --axis) {
      v.strides[axis] = step;
      step *= v.shape[axis];
    }
    return v;
  }

  GlobalPtr<T> pointer() const {
    T* data = static_cast<T*>(memory_);
#if TW_SIMT
    return GlobalPtr<T>(
        data, {reinterpret_cast<char*>(data), reinterpret_cast<char*>(data + count_), "workspace", true});
#else
    return data;
#endif
  }

 private:
  void* memory_ = nullptr;
  int64_t count_;
  Stream stream_;
  const char* name_;
};

}  // namespace TW_BACKEND
