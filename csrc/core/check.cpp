// SPDX-License-Identifier: Apache-2.0
#include "core/check.h"

namespace tilewright {
namespace {

// Every size of an array stays below this, so that bytes and strides fit in 64 bits.
constexpr int64_t kMaxElements = int64_t{1} << 59;

std::string tuple_text(const int64_t* values, int count) {
  std::string text = "(";
  for (int i = 0; i < count; ++i) {
    if (i > 0) text += ", ";
    text += values[i] == kAnySize ? "any" : std::to_string(values[i]);
  }
  return text + (count == 1 ? ",)" : ")");
}

// "4 dimensions (rows, cols, in, out)".
std::string dimensions_text(int ndim, const char* layout) {
  return std::to_string(ndim) + (ndim == 1 ? " dimension " : " dimensions ") + layout;
}

// The common form: "[op] name has GOT, expected WANTED".
[[noreturn]] void fail_argument(ErrorKind kind, const char* op, const char* name, const std::string& got,
                                const std::string& wanted) {
  fail(kind, op, std::string(name) + " has " + got + ", expected " + wanted);
}

[[noreturn]] void fail_shape(const char* op, const char* name, const View& view, const std::string& wanted) {
  fail_argument(ErrorKind::value, op, name, "shape " + shape_text(view), wanted);
}

}  // namespace

void fail(ErrorKind kind, const char* operation, const std::string& text) {
  throw Error(kind, "[" + std::string(operation) + "] " + text);
}

std::string shape_text(const View& view) { return tuple_text(view.shape, view.ndim); }

std::string shape_text(DimList dims) { return tuple_text(dims.begin(), static_cast<int>(dims.size())); }

std::string strides_text(const View& view) {
  std::string text = "(";
  for (int i = 0; i < view.ndim; ++i) text += (i > 0 ? ", " : "") + std::to_string(view.strides[i]);
  return text + (view.ndim == 1 ? ",)" : ")");
}

void check_present(const char* op, const char* name, const View& view) {
  if (!view) fail(ErrorKind::type, op, std::string(name) + " is None, expected an array");
}

void check_ndim(const char* op, const char* name, const View& view, int ndim, const char* layout) {
  check_present(op, name, view);
  if (view.ndim != ndim) fail_shape(op, name, view, dimensions_text(ndim, layout));
}

void check_min_ndim(const char* op, const char* name, const View& view, int ndim, const char* layout) {
  check_present(op, name, view);
  if (view.ndim < ndim) fail_shape(op, name, view, "at least " + dimensions_text(ndim, layout));
}

void check_shape(const char* op, const char* name, const View& view, DimList dims, const char* meaning) {
  check_present(op, name, view);
  bool same = view.ndim == static_cast<int>(dims.size());
  for (int i = 0; same && i < view.ndim; ++i) {
    const int64_t wanted = dims.begin()[i];
    same = wanted == kAnySize || wanted == view.shape[i];
  }
  if (same) return;
  fail_shape(op, name, view, shape_text(dims) + (meaning ? std::string(": ") + meaning : ""));
}

void check_same_shape(const char* op, const char* name, const View& view, const char* other_name,
                      const View& other) {
  check_present(op, name, view);
  if (!view.same_shape(other)) fail_shape(op, name, view, shape_text(other) + " like " + other_name);
}

void check_dtype(const char* op, const char* name, const View& view, std::initializer_list<Dtype> accepted) {
  check_present(op, name, view);
  std::string wanted;
  for (const Dtype& dtype : accepted) {
    if (view.dtype == dtype) return;
    if (&dtype != accepted.begin()) wanted += &dtype + 1 == accepted.end() ? " or " : ", ";
    wanted += dtype_name(dtype);
  }
  fail_argument(ErrorKind::type, op, name, std::string("dtype ") + dtype_name(view.dtype), wanted);
}

void check_same_dtype(const char* op, const char* name, const View& view, const char* other_name,
                      const View& other) {
  check_present(op, name, view);
  if (view.dtype == other.dtype) return;
  fail_argument(ErrorKind::type, op, name, std::string("dtype ") + dtype_name(view.dtype),
                std::string(dtype_name(other.dtype)) + " like " + other_name);
}

void check_range(const char* op, const char* name, int64_t value, int64_t lowest, int64_t highest) {
  if (value >= lowest && value <= highest) return;
  const std::string wanted = highest == INT64_MAX ? "at least " + std::to_string(lowest)
                                                  : std::to_string(lowest) + " to " + std::to_string(highest);
  fail_argument(ErrorKind::value, op, name, "value " + std::to_string(value), wanted);
}

int check_axis(const char* op, const char* name, int64_t axis, int ndim) {
  if (ndim == 0)
    fail_argument(ErrorKind::value, op, name, "value " + std::to_string(axis), "none: the array has no axes");
  check_range(op, name, axis, -ndim, ndim - 1);
  return static_cast<int>(axis < 0 ? axis + ndim : axis);
}

void check_writable(const char* op, const char* name, const View& view) {
  check_present(op, name, view);
  if (!view.writable)
    fail(ErrorKind::value, op, std::string(name) + " is read-only, expected a writable array");
  if (overlaps_itself(view))
    fail_argument(ErrorKind::value, op, name,
                  "shape " + shape_text(view) + " and strides " + strides_text(view),
                  "each element at its own address");
}

void check_no_overlap(const char* op, const char* name, const View& view, const char* other_name,
                      const View& other) {
  if (overlap(view, other))
    fail(ErrorKind::value, op,
         std::string(name) + " shares memory with " + other_name + ", expected separate arrays");
}

void check_same_or_no_overlap(const char* op, const char* name, const View& view, const char* other_name,
                              const View& other) {
  if (same_array(view, other) || !overlap(view, other)) return;
  fail(ErrorKind::value, op,
       std::string(name) + " shares part of its memory with " + other_name +
           ", expected separate arrays or exactly the same one");
}

void check_rows_contiguous(const char* op, const char* name, const View& view) {
  check_min_ndim(op, name, view, 1, "(..., row)");
  if (view.size() == 0 || view.contiguous_from(view.ndim - 1)) return;  // NumPy gives empty arrays strides 0
  fail_argument(ErrorKind::value, op, name, "strides " + strides_text(view), "a last axis without gaps");
}

int64_t checked_size(const char* op, const char* name, const int64_t* dims, int ndim) {
  int64_t size = 1;
  bool empty = false;
  for (int i = 0; i < ndim; ++i) {
    if (dims[i] < 0)
      fail_argument(ErrorKind::value, op, name,
                    "size " + std::to_string(dims[i]) + " along axis " + std::to_string(i), "at least 0");
    if (dims[i] == 0) {
      empty = true;
    } else if (size > kMaxElements / dims[i]) {
      fail_argument(ErrorKind::value, op, name, "sizes " + tuple_text(dims, ndim), "at most 2**59 elements");
    } else {
      size *= dims[i];
    }
  }
  return empty ? 0 : size;
}

int64_t checked_size(const char* op, const char* name, DimList dims) {
  return checked_size(op, name, dims.begin(), static_cast<int>(dims.size()));
}

}  // namespace tilewright
