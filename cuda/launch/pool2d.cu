// SPDX-License-Identifier: Apache-2.0
// Pooling: the shapes, and how many channels a thread takes.
#include <string>

#include "core/check.h"
#include "kernels/pool2d.cuh"
#include "launch/axes.h"
#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/grid.h"
#include "launch/value_guard.h"

namespace TW_BACKEND {
namespace {

PoolAxis axis_of(const View& x, const View& y, const Pool2dParams& p, int axis) {
  return {x.dim(1 + axis),     y.dim(1 + axis),         p.window[axis], p.stride[axis],
          p.padding[2 * axis], Divisor(p.stride[axis]), p.count_padding};
}

PoolStrides strides_of(const View& view) {
  return view ? PoolStrides{view.stride(0), view.stride(1), view.stride(2)} : PoolStrides{};
}

PoolItems items_of(const View& written, int vector) {
  return {written.size() / vector, Divisor(written.dim(3) / vector), Divisor(written.dim(2)),
          Divisor(written.dim(1))};
}

// x (N, H, W, C), y (N, P, Q, C); `written` is one of them.
PoolShape shape_of(const View& x, const View& y, const View& indices, const View& written,
                   const Pool2dParams& params, int vector) {
  return {axis_of(x, y, params, 0),
          axis_of(x, y, params, 1),
          items_of(written, vector),
          strides_of(x),
          strides_of(y),
          strides_of(indices)};
}

bool in_groups(const View& view, int64_t vector) {
  if (!view) return true;
  if (view.dim(3) % vector != 0 || !aligned(view.data, vector * dtype_size(view.dtype))) return false;
  for (int axis = 0; axis < 3; ++axis) {
    if (view.dim(axis) > 1 && view.stride(axis) % vector != 0) return false;
  }
  return true;
}

// Calls body(Type<T>, Constant<kVector>).
template <class Body>
void for_channels(std::initializer_list<const View*> views, Body&& body) {
  for_any_float((*views.begin())->dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    constexpr int kVector = sizeof(T) == 8 ? 2 : 4;  // with positions, which have 4 bytes each
    for (const View* view : views) {
      if (!in_groups(*view, kVector)) return body(type, Constant<1>{});
    }
    body(type, Constant<kVector>{});
  });
}

MapGrid grid_of(const PoolShape& shape) { return MapGrid(shape.items.count, kPoolThreads); }

void max_pool2d_forward(const View& y, const View& indices, const View& x, const Pool2dParams& params,
                        Stream stream) {
  if (y.size() == 0) return;
  for_channels({&y, &indices, &x}, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const PoolShape shape = shape_of(x, y, indices, y, params, vector());
    launch_map("max_pool2d_forward", max_pool_pixels<T, vector()>, grid_of(shape), stream,
               global_pointer<T>(y, "y"), optional_pointer<int32_t>(indices, "indices"),
               global_pointer<const T>(x, "x"), shape);
  });
}

void max_pool2d_backward(const View& dx, const View& dy, const View& indices, const Pool2dParams& params,
                         Stream stream) {
  if (dx.size() == 0) return;
  for_channels({&dx, &dy, &indices}, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const PoolShape shape = shape_of(dx, dy, indices, dx, params, vector());
    launch_map("max_pool2d_backward", max_pool_gradient<T, vector()>, grid_of(shape), stream,
               global_pointer<T>(dx, "dx"), global_pointer<const T>(dy, "dy"),
               global_pointer<const int32_t>(indices, "indices"), shape);
  });
}

void max_pool2d_gather(const View& y, const View& x, const View& indices, Stream stream) {
  constexpr const char* kName = "max_pool2d_gather";
  if (y.size() == 0) return;
  const int64_t pixels = x.dim(1) * x.dim(2);
  const ValueGuard guard(kName, "indices", indices, 0, pixels - 1);
  for_any_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    const PoolShape shape = shape_of(x, y, indices, y, Pool2dParams(), 1);
    launch_map(kName, max_pool_take<T>, grid_of(shape), stream, global_pointer<T>(y, "y"),
               global_pointer<const T>(x, "x"), global_pointer<const int32_t>(indices, "indices"), shape,
               Divisor(x.dim(2)), guard.check());
  });
  int64_t index = 0, position = 0;
  if (!guard.reported() || !guard.first_bad(index, position)) return;
  fail(ErrorKind::value, kName,
       "indices has a value out of range at flat position " + std::to_string(index) + ", expected 0 to " +
           std::to_string(pixels - 1));
}

void avg_pool2d_forward(const View& y, const View& x, const Pool2dParams& params, Stream stream) {
  if (y.size() == 0) return;
  for_channels({&y, &x}, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const PoolShape shape = shape_of(x, y, View(), y, params, vector());
    launch_map("avg_pool2d_forward", avg_pool_pixels<T, vector()>, grid_of(shape), stream,
               global_pointer<T>(y, "y"), global_pointer<const T>(x, "x"), shape);
  });
}

void avg_pool2d_backward(const View& dx, const View& dy, const Pool2dParams& params, Stream stream) {
  if (dx.size() == 0) return;
  for_channels({&dx, &dy}, [&](auto type, auto vector) {
    using T = type_t<decltype(type)>;
    const PoolShape shape = shape_of(dx, dy, View(), dx, params, vector());
    launch_map("avg_pool2d_backward", avg_pool_gradient<T, vector()>, grid_of(shape), stream,
               global_pointer<T>(dx, "dx"), global_pointer<const T>(dy, "dy"), shape);
  });
}

}  // namespace

void fill_pool2d(Ops& ops) {
  ops.max_pool2d_forward.set(max_pool2d_forward, kF32F64 | kF16 | kBF16);
  ops.max_pool2d_backward.set(max_pool2d_backward, kF32F64 | kF16 | kBF16);
  ops.max_pool2d_gather.set(max_pool2d_gather, kF32F64 | kF16 | kBF16);
  ops.avg_pool2d_forward.set(avg_pool2d_forward, kF32F64 | kF16 | kBF16);
  ops.avg_pool2d_backward.set(avg_pool2d_backward, kF32F64 | kF16 | kBF16);
}

}  // namespace TW_BACKEND
