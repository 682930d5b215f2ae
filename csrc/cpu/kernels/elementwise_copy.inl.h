// SPDX-License-Identifier: Apache-2.0
// Copies, casts and selection.
// Computes    y = x between any strides; y = x in another dtype; y = condition ? a : b
// Layout      copy_rows: rows x cols, strides in bytes; casts and selection: contiguous spans
// Method      a copy is by element size alone; one that turns rows into columns goes through registers,
//             kLanes x kLanes elements of 4 bytes at a time, so each cache line is read and written once
// Limits      float to integer: NaN and what does not fit give the lowest int32 or int64, as on x86 in NumPy;
//             to 8 bits the lower bits of the int32. To bool: anything but zero. float64 to the 16-bit
//             formats rounds once
#pragma once

#include "cpu/kernels/elementwise.h"
#include "cpu/kernels/integer_types.inl.h"
#include "cpu/kernels/vector_loop.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// ---- copies --------------------------------------------------------------------------------------------

template <class U>
TW_INLINE U* at(void* base, int64_t bytes) {
  return reinterpret_cast<U*>(static_cast<char*>(base) + bytes);
}
template <class U>
TW_INLINE const U* at(const void* base, int64_t bytes) {
  return reinterpret_cast<const U*>(static_cast<const char*>(base) + bytes);
}

// y's columns and x's rows are the contiguous directions; the part [r0, r1) x [c0, c1).
template <class U>
void transpose_part(void* y, const void* x, const CopyShape& s, int64_t r0, int64_t r1, int64_t c0,
                    int64_t c1) {
  for (int64_t r = r0; r < r1; ++r) {
    U* to = at<U>(y, r * s.y_row);
    for (int64_t c = c0; c < c1; ++c) to[c] = at<U>(x, c * s.x_col)[r];
  }
}

template <class U>
void transpose_rows(void* y, const void* x, const CopyShape& s) {
  if constexpr (sizeof(U) == 4 && VecF::kLanes > 1) {
    constexpr int kLanes = VecF::kLanes;
    const int64_t rows = s.rows - s.rows % kLanes, cols = s.cols - s.cols % kLanes;
    for (int64_t c = 0; c < cols; c += kLanes) {
      for (int64_t r = 0; r < rows; r += kLanes) {
        VecF block[kLanes];
        for (int i = 0; i < kLanes; ++i) block[i] = VecF::load(at<float>(x, (c + i) * s.x_col) + r);
        transpose(block);
        for (int i = 0; i < kLanes; ++i) store(at<float>(y, (r + i) * s.y_row) + c, block[i]);
      }
    }
    transpose_part<U>(y, x, s, 0, rows, cols, s.cols);
    transpose_part<U>(y, x, s, rows, s.rows, 0, s.cols);
  } else {
    // A block of 16 x 16 stays in the first cache whatever the strides.
    constexpr int64_t kBlock = 16;
    for (int64_t c = 0; c < s.cols; c += kBlock)
      for (int64_t r = 0; r < s.rows; r += kBlock)
        transpose_part<U>(y, x, s, r, r + kBlock < s.rows ? r + kBlock : s.rows, c,
                          c + kBlock < s.cols ? c + kBlock : s.cols);
  }
}

// One row again and again into rows without gaps: what is there already is copied behind itself.
template <class U>
void repeat_row(void* y, const void* x, const CopyShape& s) {
  for (int64_t c = 0; c < s.cols; ++c) static_cast<U*>(y)[c] = *at<U>(x, c * s.x_col);
  const int64_t total = s.rows * s.cols * int64_t(sizeof(U));
  for (int64_t done = s.y_row; done < total; done *= 2) {
    const int64_t more = done < total - done ? done : total - done;
    __builtin_memcpy(at<char>(y, done), y, size_t(more));
  }
}

template <class U>
void copy_rows(void* y, const void* x, const CopyShape& s) {
  constexpr int64_t kItem = sizeof(U);
  const bool dense_y = s.y_col == kItem || s.cols == 1;
  if (dense_y && s.x_row == 0 && s.rows > 1 && s.y_row == s.cols * kItem) {
    repeat_row<U>(y, x, s);
    return;
  }
  if (dense_y && s.x_row == kItem && s.x_col != kItem && s.rows > 1 && s.cols > 1) {
    transpose_rows<U>(y, x, s);
    return;
  }
  for (int64_t r = 0; r < s.rows; ++r) {
    U* to = at<U>(y, r * s.y_row);
    const U* from = at<U>(x, r * s.x_row);
    if (dense_y && (s.x_col == kItem || s.cols == 1)) {
      if (s.cols >= 16)
        __builtin_memmove(to, from, size_t(s.cols * kItem));
      else
        for (int64_t c = 0; c < s.cols; ++c) to[c] = from[c];
    } else if (dense_y && s.x_col == 0) {
      const U value = *from;
      for (int64_t c = 0; c < s.cols; ++c) to[c] = value;
    } else {
      for (int64_t c = 0; c < s.cols; ++c) *at<U>(to, c * s.y_col) = *at<U>(from, c * s.x_col);
    }
  }
}

// Up to the first whole register by plain stores, then whole registers past the caches. The source is asked for
// 1 KiB ahead: streaming stores leave the prefetchers room (40 GB/s without, 48 with; 30 by plain stores).
void copy_stream(void* y, const void* x, int64_t bytes) {
  constexpr int64_t kBytes = VecF::kLanes * 4, kAhead = 1024;
  char* to = static_cast<char*>(y);
  const char* from = static_cast<const char*>(x);
  int64_t head = -int64_t(reinterpret_cast<uintptr_t>(to)) & (kBytes - 1);
  if (head > bytes) head = bytes;
  __builtin_memcpy(to, from, size_t(head));
  int64_t i = head;
  const auto copy = [&] { stream(reinterpret_cast<float*>(to + i), VecF::load(reinterpret_cast<const float*>(from + i))); };
  for (; i + kAhead < bytes; i += kBytes) {
    __builtin_prefetch(from + i + kAhead);
    copy();
  }
  for (; i + kBytes <= bytes; i += kBytes) copy();
  __builtin_memcpy(to + i, from + i, size_t(bytes - i));
  stream_fence();
}

// ---- selection -----------------------------------------------------------------------------------------

template <class U>
void where_span(void* y_raw, const uint8_t* condition, const void* a_raw, const void* b_raw, int64_t n) {
  U* y = static_cast<U*>(y_raw);
  const U* a = static_cast<const U*>(a_raw);
  const U* b = static_cast<const U*>(b_raw);
  for (int64_t i = 0; i < n; ++i) {
    const U yes = a[i], no = b[i];
    y[i] = condition[i] ? yes : no;
  }
}

// ---- casts ---------------------------------------------------------------------------------------------

// What an element of each dtype is in memory.
struct Bool {
  uint8_t bits;
};
struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

template <Dtype kDtype>
struct Stored;
template <>
struct Stored<Dtype::b8> {
  using type = Bool;
};
template <>
struct Stored<Dtype::u8> {
  using type = uint8_t;
};
template <>
struct Stored<Dtype::s8> {
  using type = int8_t;
};
template <>
struct Stored<Dtype::s32> {
  using type = int32_t;
};
template <>
struct Stored<Dtype::s64> {
  using type = int64_t;
};
template <>
struct Stored<Dtype::f16> {
  using type = Half;
};
template <>
struct Stored<Dtype::bf16> {
  using type = Bfloat;
};
template <>
struct Stored<Dtype::f32> {
  using type = float;
};
template <>
struct Stored<Dtype::f64> {
  using type = double;
};

template <class T>
inline constexpr bool kSixteenBits = kSame<T, Half> || kSame<T, Bfloat>;

template <class T>
TW_INLINE T value_of(T x) {
  return x;
}
TW_INLINE uint8_t value_of(Bool x) { return x.bits != 0; }

template <class To, class From>
TW_INLINE To convert(From x) {
  if constexpr (kSame<To, Bool>) {
    return {uint8_t(value_of(x) != 0)};
  } else if constexpr (kFloating<From> && !kFloating<To>) {
    using Wide = typename Conditional<kSame<To, int64_t>, int64_t, int32_t>::type;
    constexpr From limit = kSame<Wide, int64_t> ? From(9223372036854775808.0) : From(2147483648.0);
    const bool fits =
        kSame<From, double> && kSame<Wide, int32_t> ? x > -limit - 1 && x < limit : x >= -limit && x < limit;
    return To(fits ? Wide(x) : Wide(-limit));
  } else {
    return To(value_of(x));
  }
}

// A float64 rounded to odd: cut off, with the last bit set if anything was lost. Rounding that to a format
// with at least two bits less gives what one rounding would have given (Boldo & Melquiond, 2008).
TW_INLINE float round_to_odd(double x) {
  const float near = float(x);
  const double back = near;
  if (back == x || x != x) return near;
  uint32_t bits;
  __builtin_memcpy(&bits, &near, 4);
  const bool away = (back > x) == (x > 0);  // rounded to the larger magnitude
  if (away) bits -= 1;
  bits |= 1;
  float odd;
  __builtin_memcpy(&odd, &bits, 4);
  return odd;
}

TW_INLINE VecF bytes_as_float(WholeVector<float>, const uint8_t* p) { return load_u8(p); }
TW_INLINE VecF bytes_as_float(TailVector<float> tail, const uint8_t* p) { return load_u8_n(p, tail.n); }

template <class To, class From>
void cast_span(void* y_raw, const void* x_raw, int64_t n, [[maybe_unused]] bool past_caches) {
  To* y = static_cast<To*>(y_raw);
  const From* x = static_cast<const From*>(x_raw);
  constexpr int kChunk = 64;  // a multiple of every kLanes
  if constexpr (kSame<From, uint8_t> && kSame<To, float>) {  // batches of images
    write_span(y, n, past_caches, [&](auto access, int64_t i) { return bytes_as_float(access, x + i); });
  } else if constexpr (kSixteenBits<From> || kSixteenBits<To>) {
    float chunk[kChunk];
    for (int64_t i = 0; i < n; i += kChunk) {
      const int count = int(n - i < kChunk ? n - i : kChunk);
      if constexpr (kSixteenBits<From>) {
        for (int j = 0; j < count; j += VecF::kLanes) {
          const int rest = count - j < VecF::kLanes ? count - j : VecF::kLanes;
          const uint16_t* p = &x[i + j].bits;
          store(chunk + j, kSame<From, Half> ? load_f16_n(p, rest) : load_bf16_n(p, rest));
        }
      } else {
        for (int j = 0; j < count; ++j) {
          if constexpr (kSame<From, double>)
            chunk[j] = round_to_odd(x[i + j]);
          else
            chunk[j] = convert<float>(x[i + j]);
        }
      }
      if constexpr (kSixteenBits<To>) {
        for (int j = 0; j < count; j += VecF::kLanes) {
          const int rest = count - j < VecF::kLanes ? count - j : VecF::kLanes;
          uint16_t* p = &y[i + j].bits;
          if constexpr (kSame<To, Half>)
            store_f16_n(p, VecF::load_n(chunk + j, rest), rest);
          else
            store_bf16_n(p, VecF::load_n(chunk + j, rest), rest);
        }
      } else {
        for (int j = 0; j < count; ++j) y[i + j] = convert<To>(chunk[j]);
      }
    }
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = convert<To>(x[i]);
  }
}

template <int kPair>
void fill_cast(CastSpan (&table)[kDtypeCount][kDtypeCount]) {
  constexpr int to = kPair / kDtypeCount, from = kPair % kDtypeCount;
  table[to][from] = cast_span<typename Stored<Dtype(to)>::type, typename Stored<Dtype(from)>::type>;
  if constexpr (kPair + 1 < kDtypeCount * kDtypeCount) fill_cast<kPair + 1>(table);
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
