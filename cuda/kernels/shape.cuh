// SPDX-License-Identifier: Apache-2.0
// Computes    y[.., i, ..] = x[.., indices[.., i, ..], ..] along an axis;  y[.., indices[.., i, ..], ..] +=
//             x[.., i, ..] in
//             the order of i;  one-hot rows
// Layout      any strides; Axes of (indices, the array of its shape, the other one), the last without the
//             axis
// Method      additions without atomics: the line along the axis belongs to one thread, which adds in order
// Work split  gather, one_hot: threads stride over elements; scatter_add: over lines
// Limits      an index out of range is brought into it and reported (device/error_cell.cuh)
// Ran on      no GPU yet; passes on simt
#pragma once

#include "kernels/embedding.cuh"

namespace TW_BACKEND {

// The place along the axis that number `index` names.
struct AxisIds {
  IdList ids;
  int64_t size;  // of the axis
  IndexCheck check;

  TW_DEVICE int64_t place(int64_t offset, int64_t index) const {
    const int64_t id = check.checked(ids.at(offset), index);
    return id < 0 ? id + size : id;
  }
};

// along: x's stride along the axis.
template <class U>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    gather_elements(GlobalPtr<U> y, GlobalPtr<const U> x, AxisIds ids, Axes<3> axes, int64_t elements,
                    int64_t along) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < elements; i += step) {
    const auto at = axes.offsets(i);
    const U value = x[at.of[2] + ids.place(at.of[0], i) * along];
    y[at.of[1]] = value;
  }
}

struct ScatterShape {
  Axes<3> lines;
  int64_t count, length;
  int64_t ids_along, x_along, y_along;
};

template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    scatter_add_lines(GlobalPtr<T> y, GlobalPtr<const T> x, AxisIds ids, ScatterShape shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t line = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; line < shape.count; line += step) {
    const auto at = shape.lines.offsets(line);
    for (int64_t i = 0; i < shape.length; ++i) {
      const int64_t place = ids.place(at.of[0] + i * shape.ids_along, line * shape.length + i);
      y[at.of[2] + place * shape.y_along] += x[at.of[1] + i * shape.x_along];
    }
  }
}

// y (n, depth); an id outside [0, depth) gives a row of `off`.
template <class T>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    one_hot_rows(GlobalPtr<T> y, IdList ids, int64_t ids_stride, int64_t elements, Divisor depth,
                 int64_t y_stride, T on, T off) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < elements; i += step) {
    int64_t column;
    const int64_t row = depth.divide(i, column);
    y[row * y_stride + column] = ids.at(row * ids_stride) == column ? on : off;
  }
}

}  // namespace TW_BACKEND
