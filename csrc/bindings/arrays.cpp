// SPDX-License-Identifier: Apache-2.0
#include "bindings/arrays.h"

#include <pybind11/numpy.h>

#include "bindings/array_home.h"

namespace tilewright::bindings {
namespace {

std::string type_text(py::handle object) {
  return py::str(py::handle(reinterpret_cast<PyObject*>(Py_TYPE(object.ptr()))).attr("__name__"));
}

// ml_dtypes registers bfloat16 with NumPy at its import, under a number of its own.
int bfloat16_number() {
  static int number = -1;
  if (number < 0) {
    py::object modules = py::module_::import("sys").attr("modules");
    if (!modules.contains("ml_dtypes")) return -1;
    number = py::dtype::from_args(modules["ml_dtypes"].attr("bfloat16")).num();
  }
  return number;
}

Dtype dtype_of_array(const char* operation, const char* argument, const py::dtype& descr) {
  Dtype dtype;
  if (!dtype_from_number(descr.num(), &dtype))
    fail(ErrorKind::type, operation,
         std::string(argument) + " has dtype " + std::string(py::str(descr)) +
             ", expected bool, uint8, int8, int32, int64, float16, bfloat16, float32 or float64");
  if (descr.byteorder() == '>')
    fail(ErrorKind::type, operation,
         std::string(argument) + " has byte-swapped dtype " + std::string(py::str(descr)) +
             ", expected native byte order; convert it with x.astype(x.dtype.newbyteorder('='))");
  return dtype;
}

View view_of(const char* operation, const char* argument, py::handle object) {
  const bool is_host_array = py::isinstance<py::array>(object);
  if (is_host_array && !array_home().gpu) {
    note_argument(operation, argument);
  } else {
    check_home(operation, argument, object);
    if (array_home().gpu) {
      if (CallObserver* observer = call_observer()) observer->sees_array(object.ptr());
      return gpu_view(operation, argument, object);
    }
  }
  if (!is_host_array)
    fail(ErrorKind::type, operation,
         std::string(argument) + " is a " + type_text(object) + ", expected an array (numpy.ndarray)");
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (CallObserver* observer = call_observer()) observer->sees_array(object.ptr());
  View view;
  view.dtype = dtype_of_array(operation, argument, array.dtype());
  if (array.ndim() > kMaxDims)
    fail(ErrorKind::value, operation,
         std::string(argument) + " has " + std::to_string(array.ndim()) + " dimensions, at most " +
             std::to_string(kMaxDims) + " are supported");
  constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (!(array.flags() & kAligned))
    fail(ErrorKind::value, operation,
         std::string(argument) + " is misaligned in memory for dtype " + dtype_name(view.dtype) + ", copy it first");
  view.data = const_cast<void*>(array.data());
  view.ndim = static_cast<int32_t>(array.ndim());
  view.writable = array.writeable();
  const int64_t item = dtype_size(view.dtype);
  for (int i = 0; i < view.ndim; ++i) {
    view.shape[i] = array.shape(i);
    if (array.strides(i) % item != 0)
      fail(ErrorKind::value, operation,
           std::string(argument) + " has a stride of " + std::to_string(array.strides(i)) +
               " bytes, expected a multiple of the item size " + std::to_string(item) + "; copy it first");
    view.strides[i] = array.strides(i) / item;
  }
  return view;
}

}  // namespace

bool dtype_from_number(int number, Dtype* dtype) {
  using api = py::detail::npy_api;
  switch (number) {
    case api::NPY_BOOL_: *dtype = Dtype::b8; return true;
    case api::NPY_BYTE_: *dtype = Dtype::s8; return true;
    case api::NPY_UBYTE_: *dtype = Dtype::u8; return true;
    case api::NPY_INT_: *dtype = Dtype::s32; return true;
    case api::NPY_LONG_: *dtype = sizeof(long) == 8 ? Dtype::s64 : Dtype::s32; return true;
    case api::NPY_LONGLONG_: *dtype = Dtype::s64; return true;
    case api::NPY_FLOAT_: *dtype = Dtype::f32; return true;
    case api::NPY_DOUBLE_: *dtype = Dtype::f64; return true;
    case 23: *dtype = Dtype::f16; return true;  // NPY_HALF
    default: break;
  }
  if (number >= 256 && number == bfloat16_number()) {
    *dtype = Dtype::bf16;
    return true;
  }
  return false;
}

View input(const char* operation, const char* argument, py::handle array) {
  return view_of(operation, argument, array);
}

View optional_input(const char* operation, const char* argument, py::handle array) {
  return array.is_none() ? View{} : input(operation, argument, array);
}

View output(const char* operation, const char* argument, py::handle array) {
  const View view = view_of(operation, argument, array);
  check_writable(operation, argument, view);
  return view;
}

View optional_output(const char* operation, const char* argument, py::handle array) {
  return array.is_none() ? View{} : output(operation, argument, array);
}

Arrays::Arrays(const char* operation, const char* argument, py::handle list, bool writable) {
  if (!py::isinstance<py::list>(list) && !py::isinstance<py::tuple>(list))
    fail(ErrorKind::type, operation,
         std::string(argument) + " is a " + type_text(list) + ", expected a list of arrays");
  const auto sequence = py::reinterpret_borrow<py::sequence>(list);
  views_.reserve(sequence.size());
  for (size_t i = 0; i < sequence.size(); ++i) {
    const std::string name = std::string(argument) + "[" + std::to_string(i) + "]";
    const py::object item = sequence[i];
    views_.push_back(writable ? output(operation, name.c_str(), item) : input(operation, name.c_str(), item));
  }
}

void check_apart(const char* operation, std::initializer_list<NamedView> outputs,
                 std::initializer_list<NamedView> inputs) {
  for (const NamedView* y = outputs.begin(); y != outputs.end(); ++y) {
    for (const NamedView& x : inputs) check_no_overlap(operation, y->name, y->view, x.name, x.view);
    for (const NamedView* other = outputs.begin(); other != y; ++other)
      check_no_overlap(operation, y->name, y->view, other->name, other->view);
  }
}

void check_apart(const char* operation, const NamedView& elementwise, std::initializer_list<NamedView> like_it,
                 std::initializer_list<NamedView> outputs, std::initializer_list<NamedView> inputs) {
  for (const NamedView& x : like_it)
    check_same_or_no_overlap(operation, elementwise.name, elementwise.view, x.name, x.view);
  check_apart(operation, {elementwise}, inputs);
  check_apart(operation, outputs, inputs);
  for (const NamedView& y : outputs) {
    check_no_overlap(operation, y.name, y.view, elementwise.name, elementwise.view);
    for (const NamedView& x : like_it) check_no_overlap(operation, y.name, y.view, x.name, x.view);
  }
}

void check_float_dtype(const char* operation, const char* argument, const View& view) {
  check_dtype(operation, argument, view, {Dtype::f16, Dtype::bf16, Dtype::f32, Dtype::f64});
}

void check_index_dtype(const char* operation, const char* argument, const View& ids) {
  check_dtype(operation, argument, ids, {Dtype::s32, Dtype::s64});
}

void check_ids(const char* operation, const char* argument, const View& ids) {
  check_ndim(operation, argument, ids, 1, "(n,)");
  check_index_dtype(operation, argument, ids);
}

Stream stream_of(py::handle stream) { return consumer_stream(stream); }

}  // namespace tilewright::bindings
