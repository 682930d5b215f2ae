// SPDX-License-Identifier: Apache-2.0
// From a run-time dtype to a compile-time type: for_float(y.dtype, [&](auto type) { using T = type_t<decltype(type)>; ... })
#pragma once

#include "core/view.h"

namespace tilewright {

template <class T>
struct Type {
  using type = T;
};
template <class Tag>
using type_t = typename Tag::type;

// float32 and float64. The table's dtype mask has refused anything else by now.
template <class Body>
void for_float(Dtype dtype, Body&& body) {
  if (dtype == Dtype::f64)
    body(Type<double>{});
  else
    body(Type<float>{});
}

// int32 and int64, as ids and labels have them.
template <class Body>
void for_index(Dtype dtype, Body&& body) {
  if (dtype == Dtype::s32)
    body(Type<int32_t>{});
  else
    body(Type<int64_t>{});
}

}  // namespace tilewright
