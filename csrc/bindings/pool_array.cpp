// SPDX-License-Identifier: Apache-2.0
#include "bindings/pool_array.h"

#include <memory>
#include <string>

#include "core/arena.h"
#include "core/check.h"
#include "core/pool.h"

namespace tilewright::bindings {
namespace {

namespace py = pybind11;

std::string text_of(const std::vector<py::ssize_t>& dims) {
  std::string text = "(";
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + (dims.size() == 1 ? ",)" : ")");
}

size_t byte_count(const std::vector<py::ssize_t>& dims, py::ssize_t item) {
  bool empty = false;
  for (py::ssize_t dim : dims) {
    if (dim < 0) fail(ErrorKind::value, "empty", "shape has a negative size " + std::to_string(dim));
    empty |= dim == 0;
  }
  if (empty) return 0;
  int64_t bytes = item;
  for (py::ssize_t dim : dims)
    if (__builtin_mul_overflow(bytes, dim, &bytes))
      fail(ErrorKind::value, "empty", "shape " + text_of(dims) + " needs more bytes than fit in 64 bits");
  return static_cast<size_t>(bytes);
}

// Keeps an arena alive as long as an array lies in it.
struct ArenaBlock {
  std::shared_ptr<Arena> arena;
  void* block;
};

}  // namespace

py::array pool_array(const std::vector<py::ssize_t>& dims, const py::dtype& dtype) {
  const size_t bytes = byte_count(dims, dtype.itemsize());
  if (Arena* arena = current_arena()) {
    auto owner = std::make_unique<ArenaBlock>(ArenaBlock{arena->shared_from_this(), arena->allocate(bytes)});
    void* block = owner->block;
    py::capsule capsule(owner.release(), [](void* pointer) {
      std::unique_ptr<ArenaBlock> dropped(static_cast<ArenaBlock*>(pointer));
      dropped->arena->release(dropped->block);
    });
    return py::array(dtype, dims, {}, block, capsule);
  }
  void* block = pool_allocate(bytes);
  py::capsule capsule(block, [](void* pointer) { pool_release(pointer); });
  return py::array(dtype, dims, {}, block, capsule);
}

}  // namespace tilewright::bindings
