// SPDX-License-Identifier: Apache-2.0
// Teams of threads that share a row: a warp each (short rows), or a block. Kernels are written once against
// either; teams stride over the rows.
#pragma once

#include "device/config.cuh"
#include "device/smem.cuh"
#include "device/warp.cuh"

namespace TW_BACKEND {

// shfl_xor of any value made of 4-byte words.
template <class T>
TW_DEVICE T shfl_xor_value(const T& value, int lane_mask, Site site) {
#if TW_SIMT
  static_assert(sizeof(T) <= simt::Block::kExchangeBytes, "lanes exchange at most 64 bytes at once");
  const char* given = simt::current_block().warp_exchange("shfl_xor", site, &value, sizeof(T));
  T result = value;
  if (given != nullptr) {
    const int source = lane_index() ^ lane_mask;
    memcpy(static_cast<void*>(&result), given + source * simt::Block::kExchangeBytes, sizeof(T));
  }
  return result;
#else
  static_assert(sizeof(T) % 4 == 0, "a shuffle moves words of 4 bytes");
  unsigned words[sizeof(T) / 4];
  memcpy(words, &value, sizeof(T));
  TW_UNROLL
  for (int i = 0; i < static_cast<int>(sizeof(T) / 4); ++i)
    words[i] = __shfl_xor_sync(kFullWarp, words[i], lane_mask);
  T result;
  memcpy(&result, words, sizeof(T));
  (void)site;
  return result;
#endif
}

// merge(a, b) of all lanes, the same in each: a butterfly whose lower lane is always the left argument, so that
// an operation need not commute.
template <class T, class Merge>
TW_DEVICE T warp_reduce(T value, Merge merge, Site site = Site::here()) {
  TW_UNROLL
  for (int lane_mask = 1; lane_mask < kWarpSize; lane_mask *= 2) {
    const T other = shfl_xor_value(value, lane_mask, site);
    value = lane_index() & lane_mask ? merge(other, value) : merge(value, other);
  }
  return value;
}

// A warp per row; the block's warps work on different rows and never meet.
class WarpTeam {
 public:
  static constexpr int kThreads = 128;  // of a block: four rows

  template <class T>
  struct Smem {};

  TW_DEVICE int rank() const { return lane_index(); }
  TW_DEVICE int size() const { return kWarpSize; }
  TW_DEVICE int64_t first_row() const { return int64_t{blockIdx.x} * warps() + warp_index(); }
  TW_DEVICE int64_t row_step() const { return int64_t{gridDim.x} * warps(); }

  template <class T, class Merge>
  TW_DEVICE T reduce(T value, T, Merge merge, Site site = Site::here()) {
    return warp_reduce(value, merge, site);
  }

 private:
  TW_DEVICE int warps() const { return static_cast<int>(blockDim.x) / kWarpSize; }
};

// A block per row. All values one team reduces have the type Total.
template <class Total>
class BlockTeamOf {
 public:
  static constexpr int kThreads = kMaxThreads;  // at most

  // One value of each warp, twice: reduction i + 1 may write while slow warps still read reduction i's, so
  // one barrier a reduction is enough.
  struct Smem {
    SharedArray<Total, 2 * kMaxWarps> partial;
  };

  TW_DEVICE BlockTeamOf() : smem_(block_shared<Smem>()) {}
  TW_DEVICE int rank() const { return static_cast<int>(threadIdx.x); }
  TW_DEVICE int size() const { return static_cast<int>(blockDim.x); }
  TW_DEVICE int64_t first_row() const { return blockIdx.x; }
  TW_DEVICE int64_t row_step() const { return gridDim.x; }

  // merge over the team, in the order of ranks; every thread gets it. merge(x, neutral) is x.
  template <class Merge>
  TW_DEVICE Total reduce(Total value, Total neutral, Merge merge, Site site = Site::here()) {
    const Total of_warp = warp_reduce(value, merge, site);
    const int first = slot_ * kMaxWarps;
    slot_ ^= 1;
    if (lane_index() == 0) smem_.partial[first + warp_index()] = of_warp;
    block_sync(site);
    Total of_lane = neutral;
    if (lane_index() < size() / kWarpSize) of_lane = smem_.partial[first + lane_index()];
    return warp_reduce(of_lane, merge, site);
  }

 private:
  Smem& smem_;
  int slot_ = 0;
};

}  // namespace TW_BACKEND
