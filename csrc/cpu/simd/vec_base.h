// SPDX-License-Identifier: Apache-2.0
// What the four bodies of Vec share before they start: names, aliases, and copies of short tails.
// Only C headers may be included here and in every vec_*.h: an inline function of the standard library
// compiled with wide flags could be the copy the linker keeps, and would then fault on an older CPU.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifndef TW_ISA
#error "define TW_ISA (scalar, avx2, avx512 or neon) before including a vec_*.h header"
#endif

#define TW_INLINE inline __attribute__((always_inline))

namespace tilewright::cpu::TW_ISA {

template <class T>
struct Vec;  // one register of T; Vec<T>::kLanes elements

using VecF = Vec<float>;
using VecD = Vec<double>;
using VecI = Vec<int32_t>;
using VecU = Vec<uint32_t>;
using VecL = Vec<int64_t>;

// One truth value per lane. Masks depend on the lane's width only: Mask<float> selects among int32 too.
template <int kLaneBytes>
struct LaneMask;
template <class T>
using Mask = LaneMask<int(sizeof(T))>;

template <class A, class B>
inline constexpr bool kSame = false;
template <class A>
inline constexpr bool kSame<A, A> = true;

template <class T>
inline constexpr bool kFloating = kSame<T, float> || kSame<T, double>;

// The first n of kCount elements, zeros behind: lets a full-width load read a tail and nothing beyond it.
template <class T, int kCount>
struct Tail {
  T data[kCount];
};

template <int kCount, class T>
TW_INLINE Tail<T, kCount> copy_tail(const T* p, int n) {
  Tail<T, kCount> tail = {};
  for (int i = 0; i < n; ++i) tail.data[i] = p[i];
  return tail;
}

}  // namespace tilewright::cpu::TW_ISA
