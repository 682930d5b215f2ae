// SPDX-License-Identifier: Apache-2.0
// Where in a kernel something was called, caught by default arguments, and an array index that remembers it.
#pragma once

#include <stdint.h>

#include <type_traits>

namespace tilewright::simt {

struct Site {
  const char* file = nullptr;
  int line = 0;

  // As the default of a parameter this names the line of the call.
  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  bool operator==(const Site& other) const { return line == other.line && file == other.file; }
  bool operator!=(const Site& other) const { return !(*this == other); }
};

// operator[] may have no default argument, but the conversion of its argument may.
struct Index {
  int64_t value;
  Site site;

  template <class I, class = std::enable_if_t<std::is_integral_v<I>>>
  constexpr Index(I i, Site where = Site::here()) : value(static_cast<int64_t>(i)), site(where) {}
};

}  // namespace tilewright::simt
