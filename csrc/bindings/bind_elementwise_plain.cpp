// SPDX-License-Identifier: Apache-2.0
// The short way of functions of one and two arrays and of copies, for what most calls bring: NumPy arrays of one shape
// and dtype, in C order, which nobody observes. What comes otherwise gives None, and the caller goes the long way, which
// takes more and words the errors. A call by pybind11 costs as much again as all of this (0.2 us).
#include <pybind11/numpy.h>

#include <exception>
#include <new>

#include "bindings/arrays.h"
#include "bindings/pool_array.h"
#include "core/function_names.h"
#include "core/op.h"

namespace tilewright::bindings {
namespace {

using api = py::detail::npy_api;

// Below this many elements a call is shorter than handing the interpreter lock to a thread that waits for it.
constexpr int64_t kReleasesLock = 1 << 13;

// What the functions need of their module, for as long as the process lives.
struct Plain {
  const Ops& ops;
  py::dict unary, binary;  // names to numbers
};

const py::detail::PyArray_Proxy* proxy(PyObject* array) {
  return reinterpret_cast<const py::detail::PyArray_Proxy*>(array);
}

// The array as one axis. False unless it is a ndarray (no subclass) as described above.
bool plain_view(PyObject* object, View* view) {
  static PyTypeObject* const ndarray = api::get().PyArray_Type_;
  if (Py_TYPE(object) != ndarray) return false;
  const auto* array = proxy(object);
  constexpr int kNeeded = api::NPY_ARRAY_C_CONTIGUOUS_ | api::NPY_ARRAY_ALIGNED_;
  if ((array->flags & kNeeded) != kNeeded) return false;
  const auto* descr = py::detail::array_descriptor_proxy(array->descr);
  if (descr->byteorder == '>' || !dtype_from_number(descr->type_num, &view->dtype)) return false;
  view->data = array->data;
  view->ndim = 1;
  view->strides[0] = 1;
  view->writable = (array->flags & api::NPY_ARRAY_WRITEABLE_) != 0;
  int64_t size = 1;
  for (int i = 0; i < array->nd; ++i) size *= array->dimensions[i];
  view->shape[0] = size;
  return true;
}

bool same_shape(PyObject* a, PyObject* b) {
  const auto *x = proxy(a), *y = proxy(b);
  if (x->nd != y->nd) return false;
  for (int i = 0; i < x->nd; ++i)
    if (x->dimensions[i] != y->dimensions[i]) return false;
  return true;
}

// Whether a kernel that works element by element may write y while it reads x.
bool may_write(const View& y, const View& x) {
  return y.data == x.data ? dtype_size(y.dtype) == dtype_size(x.dtype) : !overlap(y, x);
}

// The destination: `out`, or fresh memory where it is None; null unless it fits.
py::object destination(PyObject* out, PyObject* like, const py::dtype& descr, Dtype dtype, View* y) {
  if (out == Py_None) {
    const auto* array = proxy(like);
    py::array fresh = pool_array({array->dimensions, array->dimensions + array->nd}, descr);
    return plain_view(fresh.ptr(), y) ? py::object(std::move(fresh)) : py::object();
  }
  if (!plain_view(out, y) || y->dtype != dtype || !y->writable || !same_shape(out, like)) return py::object();
  return py::reinterpret_borrow<py::object>(out);
}
// For results like an input, or bool.
py::object destination(PyObject* out, PyObject* like, const View& x, bool is_bool, View* y) {
  return is_bool ? destination(out, like, py::dtype(api::NPY_BOOL_), Dtype::b8, y)
                 : destination(out, like, py::reinterpret_borrow<py::dtype>(proxy(like)->descr), x.dtype, y);
}

// Integers become float64 for most functions, 16-bit floats float32 where a table lacks them.
bool is_float(Dtype dtype) { return dtype == Dtype::f32 || dtype == Dtype::f64; }

// The number of a function, or -1.
int number_of(const py::dict& names, PyObject* name) {
  PyObject* const number = PyDict_GetItemWithError(names.ptr(), name);  // borrowed
  return number ? static_cast<int>(PyLong_AsLong(number)) : -1;
}

template <class Operation, class... Args>
void run_plain(const Operation& operation, int64_t size, const Args&... args) {
  if (size >= kReleasesLock)
    run(operation, args...);
  else
    operation(args...);
}

Plain* plain_of(PyObject* self) { return static_cast<Plain*>(PyCapsule_GetPointer(self, nullptr)); }

// What all have in common: an exception of C++ becomes one of Python, a null object None.
template <class Body>
PyObject* answered(Body&& body) {
  try {
    py::object y = body();
    if (!y && PyErr_Occurred()) return nullptr;
    return (y ? y : py::none()).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const Error&) {
    set_python_error(std::current_exception());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// (name, x, out, p, q) -> out, fresh memory, or None
PyObject* unary(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return answered([&]() -> py::object {
    Plain* const plain = plain_of(self);
    View x, y;
    if (count != 5 || call_observer() || !plain_view(arguments[1], &x) || !is_float(x.dtype)) return {};
    const int f = number_of(plain->unary, arguments[0]);
    const double p = PyFloat_AsDouble(arguments[3]), q = PyFloat_AsDouble(arguments[4]);
    if (f < 0 || PyErr_Occurred()) return {};
    py::object out = destination(arguments[2], arguments[1], x, gives_bool(static_cast<Unary>(f)), &y);
    if (!out || !may_write(y, x)) return {};
    run_plain(plain->ops.unary, y.shape[0], y, x, static_cast<Unary>(f), p, q, Stream{});
    return out;
  });
}

// (name, a, b, out) -> out, fresh memory, or None
PyObject* binary(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return answered([&]() -> py::object {
    Plain* const plain = plain_of(self);
    View a, b, y;
    if (count != 4 || call_observer() || !plain_view(arguments[1], &a) || !plain_view(arguments[2], &b)) return {};
    const int f = number_of(plain->binary, arguments[0]);
    if (f < 0 || a.dtype != b.dtype || !same_shape(arguments[1], arguments[2])) return {};
    if (!(plain->ops.binary.dtypes() & mask_of(a.dtype))) return {};
    if (static_cast<Binary>(f) == Binary::div && !is_float(a.dtype)) return {};
    py::object out = destination(arguments[3], arguments[1], a, gives_bool(static_cast<Binary>(f)), &y);
    if (!out || !may_write(y, a) || !may_write(y, b)) return {};
    run_plain(plain->ops.binary, y.shape[0], y, a, b, static_cast<Binary>(f), Stream{});
    return out;
  });
}

// (x, out, dtype) -> out, fresh memory, or None
PyObject* copy(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return answered([&]() -> py::object {
    View x, y;
    if (count != 3 || call_observer() || !py::isinstance<py::dtype>(arguments[2])) return {};
    const auto descr = py::reinterpret_borrow<py::dtype>(arguments[2]);
    Dtype dtype;
    if (!plain_view(arguments[0], &x) || descr.byteorder() == '>' || !dtype_from_number(descr.num(), &dtype)) return {};
    py::object out = destination(arguments[1], arguments[0], descr, dtype, &y);
    if (!out || !may_write(y, x) || (y.data == x.data && y.dtype != x.dtype)) return {};
    run_plain(plain_of(self)->ops.copy, y.shape[0], y, x, Stream{});
    return out;
  });
}

template <class Function>
py::dict numbers(Function last) {
  py::dict names;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    const auto name = py::reinterpret_steal<py::object>(PyUnicode_InternFromString(name_of(static_cast<Function>(i))));
    names[name] = i;
  }
  return names;
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

void add_function(py::module_& m, const py::object& self, const char* name, FastCall function, const char* doc) {
  auto* definition = new PyMethodDef{name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function)),
                                     METH_FASTCALL, doc};
  const py::object module_name = m.attr("__name__");
  m.attr(name) = py::reinterpret_steal<py::object>(PyCFunction_NewEx(definition, self.ptr(), module_name.ptr()));
}

}  // namespace

void bind_elementwise_plain(py::module_& m, const Ops& ops) {
  auto* plain = new Plain{ops, numbers(Unary::isfinite), numbers(Binary::logical_xor)};
  const py::capsule self(static_cast<void*>(plain));  // lives as long as the functions, which live as long as the process
  add_function(m, self, "unary_plain", unary, "unary_plain(function, x, out, p, q): y, or None: go the long way");
  add_function(m, self, "copy_plain", copy, "copy_plain(x, out, dtype): y, or None: go the long way");
  add_function(m, self, "binary_plain", binary, "binary_plain(function, a, b, out): y, or None: go the long way");
}

}  // namespace tilewright::bindings
