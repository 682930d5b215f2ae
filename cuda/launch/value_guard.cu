// SPDX-License-Identifier: Apache-2.0
#include "launch/value_guard.h"

#include <mutex>

#include "core/check.h"
#include "core/dispatch.h"
#include "device/launch.cuh"

namespace TW_BACKEND {
namespace {

std::string range_text(int64_t lowest, int64_t highest) {
  return highest < lowest ? "none, for there is nothing to index"
                          : std::to_string(lowest) + " to " + std::to_string(highest);
}

#if TW_SIMT

int64_t value_at(const View& ids, int64_t index) {
  int64_t offset = 0;
  for (int axis = ids.ndim - 1; axis >= 0; --axis) {
    offset += index % ids.shape[axis] * ids.strides[axis];
    index /= ids.shape[axis];
  }
  return ids.dtype == Dtype::s32 ? ids.as<int32_t>()[offset] : ids.as<int64_t>()[offset];
}

std::string place_text(const View& ids, int64_t index) {
  View place = ids;
  for (int axis = ids.ndim - 1; axis >= 0; --axis) {
    place.shape[axis] = index % ids.shape[axis];
    index /= ids.shape[axis];
  }
  return shape_text(place);
}

#else

constexpr int kMaxDevices = 64;

void check_cuda(cudaError_t status) {
  if (status != cudaSuccess) fail(ErrorKind::runtime, "cuda", cudaGetErrorString(status));
}

int current_device() {
  int device = 0;
  check_cuda(cudaGetDevice(&device));
  if (device >= kMaxDevices) fail(ErrorKind::runtime, "cuda", "more than 64 devices");
  return device;
}

// The current device's cell, made when first asked for.
ErrorCell* device_cell() {
  static ErrorCell* cells[kMaxDevices] = {};
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  ErrorCell*& cell = cells[current_device()];
  if (cell == nullptr) {
    check_cuda(cudaMalloc(&cell, sizeof(ErrorCell)));
    check_cuda(cudaMemset(cell, 0, sizeof(ErrorCell)));
  }
  return cell;
}

#endif

}  // namespace

ValueGuard::ValueGuard(const char* operation, const char* argument, const View& ids, int64_t lowest,
                       int64_t highest)
    : operation_(operation), argument_(argument), ids_(ids), lowest_(lowest), highest_(highest) {
  if (highest < lowest && ids.size() > 0) {
    fail(ErrorKind::value, operation,
         std::string(argument) + " has shape " + shape_text(ids) + ", expected " + range_text(lowest, highest));
  }
}

IndexCheck ValueGuard::check() const {
  const auto word = [](const char* text) { return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(text)); };
#if TW_SIMT
  char* const begin = reinterpret_cast<char*>(&cell_);
  const GlobalPtr<ErrorCell> cell(&cell_, {begin, begin + sizeof(ErrorCell), "the error cell", true});
#else
  const GlobalPtr<ErrorCell> cell = device_cell();
#endif
  return {cell, word(operation_), word(argument_), lowest_, highest_};
}

#if TW_SIMT

bool ValueGuard::reported() const { return cell_.claimed != 0; }

bool ValueGuard::first_bad(int64_t& index, int64_t& value, const int64_t* passed) const {
  for (index = 0; index < ids_.size(); ++index) {
    value = value_at(ids_, index);
    if ((value < lowest_ || value > highest_) && (passed == nullptr || value != *passed)) return true;
  }
  return false;
}

void ValueGuard::finish() const {
  int64_t index = 0, value = 0;
  if (!reported() || !first_bad(index, value)) return;
  fail(ErrorKind::value, operation_,
       std::string(argument_) + " has value " + std::to_string(value) + " at " + place_text(ids_, index) +
           ", expected " + range_text(lowest_, highest_));
}

void raise_value_errors() {}

#else

bool ValueGuard::reported() const { return false; }
bool ValueGuard::first_bad(int64_t&, int64_t&, const int64_t*) const { return false; }
void ValueGuard::finish() const {}

void raise_value_errors() {
  ErrorCell found;
  check_cuda(cudaMemcpy(&found, device_cell(), sizeof(found), cudaMemcpyDeviceToHost));
  if (found.claimed == 0) return;
  check_cuda(cudaMemset(device_cell(), 0, sizeof(ErrorCell)));
  const auto text = [](uint64_t word) { return reinterpret_cast<const char*>(static_cast<uintptr_t>(word)); };
  fail(ErrorKind::value, text(found.operation),
       std::string(text(found.argument)) + " has value " + std::to_string(found.value) + " at flat position " +
           std::to_string(found.index) + ", expected " + range_text(found.lowest, found.highest));
}

#endif

}  // namespace TW_BACKEND
