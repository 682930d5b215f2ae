// SPDX-License-Identifier: Apache-2.0
// Where the arrays of a module live, and how arrays of a GPU become Views: through `__cuda_array_interface__`.
// Every module has its own copy of these settings: _cpu and _simt take NumPy arrays, _cuda takes GPU arrays.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <string>

#include "core/view.h"

namespace tilewright::bindings {

struct ArrayHome {
  bool gpu = false;
  // The stream of calls that name none, as the library that allocates has it; the default stream where empty.
  std::function<void*()> current_stream;
  // Why kernels cannot use an address (memory of the host, of another GPU), or "".
  std::function<std::string(const void*)> address_fault;
  // What is queued on `consumer` from here on waits for what is queued on `producer` now.
  std::function<void(void* producer, void* consumer)> order_streams;
};
ArrayHome& array_home();

// Whether the object holds an array on a GPU.
bool is_gpu_array(pybind11::handle object);

// Throws unless the object lives where this module computes; `argument` of `operation` names it, together with an
// argument of the same call that does.
void check_home(const char* operation, const char* argument, pybind11::handle object);

// What check_home does for an argument that lives here: it is the one to name beside another that does not.
void note_argument(const char* operation, const char* argument);

// The View of a GPU array; notes the stream it was made on for `consumer_stream`.
View gpu_view(const char* operation, const char* argument, pybind11::handle object);

// The stream of a call: `stream` (an int, or an object with __cuda_stream__, ptr or cuda_stream), else the current one.
// It is made to wait for the streams on which the call's arrays were made. Ends the call's arguments.
Stream consumer_stream(pybind11::handle stream);

// A GPU array's address, without any check; null for what is none.
const void* gpu_address(pybind11::handle object);

// Lets the module take GPU arrays whose addresses are the host's: how tests stand in for a GPU.
void bind_stand_in(pybind11::module_& m);

}  // namespace tilewright::bindings
