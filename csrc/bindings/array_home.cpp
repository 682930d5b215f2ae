// SPDX-License-Identifier: Apache-2.0
#include "bindings/array_home.h"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>

#include <cstring>
#include <vector>

#include "core/check.h"

namespace tilewright::bindings {
namespace {

namespace py = pybind11;

constexpr const char* kInterface = "__cuda_array_interface__";

// Of the call whose arguments are being taken: the last one that lives here, its name cut to fit. Plain data, because
// every argument of every call comes by.
struct LastArgument {
  const char* operation;
  char name[32];
};
thread_local LastArgument last_argument = {nullptr, {}};
thread_local std::vector<void*> producers_of_call;  // streams on which its arrays were made
thread_local void* stream_of_last_call = nullptr;

std::string kind_of(py::handle object) {
  const py::handle type(reinterpret_cast<PyObject*>(Py_TYPE(object.ptr())));
  const auto module = py::str(type.attr("__module__")).cast<std::string>();
  return module.substr(0, module.find('.')) + "." + py::str(type.attr("__name__")).cast<std::string>();
}

struct Typestr {
  const char* text;
  Dtype dtype;
};
constexpr Typestr kTypestrs[] = {{"b1", Dtype::b8},  {"i1", Dtype::s8},  {"u1", Dtype::u8},
                                 {"i4", Dtype::s32}, {"i8", Dtype::s64}, {"f2", Dtype::f16},
                                 {"f4", Dtype::f32}, {"f8", Dtype::f64}};

// The interface has no name for bfloat16: it comes as two opaque bytes, and the array's own dtype tells.
bool is_bfloat16(py::handle object, const std::string& typestr) {
  if (typestr.size() != 3 || typestr[1] != 'V' || typestr[2] != '2' || !py::hasattr(object, "dtype")) return false;
  return py::str(object.attr("dtype")).cast<std::string>().find("bfloat16") != std::string::npos;
}

Dtype dtype_of_interface(const char* operation, const char* argument, py::handle object, const std::string& typestr) {
  if (!typestr.empty() && typestr[0] == '>')
    fail(ErrorKind::type, operation,
         std::string(argument) + " has byte-swapped dtype " + typestr + ", expected native byte order");
  for (const Typestr& known : kTypestrs)
    if (typestr.size() > 1 && typestr.compare(1, std::string::npos, known.text) == 0) return known.dtype;
  if (is_bfloat16(object, typestr)) return Dtype::bf16;
  fail(ErrorKind::type, operation,
       std::string(argument) + " has dtype " + typestr +
           ", expected bool, uint8, int8, int32, int64, float16, bfloat16, float32 or float64");
}

void* address_from(py::handle number) { return reinterpret_cast<void*>(number.cast<uintptr_t>()); }

// 1 names the legacy default stream, which a null handle means as well.
void* stream_handle(uintptr_t number) { return reinterpret_cast<void*>(number == 1 ? 0 : number); }

void set_strides(const char* operation, const char* argument, const py::dict& interface, View* view) {
  const int64_t item = dtype_size(view->dtype);
  if (!interface.contains("strides") || interface["strides"].is_none()) {
    int64_t step = 1;
    for (int i = view->ndim - 1; i >= 0; --i) {
      view->strides[i] = step;
      step *= view->shape[i];
    }
    return;
  }
  const auto strides = interface["strides"].cast<py::tuple>();
  for (int i = 0; i < view->ndim; ++i) {
    const auto bytes = strides[static_cast<size_t>(i)].cast<int64_t>();
    if (bytes % item != 0)
      fail(ErrorKind::value, operation,
           std::string(argument) + " has a stride of " + std::to_string(bytes) +
               " bytes, expected a multiple of the item size " + std::to_string(item) + "; copy it first");
    view->strides[i] = bytes / item;
  }
}

void* handle_of(py::handle stream) {
  if (py::isinstance<py::int_>(stream)) return stream_handle(stream.cast<uintptr_t>());
  if (py::hasattr(stream, "__cuda_stream__")) {
    const py::object protocol = stream.attr("__cuda_stream__");
    const auto pair = (PyCallable_Check(protocol.ptr()) ? protocol() : protocol).cast<py::tuple>();
    return stream_handle(pair[1].cast<uintptr_t>());
  }
  for (const char* name : {"ptr", "cuda_stream"})
    if (py::hasattr(stream, name)) return stream_handle(stream.attr(name).cast<uintptr_t>());
  throw py::type_error("[stream] stream is a " + kind_of(stream) +
                       ", expected an int or a stream of CuPy, PyTorch or cuda.core");
}

}  // namespace

ArrayHome& array_home() {
  static auto* home = new ArrayHome;  // holds Python functions: never destroyed after the interpreter
  return *home;
}

bool is_gpu_array(py::handle object) {
  return !py::isinstance<py::array>(object) && py::hasattr(object, kInterface);
}

void note_argument(const char* operation, const char* argument) {
  if (last_argument.operation != operation) {
    last_argument.operation = operation;
    if (array_home().gpu) producers_of_call.clear();  // a call before that failed may have left some
  }
  std::strncpy(last_argument.name, argument, sizeof(last_argument.name) - 1);
}

void check_home(const char* operation, const char* argument, py::handle object) {
  const bool gpu = is_gpu_array(object);
  const bool here = array_home().gpu ? gpu : !gpu;
  if (here) return note_argument(operation, argument);
  if (!gpu && !py::isinstance<py::array>(object))
    fail(ErrorKind::type, operation,
         std::string(argument) + " is a " + kind_of(object) + ", expected an array (cupy.ndarray)");
  const std::string other = last_argument.operation == operation ? last_argument.name : "";
  last_argument.operation = nullptr;
  producers_of_call.clear();
  std::string text = std::string(argument) + " (" + kind_of(object) + ") is on the " + (gpu ? "GPU" : "CPU") +
                     ", expected " + (gpu ? "a CPU array (numpy.ndarray)" : "a GPU array (cupy.ndarray)");
  if (!other.empty() && other != argument) text += " like " + other;
  fail(ErrorKind::type, operation, text);
}

View gpu_view(const char* operation, const char* argument, py::handle object) {
  const auto interface = object.attr(kInterface).cast<py::dict>();
  View view;
  const auto shape = interface["shape"].cast<py::tuple>();
  if (shape.size() > kMaxDims)
    fail(ErrorKind::value, operation,
         std::string(argument) + " has " + std::to_string(shape.size()) + " dimensions, at most " +
             std::to_string(kMaxDims) + " are supported");
  view.dtype = dtype_of_interface(operation, argument, object, interface["typestr"].cast<std::string>());
  view.ndim = static_cast<int32_t>(shape.size());
  for (int i = 0; i < view.ndim; ++i) view.shape[i] = shape[static_cast<size_t>(i)].cast<int64_t>();
  set_strides(operation, argument, interface, &view);
  const auto data = interface["data"].cast<py::tuple>();
  view.data = address_from(data[0]);
  view.writable = !data[1].cast<bool>();
  if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(dtype_size(view.dtype)) != 0)
    fail(ErrorKind::value, operation,
         std::string(argument) + " is misaligned in memory for dtype " + dtype_name(view.dtype) + ", copy it first");
  if (view.size() > 0 && array_home().address_fault) {
    const std::string fault = array_home().address_fault(view.data);
    if (!fault.empty()) fail(ErrorKind::value, operation, std::string(argument) + " " + fault);
  }
  if (interface.contains("stream") && !interface["stream"].is_none())
    producers_of_call.push_back(stream_handle(interface["stream"].cast<uintptr_t>()));
  return view;
}

Stream consumer_stream(py::handle stream) {
  const ArrayHome& home = array_home();
  last_argument.operation = nullptr;
  if (!home.gpu) return {stream.is_none() ? nullptr : handle_of(stream)};
  std::vector<void*> producers;
  producers.swap(producers_of_call);
  void* consumer = nullptr;
  if (!stream.is_none())
    consumer = handle_of(stream);
  else if (home.current_stream)
    consumer = home.current_stream();
  if (home.order_streams)
    for (void* producer : producers)
      if (producer != consumer) home.order_streams(producer, consumer);
  stream_of_last_call = consumer;
  return {consumer};
}

const void* gpu_address(py::handle object) {
  if (!is_gpu_array(object)) return nullptr;
  return address_from(object.attr(kInterface)["data"].cast<py::tuple>()[0]);
}

void bind_stand_in(py::module_& m) {
  m.def(
      "stand_in_for_gpu",
      [](bool on, std::function<uintptr_t()> current_stream, std::function<std::string(uintptr_t)> address_fault,
         std::function<void(uintptr_t, uintptr_t)> order_streams) {
        ArrayHome& home = array_home();
        home = {};
        home.gpu = on;
        if (current_stream) home.current_stream = [current_stream] { return reinterpret_cast<void*>(current_stream()); };
        if (address_fault)
          home.address_fault = [address_fault](const void* p) { return address_fault(reinterpret_cast<uintptr_t>(p)); };
        if (order_streams)
          home.order_streams = [order_streams](void* producer, void* consumer) {
            order_streams(reinterpret_cast<uintptr_t>(producer), reinterpret_cast<uintptr_t>(consumer));
          };
      },
      "For tests: takes arrays with __cuda_array_interface__ over host memory, in place of NumPy arrays", py::arg("on"),
      py::arg("current_stream") = py::none(), py::arg("address_fault") = py::none(),
      py::arg("order_streams") = py::none());
  m.def("stream_of_last_call", [] { return reinterpret_cast<uintptr_t>(stream_of_last_call); },
        "For tests: the stream handle that this thread's last call was given");
}

}  // namespace tilewright::bindings
