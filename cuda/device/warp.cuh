// SPDX-License-Identifier: Apache-2.0
// Operations of a whole warp. All 32 lanes must call them together; there are no partial masks.
#pragma once

#include "device/config.cuh"

namespace TW_BACKEND {

inline constexpr unsigned kFullWarp = 0xffffffffu;

// The kernels launch one-dimensional blocks, so a warp is 32 neighbours along x.
TW_DEVICE int lane_index() { return static_cast<int>(threadIdx.x) % kWarpSize; }
TW_DEVICE int warp_index() { return static_cast<int>(threadIdx.x) / kWarpSize; }

// Value of lane `lane ^ lane_mask`. T has 4 or 8 bytes.
template <class T>
TW_DEVICE T shfl_xor(T value, int lane_mask, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_shuffle("shfl_xor", site, value, [=](int lane) { return lane ^ lane_mask; });
#else
  return __shfl_xor_sync(kFullWarp, value, lane_mask);
#endif
}

// Value of lane `lane + delta`; the last `delta` lanes keep their own.
template <class T>
TW_DEVICE T shfl_down(T value, int delta, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_shuffle("shfl_down", site, value, [=](int lane) { return lane + delta; });
#else
  return __shfl_down_sync(kFullWarp, value, delta);
#endif
}

// Value of lane `lane - delta`; the first `delta` lanes keep their own.
template <class T>
TW_DEVICE T shfl_up(T value, int delta, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_shuffle("shfl_up", site, value, [=](int lane) { return lane - delta; });
#else
  return __shfl_up_sync(kFullWarp, value, delta);
#endif
}

// Value of lane `source`.
template <class T>
TW_DEVICE T shfl(T value, int source, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_shuffle("shfl", site, value, [=](int) { return source % kWarpSize; });
#else
  return __shfl_sync(kFullWarp, value, source);
#endif
}

// Bit i is set where lane i's predicate holds.
TW_DEVICE unsigned ballot(bool predicate, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_ballot("ballot", site, predicate);
#else
  return __ballot_sync(kFullWarp, predicate);
#endif
}

TW_DEVICE bool any(bool predicate, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_ballot("any", site, predicate) != 0;
#else
  return __any_sync(kFullWarp, predicate);
#endif
}

TW_DEVICE bool all(bool predicate, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_ballot("all", site, predicate) == kFullWarp;
#else
  return __all_sync(kFullWarp, predicate);
#endif
}

// Bit i is set where lane i gave the same value.
TW_DEVICE unsigned match_any(unsigned value, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_match("match_any", site, value);
#else
  return __match_any_sync(kFullWarp, value);
#endif
}

// Every lane gets the sum, maximum or minimum of the 32 values, in one instruction.
TW_DEVICE unsigned reduce_add(unsigned value, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_fold("reduce_add", site, value, [](unsigned a, unsigned b) { return a + b; });
#else
  return __reduce_add_sync(kFullWarp, value);
#endif
}

TW_DEVICE int reduce_max(int value, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_fold("reduce_max", site, value, [](int a, int b) { return a > b ? a : b; });
#else
  return __reduce_max_sync(kFullWarp, value);
#endif
}

TW_DEVICE int reduce_min(int value, Site site = Site::here()) {
#if TW_SIMT
  return simt::warp_fold("reduce_min", site, value, [](int a, int b) { return a < b ? a : b; });
#else
  return __reduce_min_sync(kFullWarp, value);
#endif
}

// Joins the lanes and orders their memory accesses. Shuffles and votes do not order memory.
TW_DEVICE void warp_sync(Site site = Site::here()) {
#if TW_SIMT
  simt::warp_sync(site);
#else
  (void)site;
  __syncwarp(kFullWarp);
#endif
}

// Every lane gets the sum; a butterfly, so the order of additions is the same in each lane and each run.
template <class T>
TW_DEVICE T warp_sum(T value, Site site = Site::here()) {
  TW_UNROLL
  for (int lane_mask = kWarpSize / 2; lane_mask > 0; lane_mask /= 2)
    value += shfl_xor(value, lane_mask, site);
  return value;
}

// Every lane gets the maximum; NaN is ignored unless all are NaN, as fmaxf does.
TW_DEVICE float warp_max(float value, Site site = Site::here()) {
  TW_UNROLL
  for (int lane_mask = kWarpSize / 2; lane_mask > 0; lane_mask /= 2)
    value = fmaxf(value, shfl_xor(value, lane_mask, site));
  return value;
}

}  // namespace TW_BACKEND
