// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

struct NamedReduce {
  const char* name;
  Reduce f;
};
constexpr NamedReduce kReduces[] = {
    {"sum", Reduce::sum}, {"mean", Reduce::mean}, {"max", Reduce::max},
    {"min", Reduce::min}, {"prod", Reduce::prod}, {"any", Reduce::any},
    {"all", Reduce::all}, {"logsumexp", Reduce::logsumexp}, {"sum_squares", Reduce::sum_squares},
    {"l2_norm", Reduce::norm},
};

const NamedReduce& reduce_named(const std::string& name) {
  for (const NamedReduce& entry : kReduces)
    if (name == entry.name) return entry;
  fail(ErrorKind::value, "reduce", "f is '" + name + "', expected sum, mean, max, min, prod, any, all, logsumexp, sum_squares or l2_norm");
}

// Same rank, and each size that of x or 1. A maximum or minimum needs something to choose from.
void check_reduced_shape(const char* name, const char* out, const View& y, const View& x, bool has_identity) {
  check_ndim(name, out, y, x.ndim, "as many as x, with 1 where an axis is reduced");
  bool empty = false;
  for (int i = 0; i < x.ndim; ++i) {
    if (y.shape[i] != x.shape[i] && y.shape[i] != 1)
      fail(ErrorKind::value, name, std::string(out) + " has shape " + shape_text(y) + ", expected that of x " + shape_text(x) +
                                       " with 1 where an axis is reduced");
    empty |= y.shape[i] == 1 && x.shape[i] == 0;
  }
  if (empty && !has_identity && y.size() > 0)
    fail(ErrorKind::value, name, "x has shape " + shape_text(x) + ", expected at least 1 element along the reduced axes");
}

void check_reduce_dtypes(const char* name, const View& y, const View& x, Reduce f) {
  if (f == Reduce::any || f == Reduce::all) {
    check_dtype(name, "x", x, {Dtype::b8, Dtype::u8, Dtype::s8, Dtype::s32, Dtype::s64, Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64});
    check_dtype(name, "out", y, {Dtype::b8});
    return;
  }
  const bool real_only = f == Reduce::mean || f == Reduce::logsumexp || f == Reduce::norm;
  if (real_only) check_float_dtype(name, "x", x);
  check_dtype(name, "x", x, {Dtype::s32, Dtype::s64, Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64});
  const bool adds = f == Reduce::sum || f == Reduce::prod || f == Reduce::sum_squares;
  if (adds && x.dtype == Dtype::s32)
    check_dtype(name, "out", y, {Dtype::s64});
  else
    check_same_dtype(name, "out", y, "x", x);
}

// y has x's shape with 1 at `axis`.
void check_one_axis_reduced(const char* name, const View& y, const View& x, int axis) {
  check_ndim(name, "out", y, x.ndim, "as many as x");
  for (int i = 0; i < x.ndim; ++i)
    if (y.shape[i] != (i == axis ? 1 : x.shape[i]))
      fail(ErrorKind::value, name, "out has shape " + shape_text(y) + ", expected that of x " + shape_text(x) +
                                       " with 1 at axis " + std::to_string(axis));
  if (x.shape[axis] == 0 && y.size() > 0)
    fail(ErrorKind::value, name, "x has shape " + shape_text(x) + ", expected at least 1 element along axis " + std::to_string(axis));
}

void moments(const Ops& ops, py::handle mean, py::handle variance, py::handle x, double ddof, py::handle stream) {
  constexpr const char* name = "moments";
  const View xv = input(name, "x", x), m = output(name, "mean", mean), v = output(name, "variance", variance);
  check_float_dtype(name, "x", xv);
  check_same_dtype(name, "mean", m, "x", xv);
  check_same_dtype(name, "variance", v, "x", xv);
  check_reduced_shape(name, "mean", m, xv, true);
  check_same_shape(name, "variance", v, "mean", m);
  for (int i = 0; i < m.ndim; ++i)
    if (m.strides[i] != v.strides[i] && m.shape[i] > 1)
      fail(ErrorKind::value, name, "variance has strides " + strides_text(v) + ", expected those of mean " + strides_text(m));
  check_no_overlap(name, "mean", m, "x", xv);
  check_no_overlap(name, "variance", v, "x", xv);
  check_no_overlap(name, "variance", v, "mean", m);
  run(ops.moments, m, v, xv, ddof, stream_of(stream));
}

void argmax(const Ops& ops, py::handle y, py::handle x, int64_t axis, bool minimum, py::handle stream) {
  const char* name = minimum ? "argmin" : "argmax";
  const View xv = input(name, "x", x), yv = output(name, "out", y);
  check_dtype(name, "x", xv, {Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
  check_dtype(name, "out", yv, {Dtype::s64});
  const int at = check_axis(name, "axis", axis, xv.ndim);
  check_one_axis_reduced(name, yv, xv, at);
  check_no_overlap(name, "out", yv, "x", xv);
  run(ops.argmax, yv, xv, at, minimum, stream_of(stream));
}

void cumsum(const Ops& ops, py::handle y, py::handle x, int64_t axis, bool exclusive, bool reverse, py::handle stream) {
  constexpr const char* name = "cumsum";
  const View xv = input(name, "x", x), yv = output(name, "out", y);
  check_dtype(name, "x", xv, {Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
  check_same_dtype(name, "out", yv, "x", xv);
  check_same_shape(name, "out", yv, "x", xv);
  const int at = check_axis(name, "axis", axis, xv.ndim);
  check_same_or_no_overlap(name, "out", yv, "x", xv);
  run(ops.cumsum, yv, xv, at, exclusive, reverse, stream_of(stream));
}

void top_k(const Ops& ops, py::handle values, py::handle indices, py::handle x, py::handle stream) {
  constexpr const char* name = "top_k";
  const View xv = input(name, "x", x), v = output(name, "values", values), i = output(name, "indices", indices);
  check_ndim(name, "x", xv, 2, "(rows, cols)");
  check_dtype(name, "x", xv, {Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
  check_rows_contiguous(name, "x", xv);
  check_same_dtype(name, "values", v, "x", xv);
  check_dtype(name, "indices", i, {Dtype::s64});
  check_shape(name, "values", v, {xv.dim(0), kAnySize}, "one row per row of x, k columns");
  check_range(name, "k", v.dim(1), 0, xv.dim(1));
  check_same_shape(name, "indices", i, "values", v);
  check_rows_contiguous(name, "values", v);
  check_rows_contiguous(name, "indices", i);
  check_no_overlap(name, "values", v, "x", xv);
  check_no_overlap(name, "indices", i, "x", xv);
  check_no_overlap(name, "indices", i, "values", v);
  run(ops.top_k, v, i, xv, stream_of(stream));
}

void global_norm(const Ops& ops, py::handle y, py::handle arrays, py::handle stream) {
  constexpr const char* name = "global_norm";
  const View yv = output(name, "out", y);
  const Arrays list(name, "arrays", arrays, false);
  check_dtype(name, "out", yv, {Dtype::f32, Dtype::f64});
  check_range(name, "number of elements of out", yv.size(), 1, 1);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string argument = "arrays[" + std::to_string(i) + "]";
    check_dtype(name, argument.c_str(), list[i], {Dtype::f32, Dtype::f64});
    check_no_overlap(name, "out", yv, argument.c_str(), list[i]);
  }
  run(ops.global_norm, yv, list.list(), stream_of(stream));
}

}  // namespace

void bind_reduce(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "reduce",
      [&ops](py::handle y, py::handle x, const std::string& f, py::handle stream) {
        const NamedReduce& named = reduce_named(f);
        const View xv = input(named.name, "x", x), yv = output(named.name, "out", y);
        check_reduce_dtypes(named.name, yv, xv, named.f);
        check_reduced_shape(named.name, "out", yv, xv, named.f != Reduce::max && named.f != Reduce::min);
        check_no_overlap(named.name, "out", yv, "x", xv);
        run(ops.reduce, yv, xv, named.f, stream_of(stream));
      },
      "y = f over the axes of x where y has size 1; f by name", py::arg("y"), py::arg("x"), py::arg("f"), stream);
  using namespace py::literals;
  m.def("moments", [&ops](py::handle mean, py::handle variance, py::handle x, double ddof, py::handle stream) {
          moments(ops, mean, variance, x, ddof, stream);
        },
        "mean and variance over the axes of x where mean has size 1", "mean"_a, "variance"_a, "x"_a, "ddof"_a, stream);
  m.def("argmax", [&ops](py::handle y, py::handle x, int64_t axis, bool minimum, py::handle stream) {
          argmax(ops, y, x, axis, minimum, stream);
        },
        "y = position of the first maximum (minimum) along axis", "y"_a, "x"_a, "axis"_a, "minimum"_a, stream);
  m.def("cumsum", [&ops](py::handle y, py::handle x, int64_t axis, bool exclusive, bool reverse, py::handle stream) {
          cumsum(ops, y, x, axis, exclusive, reverse, stream);
        },
        "y = running sum of x along axis", "y"_a, "x"_a, "axis"_a, "exclusive"_a, "reverse"_a, stream);
  m.def("top_k", [&ops](py::handle values, py::handle indices, py::handle x, py::handle stream) {
          top_k(ops, values, indices, x, stream);
        },
        "the k largest of each row of x (rows, cols)", "values"_a, "indices"_a, "x"_a, stream);
  m.def("global_norm", [&ops](py::handle y, py::handle arrays, py::handle stream) { global_norm(ops, y, arrays, stream); },
        "y = sqrt of the sum of squares of all arrays", "y"_a, "arrays"_a, stream);
}

}  // namespace tilewright::bindings
