// SPDX-License-Identifier: Apache-2.0
// From a run-time dtype to the type of an element on the device. The table's dtype masks have refused the rest.
#pragma once

#include <stdint.h>

#include "core/dispatch.h"
#include "device/element.cuh"

namespace TW_BACKEND {

// float32, float64 and the 16-bit formats.
template <class Body>
void for_any_float(Dtype dtype, Body&& body) {
  switch (dtype) {
    case Dtype::f16: return body(Type<F16>{});
    case Dtype::bf16: return body(Type<Bf16>{});
    case Dtype::f64: return body(Type<double>{});
    default: return body(Type<float>{});
  }
}

// Integers as wide as they lie in memory; bool is a byte.
template <class Body>
void for_integer(Dtype dtype, Body&& body) {
  switch (dtype) {
    case Dtype::s8: return body(Type<int8_t>{});
    case Dtype::s32: return body(Type<int32_t>{});
    case Dtype::s64: return body(Type<int64_t>{});
    default: return body(Type<uint8_t>{});
  }
}

// All nine, each with a type of its own.
template <class Body>
void for_dtype(Dtype dtype, Body&& body) {
  switch (dtype) {
    case Dtype::b8: return body(Type<Bool>{});
    case Dtype::u8: case Dtype::s8: case Dtype::s32: case Dtype::s64: return for_integer(dtype, body);
    default: return for_any_float(dtype, body);
  }
}

// An unsigned type of the element's size: moving elements does not look at them.
template <class Body>
void for_item_size(Dtype dtype, Body&& body) {
  switch (dtype_size(dtype)) {
    case 1: return body(Type<uint8_t>{});
    case 2: return body(Type<uint16_t>{});
    case 4: return body(Type<uint32_t>{});
    default: return body(Type<uint64_t>{});
  }
}

inline bool is_float(Dtype dtype) { return dtype >= Dtype::f16; }

}  // namespace TW_BACKEND
