// SPDX-License-Identifier: Apache-2.0
// Atomics on shared and global memory; each returns the value before. They order no other accesses. Sums of
// floats depend on the order of arrival: kernels use them only where that order cannot change a bit.
#pragma once

#include "device/config.cuh"
#include "device/smem.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

// T: int, unsigned, unsigned long long, float or double.
template <class T>
TW_DEVICE T atomic_add(GlobalPtr<T> p, T value, Site site = Site::here()) {
#if TW_SIMT
  return p.update([=](T old) { return static_cast<T>(old + value); }, site);
#else
  (void)site;
  return atomicAdd(p, value);
#endif
}

template <class T, int kSize>
TW_DEVICE T atomic_add(SharedArray<T, kSize>& array, int i, T value, Site site = Site::here()) {
#if TW_SIMT
  return array.element(i, site).update([=](T old) { return static_cast<T>(old + value); }, site);
#else
  (void)site;
  return atomicAdd(array.pointer(i), value);
#endif
}

// T: int, unsigned or unsigned long long.
template <class T>
TW_DEVICE T atomic_max(GlobalPtr<T> p, T value, Site site = Site::here()) {
#if TW_SIMT
  return p.update([=](T old) { return old > value ? old : value; }, site);
#else
  (void)site;
  return atomicMax(p, value);
#endif
}

template <class T, int kSize>
TW_DEVICE T atomic_max(SharedArray<T, kSize>& array, int i, T value, Site site = Site::here()) {
#if TW_SIMT
  return array.element(i, site).update([=](T old) { return old > value ? old : value; }, site);
#else
  (void)site;
  return atomicMax(array.pointer(i), value);
#endif
}

// Writes `value` where `expected` is found. T: int, unsigned or unsigned long long.
template <class T>
TW_DEVICE T atomic_cas(GlobalPtr<T> p, T expected, T value, Site site = Site::here()) {
#if TW_SIMT
  return p.update([=](T old) { return old == expected ? value : old; }, site);
#else
  (void)site;
  return atomicCAS(p, expected, value);
#endif
}

template <class T, int kSize>
TW_DEVICE T atomic_cas(SharedArray<T, kSize>& array, int i, T expected, T value, Site site = Site::here()) {
#if TW_SIMT
  return array.element(i, site).update([=](T old) { return old == expected ? value : old; }, site);
#else
  (void)site;
  return atomicCAS(array.pointer(i), expected, value);
#endif
}

}  // namespace TW_BACKEND
