// SPDX-License-Identifier: Apache-2.0
// View: a pointer with a shape. It owns nothing; Python (or an embedder) allocates and keeps alive.
#pragma once

#include <stdint.h>

#include <cstddef>
#include <initializer_list>

#include "core/dtype.h"

namespace tilewright {

inline constexpr int kMaxDims = 8;

// Strides count elements, not bytes. A View whose data is null and whose ndim is -1 is "none", an absent
// optional argument; an empty array (a zero in its shape) is not none.
struct View {
  void* data = nullptr;
  int64_t shape[kMaxDims] = {};
  int64_t strides[kMaxDims] = {};
  int32_t ndim = -1;
  Dtype dtype = Dtype::f32;
  bool writable = false;

  explicit operator bool() const { return ndim >= 0; }

  template <class T> T* as() const { return static_cast<T*>(data); }

  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }
  int64_t bytes() const { return size() * dtype_size(dtype); }

  // Size of axis `axis`; negative counts from the end.
  int64_t dim(int axis) const { return shape[axis < 0 ? axis + ndim : axis]; }
  int64_t stride(int axis) const { return strides[axis < 0 ? axis + ndim : axis]; }

  // C order with no gaps; axes of size 1 may have any stride, and so may an empty array.
  bool contiguous() const { return contiguous_from(0); }

  // Axes axis..ndim-1 form one gapless C-ordered block.
  bool contiguous_from(int axis) const {
    int64_t expected = 1;
    for (int i = ndim - 1; i >= axis; --i) {
      if (shape[i] != 1 && strides[i] != expected) return size() == 0;
      expected *= shape[i];
    }
    return true;
  }

  bool same_shape(const View& other) const {
    if (ndim != other.ndim) return false;
    for (int i = 0; i < ndim; ++i)
      if (shape[i] != other.shape[i]) return false;
    return true;
  }

  // A contiguous View over memory the caller owns.
  static View of(void* data, Dtype dtype, std::initializer_list<int64_t> dims) {
    View v;
    v.data = data;
    v.dtype = dtype;
    v.ndim = 0;
    v.writable = true;
    for (int64_t d : dims) v.shape[v.ndim++] = d;
    int64_t step = 1;
    for (int i = v.ndim - 1; i >= 0; --i) {
      v.strides[i] = step;
      step *= v.shape[i];
    }
    return v;
  }
};

// A list of Views, as Adam takes its parameters. Owns nothing.
struct ViewList {
  const View* data = nullptr;
  int64_t count = 0;
  const View& operator[](int64_t i) const { return data[i]; }
  const View* begin() const { return data; }
  const View* end() const { return data + count; }
};

// Where work is queued: unused on the CPU, a cudaStream_t on the GPU.
struct Stream {
  void* handle = nullptr;
};

}  // namespace tilewright
