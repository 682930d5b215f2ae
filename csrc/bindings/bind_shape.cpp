// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

// `whole` (outer, V, inner), ids (n,), `part` (outer, n, inner); the last axes contiguous.
void check_take(const char* name, const char* whole_name, const View& whole, const View& ids, const char* part_name,
                const View& part) {
  check_ndim(name, whole_name, whole, 3, "(outer, size, inner)");
  check_rows_contiguous(name, whole_name, whole);
  check_ids(name, "indices", ids);
  check_same_dtype(name, part_name, part, whole_name, whole);
  check_shape(name, part_name, part, {whole.dim(0), ids.dim(0), whole.dim(2)}, "an entry per index");
  check_rows_contiguous(name, part_name, part);
}

void take(const Ops& ops, py::handle y, py::handle x, py::handle ids, py::handle stream) {
  constexpr const char* name = "take";
  const View xv = input(name, "x", x), i = input(name, "indices", ids), yv = output(name, "out", y);
  check_take(name, "x", xv, i, "out", yv);
  check_apart(name, {{"out", yv}}, {{"x", xv}, {"indices", i}});
  run(ops.take, yv, xv, i, stream_of(stream));
}

void take_backward(const Ops& ops, py::handle dx, py::handle dy, py::handle ids, py::handle stream) {
  constexpr const char* name = "take_backward";
  const View d = input(name, "dy", dy), i = input(name, "indices", ids), dxv = output(name, "out", dx);
  check_float_dtype(name, "dy", d);
  check_take(name, "out", dxv, i, "dy", d);
  check_apart(name, {{"out", dxv}}, {{"dy", d}, {"indices", i}});
  run(ops.take_backward, dxv, d, i, stream_of(stream));
}

// Equal shapes, except that `indexed` may have any size along `axis`.
int check_along(const char* name, const View& indices, const char* indexed_name, const View& indexed, int64_t axis) {
  check_index_dtype(name, "indices", indices);
  const int at = check_axis(name, "axis", axis, indexed.ndim);
  check_ndim(name, "indices", indices, indexed.ndim, "as many as the array they index");
  for (int i = 0; i < indexed.ndim; ++i)
    if (i != at && indices.shape[i] != indexed.shape[i])
      fail(ErrorKind::value, name, "indices has shape " + shape_text(indices) + ", expected that of " + indexed_name + " " +
                                       shape_text(indexed) + " but for axis " + std::to_string(at));
  return at;
}

void gather(const Ops& ops, py::handle y, py::handle x, py::handle indices, int64_t axis, py::handle stream) {
  constexpr const char* name = "gather";
  const View xv = input(name, "x", x), i = input(name, "indices", indices), yv = output(name, "out", y);
  const int at = check_along(name, i, "x", xv, axis);
  check_same_dtype(name, "out", yv, "x", xv);
  check_same_shape(name, "out", yv, "indices", i);
  check_apart(name, {{"out", yv}}, {{"x", xv}, {"indices", i}});
  run(ops.gather, yv, xv, i, at, stream_of(stream));
}

void scatter_add(const Ops& ops, py::handle y, py::handle x, py::handle indices, int64_t axis, py::handle stream) {
  constexpr const char* name = "scatter_add";
  const View xv = input(name, "x", x), i = input(name, "indices", indices), yv = output(name, "out", y);
  check_dtype(name, "x", xv, {Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
  const int at = check_along(name, i, "out", yv, axis);
  check_same_dtype(name, "out", yv, "x", xv);
  check_same_shape(name, "x", xv, "indices", i);
  check_apart(name, {{"out", yv}}, {{"x", xv}, {"indices", i}});
  run(ops.scatter_add, yv, xv, i, at, stream_of(stream));
}

void one_hot(const Ops& ops, py::handle y, py::handle ids, double on, double off, py::handle stream) {
  constexpr const char* name = "one_hot";
  const View i = input(name, "ids", ids), yv = output(name, "out", y);
  check_ids(name, "ids", i);
  check_dtype(name, "out", yv, {Dtype::b8, Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
  check_shape(name, "out", yv, {i.dim(0), kAnySize}, "(n, depth)");
  check_rows_contiguous(name, "out", yv);
  check_no_overlap(name, "out", yv, "ids", i);
  run(ops.one_hot, yv, i, on, off, stream_of(stream));
}

Resize resize_named(const char* name, const std::string& method) {
  if (method == "nearest") return Resize::nearest;
  if (method == "nearest_floor") return Resize::nearest_floor;
  if (method == "bilinear") return Resize::bilinear;
  fail(ErrorKind::value, name, "method is '" + method + "', expected 'nearest', 'nearest_floor' or 'bilinear'");
}

// Images (N, H, W, C), contiguous, of one dtype, batch and number of channels.
void check_images(const char* name, const char* large_name, const View& large, const char* model_name, const View& model) {
  constexpr const char* layout = "(batch, rows, cols, channels)";
  check_ndim(name, model_name, model, 4, layout);
  check_float_dtype(name, model_name, model);
  check_ndim(name, large_name, large, 4, layout);
  check_same_dtype(name, large_name, large, model_name, model);
  check_shape(name, large_name, large, {model.dim(0), kAnySize, kAnySize, model.dim(3)}, "batch and channels as given");
  for (const auto& [argument, view] : {std::pair(large_name, &large), std::pair(model_name, &model)}) {
    if (view->size() > 0 && !view->contiguous())  // NumPy gives empty arrays strides 0
      fail(ErrorKind::value, name, std::string(argument) + " has strides " + strides_text(*view) + ", expected C order without gaps");
    check_range(name, "rows", view->dim(1), 0, INT32_MAX / 2);
    check_range(name, "cols", view->dim(2), 0, INT32_MAX / 2);
  }
}

void check_source(const char* name, const char* argument, const View& source, const View& destination) {
  if (source.size() == 0 && destination.size() > 0)
    fail(ErrorKind::value, name, std::string(argument) + " has shape " + shape_text(source) + ", expected at least 1 row and column");
}

void resize(const Ops& ops, py::handle y, py::handle x, const std::string& method, bool align_corners, py::handle stream) {
  constexpr const char* name = "resize";
  const View xv = input(name, "x", x), yv = output(name, "out", y);
  check_images(name, "out", yv, "x", xv);
  check_source(name, "x", xv, yv);
  check_no_overlap(name, "out", yv, "x", xv);
  run(ops.resize_forward, yv, xv, resize_named(name, method), align_corners, stream_of(stream));
}

void resize_backward(const Ops& ops, py::handle dx, py::handle dy, const std::string& method, bool align_corners,
                     py::handle stream) {
  constexpr const char* name = "resize_backward";
  const View d = input(name, "dy", dy), dxv = output(name, "out", dx);
  check_images(name, "out", dxv, "dy", d);
  check_no_overlap(name, "out", dxv, "dy", d);
  run(ops.resize_backward, dxv, d, resize_named(name, method), align_corners, stream_of(stream));
}

}  // namespace

void bind_shape(py::module_& m, const Ops& ops) {
  using namespace py::literals;
  using py::handle;
  const auto stream = py::arg("stream") = py::none();
  m.def("take", [&ops](handle y, handle x, handle ids, handle stream) { take(ops, y, x, ids, stream); },
        "y[o, i, :] = x[o, ids[i], :]", "y"_a, "x"_a, "ids"_a, stream);
  m.def("take_backward", [&ops](handle dx, handle dy, handle ids, handle stream) { take_backward(ops, dx, dy, ids, stream); },
        "dx[o, ids[i], :] += dy[o, i, :]", "dx"_a, "dy"_a, "ids"_a, stream);
  m.def("gather",
        [&ops](handle y, handle x, handle indices, int64_t axis, handle stream) { gather(ops, y, x, indices, axis, stream); },
        "y[.., i, ..] = x[.., indices[.., i, ..], ..] along axis", "y"_a, "x"_a, "indices"_a, "axis"_a, stream);
  m.def("scatter_add",
        [&ops](handle y, handle x, handle indices, int64_t axis, handle stream) {
          scatter_add(ops, y, x, indices, axis, stream);
        },
        "y[.., indices[.., i, ..], ..] += x[.., i, ..] along axis", "y"_a, "x"_a, "indices"_a, "axis"_a, stream);
  m.def("one_hot", [&ops](handle y, handle ids, double on, double off, handle stream) { one_hot(ops, y, ids, on, off, stream); },
        "y[i, ids[i]] = on, else off", "y"_a, "ids"_a, "on"_a = 1.0, "off"_a = 0.0, stream);
  m.def("resize_forward",
        [&ops](handle y, handle x, const std::string& method, bool align_corners, handle stream) {
          resize(ops, y, x, method, align_corners, stream);
        },
        "y = x (N, H, W, C) resized to y's rows and columns", "y"_a, "x"_a, "method"_a, "align_corners"_a, stream);
  m.def("resize_backward",
        [&ops](handle dx, handle dy, const std::string& method, bool align_corners, handle stream) {
          resize_backward(ops, dx, dy, method, align_corners, stream);
        },
        "gradient of resize_forward by x", "dx"_a, "dy"_a, "method"_a, "align_corners"_a, stream);
  bind_shape_affine(m, ops);
}

}  // namespace tilewright::bindings
