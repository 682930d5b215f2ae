// SPDX-License-Identifier: Apache-2.0
// Binds one back end's table; compiled once, linked into every module.
#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

void set_error(PyObject* type, const Error& error) { PyErr_SetString(type, error.what()); }

// What the table holds, for tests and `python -m tilewright info`.
py::list operations(const Ops& ops) {
  py::list list;
  for (const OpBase* op : ops.list.ops) {
    py::list dtypes;
    for (int i = 0; i < kDtypeCount; ++i)
      if (op->dtypes() & (1u << i)) dtypes.append(dtype_name(static_cast<Dtype>(i)));
    py::dict entry;
    entry["name"] = op->name();
    entry["implemented"] = op->implemented();
    entry["dtypes"] = dtypes;
    list.append(entry);
  }
  return list;
}

}  // namespace

void set_python_error(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& error) {
    switch (error.kind()) {
      case ErrorKind::value: return set_error(PyExc_ValueError, error);
      case ErrorKind::type: return set_error(PyExc_TypeError, error);
      case ErrorKind::not_implemented: return set_error(PyExc_NotImplementedError, error);
      case ErrorKind::runtime: return set_error(PyExc_RuntimeError, error);
      case ErrorKind::memory: return set_error(PyExc_MemoryError, error);
    }
  }
}

void bind_all(py::module_& m, const Ops& ops) {
  py::register_local_exception_translator(set_python_error);
  m.attr("backend") = ops.list.backend;
  m.def("operations", [&ops] { return operations(ops); }, "Every line of the table: name, implemented, dtypes");
  bind_elementwise(m, ops);
  bind_reduce(m, ops);
  bind_matmul(m, ops);
  bind_conv2d(m, ops);
  bind_pool2d(m, ops);
  bind_softmax(m, ops);
  bind_norm(m, ops);
  bind_attention(m, ops);
  bind_embedding(m, ops);
  bind_shape(m, ops);
  bind_random(m, ops);
  bind_rnn(m, ops);
  bind_loss(m, ops);
  bind_optimizer(m, ops);
}

}  // namespace tilewright::bindings
