// SPDX-License-Identifier: Apache-2.0
#include "bindings/arrays.h"
#include "launch/ops_cuda.h"
#include "launch/options.h"

PYBIND11_MODULE(_cuda, m) {
  m.doc() = "Tilewright's operations on an NVIDIA GPU";
  tilewright::bindings::bind_all(m, tilewright::cuda::ops());
  m.def("raise_value_errors", tilewright::cuda::raise_value_errors,
        "Raises what kernels have found out of range since the last call: to be called before results are read",
        pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("unavailable_reason", tilewright::cuda::unavailable_reason,
        "Empty if a GPU can be used, else why not");
  m.def("allow_tf32", tilewright::cuda::allow_tf32, "Whether float32 products may use tf32 tensor cores",
        pybind11::arg("allow"));
}
