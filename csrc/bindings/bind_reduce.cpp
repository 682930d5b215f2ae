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
};

const NamedReduce& reduce_named(const std::string& name) {
  for (const NamedReduce& entry : kReduces)
    if (name == entry.name) return entry;
  fail(ErrorKind::value, "reduce", "f is '" + name + "', expected sum, mean, max, min, prod, any, all, logsumexp or sum_squares");
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
    check_dtype(name, "x", x, {Dtype::b8, Dtype::u8, Dtype::s8, Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
    check_dtype(name, "out", y, {Dtype::b8});
    return;
  }
  const bool real_only = f == Reduce::mean || f == Reduce::logsumexp;
  if (real_only) check_dtype(name, "x", x, {Dtype::f32, Dtype::f64});
  check_dtype(name, "x", x, {Dtype::s32, Dtype::s64, Dtype::f32, Dtype::f64});
  const bool adds = f == Reduce::sum || f == Reduce::prod || f == Reduce::sum_squares;
  if (adds && x.dtype == Dtype::s32)
    check_dtype(name, "out", y, {Dtype::s64});
  else
    check_same_dtype(name, "out", y, "x", x);
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
}

}  // namespace tilewright::bindings
