// SPDX-License-Identifier: Apache-2.0
// Recorder and Recording as Python sees them: the calls are core/recording's; here are the arrays that go in and
// come out, and the references that keep foreign arrays alive.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <unordered_map>

#include "bindings/array_home.h"
#include "bindings/arrays.h"
#include "bindings/pool_array.h"
#include "core/recording.h"
#include "cpu/ops_cpu.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kReplay = "replay";

std::shared_ptr<Arena> gpu_arena(std::function<uintptr_t(size_t)> allocate, std::function<void(uintptr_t)> release) {
  return std::make_shared<Arena>(
      Arena::Source{[allocate](size_t bytes) { return reinterpret_cast<void*>(allocate(bytes)); },
                    [release](void* block) { release(reinterpret_cast<uintptr_t>(block)); }});
}

// An array of the step: its View in the arena (or in a variable) and how to make one like it.
struct Port {
  View view;
  py::dtype dtype;
};

std::vector<Port> ports_of(const char* argument, const py::list& arrays) {
  std::vector<Port> ports;
  for (py::handle array : arrays)
    ports.push_back({input("record", argument, array), py::reinterpret_borrow<py::array>(array).dtype()});
  return ports;
}

// Rows of `source` to put into input `port` at every step: rows ids[step * n] .. ids[(step + 1) * n - 1].
struct Feed {
  View destination, source;
  const int64_t* ids;
  int64_t rows;
};

class RecordingHandle {
 public:
  RecordingHandle(std::unique_ptr<Recording> recording, std::vector<py::object> kept, const py::list& inputs,
                  const py::list& results)
      : recording_(std::move(recording)), kept_(std::move(kept)), inputs_(ports_of("inputs", inputs)),
        results_(ports_of("results", results)) {}

  // Copies the inputs in, runs the step, copies the results out.
  py::list replay(const py::list& inputs) const {
    std::vector<View> given;
    if (inputs.size() != inputs_.size())
      fail(ErrorKind::value, kReplay, "inputs has " + std::to_string(inputs.size()) + " arrays, expected " +
                                          std::to_string(inputs_.size()));
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const std::string name = "inputs[" + std::to_string(i) + "]";
      given.push_back(input(kReplay, name.c_str(), inputs[i]));
      check_same_shape(kReplay, name.c_str(), given[i], "the recorded input", inputs_[i].view);
      check_same_dtype(kReplay, name.c_str(), given[i], "the recorded input", inputs_[i].view);
    }
    py::list made;
    std::vector<View> results;
    for (const Port& port : results_) {
      py::array y = pool_array({port.view.shape, port.view.shape + port.view.ndim}, port.dtype);
      results.push_back(output(kReplay, "result", y));
      made.append(std::move(y));
    }
    const Ops& ops = cpu::ops();
    py::gil_scoped_release release;
    for (size_t i = 0; i < inputs_.size(); ++i) ops.copy(inputs_[i].view, given[i], {});
    recording_->run();
    for (size_t i = 0; i < results_.size(); ++i) ops.copy(results[i], results_[i].view, {});
    return made;
  }

  // `steps` steps in a row; feeds holds (input number, source, ids), ids (steps, rows) int64.
  void replay_steps(const py::list& feeds, int64_t steps) const {
    std::vector<Feed> rows;
    for (py::handle item : feeds) {
      const auto feed = item.cast<py::tuple>();
      const auto port = feed[0].cast<size_t>();
      if (port >= inputs_.size()) fail(ErrorKind::value, kReplay, "feeds names input " + std::to_string(port));
      rows.push_back(feed_of(inputs_[port].view, feed[1], feed[2], steps));
    }
    const Ops& ops = cpu::ops();
    py::gil_scoped_release release;
    for (int64_t step = 0; step < steps; ++step) {
      for (const Feed& feed : rows) {
        auto* ids = const_cast<int64_t*>(feed.ids + step * feed.rows);
        ops.take(feed.destination, feed.source, View::of(ids, Dtype::s64, {feed.rows}), {});
      }
      recording_->run();
    }
  }

  void run() const {
    py::gil_scoped_release release;
    recording_->run();
  }

  py::object difference(const RecordingHandle& other) const {
    const std::string text = recording_->difference(*other.recording_);
    return text.empty() ? py::object(py::none()) : py::object(py::str(text));
  }

  std::vector<std::string> operations() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < recording_->calls(); ++i) names.push_back(recording_->operation(i));
    return names;
  }
  size_t calls() const { return recording_->calls(); }
  int64_t requested_bytes() const { return recording_->requested_bytes(); }

 private:
  // As `take` sees them: (1, samples, elements) and (1, rows, elements).
  static View as_rows(const View& view) {
    const int64_t rows = view.dim(0);
    return View::of(view.data, view.dtype, {1, rows, rows ? view.size() / rows : 0});
  }

  static Feed feed_of(const View& destination, py::handle source, py::handle ids, int64_t steps) {
    const View from = input(kReplay, "source", source), which = input(kReplay, "ids", ids);
    check_dtype(kReplay, "ids", which, {Dtype::s64});
    if (!from.contiguous() || !which.contiguous())
      fail(ErrorKind::value, kReplay, "source or ids has gaps, expected C order");
    check_same_dtype(kReplay, "source", from, "the recorded input", destination);
    if (from.ndim != destination.ndim || from.ndim < 1 || which.size() != steps * destination.dim(0))
      fail(ErrorKind::value, kReplay, "source has shape " + shape_text(from) + " and ids has shape " + shape_text(which) +
                                          ", expected rows of the recorded input " + shape_text(destination));
    for (int i = 1; i < from.ndim; ++i)
      if (from.shape[i] != destination.shape[i])
        fail(ErrorKind::value, kReplay, "source has shape " + shape_text(from) +
                                            ", expected rows as of the recorded input " + shape_text(destination));
    return {as_rows(destination), as_rows(from), which.as<int64_t>(), destination.dim(0)};
  }

  std::unique_ptr<Recording> recording_;
  std::vector<py::object> kept_;
  std::vector<Port> inputs_, results_;
};

// Between start and stop every call of this thread is written down and its arrays come from the arena.
class Recorder : public CallObserver {
 public:
  explicit Recorder(std::shared_ptr<Arena> arena) : arena_(std::move(arena)) {}
  ~Recorder() override { stop(); }

  void start() {
    if (running_) fail(ErrorKind::runtime, "record", "the recorder runs already");
    arena_->begin_recording();
    recording_ = std::make_unique<Recording>(arena_);
    resume();
  }

  // Goes on after stop.
  void resume() {
    if (running_ || !recording_) fail(ErrorKind::runtime, "record", "the recorder runs already, or never ran");
    outer_ = set_call_observer(this);
    outer_arena_ = set_current_arena(arena_.get());
    running_ = true;
  }

  void stop() {
    if (!running_) return;
    set_call_observer(outer_);
    set_current_arena(outer_arena_);
    running_ = false;
  }

  std::unique_ptr<RecordingHandle> finish(const py::list& inputs, const py::list& results) {
    stop();
    if (!recording_) fail(ErrorKind::runtime, "record", "nothing was recorded");
    recording_->close();
    std::vector<py::object> kept;
    for (auto& [object, reference] : foreign_) kept.push_back(std::move(reference));
    foreign_.clear();
    return std::make_unique<RecordingHandle>(std::move(recording_), std::move(kept), inputs, results);
  }

  void before(const Call& call) override {
    if (outer_) outer_->before(call);
  }
  void after(const Call& call) override {
    if (outer_) outer_->after(call);
  }
  bool keeps_calls() const override { return true; }
  void keep(const Call& call, std::unique_ptr<KeptCall> kept) override { recording_->add(call, std::move(kept)); }

  // Arrays of this step may be dropped, so that their memory is used again; all others must stay.
  void sees_array(void* object) override {
    if (foreign_.count(object)) return;
    const auto array = py::reinterpret_borrow<py::object>(static_cast<PyObject*>(object));
    const void* address = is_gpu_array(array) ? gpu_address(array) : py::array(array).data();
    if (arena_->place_of(address).serial < 0) foreign_.emplace(object, array);
  }

 private:
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<Recording> recording_;
  std::unordered_map<void*, py::object> foreign_;
  CallObserver* outer_ = nullptr;
  Arena* outer_arena_ = nullptr;
  bool running_ = false;
};

}  // namespace

void bind_recording(py::module_& m) {
  py::class_<Arena, std::shared_ptr<Arena>>(m, "Arena", "The memory that recordings share")
      .def(py::init<>())
      .def(py::init(&gpu_arena), "Over memory of a GPU, which these two give and take by address", py::arg("allocate"),
           py::arg("release"))
      .def("allocate", [](Arena& arena, size_t bytes) { return reinterpret_cast<uintptr_t>(arena.allocate(bytes)); },
           py::arg("bytes"))
      .def("release", [](Arena& arena, uintptr_t address) { arena.release(reinterpret_cast<void*>(address)); },
           py::arg("address"))
      .def_property_readonly("bytes", &Arena::bytes, "Bytes of all its blocks");
  py::class_<RecordingHandle>(m, "Recording", "The calls of one step")
      .def("replay", &RecordingHandle::replay, "Runs the step on these inputs; gives its results", py::arg("inputs"))
      .def("replay_steps", &RecordingHandle::replay_steps, "Runs many steps, their inputs taken from rows of sources",
           py::arg("feeds"), py::arg("steps"))
      .def("run", &RecordingHandle::run, "Repeats the calls, on the streams on which they were made")
      .def("difference", &RecordingHandle::difference, "What makes another recording another step, or None",
           py::arg("other"))
      .def_property_readonly("operations", &RecordingHandle::operations, "Names of the operations called, in order")
      .def_property_readonly("calls", &RecordingHandle::calls)
      .def_property_readonly("requested_bytes", &RecordingHandle::requested_bytes,
                             "What the arrays of the step would take without sharing memory");
  py::class_<Recorder>(m, "Recorder", "Writes down the calls of the thread that starts it")
      .def(py::init<std::shared_ptr<Arena>>(), py::arg("arena"))
      .def("start", &Recorder::start)
      .def("stop", &Recorder::stop)
      .def("resume", &Recorder::resume, "Goes on after stop")
      .def("finish", &Recorder::finish, "The Recording; inputs and results are the step's arrays", py::arg("inputs"),
           py::arg("results"));
}

}  // namespace tilewright::bindings
