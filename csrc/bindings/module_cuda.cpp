// SPDX-License-Identifier: Apache-2.0
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/array_home.h"
#include "bindings/arrays.h"
#include "launch/ops_cuda.h"
#include "launch/options.h"

namespace {

namespace py = pybind11;
namespace cuda = tilewright::cuda;

py::list device_info() {
  py::list devices;
  for (const cuda::DeviceInfo& d : cuda::device_info()) {
    py::dict entry;
    entry["name"] = d.name;
    entry["compute_capability"] = py::make_tuple(d.major, d.minor);
    entry["multiprocessors"] = d.multiprocessors;
    entry["memory_bytes"] = d.memory_bytes;
    entry["shared_bytes_per_block"] = d.shared_bytes_per_block;
    entry["l2_bytes"] = d.l2_bytes;
    entry["driver_version"] = d.driver_version;
    entry["runtime_version"] = d.runtime_version;
    devices.append(entry);
  }
  return devices;
}

void set_stream_source(std::function<uintptr_t()> source) {
  tilewright::bindings::array_home().current_stream = [source] { return reinterpret_cast<void*>(source()); };
}

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  m.doc() = "Tilewright's operations on an NVIDIA GPU";
  tilewright::bindings::bind_all(m, cuda::ops());
  auto& home = tilewright::bindings::array_home();
  home.gpu = true;
  home.address_fault = cuda::address_fault;
  home.order_streams = cuda::order_streams;
  m.def("unavailable_reason", cuda::unavailable_reason, "Empty if a GPU can be used, else why not");
  m.def("device_info", device_info, "One dict a GPU");
  m.def("set_stream_source", set_stream_source, "The function that gives the stream of calls without `stream`",
        py::arg("source"));
  m.def("raise_value_errors", cuda::raise_value_errors,
        "Raises what kernels have reported of ids and labels since the last call; waits for the GPU",
        py::call_guard<py::gil_scoped_release>());
  m.def("allow_tf32", cuda::allow_tf32, "Whether float32 products may use tf32 tensor cores", py::arg("allow"));
}
