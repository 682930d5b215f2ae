// SPDX-License-Identifier: Apache-2.0
// Computes    y = x;  y = x in another dtype;  y = value;  y = condition ? a : b
// Layout      function objects for elementwise_map; U is an unsigned type of the element's size
// Limits      float to integer: NaN and what does not fit give the lowest int32 or int64, to 8 bits the lower
//             bits of the int32, as NumPy on x86; to bool: anything but zero. float64 to the 16-bit formats
//             rounds once
// Ran on      no GPU yet; passes on simt
#pragma once

#include <type_traits>

#include "kernels/elementwise.cuh"

namespace TW_BACKEND {

template <class U>
struct Where {
  static constexpr int kInputs = 3;
  using Y = U;
  using A = uint8_t;
  using B = U;
  using C = U;

  TW_DEVICE U operator()(uint8_t condition, U a, U b) const { return condition ? a : b; }
};

template <class U>
struct Copy {
  static constexpr int kInputs = 1;
  using Y = U;
  using A = U;
  using B = NoArgument;
  using C = NoArgument;

  TW_DEVICE U operator()(U x) const { return x; }
};

template <class U>
struct Fill {
  static constexpr int kInputs = 0;
  using Y = U;
  using A = NoArgument;
  using B = NoArgument;
  using C = NoArgument;

  U value;

  TW_DEVICE U operator()() const { return value; }
};

// A float64 rounded to odd: cut off, with the last bit set if anything was lost. Rounding that to a format
// with at least two bits less gives what one rounding would have given (Boldo and Melquiond, 2008).
TW_DEVICE float round_to_odd(double x) {
  const float near = static_cast<float>(x);
  const double back = near;
  if (back == x || x != x) return near;
  uint32_t bits = bits_of(near);
  const bool away = (back > x) == (x > 0);  // rounded to the larger magnitude
  if (away) bits -= 1;
  return float_of(bits | 1);
}

template <class To, class From>
TW_DEVICE To convert(From from) {
  if constexpr (std::is_same_v<From, Bool>) {
    return convert<To>(static_cast<uint8_t>(from.bits != 0));
  } else if constexpr (sizeof(From) == 2) {
    return convert<To>(widen(from));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(from != From(0))};
  } else if constexpr (sizeof(To) == 2 && std::is_same_v<From, double>) {
    return narrow<To>(round_to_odd(from));
  } else if constexpr (sizeof(To) == 2) {
    return narrow<To>(static_cast<float>(from));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Integer = std::conditional_t<std::is_same_v<To, int64_t>, int64_t, int32_t>;
    constexpr From kLimit = sizeof(Integer) == 8 ? From(9223372036854775808.0) : From(2147483648.0);
    const bool above = sizeof(From) == 8 && sizeof(Integer) == 4 ? from > -kLimit - From(1) : from >= -kLimit;
    constexpr Integer kLowest = sizeof(Integer) == 8 ? static_cast<Integer>(INT64_MIN) : INT32_MIN;
    return static_cast<To>(above && from < kLimit ? static_cast<Integer>(from) : kLowest);
  } else {
    return static_cast<To>(from);
  }
}

template <class To, class From>
struct Cast {
  static constexpr int kInputs = 1;
  using Y = To;
  using A = From;
  using B = NoArgument;
  using C = NoArgument;

  TW_DEVICE To operator()(From x) const { return convert<To>(x); }
};

}  // namespace TW_BACKEND
