// SPDX-License-Identifier: Apache-2.0
// Views of one shape as few shared axes, the innermost first, as kernels walk them.
#pragma once

#include <stdint.h>

#include <utility>

#include "core/view.h"
#include "device/axes.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

// Axes of size 1 are gone; neighbours along which every View steps alike are one axis.
template <int kViews>
struct HostAxes {
  int count = 0;
  int64_t size[kMaxAxes] = {};
  int64_t stride[kViews][kMaxAxes] = {};
  int64_t start[kViews] = {};  // elements from a View's data to where the walk begins

  void add(int64_t axis_size, const int64_t (&strides)[kViews]) {
    if (axis_size == 1) return;
    size[count] = axis_size;
    for (int v = 0; v < kViews; ++v) stride[v][count] = strides[v];
    ++count;
  }

  // Axes in memory order of View 0: the one it steps least along becomes the innermost. Its negative strides are
  // turned round.
  void sort() {
    for (int axis = 0; axis < count; ++axis) {
      if (stride[0][axis] < 0) turn(axis);
      for (int i = axis; i > 0 && stride[0][i - 1] > stride[0][i]; --i) swap(i - 1, i);
    }
  }

  void merge() {
    int last = 0;
    for (int axis = 1; axis < count; ++axis) {
      bool joins = true;
      for (int v = 0; v < kViews; ++v) joins &= stride[v][axis] == stride[v][last] * size[last];
      if (joins) {
        size[last] *= size[axis];
      } else if (++last != axis) {
        swap(last, axis);
      }
    }
    if (count > 0) count = last + 1;
  }

  int64_t elements() const {
    int64_t n = 1;
    for (int axis = 0; axis < count; ++axis) n *= size[axis];
    return n;
  }

  // As a kernel takes it; `inner_size` replaces the innermost axis where that is walked in groups.
  Axes<kViews> device(int64_t inner_size = 0) const {
    Axes<kViews> axes;
    axes.count = count;
    for (int axis = 0; axis < count; ++axis) {
      axes.sizes[axis] = Divisor(axis == 0 && inner_size > 0 ? inner_size : size[axis]);
      for (int v = 0; v < kViews; ++v) axes.strides[v][axis] = stride[v][axis];
    }
    return axes;
  }

  void swap(int i, int j) {
    std::swap(size[i], size[j]);
    for (int v = 0; v < kViews; ++v) std::swap(stride[v][i], stride[v][j]);
  }

 private:
  void turn(int axis) {
    for (int v = 0; v < kViews; ++v) {
      start[v] += (size[axis] - 1) * stride[v][axis];
      stride[v][axis] = -stride[v][axis];
    }
  }
};

// All axes of Views of one shape. View 0 is the destination: its memory order is the order of the walk.
template <int kViews>
HostAxes<kViews> axes_of(const View* const (&views)[kViews]) {
  HostAxes<kViews> axes;
  for (int axis = views[0]->ndim - 1; axis >= 0; --axis) {
    int64_t strides[kViews];
    for (int v = 0; v < kViews; ++v) strides[v] = views[v]->strides[axis];
    axes.add(views[0]->shape[axis], strides);
  }
  axes.sort();
  axes.merge();
  return axes;
}

inline bool aligned(const void* data, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0;
}

}  // namespace TW_BACKEND
