// SPDX-License-Identifier: Apache-2.0
// Rows picked by number.
// Computes    to[i] = from[id(i)]; to[id(i)] += from[i] in the order of i
// Layout      rows contiguous, any distance apart; a taken row is bytes, whatever they mean
// Method      a row's bytes choose how it is copied before the first row is: whole words; else its first and its last
//             block, which may overlap; else blocks one after another. No masks, no byte beyond the row
// Work split  a call makes n rows; drivers spread ranges of them, or of columns, over threads
// Limits      ids in range, at least one byte a row
// Measured    2M rows of one float out of 206: 9.6 ms by memcpy of a variable length, 1.7 by words
#pragma once

#include "cpu/kernels/row_copy.inl.h"
#include "cpu/kernels/shape_take.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

constexpr int64_t kLine = 64;
constexpr int64_t kMostAsked = 1024;  // bytes of a row that are asked for; the hardware follows what comes behind

TW_INLINE void ask_for(const void* row, int64_t bytes) {
  const char* at = static_cast<const char*>(row);
  const int64_t asked = bytes < kMostAsked ? bytes : kMostAsked;
  for (int64_t i = 0; i < asked; i += kLine) __builtin_prefetch(at + i);
  __builtin_prefetch(at + asked - 1);  // a row need not begin with a line
}

// Ids differ in sign at random or never: no branch.
TW_INLINE int64_t counted(int64_t id, int64_t rows) { return id + (rows & id >> 63); }
template <class Id>
TW_INLINE int64_t row_of(const RowIds<Id>& ids, int64_t i) {
  return counted(ids.ids[i * ids.step], ids.rows);
}

// Arguments by value: bytes that are stored could be the arguments themselves, and every row would read them again.
template <class Id, class Copy>
void take_by(const TakenRows t, const RowIds<Id> ids, int64_t n, Copy copy) {
  if (ids.ahead == 0) {
    char* to = t.to;
    const Id* id = ids.ids;
    for (int64_t i = 0; i < n; ++i, to += t.to_step, id += ids.step)
      copy(to, t.from + counted(*id, ids.rows) * t.from_step);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    if (i + ids.ahead < ids.known) ask_for(t.from + row_of(ids, i + ids.ahead) * t.from_step, t.bytes);
    copy(t.to + i * t.to_step, t.from + row_of(ids, i) * t.from_step);
  }
}

// Words as wide as their ids, a register at a time: returns how many were taken. (1M rows of two floats: 802 us one by
// one, 695 so.)
template <class Word, class Id>
TW_INLINE int64_t gather_words(char* to, const char* from, const Id* ids, int64_t rows, int64_t n) {
  using Ids = Vec<Id>;
  int64_t i = 0;
  if constexpr (Ids::kLanes > 1)
    for (; i + Ids::kLanes <= n; i += Ids::kLanes) {
      const Ids id = Ids::load(ids + i);
      const Ids row = id + (Ids::set1(Id(rows)) & shift_right_arithmetic<8 * int(sizeof(Id)) - 1>(id));
      store(reinterpret_cast<Word*>(to) + i, gather(reinterpret_cast<const Word*>(from), row));
    }
  return i;
}

// Rows that are one block, without gaps: their addresses need no multiplication.
template <int kBytes, class Id>
void take_words(const TakenRows& t, const RowIds<Id>& ids, int64_t n) {
  char* const to = t.to;
  const char* const from = t.from;
  const Id* const id = ids.ids;
  const int64_t rows = ids.rows;
  int64_t i = 0;
  if constexpr (kBytes == 8 && sizeof(Id) == 8) i = gather_words<double>(to, from, id, rows, n);
  if constexpr (kBytes == 4 && sizeof(Id) == 4)
    if (rows <= int64_t{0x7fffffff}) i = gather_words<float>(to, from, id, rows, n);
#pragma GCC unroll 8
  for (; i < n; ++i)
    __builtin_memcpy(to + i * kBytes, from + counted(id[i], rows) * kBytes, kBytes);
}

template <class Id>
void take(const TakenRows& t, const RowIds<Id>& ids, int64_t n) {
  with_row_copy(t.bytes, [&](auto copy) {
    constexpr int kRow = decltype(copy)::kRow;
    if constexpr (kRow > 0)
      if (t.to_step == kRow && t.from_step == kRow && ids.step == 1 && ids.ahead == 0)
        return take_words<kRow>(t, ids, n);
    take_by(t, ids, n, copy);
  });
}

// add(to, from) for the rows whose numbers are in range.
template <class T, class Id, class Add>
TW_INLINE void add_by(const AddedRows<T> a, const RowIds<Id> ids, int64_t n, Add add) {
  for (int64_t i = 0; i < n; ++i) {
    if (ids.ahead > 0 && i + ids.ahead < ids.known)
      ask_for(a.to + row_of(ids, i + ids.ahead) * a.to_step, a.columns * int64_t(sizeof(T)));
    const int64_t row = row_of(ids, i);
    if (row >= a.begin && row < a.end) add(a.to + row * a.to_step, a.from + i * a.from_step);
  }
}

// Rows of a few numbers, one by one: a masked store would keep the next row's load waiting where ids repeat.
template <int kColumns, class T, class Id>
void add_short(const AddedRows<T>& a, const RowIds<Id>& ids, int64_t n) {
  add_by(a, ids, n, [](T* to, const T* from) {
    for (int c = 0; c < kColumns; ++c) to[c] += from[c];
  });
}

template <class T, class Id>
void add(const AddedRows<T>& a, const RowIds<Id>& ids, int64_t n) {
  switch (a.columns) {
    case 1: return add_short<1>(a, ids, n);
    case 2: return add_short<2>(a, ids, n);
    case 3: return add_short<3>(a, ids, n);
    case 4: return add_short<4>(a, ids, n);
    default: break;
  }
  const int64_t columns = a.columns;
  add_by(a, ids, n, [columns](T* to, const T* from) {
    for_vectors<T>(columns, [&](auto access, int64_t c) { access.store(to + c, access.load(to + c) + access.load(from + c)); });
  });
}

template <class Id>
constexpr PickTable<Id> pick_table() {
  return {take<Id>, {{add<float, Id>}, {add<double, Id>}}};
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
