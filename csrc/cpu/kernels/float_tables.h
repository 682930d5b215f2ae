// SPDX-License-Identifier: Apache-2.0
// A family's kernels for float32 and float64 side by side.
#pragma once

namespace tilewright::cpu {

template <template <class> class Table>
struct FloatTables {
  Table<float> f32;
  Table<double> f64;

  template <class T>
  const Table<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float))
      return f32;
    else
      return f64;
  }
};

}  // namespace tilewright::cpu
