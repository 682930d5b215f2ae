// SPDX-License-Identifier: Apache-2.0
// Chooses how a row of softmax is split and launches the kernels of kernels/softmax.cuh.
#include <stdint.h>

#include <algorithm>
#include <type_traits>

#include "core/dispatch.h"
#include "device/launch.cuh"
#include "kernels/softmax.cuh"
#include "launch/axes.h"
#include "launch/dtypes.h"
#include "launch/fill.h"
#include "launch/grid.h"

namespace TW_BACKEND {
namespace {

// A warp holds rows up to 32 values a lane. Longer rows are held by a block, as many values a thread as the
// 64 registers of a 1024-thread block take without spilling; the backward holds two rows, and single columns
// need more addresses than vectors. Still longer rows are streamed.
constexpr int kWarpPerLane = 32;
template <int kVector>
constexpr int kBackwardPerThread = kVector > 1 ? 8 : 4;
template <int kVector>
constexpr int kForwardPerThread = kVector > 1 ? 16 : 8;
constexpr int kMinBlockThreads = 128;
constexpr int kStreamedThreads = 1024;
constexpr int64_t kMostBlocks = 4096;  // more than a GPU runs at once; teams stride over the rows left

bool rows_aligned(const View& view) {
  const int64_t row_bytes = view.stride(0) * dtype_size(view.dtype);
  return aligned(view.data, kVectorBytes) && (row_bytes % kVectorBytes == 0 || view.dim(0) == 1);
}

int blocks_for(int64_t teams) { return static_cast<int>(std::min(teams, kMostBlocks)); }

// Calls held(Type<Team>, Constant<kSteps>, blocks, threads, shared_bytes) or streamed(blocks, threads,
// shared_bytes), as rows of `cols` columns want it.
template <class T, int kVector, int kBlockPerThread, class Held, class Streamed>
void choose_split(int64_t rows, int64_t cols, Held&& held, Streamed&& streamed) {
  constexpr size_t kShared = sizeof(typename SoftmaxTeam<T>::Smem);
  [[maybe_unused]] const auto warps_hold = [&](auto per_lane) {
    constexpr int kSteps = per_lane() > kVector ? per_lane() / kVector : 1;
    constexpr int kRowsPerBlock = WarpTeam::kThreads / kWarpSize;
    held(Type<WarpTeam>{}, Constant<kSteps>{}, blocks_for((rows + kRowsPerBlock - 1) / kRowsPerBlock),
         WarpTeam::kThreads, size_t{0});
  };
  if constexpr (sizeof(T) == 8) {
    // float64 is for checking: a row of doubles in registers would spill.
    const int64_t threads = round_up(ceil_divide(cols, kVector), kWarpSize);
    streamed(blocks_for(rows), static_cast<int>(std::min<int64_t>(threads, kStreamedThreads)), kShared);
  } else if (cols <= 4 * kWarpSize) {
    warps_hold(Constant<4>{});
  } else if (cols <= 8 * kWarpSize) {
    warps_hold(Constant<8>{});
  } else if (cols <= 16 * kWarpSize) {
    warps_hold(Constant<16>{});
  } else if (cols <= kWarpPerLane * kWarpSize) {
    warps_hold(Constant<kWarpPerLane>{});
  } else if (cols <= kBlockPerThread * kMaxThreads) {
    const int64_t warps = (cols + kBlockPerThread * kWarpSize - 1) / (kBlockPerThread * kWarpSize);
    held(Type<SoftmaxTeam<T>>{}, Constant<kBlockPerThread / kVector>{}, blocks_for(rows),
         std::max(static_cast<int>(warps) * kWarpSize, kMinBlockThreads), kShared);
  } else {
    streamed(blocks_for(rows), kStreamedThreads, kShared);
  }
}

template <class T, int kVector, SoftmaxForm kForm>
void forward(const View& y, const View& x, Stream stream) {
  const int64_t rows = x.dim(0), cols = x.dim(1);
  const auto y_pointer = global_pointer<T>(y, "y");
  const auto x_pointer = global_pointer<const T>(x, "x");
  choose_split<T, kVector, kForwardPerThread<kVector>>(
      rows, cols,
      [&](auto team, auto steps, int blocks, int threads, size_t shared_bytes) {
        using Team = type_t<decltype(team)>;
        launch("softmax_forward_held", softmax_forward_held<T, Team, kVector, decltype(steps)::value, kForm>,
               Dim3(blocks), Dim3(threads), shared_bytes, stream, y_pointer, x_pointer, rows,
               static_cast<int>(cols), y.stride(0), x.stride(0));
      },
      [&](int blocks, int threads, size_t shared_bytes) {
        launch("softmax_forward_streamed", softmax_forward_streamed<T, kVector, kForm>, Dim3(blocks),
               Dim3(threads), shared_bytes, stream, y_pointer, x_pointer, rows, cols, y.stride(0),
               x.stride(0));
      });
}

template <class T, int kVector, SoftmaxForm kForm>
void backward(const View& dx, const View& dy, const View& y, Stream stream) {
  const int64_t rows = y.dim(0), cols = y.dim(1);
  const auto dx_pointer = global_pointer<T>(dx, "dx");
  const auto dy_pointer = global_pointer<const T>(dy, "dy");
  const auto y_pointer = global_pointer<const T>(y, "y");
  choose_split<T, kVector, kBackwardPerThread<kVector>>(
      rows, cols,
      [&](auto team, auto steps, int blocks, int threads, size_t shared_bytes) {
        using Team = type_t<decltype(team)>;
        launch("softmax_backward_held",
               softmax_backward_held<T, Team, kVector, decltype(steps)::value, kForm>, Dim3(blocks),
               Dim3(threads), shared_bytes, stream, dx_pointer, dy_pointer, y_pointer, rows,
               static_cast<int>(cols), dx.stride(0), dy.stride(0), y.stride(0));
      },
      [&](int blocks, int threads, size_t shared_bytes) {
        launch("softmax_backward_streamed", softmax_backward_streamed<T, kVector, kForm>, Dim3(blocks),
               Dim3(threads), shared_bytes, stream, dx_pointer, dy_pointer, y_pointer, rows, cols,
               dx.stride(0), dy.stride(0), y.stride(0));
      });
}

// Calls run(Type<T>, Constant<kVector>).
template <class Run>
void for_element(Dtype dtype, bool aligned, Run&& run) {
  for_any_float(dtype, [&](auto type) {
    if (aligned)
      return run(type, Constant<kVectorBytes / static_cast<int>(sizeof(type_t<decltype(type)>))>{});
    run(type, Constant<1>{});
  });
}

template <SoftmaxForm kForm>
void forward_any(const View& y, const View& x, Stream stream) {
  if (x.size() == 0) return;
  for_element(x.dtype, rows_aligned(y) && rows_aligned(x), [&](auto type, auto vector) {
    forward<type_t<decltype(type)>, decltype(vector)::value, kForm>(y, x, stream);
  });
}

template <SoftmaxForm kForm>
void backward_any(const View& dx, const View& dy, const View& y, Stream stream) {
  if (y.size() == 0) return;
  const bool aligned = rows_aligned(dx) && rows_aligned(dy) && rows_aligned(y);
  for_element(y.dtype, aligned, [&](auto type, auto vector) {
    backward<type_t<decltype(type)>, decltype(vector)::value, kForm>(dx, dy, y, stream);
  });
}

}  // namespace

void fill_softmax(Ops& ops) {
  constexpr DtypeMask kDtypes = kF32F64 | kF16 | kBF16;
  ops.softmax_forward.set(forward_any<SoftmaxForm::softmax>, kDtypes);
  ops.softmax_backward.set(backward_any<SoftmaxForm::softmax>, kDtypes);
  ops.log_softmax_forward.set(forward_any<SoftmaxForm::log_softmax>, kDtypes);
  ops.log_softmax_backward.set(backward_any<SoftmaxForm::log_softmax>, kDtypes);
}

}  // namespace TW_BACKEND
