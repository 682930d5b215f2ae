// SPDX-License-Identifier: Apache-2.0
// Global pointers, and loads and stores of up to 16 bytes in one instruction.
#pragma once

#include "device/config.cuh"
#include "device/smem.cuh"
#if TW_SIMT
#include "simt/memory.h"
#endif

namespace TW_BACKEND {

// A kernel's pointer to global memory. On a GPU it is T*; on the emulator it knows the array it came from
// and checks each access against it.
#if TW_SIMT
using simt::GlobalPtr;
#else
template <class T>
using GlobalPtr = T*;
#endif

inline constexpr int kVectorBytes = 16;

// kCount elements that travel together. Aligned to its size, which must be a power of two up to 16 bytes.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  static_assert(sizeof(T) * kCount <= kVectorBytes, "one access moves at most 16 bytes");
  T elements[kCount];
};

#if !TW_SIMT
// Structs of 16-bit members would be moved in pieces; these move as one register group.
template <size_t kBytes>
struct MachineWord;
template <>
struct MachineWord<1> {
  using Type = unsigned char;
};
template <>
struct MachineWord<2> {
  using Type = unsigned short;
};
template <>
struct MachineWord<4> {
  using Type = unsigned;
};
template <>
struct MachineWord<8> {
  using Type = uint2;
};
template <>
struct MachineWord<16> {
  using Type = uint4;
};

template <class V>
TW_DEVICE V load_word(const void* p) {
  using Word = typename MachineWord<sizeof(V)>::Type;
  const Word word = *static_cast<const Word*>(p);
  V values;
  memcpy(&values, &word, sizeof(V));
  return values;
}

template <class V>
TW_DEVICE void store_word(void* p, const V& values) {
  using Word = typename MachineWord<sizeof(V)>::Type;
  Word word;
  memcpy(&word, &values, sizeof(V));
  *static_cast<Word*>(p) = word;
}
#endif

// The pointer must be aligned to sizeof(Vector<T, kCount>).
template <int kCount, class T>
TW_DEVICE Vector<T, kCount> load_vector(GlobalPtr<const T> p, Site site = Site::here()) {
#if TW_SIMT
  return p.template load<Vector<T, kCount>>(site);
#else
  (void)site;
  return load_word<Vector<T, kCount>>(p);
#endif
}

template <int kCount, class T>
TW_DEVICE void store_vector(GlobalPtr<T> p, Vector<T, kCount> values, Site site = Site::here()) {
#if TW_SIMT
  p.store(values, site);
#else
  (void)site;
  store_word(p, values);
#endif
}

// The same on shared memory, at element i of the array.
template <int kCount, class T, int kSize>
TW_DEVICE Vector<T, kCount> load_vector(SharedArray<T, kSize>& array, int i, Site site = Site::here()) {
#if TW_SIMT
  return array.template load<Vector<T, kCount>>(i, site);
#else
  (void)site;
  return load_word<Vector<T, kCount>>(array.pointer(i));
#endif
}

template <int kCount, class T, int kSize>
TW_DEVICE void store_vector(SharedArray<T, kSize>& array, int i, Vector<T, kCount> values,
                            Site site = Site::here()) {
#if TW_SIMT
  array.store(i, values, site);
#else
  (void)site;
  store_word(array.pointer(i), values);
#endif
}

}  // namespace TW_BACKEND
