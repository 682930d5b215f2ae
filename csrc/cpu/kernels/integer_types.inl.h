// SPDX-License-Identifier: Apache-2.0
// The two type functions kernels need of the standard library, which they must not include.
#pragma once

#include <stdint.h>

namespace tilewright::cpu::TW_ISA {

template <class T>
struct Unsigned;
template <>
struct Unsigned<uint8_t> {
  using type = uint8_t;
};
template <>
struct Unsigned<int8_t> {
  using type = uint8_t;
};
template <>
struct Unsigned<int32_t> {
  using type = uint32_t;
};
template <>
struct Unsigned<int64_t> {
  using type = uint64_t;
};

template <bool kFirst, class A, class B>
struct Conditional {
  using type = A;
};
template <class A, class B>
struct Conditional<false, A, B> {
  using type = B;
};

}  // namespace tilewright::cpu::TW_ISA
