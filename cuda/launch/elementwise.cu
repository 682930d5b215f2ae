// SPDX-License-Identifier: Apache-2.0
// Functions of one and two arguments, selection, copies and casts: which function object, and which groups of bytes.
#include "launch/elementwise.h"

#include <limits>
#include <string>

#include "core/function_names.h"
#include "kernels/elementwise_binary.cuh"
#include "kernels/elementwise_copy.cuh"
#include "kernels/elementwise_derivative.cuh"
#include "launch/dtypes.h"
#include "launch/fill.h"

namespace TW_BACKEND {
namespace {

[[noreturn]] void refuse(const char* name, const char* argument, Dtype dtype) {
  fail(ErrorKind::type, name,
       std::string(argument) + " has dtype " + dtype_name(dtype) + ", which this function does not take");
}

template <class Body>
void for_group(Unary f, Body&& body) {
  switch (group_of(f)) {
    case UnaryGroup::plain: return body(std::integral_constant<UnaryGroup, UnaryGroup::plain>{});
    case UnaryGroup::smooth: return body(std::integral_constant<UnaryGroup, UnaryGroup::smooth>{});
    case UnaryGroup::wave: return body(std::integral_constant<UnaryGroup, UnaryGroup::wave>{});
  }
}

bool takes_integers(Unary f) {
  return f == Unary::neg || f == Unary::abs || f == Unary::sign || f == Unary::square || f == Unary::relu;
}

void unary(const View& y, const View& x, Unary f, double p, double q, Stream stream) {
  if (is_float(x.dtype)) {
    for_any_float(x.dtype, [&](auto type) {
      using T = type_t<decltype(type)>;
      if (is_test(f)) return map_elements("unary", UnaryTest<T>{f}, y, stream, x);
      for_group(f, [&](auto group) {
        map_elements("unary",
                     UnaryFunction<T, decltype(group)::value>{f, static_cast<Wide<T>>(p), static_cast<Wide<T>>(q)},
                     y, stream, x);
      });
    });
    return;
  }
  if (f != Unary::logical_not && (!takes_integers(f) || x.dtype == Dtype::b8)) refuse(name_of(f), "x", x.dtype);
  for_integer(x.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (f == Unary::logical_not) return map_elements("unary", UnaryTest<T>{f}, y, stream, x);
    map_elements("unary", IntegerUnary<T>{f}, y, stream, x);
  });
}

void check_differentiable(const char* name, Unary f) {
  if (is_test(f)) fail(ErrorKind::value, name, "function has bool results, which have no derivative");
}

void unary_backward(const View& dx, const View& dy, const View& x, const View& y, Unary f, double p, double q,
                    Stream stream) {
  constexpr const char* kName = "unary_backward";
  check_differentiable(kName, f);
  for_any_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    using W = Wide<T>;
    const bool uses_y = derivative_uses_y(f);
    for_group(f, [&](auto group) {
      constexpr UnaryGroup kOf = decltype(group)::value;
      const W pw = static_cast<W>(p), qw = static_cast<W>(q);
      if (y && uses_y) {
        map_elements(kName, UnaryDerivative<T, kOf, true>{f, pw, qw, uses_y}, dx, stream, dy, x, y);
      } else {
        map_elements(kName, UnaryDerivative<T, kOf, false>{f, pw, qw, uses_y}, dx, stream, dy, x);
      }
    });
  });
}

void unary_backward2(const View& dx, const View& dy, const View& x, Unary f, double p, double, Stream stream) {
  constexpr const char* kName = "unary_backward2";
  check_differentiable(kName, f);
  for_any_float(dx.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    for_group(f, [&](auto group) {
      map_elements(kName, UnarySecondDerivative<T, decltype(group)::value>{f, static_cast<Wide<T>>(p)}, dx,
                   stream, dy, x);
    });
  });
}

void binary(const View& y, const View& a, const View& b, Binary f, Stream stream) {
  if (is_float(a.dtype)) {
    for_any_float(a.dtype, [&](auto type) {
      using T = type_t<decltype(type)>;
      if (gives_truth(f)) return map_elements("binary", BinaryTest<T>{f}, y, stream, a, b);
      if (f == Binary::pow) return map_elements("binary", FloatPower<T>{}, y, stream, a, b);
      map_elements("binary", FloatBinary<T>{{}, f}, y, stream, a, b);
    });
    return;
  }
  const bool bool_takes_it = gives_truth(f) || f == Binary::maximum || f == Binary::minimum;
  if (f == Binary::div || (a.dtype == Dtype::b8 && !bool_takes_it)) refuse(name_of(f), "a", a.dtype);
  for_integer(a.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    if (gives_truth(f)) return map_elements("binary", BinaryTest<T>{f}, y, stream, a, b);
    map_elements("binary", IntegerBinary<T>{{}, f}, y, stream, a, b);
  });
}

void where(const View& y, const View& condition, const View& a, const View& b, Stream stream) {
  for_item_size(y.dtype, [&](auto type) {
    map_elements("where", Where<type_t<decltype(type)>>{}, y, stream, condition, a, b);
  });
}

// The axis along which x has stride 1 where y's innermost axis, along which y has stride 1, is another; or 0.
int turned_axis(const HostAxes<2>& axes) {
  if (axes.count < 2 || axes.stride[0][0] != 1 || axes.stride[1][0] == 1) return 0;
  for (int axis = 1; axis < axes.count; ++axis) {
    if (axes.stride[1][axis] == 1) return axis;
  }
  return 0;
}

// Tiles pay where both sides are at least half a tile wide.
bool worth_turning(const HostAxes<2>& axes, int rows) {
  constexpr int64_t kHalf = kTransposeTile / 2;
  return rows > 0 && axes.size[0] >= kHalf && axes.size[rows] >= kHalf;
}

template <class U>
void copy_turned(const View& y, const View& x, HostAxes<2> axes, int rows, Stream stream) {
  TransposeShape shape;
  shape.cols = axes.size[0];
  shape.rows = axes.size[rows];
  shape.y_row = axes.stride[0][rows];
  shape.x_col = axes.stride[1][0];
  const int64_t row_tiles = ceil_divide(shape.rows, kTransposeTile);
  const int64_t col_tiles = ceil_divide(shape.cols, kTransposeTile);
  shape.row_tiles = Divisor(row_tiles);
  shape.col_tiles = Divisor(col_tiles);
  HostAxes<2> batch;
  for (int axis = 1; axis < axes.count; ++axis) {
    if (axis != rows) batch.add(axes.size[axis], {axes.stride[0][axis], axes.stride[1][axis]});
  }
  shape.batch = batch.device();
  const int64_t blocks = row_tiles * col_tiles * batch.elements();
  launch("copy", elementwise_transpose<U>, Dim3(static_cast<unsigned>(blocks)), Dim3(kTransposeThreads),
         sizeof(TransposeSmem<U>), stream, global_pointer<U>(y, "y") + axes.start[0],
         global_pointer<const U>(x, "x") + axes.start[1], shape);
}

void copy_same_dtype(const View& y, const View& x, Stream stream) {
  if (y.size() == 0) return;
  const View* const views[] = {&y, &x};
  const HostAxes<2> axes = axes_of(views);
  const int rows = turned_axis(axes);
  const int64_t tiles = y.size() / (kTransposeTile * kTransposeTile);
  for_item_size(y.dtype, [&](auto type) {
    using U = type_t<decltype(type)>;
    if (worth_turning(axes, rows) && tiles < std::numeric_limits<int32_t>::max() / 8) {
      copy_turned<U>(y, x, axes, rows, stream);
    } else {
      map_elements("copy", Copy<U>{}, y, stream, x);
    }
  });
}

void copy(const View& y, const View& x, Stream stream) {
  if (y.dtype == x.dtype) return copy_same_dtype(y, x, stream);
  for_dtype(y.dtype, [&](auto to) {
    for_dtype(x.dtype, [&](auto from) {
      using To = type_t<decltype(to)>;
      using From = type_t<decltype(from)>;
      if constexpr (!std::is_same_v<To, From>) map_elements("copy", Cast<To, From>{}, y, stream, x);
    });
  });
}

void fill(const View& y, double value, Stream stream) {
  for_dtype(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    map_elements("fill", Fill<T>{convert<T>(value)}, y, stream);
  });
}

}  // namespace

void fill_elementwise(Ops& ops) {
  ops.unary.set(unary, kAnyDtype);
  ops.unary_backward.set(unary_backward, kF32F64 | kF16 | kBF16);
  ops.unary_backward2.set(unary_backward2, kF32F64 | kF16 | kBF16);
  ops.binary.set(binary, kAnyDtype);
  ops.where.set(where, kAnyDtype);
  ops.copy.set(copy, kAnyDtype);
  ops.fill.set(fill, kAnyDtype);
  fill_elementwise_fused(ops);
}

}  // namespace TW_BACKEND
