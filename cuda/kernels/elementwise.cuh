// SPDX-License-Identifier: Apache-2.0
// Computes    y[i] = f(a[i], b[i], c[i]) for functions of none to three arguments, over arrays of any
//             strides; y = x transposed, through shared memory
// Layout      Axes from launch/axes.h, innermost first, of y and each input. In groups: y's innermost axis is
//             cut into groups of kVector elements, aligned, and each input has stride 1 or 0 along it
// Method      a group is one 16-byte load of each input (a narrower type: fewer bytes) and one store; two
//             groups are in flight a thread. Without groups neighbouring threads take neighbouring elements.
//             A transposed copy reads and writes rows of 32 elements, turned in shared memory with a column
//             of padding
// Work split  threads stride over groups or elements; a block per tile of a transposed copy
// Limits      y may be an input: every element is read before the thread that reads it writes. At most 8 axes
// Ran on      no GPU yet; passes on simt
#pragma once

#include "device/axes.cuh"
#include "device/element.cuh"
#include "device/smem.cuh"
#include "device/vector.cuh"

namespace TW_BACKEND {

inline constexpr int kElementwiseThreads = 256;

// What a function object of elementwise_map declares when it takes fewer arguments.
struct NoArgument {
  uint8_t unused;
};

constexpr int max_size(int a, int b) { return a > b ? a : b; }

// Elements a group holds: 16 bytes of the widest type among them.
template <class F>
inline constexpr int kGroup = kVectorBytes / max_size(max_size(sizeof(typename F::Y),
                                                               F::kInputs > 0 ? sizeof(typename F::A) : 1),
                                                      max_size(F::kInputs > 1 ? sizeof(typename F::B) : 1,
                                                               F::kInputs > 2 ? sizeof(typename F::C) : 1));

// kCount neighbours from `offset` on, or kCount times the one element there.
template <int kCount, class T>
TW_DEVICE void load_group(T (&values)[kCount], GlobalPtr<const T> p, int64_t offset, int64_t stride) {
  if (stride == 0) {
    const T value = p[offset];
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) values[v] = value;
  } else if constexpr (sizeof(T) * kCount == 1) {
    values[0] = p[offset];
  } else {
    const Vector<T, kCount> loaded = load_vector<kCount>(p + offset);
    TW_UNROLL
    for (int v = 0; v < kCount; ++v) values[v] = loaded.elements[v];
  }
}

template <int kCount, class T>
TW_DEVICE void store_group(GlobalPtr<T> p, const T (&values)[kCount]) {
  Vector<T, kCount> stored;
  TW_UNROLL
  for (int v = 0; v < kCount; ++v) stored.elements[v] = values[v];
  store_vector(p, stored);
}

// The arguments of kCount calls of F.
template <class F, int kCount>
struct Arguments {
  typename F::A a[kCount];
  typename F::B b[kCount];
  typename F::C c[kCount];

  TW_DEVICE typename F::Y result(const F& f, int i) const {
    if constexpr (F::kInputs == 0) return f();
    if constexpr (F::kInputs == 1) return f(a[i]);
    if constexpr (F::kInputs == 2) return f(a[i], b[i]);
    if constexpr (F::kInputs == 3) return f(a[i], b[i], c[i]);
  }
};

template <class F>
struct Operands {
  GlobalPtr<typename F::Y> y;
  GlobalPtr<const typename F::A> a;
  GlobalPtr<const typename F::B> b;
  GlobalPtr<const typename F::C> c;

  static constexpr int kCount = F::kInputs + 1;

  template <int kElements>
  TW_DEVICE void load_groups(Arguments<F, kElements>& to, const Offsets<kCount>& at,
                             const Axes<kCount>& axes) const {
    if constexpr (F::kInputs > 0) load_group(to.a, a, at.of[1], axes.strides[1][0]);
    if constexpr (F::kInputs > 1) load_group(to.b, b, at.of[2], axes.strides[2][0]);
    if constexpr (F::kInputs > 2) load_group(to.c, c, at.of[3], axes.strides[3][0]);
  }
  template <int kElements>
  TW_DEVICE void load_one(Arguments<F, kElements>& to, int i, const Offsets<kCount>& at) const {
    if constexpr (F::kInputs > 0) to.a[i] = a[at.of[1]];
    if constexpr (F::kInputs > 1) to.b[i] = b[at.of[2]];
    if constexpr (F::kInputs > 2) to.c[i] = c[at.of[3]];
  }
};

// Offsets of group `index`: the innermost axis of `axes` counts groups.
template <int kVector, int kCount>
TW_DEVICE Offsets<kCount> group_offsets(const Axes<kCount>& axes, int64_t index) {
  int64_t group;
  const int64_t outer = axes.sizes[0].divide(index, group);
  Offsets<kCount> at = axes.offsets(outer, 1);
  TW_UNROLL
  for (int k = 0; k < kCount; ++k) at.of[k] += group * kVector * axes.strides[k][0];
  return at;
}

// `items` groups (in_groups) or elements.
template <class F>
TW_KERNEL void TW_LAUNCH_BOUNDS(kElementwiseThreads)
    elementwise_map(F f, Operands<F> operands, Axes<F::kInputs + 1> axes, int64_t items, bool in_groups) {
  constexpr int kOperands = F::kInputs + 1, kVector = kGroup<F>, kInFlight = 2;
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  const int64_t first = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  // Past the end the first of the items in flight is read once more and not written.
  if (in_groups) {
    for (int64_t item = first; item < items; item += kInFlight * step) {
      Arguments<F, kVector> arguments[kInFlight];
      Offsets<kOperands> at[kInFlight];
      TW_UNROLL
      for (int u = 0; u < kInFlight; ++u) {
        at[u] = group_offsets<kVector>(axes, item + u * step < items ? item + u * step : item);
        operands.load_groups(arguments[u], at[u], axes);
      }
      TW_UNROLL
      for (int u = 0; u < kInFlight; ++u) {
        if (item + u * step >= items) continue;
        typename F::Y results[kVector];
        TW_UNROLL
        for (int v = 0; v < kVector; ++v) results[v] = arguments[u].result(f, v);
        store_group(operands.y + at[u].of[0], results);
      }
    }
  } else {
    for (int64_t item = first; item < items; item += kInFlight * step) {
      Arguments<F, kInFlight> arguments;
      Offsets<kOperands> at[kInFlight];
      TW_UNROLL
      for (int u = 0; u < kInFlight; ++u) {
        at[u] = axes.offsets(item + u * step < items ? item + u * step : item);
        operands.load_one(arguments, u, at[u]);
      }
      TW_UNROLL
      for (int u = 0; u < kInFlight; ++u) {
        if (item + u * step < items) operands.y[at[u].of[0]] = arguments.result(f, u);
      }
    }
  }
}

// ---- copies that turn rows into columns -----------------------------------------------------------------

inline constexpr int kTransposeTile = 32;
inline constexpr int kTransposeRows = 8;  // of the tile a block moves at once
inline constexpr int kTransposeThreads = kTransposeTile * kTransposeRows;

template <class U>
struct TransposeSmem {
  SharedArray<U, kTransposeTile*(kTransposeTile + 1)> tile;  // one column of padding: no two rows share banks
};

// y[o, r, c] = x[o, r, c]; y has stride 1 along c, x along r. `batch` gives y's and x's offsets of o.
struct TransposeShape {
  int64_t rows, cols, y_row, x_col;
  Divisor row_tiles, col_tiles;
  Axes<2> batch;
};

template <class U>
TW_KERNEL void TW_LAUNCH_BOUNDS(kTransposeThreads)
    elementwise_transpose(GlobalPtr<U> y, GlobalPtr<const U> x, TransposeShape shape) {
  auto& smem = block_shared<TransposeSmem<U>>();
  int64_t row_tile, col_tile;
  const int64_t rest = shape.col_tiles.divide(blockIdx.x, col_tile);
  const auto at = shape.batch.offsets(shape.row_tiles.divide(rest, row_tile));
  const int64_t first_row = row_tile * kTransposeTile, first_col = col_tile * kTransposeTile;
  const int across = static_cast<int>(threadIdx.x) % kTransposeTile;
  const int down = static_cast<int>(threadIdx.x) / kTransposeTile;

  TW_UNROLL
  for (int i = 0; i < kTransposeTile; i += kTransposeRows) {
    const int64_t r = first_row + across, c = first_col + down + i;
    if (r < shape.rows && c < shape.cols)
      smem.tile[(down + i) * (kTransposeTile + 1) + across] = x[at.of[1] + c * shape.x_col + r];
  }
  block_sync();
  TW_UNROLL
  for (int i = 0; i < kTransposeTile; i += kTransposeRows) {
    const int64_t r = first_row + down + i, c = first_col + across;
    if (r < shape.rows && c < shape.cols) {
      const U value = smem.tile[across * (kTransposeTile + 1) + down + i];
      y[at.of[0] + r * shape.y_row + c] = value;
    }
  }
}

}  // namespace TW_BACKEND
