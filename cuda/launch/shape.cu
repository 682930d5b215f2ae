// SPDX-License-Identifier: Apache-2.0
// Gathers and scatters along an axis, one-hot rows, resizing.
#include "kernels/elementwise_copy.cuh"
#include "kernels/shape.cuh"
#include "kernels/shape_resize.cuh"
#include "launch/axes.h"
#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/ids.h"
#include "launch/rows.h"

namespace TW_BACKEND {
namespace {

// All axes of `indices`, in C order, but `axis`, or with it where `along` is not null: strides of indices, of
// the array of its shape, and of the other one, which does not move along the axis.
HostAxes<3> lines_of(const View& indices, const View& same, const View& other, int axis, bool with_axis) {
  HostAxes<3> axes;
  for (int i = indices.ndim - 1; i >= 0; --i) {
    if (i == axis && !with_axis) continue;
    axes.add(indices.shape[i], {indices.strides[i], same.strides[i], i == axis ? 0 : other.strides[i]});
  }
  axes.merge();
  return axes;
}

AxisIds axis_ids(const View& indices, int64_t size, const ValueGuard& guard) {
  return {id_list(indices, "indices"), size, guard.check()};
}

void gather(const View& y, const View& x, const View& indices, int axis, Stream stream) {
  const ValueGuard guard("gather", "indices", indices, -x.shape[axis], x.shape[axis] - 1);
  if (y.size() == 0) return;
  const HostAxes<3> axes = lines_of(indices, y, x, axis, true);
  for_item_size(y.dtype, [&](auto type) {
    using U = type_t<decltype(type)>;
    launch_map("gather", gather_elements<U>, MapGrid(y.size(), kElementwiseThreads), stream,
               global_pointer<U>(y, "y"), global_pointer<const U>(x, "x"),
               axis_ids(indices, x.shape[axis], guard), axes.device(), y.size(), x.strides[axis]);
  });
  guard.finish();
}

template <class T>
void scatter(const View& y, const View& x, const View& indices, int axis, const ValueGuard& guard,
             Stream stream) {
  const HostAxes<3> axes = lines_of(indices, x, y, axis, false);
  ScatterShape shape;
  shape.lines = axes.device();
  shape.count = axes.elements();
  shape.length = indices.shape[axis];
  shape.ids_along = indices.strides[axis];
  shape.x_along = x.strides[axis];
  shape.y_along = y.strides[axis];
  launch_map("scatter_add", scatter_add_lines<T>, MapGrid(shape.count, kElementwiseThreads), stream,
             global_pointer<T>(y, "y"), global_pointer<const T>(x, "x"),
             axis_ids(indices, y.shape[axis], guard), shape);
}

void scatter_add(const View& y, const View& x, const View& indices, int axis, Stream stream) {
  const ValueGuard guard("scatter_add", "indices", indices, -y.shape[axis], y.shape[axis] - 1);
  if (x.size() == 0) return;
  switch (y.dtype) {
    case Dtype::f32:
      scatter<float>(y, x, indices, axis, guard, stream);
      break;
    case Dtype::f64:
      scatter<double>(y, x, indices, axis, guard, stream);
      break;
    case Dtype::s32:
      scatter<uint32_t>(y, x, indices, axis, guard, stream);
      break;  // wraps around
    default:
      scatter<uint64_t>(y, x, indices, axis, guard, stream);
  }
  guard.finish();
}

void take(const View& y, const View& x, const View& ids, Stream stream) {
  const ValueGuard guard("take", "indices", ids, -x.dim(1), x.dim(1) - 1);
  take_rows_by_id("take", y, x, ids, guard, stream);
}

void take_backward(const View& dx, const View& dy, const View& ids, Stream stream) {
  const ValueGuard guard("take_backward", "indices", ids, -dx.dim(1), dx.dim(1) - 1);
  add_rows_by_id("take_backward", dx, dy, ids, guard, stream);
}

void one_hot(const View& y, const View& ids, double on, double off, Stream stream) {
  if (y.size() == 0) return;
  for_dtype(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    launch_map("one_hot", one_hot_rows<T>, MapGrid(y.size(), kElementwiseThreads), stream,
               global_pointer<T>(y, "y"), id_list(ids, "ids"), ids.stride(0), y.size(), Divisor(y.dim(1)),
               y.stride(0), convert<T>(on), convert<T>(off));
  });
}

// large (N, P, Q, C), the array of destinations, and small (N, H, W, C).
template <int kVector>
ResizeShape resize_shape(const View& large, const View& small, const View& written, Resize method,
                         bool align_corners) {
  ResizeShape shape;
  shape.rows = {large.dim(1), small.dim(1), method, align_corners};
  shape.cols = {large.dim(2), small.dim(2), method, align_corners};
  shape.by_channels = Divisor(written.dim(3) / kVector);
  shape.by_cols = Divisor(written.dim(2));
  shape.by_rows = Divisor(written.dim(1));
  shape.items = written.size() / kVector;
  shape.y_image = large.stride(0);
  shape.y_row = large.stride(1);
  shape.y_pixel = large.stride(2);
  shape.x_image = small.stride(0);
  shape.x_row = small.stride(1);
  shape.x_pixel = small.stride(2);
  return shape;
}

template <class Body>
void for_channels(const View& to, const View& from, Body&& body) {
  for_any_float(to.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
    const bool groups =
        to.dim(3) % kVector == 0 && aligned(to.data, kVectorBytes) && aligned(from.data, kVectorBytes);
    if (groups) return body(type, Constant<kVector>{});
    body(type, Constant<1>{});
  });
}

void resize_forward(const View& y, const View& x, Resize method, bool align_corners, Stream stream) {
  if (y.size() == 0) return;
  for_channels(y, x, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const ResizeShape shape = resize_shape<vector()>(y, x, y, method, align_corners);
    launch_map("resize", resize_pixels<T, vector()>, MapGrid(shape.items, kElementwiseThreads), stream,
               global_pointer<T>(y, "y"), global_pointer<const T>(x, "x"), shape);
  });
}

void resize_backward(const View& dx, const View& dy, Resize method, bool align_corners, Stream stream) {
  if (dx.size() == 0) return;
  for_channels(dx, dy, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const ResizeShape shape = resize_shape<vector()>(dy, dx, dx, method, align_corners);
    launch_map("resize_backward", resize_gradient<T, vector()>, MapGrid(shape.items, kElementwiseThreads),
               stream, global_pointer<T>(dx, "dx"), global_pointer<const T>(dy, "dy"), shape);
  });
}

}  // namespace

void fill_shape(Ops& ops) {
  ops.take.set(take, kAnyDtype);
  ops.take_backward.set(take_backward, kF32F64 | kF16 | kBF16);
  ops.gather.set(gather, kAnyDtype);
  ops.scatter_add.set(scatter_add, kF32F64 | kIndex);
  ops.one_hot.set(one_hot, kF32F64 | kIndex | mask_of(Dtype::b8));
  ops.resize_forward.set(resize_forward, kF32F64 | kF16 | kBF16);
  ops.resize_backward.set(resize_backward, kF32F64 | kF16 | kBF16);
  fill_shape_affine(ops);
}

}  // namespace TW_BACKEND
