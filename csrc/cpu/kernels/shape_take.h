// SPDX-License-Identifier: Apache-2.0
// Kernels that pick rows by number: copied from a table, or added to one. Part of the shape family.
#pragma once

#include <stdint.h>

#include "cpu/kernels/float_tables.h"

namespace tilewright::cpu {

// Row i is number ids[i * step] of `rows`; a negative number counts from the end. All are in range. `ahead`: so many
// rows are asked for before they are needed, 0 for none; `known` ids may be read, the first of them ids[0].
template <class Id>
struct RowIds {
  const Id* ids;
  int64_t step, rows, known, ahead;
};

// Strides of rows in bytes.
struct TakenRows {
  char* to;
  int64_t to_step;
  const char* from;
  int64_t from_step, bytes;
};

// Only numbers in [begin, end) are added to; strides in elements.
template <class T>
struct AddedRows {
  T* to;
  int64_t to_step;
  const T* from;
  int64_t from_step, columns, begin, end;
};

template <class Id>
struct PickTable {
  template <class T>
  using Add = void (*)(const AddedRows<T>& rows, const RowIds<Id>& ids, int64_t n);
  template <class T>
  struct AddTable {
    Add<T> add;
  };
  // to[i] = from[number i] for i < n
  void (*take)(const TakenRows& rows, const RowIds<Id>& ids, int64_t n);
  // to[number i] += from[i], in the order of i
  FloatTables<AddTable> adds;
};

}  // namespace tilewright::cpu
