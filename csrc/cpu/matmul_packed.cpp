// SPDX-License-Identifier: Apache-2.0
// Products with a factor that was packed before. Tasks are ranges of panels; each runs through all of k.
#include "cpu/matmul_packed.h"

#include <algorithm>

#include "core/parallel.h"
#include "cpu/kernel_table.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kTaskElements = 1 << 16;  // of b that one task packs at least
constexpr int64_t kTaskProducts = 1 << 19;  // multiply-adds per task at least

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
const MatmulTable<T>& table() {
  return kernels<MatmulKernels>().of<T>();
}

}  // namespace

template <class T>
PackedFactor<T>::PackedFactor(const StridedMatrix<T>& b, int64_t k, int64_t n)
    : k_(k), n_(n), width_(table<T>().tile_cols), kc_(table<T>().kc), packed_(panels() * width_ * k) {
  const MatmulTable<T>& kernel = table<T>();
  parallel_ranges(panels(), kTaskElements / (k * width_ + 1) + 1, [&](int64_t begin, int64_t end) {
    const int64_t j = begin * width_, columns = std::min(end * width_, n) - j;
    for (int64_t k0 = 0; k0 < k; k0 += kc_) {
      const int64_t depth = std::min(kc_, k - k0);
      kernel.pack(panel(k0, depth, begin), b.at(k0, j), b.col, b.row, columns, depth, width_);
    }
  });
}

template <class T>
void PackedFactor<T>::multiply(T* y, int64_t y_row, const StridedMatrix<T>& a, int64_t m, T beta,
                               const T* bias) const {
  if (m == 0 || n_ == 0) return;
  const MatmulTable<T>& kernel = table<T>();
  MatmulBlock<T> g;
  g.m = m;
  g.a_row = a.row, g.a_col = a.col;
  g.a_panel_rows = ceil_div(m, ceil_div(m, kernel.tile_rows));
  g.a_panel = g.a_panel_rows * a.row;
  g.b_row = g.b_panel_cols = width_;
  g.y_row = y_row;
  g.alpha = 1;
  parallel_ranges(panels(), kTaskProducts / (m * k_ * width_ + 1) + 1, [&](int64_t begin, int64_t end) {
    MatmulBlock<T> part = g;
    const int64_t j = begin * width_;
    MatmulFinish<T> finish;
    if (bias != nullptr) finish.bias = bias + j;
    part.n = std::min(end * width_, n_) - j;
    part.y = y + j;
    for (int64_t k0 = 0; k0 == 0 || k0 < k_; k0 += kc_) {
      part.k = std::min(kc_, k_ - k0);
      part.a = a.at(0, k0);
      part.b = panel(k0, part.k, begin);
      part.b_panel = part.k * width_;
      part.beta = k0 == 0 ? beta : T(1);
      part.finish = bias != nullptr && k0 + part.k >= k_ ? &finish : nullptr;
      kernel.block(part);
    }
  });
}

template class PackedFactor<float>;
template class PackedFactor<double>;

}  // namespace tilewright::cpu
