// SPDX-License-Identifier: Apache-2.0
// Errors and argument checks of the whole engine. Every message reads
//   [operation] argument has ..., expected ...
// Faults of shape, value or memory layout are ValueErrors in Python, faults of dtype TypeErrors.
#pragma once

#include <stdint.h>

#include <exception>
#include <initializer_list>
#include <string>

#include "core/view.h"

namespace tilewright {

// The Python exception an error becomes: ValueError, TypeError, NotImplementedError, RuntimeError,
// MemoryError.
enum class ErrorKind : uint8_t { value, type, not_implemented, runtime, memory };

// Default visibility, so that a throw in one shared library is caught in another.
class __attribute__((visibility("default"))) Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  ErrorKind kind() const { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorKind kind_;
  std::string message_;
};

// Throws Error "[operation] text".
[[noreturn]] void fail(ErrorKind kind, const char* operation, const std::string& text);

using DimList = std::initializer_list<int64_t>;

// "(64, 3, 3)", "(5,)", "()", as Python prints a tuple. kAnySize prints as "any".
inline constexpr int64_t kAnySize = -1;
std::string shape_text(const View& view);
std::string shape_text(DimList dims);
std::string strides_text(const View& view);

// The argument was given (is not none).
void check_present(const char* op, const char* name, const View& view);

// `layout` names the axes: "(rows, cols, in, out)".
void check_ndim(const char* op, const char* name, const View& view, int ndim, const char* layout);
// At least `ndim` axes.
void check_min_ndim(const char* op, const char* name, const View& view, int ndim, const char* layout);

// Each size equals its entry of `dims`; kAnySize matches all. `meaning` (may be null) explains the sizes:
// "one value per output channel".
void check_shape(const char* op, const char* name, const View& view, DimList dims,
                 const char* meaning = nullptr);
void check_same_shape(const char* op, const char* name, const View& view, const char* other_name,
                      const View& other);

void check_dtype(const char* op, const char* name, const View& view, std::initializer_list<Dtype> accepted);
void check_same_dtype(const char* op, const char* name, const View& view, const char* other_name,
                      const View& other);

// A whole-number argument that is no array: stride, dilation, groups. Both ends belong to the range.
void check_range(const char* op, const char* name, int64_t value, int64_t lowest, int64_t highest);
// Returns `axis` counted from the front; accepts -ndim <= axis < ndim.
int check_axis(const char* op, const char* name, int64_t axis, int ndim);

// Writable, and no element is reached by two indices: a broadcast array cannot be a destination.
void check_writable(const char* op, const char* name, const View& view);
// Shares no byte with `other`; a none or empty array shares nothing.
void check_no_overlap(const char* op, const char* name, const View& view, const char* other_name,
                      const View& other);
// The same, except that being exactly the same array is allowed: elementwise work done in place.
void check_same_or_no_overlap(const char* op, const char* name, const View& view, const char* other_name,
                              const View& other);
// The last axis has no gaps.
void check_rows_contiguous(const char* op, const char* name, const View& view);

// Product of `dims`, or an Error when a size is negative or the elements could not be addressed. Sizes of
// zero are left out of that test, so the strides of an empty array cannot overflow either.
int64_t checked_size(const char* op, const char* name, DimList dims);
int64_t checked_size(const char* op, const char* name, const int64_t* dims, int ndim);

// Whether two arrays share a byte. Exact; only for adversarial strides, where the search would be long, it
// answers yes without proof.
bool overlap(const View& a, const View& b);
// Whether two different indices of `view` reach the same element. Exact in the same sense.
bool overlaps_itself(const View& view);
// The same elements at the same addresses in the same order.
bool same_array(const View& a, const View& b);

}  // namespace tilewright
