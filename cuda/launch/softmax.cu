// SPDX-License-Identifier: Apache-2.0
// Chooses how a row of softmax is split and launches the kernels of kernels/softmax.cuh.
#include <stdint.h>

#include <algorithm>
#include <type_traits>

#include "device/launch.cuh"
#include "kernels/softmax.cuh"
#include "launch/launchers.h"

namespace TW_BACKEND {
namespace {

// A warp holds rows up to 32 values a lane; above, a block holds 16 values a thread (a 1024-thread block has
// 64 registers a thread, and the backward holds two rows); longer rows are streamed.
constexpr int kWarpMaxPerLane = 32;
constexpr int kBlockPerThread = 16;
constexpr int kWarpTeamThreads = 128;    // four rows a block
constexpr int kMinBlockThreads = 128;
constexpr int kStreamedThreads = 1024;
constexpr int64_t kMaxBlocks = 1 << 20;  // teams stride over what is left

template <int kValue>
using Constant = std::integral_constant<int, kValue>;

bool rows_aligned(const View& view) {
  const int64_t row_bytes = view.stride(0) * dtype_size(view.dtype);
  return reinterpret_cast<uintptr_t>(view.data) % kVectorBytes == 0 &&
         (row_bytes % kVectorBytes == 0 || view.dim(0) == 1);
}

int blocks_for(int64_t teams) { return static_cast<int>(std::min(teams, kMaxBlocks)); }

// Calls held(team, steps, blocks, threads, shared_bytes) or streamed(blocks, threads, shared_bytes) for the
// split that rows of `cols` columns want; steps is a Constant.
template <int kVector, class Held, class Streamed>
void choose_split(int64_t rows, int64_t cols, Held&& held, Streamed&& streamed) {
  const auto warps_hold = [&](auto per_lane) {
    constexpr int kSteps = per_lane() > kVector ? per_lane() / kVector : 1;
    constexpr int kRowsPerBlock = kWarpTeamThreads / kWarpSize;
    held(static_cast<WarpTeam*>(nullptr), Constant<kSteps>{}, blocks_for((rows + kRowsPerBlock - 1) / kRowsPerBlock),
         kWarpTeamThreads, size_t{0});
  };
  if (cols <= 4 * kWarpSize) {
    warps_hold(Constant<4>{});
  } else if (cols <= 8 * kWarpSize) {
    warps_hold(Constant<8>{});
  } else if (cols <= 16 * kWarpSize) {
    warps_hold(Constant<16>{});
  } else if (cols <= kWarpMaxPerLane * kWarpSize) {
    warps_hold(Constant<kWarpMaxPerLane>{});
  } else if (cols <= kBlockPerThread * kMaxThreads) {
    const int64_t warps = (cols + kBlockPerThread * kWarpSize - 1) / (kBlockPerThread * kWarpSize);
    held(static_cast<BlockTeam*>(nullptr), Constant<kBlockPerThread / kVector>{}, blocks_for(rows),
         std::max(static_cast<int>(warps) * kWarpSize, kMinBlockThreads), sizeof(BlockTeam::Smem));
  } else {
    streamed(blocks_for(rows), kStreamedThreads, sizeof(BlockTeam::Smem));
  }
}

template <class T, int kVector, SoftmaxForm kForm>
void forward(const View& y, const View& x, Stream stream) {
  const int64_t rows = x.dim(0), cols = x.dim(1);
  const auto y_pointer = global_pointer<T>(y, "y");
  const auto x_pointer = global_pointer<const T>(x, "x");
  choose_split<kVector>(
      rows, cols,
      [&](auto team, auto steps, int blocks, int threads, size_t shared_bytes) {
        using Team = std::remove_pointer_t<decltype(team)>;
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
  choose_split<kVector>(
      rows, cols,
      [&](auto team, auto steps, int blocks, int threads, size_t shared_bytes) {
        using Team = std::remove_pointer_t<decltype(team)>;
        launch("softmax_backward_held", softmax_backward_held<T, Team, kVector, decltype(steps)::value, kForm>,
               Dim3(blocks), Dim3(threads), shared_bytes, stream, dx_pointer, dy_pointer, y_pointer, rows,
               static_cast<int>(cols), dx.stride(0), dy.stride(0), y.stride(0));
      },
      [&](int blocks, int threads, size_t shared_bytes) {
        launch("softmax_backward_streamed", softmax_backward_streamed<T, kVector, kForm>, Dim3(blocks),
               Dim3(threads), shared_bytes, stream, dx_pointer, dy_pointer, y_pointer, rows, cols,
               dx.stride(0), dy.stride(0), y.stride(0));
      });
}

// Calls run(element type as a pointer, vector width) for the views' dtype and alignment.
template <class Run>
void for_type(Dtype dtype, bool aligned, Run&& run) {
  const auto with_type = [&](auto type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if (aligned) {
      run(type, Constant<kVectorBytes / static_cast<int>(sizeof(T))>{});
    } else {
      run(type, Constant<1>{});
    }
  };
  switch (dtype) {
    case Dtype::f32: return with_type(static_cast<float*>(nullptr));
    case Dtype::f16: return with_type(static_cast<F16*>(nullptr));
    case Dtype::bf16: return with_type(static_cast<Bf16*>(nullptr));
    default:
      throw std::invalid_argument(std::string("[softmax] x has dtype ") + dtype_name(dtype) +
                                  ", expected float32, float16 or bfloat16");
  }
}

template <SoftmaxForm kForm>
void forward_any(const View& y, const View& x, Stream stream) {
  if (x.size() == 0) return;
  for_type(x.dtype, rows_aligned(y) && rows_aligned(x), [&](auto type, auto vector) {
    forward<std::remove_pointer_t<decltype(type)>, decltype(vector)::value, kForm>(y, x, stream);
  });
}

template <SoftmaxForm kForm>
void backward_any(const View& dx, const View& dy, const View& y, Stream stream) {
  if (y.size() == 0) return;
  const bool aligned = rows_aligned(dx) && rows_aligned(dy) && rows_aligned(y);
  for_type(y.dtype, aligned, [&](auto type, auto vector) {
    backward<std::remove_pointer_t<decltype(type)>, decltype(vector)::value, kForm>(dx, dy, y, stream);
  });
}

}  // namespace

void softmax_forward(const View& y, const View& x, Stream stream) {
  forward_any<SoftmaxForm::softmax>(y, x, stream);
}

void log_softmax_forward(const View& y, const View& x, Stream stream) {
  forward_any<SoftmaxForm::log_softmax>(y, x, stream);
}

void softmax_backward(const View& dx, const View& dy, const View& y, Stream stream) {
  backward_any<SoftmaxForm::softmax>(dx, dy, y, stream);
}

void log_softmax_backward(const View& dx, const View& dy, const View& y, Stream stream) {
  backward_any<SoftmaxForm::log_softmax>(dx, dy, y, stream);
}

}  // namespace TW_BACKEND
