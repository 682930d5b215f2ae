// SPDX-License-Identifier: Apache-2.0
// top_k on the CPU: each row is selected on its own, by a heap of the k best (std::partial_sort).
#include <algorithm>

#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/reduce_parts.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 13;

template <class T>
struct Candidate {
  T value;
  int64_t index;
};

// Descending, NaN before all numbers, equal values by position: a total order, so the result has no choice.
template <class T>
bool before(const Candidate<T>& a, const Candidate<T>& b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan || b_nan) return a_nan != b_nan ? a_nan : a.index < b.index;
  return a.value != b.value ? a.value > b.value : a.index < b.index;
}

template <class T>
void top_k_of(const View& values, const View& indices, const View& x) {
  const int64_t cols = x.dim(1), k = values.dim(1);
  if (k == 0) return;
  parallel_ranges(x.dim(0), kElementsPerTask / cols + 1, [&](int64_t begin, int64_t end) {
    const Scratch<Candidate<T>> row(cols);
    for (int64_t r = begin; r < end; ++r) {
      const T* from = x.as<T>() + r * x.stride(0);
      for (int64_t c = 0; c < cols; ++c) row[c] = {from[c], c};
      std::partial_sort(row.data(), row.data() + k, row.data() + cols, before<T>);
      for (int64_t i = 0; i < k; ++i) {
        values.as<T>()[r * values.stride(0) + i] = row[i].value;
        indices.as<int64_t>()[r * indices.stride(0) + i] = row[i].index;
      }
    }
  });
}

}  // namespace

void top_k(const View& values, const View& indices, const View& x, Stream) {
  switch (x.dtype) {
    case Dtype::f32: return top_k_of<float>(values, indices, x);
    case Dtype::f64: return top_k_of<double>(values, indices, x);
    case Dtype::s32: return top_k_of<int32_t>(values, indices, x);
    default: return top_k_of<int64_t>(values, indices, x);
  }
}

}  // namespace tilewright::cpu
