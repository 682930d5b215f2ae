// SPDX-License-Identifier: Apache-2.0
// The names under which Python and messages know the functions of params.h.
#pragma once

#include <string>

#include "core/params.h"

namespace tilewright {

const char* name_of(Unary function);
const char* name_of(Binary function);

// Whether results are bool.
inline bool gives_bool(Unary function) { return function >= Unary::logical_not; }
inline bool gives_bool(Binary function) { return function >= Binary::equal; }

// The function called `name`; Error (value) naming `operation` when there is none.
Unary unary_named(const char* operation, const std::string& name);
Binary binary_named(const char* operation, const std::string& name);

}  // namespace tilewright
