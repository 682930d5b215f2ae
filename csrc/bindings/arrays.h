// SPDX-License-Identifier: Apache-2.0
// From Python arrays to Views. The names of operation and argument travel along, so that every message
// can say `[conv2d] w ...`.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/ops.h"

namespace tilewright::bindings {

namespace py = pybind11;

// NumPy's number of a dtype; false for one that no kernel takes.
bool dtype_from_number(int number, Dtype* dtype);

// An array to read. Raises TypeError for what is no array, an unsupported dtype or foreign byte order,
// ValueError for misaligned memory, strides that are no multiple of the item size or more than kMaxDims axes.
View input(const char* operation, const char* argument, py::handle array);
// None gives the View that is none.
View optional_input(const char* operation, const char* argument, py::handle array);
// An array to write: as input, and ValueError when it is read-only.
View output(const char* operation, const char* argument, py::handle array);
View optional_output(const char* operation, const char* argument, py::handle array);

// A list or tuple of arrays; messages name element i as `params[i]`.
class Arrays {
 public:
  Arrays(const char* operation, const char* argument, py::handle list, bool writable);
  ViewList list() const { return {views_.data(), static_cast<int64_t>(views_.size())}; }
  const View& operator[](size_t i) const { return views_[i]; }
  size_t size() const { return views_.size(); }

 private:
  std::vector<View> views_;
};

struct NamedView {
  const char* name;
  const View& view;
};
// No output shares memory with an input or with another output.
void check_apart(const char* operation, std::initializer_list<NamedView> outputs,
                 std::initializer_list<NamedView> inputs);
// The same, but `elementwise` is an output that may be exactly one of the inputs `like_it`.
void check_apart(const char* operation, const NamedView& elementwise, std::initializer_list<NamedView> like_it,
                 std::initializer_list<NamedView> outputs, std::initializer_list<NamedView> inputs);

void check_float_dtype(const char* operation, const char* argument, const View& view);
void check_index_dtype(const char* operation, const char* argument, const View& ids);
// One axis of ids.
void check_ids(const char* operation, const char* argument, const View& ids);

Stream stream_of(py::handle stream);

// Raises the Python exception that stands for one of the engine's; others are thrown on.
void set_python_error(std::exception_ptr error);

// Calls a table entry with the interpreter lock released.
template <class Operation, class... Args>
void run(const Operation& operation, const Args&... args) {
  py::gil_scoped_release release;
  operation(args...);
}

// m.def for a function whose first argument is the table.
template <class... Args, class... Extra>
void define(py::module_& m, const Ops& ops, const char* name, void (*function)(const Ops&, Args...),
            const Extra&... extra) {
  m.def(name, [&ops, function](Args... args) { function(ops, args...); }, extra...);
}

void bind_cpu(py::module_& m);
void bind_recording(py::module_& m);
void bind_elementwise(py::module_& m, const Ops& ops);
void bind_reduce(py::module_& m, const Ops& ops);
void bind_matmul(py::module_& m, const Ops& ops);
void bind_conv2d(py::module_& m, const Ops& ops);
void bind_pool2d(py::module_& m, const Ops& ops);
void bind_softmax(py::module_& m, const Ops& ops);
void bind_norm(py::module_& m, const Ops& ops);
void bind_attention(py::module_& m, const Ops& ops);
void bind_embedding(py::module_& m, const Ops& ops);
void bind_shape(py::module_& m, const Ops& ops);
void bind_shape_affine(py::module_& m, const Ops& ops);
void bind_random(py::module_& m, const Ops& ops);
void bind_rnn(py::module_& m, const Ops& ops);
void bind_loss(py::module_& m, const Ops& ops);
void bind_optimizer(py::module_& m, const Ops& ops);
void bind_elementwise_plain(py::module_& m, const Ops& ops);
void bind_elementwise_fused(py::module_& m, const Ops& ops);

// All families over one table; the same for every back end.
void bind_all(py::module_& m, const Ops& ops);

}  // namespace tilewright::bindings
