// SPDX-License-Identifier: Apache-2.0
// What only the CPU module has: threads, instruction sets and the memory behind NumPy arrays.
#include "bindings/arrays.h"
#include "bindings/pool_array.h"
#include "core/parallel.h"
#include "core/pool.h"
#include "core/profile.h"
#include "cpu/conv2d_method.h"
#include "cpu/isa.h"
#include "cpu/roofline.h"

namespace tilewright::bindings {
namespace {

py::array empty(const py::tuple& shape, const py::dtype& dtype) {
  std::vector<py::ssize_t> dims;
  for (py::handle item : shape) dims.push_back(item.cast<py::ssize_t>());
  return pool_array(dims, dtype);
}

py::dict stats() {
  const PoolStats s = pool_stats();
  py::dict d;
  d["in_use_bytes"] = s.in_use_bytes;
  d["cached_bytes"] = s.cached_bytes;
  d["peak_bytes"] = s.peak_bytes;
  d["allocations"] = s.allocations;
  d["fresh"] = s.fresh;
  return d;
}

py::list available_isas() {
  py::list names;
  for (int i = 0; i < cpu::kIsaCount; ++i)
    if (cpu::isa_available(static_cast<cpu::Isa>(i))) names.append(cpu::isa_name(static_cast<cpu::Isa>(i)));
  return names;
}

void set_threads(int threads) {
  if (threads < 1)
    fail(ErrorKind::value, "set_num_threads", "threads is " + std::to_string(threads) + ", expected at least 1");
  set_num_threads(threads);
}

// A profile of the calling thread between start() and stop().
class ProfileHandle {
 public:
  ~ProfileHandle() { stop(); }
  void start() {
    if (!running_) before_ = set_call_observer(&profile_);
    running_ = true;
  }
  void stop() {
    if (running_) set_call_observer(before_);
    running_ = false;
  }
  py::list rows() const {
    py::list list;
    for (const Profile::Row& row : profile_.rows())
      list.append(py::make_tuple(row.operation, row.calls, row.seconds, row.flop, row.bytes));
    return list;
  }

 private:
  Profile profile_;
  CallObserver* before_ = nullptr;
  bool running_ = false;
};

py::tuple roofline() {
  cpu::Roofline r;
  {
    py::gil_scoped_release release;
    r = cpu::measure_roofline();
  }
  return py::make_tuple(r.flops, r.bytes_per_second, r.bytes_read_per_second);
}

}  // namespace

void bind_cpu(py::module_& m) {
  m.def("empty", empty, "Uninitialised C-ordered array from the memory pool", py::arg("shape"), py::arg("dtype"));
  m.def("pool_stats", stats, "Bytes in use, cached and at peak, and counts of allocations");
  m.def("reset_pool_peak", reset_pool_peak);
  m.def("pool_trim", pool_trim, "Gives cached memory back to the operating system");
  m.def("num_threads", num_threads);
  m.def("set_num_threads", set_threads, py::arg("threads"));
  m.def("set_thread_limit", set_thread_limit, py::arg("threads"));
  m.def("num_threads_reason", num_threads_reason);
  m.def("isa", [] { return cpu::isa_name(cpu::active_isa()); }, "Name of the instruction set in use");
  m.def("available_isas", available_isas, "Instruction sets this processor runs, slowest first");
  m.def("use_isa", cpu::use_isa, "Switches the kernels' instruction set; for tests and benchmarks", py::arg("name"));
  m.def("conv2d_method", cpu::conv2d_method_name, "Method of 3x3 convolutions of stride 1: direct or winograd");
  m.def("set_conv2d_method", cpu::set_conv2d_method, "Switches it for the process", py::arg("method"));
  m.def("set_winograd_outputs", cpu::set_winograd_outputs,
        "Side of Winograd's tiles, 2 or 4; 0 leaves it to the sizes; for tests and benchmarks", py::arg("outputs"));
  cpu::conv2d_method();  // a wrong name in the environment is an error of the import
  m.def("roofline", roofline, "Measured (FLOP per second, bytes copied, bytes read per second) with the threads and ISA in use");
  py::class_<ProfileHandle>(m, "Profile", "Counts the calls of the thread that starts it")
      .def(py::init<>())
      .def("start", &ProfileHandle::start)
      .def("stop", &ProfileHandle::stop)
      .def("rows", &ProfileHandle::rows, "(operation, calls, seconds, FLOP, bytes), in the order of first use");
}

}  // namespace tilewright::bindings
