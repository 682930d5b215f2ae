// SPDX-License-Identifier: Apache-2.0
// Gathers and scatters along an axis, and one-hot rows, on the CPU. A line along the axis belongs to one task, so
// additions to one place happen in the order of the indices.
#include <algorithm>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/indices.h"
#include "cpu/lines.h"
#include "cpu/ops_cpu.h"
#include "cpu/shape_parts.h"
#include "cpu/shape_take.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;

// A type of the element's size: moving elements does not look at them.
template <class Body>
void for_item_size(Dtype dtype, Body&& body) {
  switch (dtype_size(dtype)) {
    case 1: return body(Type<uint8_t>{});
    case 2: return body(Type<uint16_t>{});
    case 4: return body(Type<uint32_t>{});
    default: return body(Type<uint64_t>{});
  }
}

template <class Body>
void for_number(Dtype dtype, Body&& body) {
  switch (dtype) {
    case Dtype::f32: return body(Type<float>{});
    case Dtype::f64: return body(Type<double>{});
    case Dtype::s32: return body(Type<uint32_t>{});  // wraps around, as NumPy's integers
    default: return body(Type<uint64_t>{});
  }
}

// body(one, other, id) for every index: `one` is the element of `model`'s line at the index's own place, `other`
// that of the line in `indexed` at the place the index names.
template <class T, class Id, class Body>
void along_axis(const View& model, const View& indexed, const View& indices, int axis, Body&& body) {
  const View* views[] = {&indices, &model, &indexed};
  const Lines<3> lines(views, axis);
  const int64_t n = indices.shape[axis], size = indexed.shape[axis];
  parallel_ranges(lines.lines, lines.lines_per_task(n, kElementsPerTask), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) {
      const auto at = lines.at(line);
      const Id* id = indices.as<Id>() + at.of[0];
      T* one = model.as<T>() + at.of[1];
      T* other = indexed.as<T>() + at.of[2];
      for (int64_t i = 0; i < n; ++i) {
        const int64_t place = id[i * lines.along[0]];
        body(one[i * lines.along[1]], other[(place < 0 ? place + size : place) * lines.along[2]]);
      }
    }
  });
}

void gather(const View& y, const View& x, const View& indices, int axis, Stream) {
  check_indices("gather", "indices", indices, -x.shape[axis], x.shape[axis] - 1);
  for_item_size(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    for_index(indices.dtype, [&](auto id) {
      along_axis<T, type_t<decltype(id)>>(y, x, indices, axis, [](T& to, T& from) { to = from; });
    });
  });
}

void scatter_add(const View& y, const View& x, const View& indices, int axis, Stream) {
  check_indices("scatter_add", "indices", indices, -y.shape[axis], y.shape[axis] - 1);
  for_number(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    for_index(indices.dtype, [&](auto id) {
      along_axis<T, type_t<decltype(id)>>(x, y, indices, axis, [](T& from, T& to) { to = to + from; });
    });
  });
}

void take(const View& y, const View& x, const View& ids, Stream) {
  check_indices("take", "indices", ids, -x.dim(1), x.dim(1) - 1);
  take_rows(y, x, ids);
}

void take_backward(const View& dx, const View& dy, const View& ids, Stream) {
  check_indices("take_backward", "indices", ids, -dx.dim(1), dx.dim(1) - 1);
  add_rows(dx, dy, ids);
}

template <class T, class Id>
void one_hot_of(const View& y, const View& ids, double on, double off) {
  const int64_t depth = y.dim(1);
  parallel_ranges(y.dim(0), kElementsPerTask / (depth + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      T* row = y.as<T>() + r * y.stride(0);
      std::fill(row, row + depth, T(off));
      const int64_t id = ids.as<Id>()[r * ids.stride(0)];
      if (id >= 0 && id < depth) row[id] = T(on);
    }
  });
}

void one_hot(const View& y, const View& ids, double on, double off, Stream) {
  for_index(ids.dtype, [&](auto id) {
    using Id = type_t<decltype(id)>;
    switch (y.dtype) {
      case Dtype::f32: return one_hot_of<float, Id>(y, ids, on, off);
      case Dtype::f64: return one_hot_of<double, Id>(y, ids, on, off);
      case Dtype::s32: return one_hot_of<int32_t, Id>(y, ids, on, off);
      case Dtype::s64: return one_hot_of<int64_t, Id>(y, ids, on, off);
      default: return one_hot_of<bool, Id>(y, ids, on, off);
    }
  });
}

}  // namespace

void fill_shape(Ops& ops) {
  ops.take.set(take, kAnyDtype);
  ops.take_backward.set(take_backward, kF32F64);
  ops.gather.set(gather, kAnyDtype);
  ops.scatter_add.set(scatter_add, kF32F64 | kIndex);
  ops.one_hot.set(one_hot, kF32F64 | kIndex | mask_of(Dtype::b8));
  ops.resize_forward.set(resize_forward, kF32F64);
  ops.resize_backward.set(resize_backward, kF32F64);
  ops.affine_transform_forward.set(affine_transform_forward, kF32F64);
  ops.affine_transform_backward.set(affine_transform_backward, kF32F64);
}

}  // namespace tilewright::cpu
