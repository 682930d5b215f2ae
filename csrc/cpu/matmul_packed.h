// SPDX-License-Identifier: Apache-2.0
// A right factor that many small products share, packed once: the recurrent weights of an RNN.
#pragma once

#include "core/scratch.h"
#include "cpu/matmul.h"

namespace tilewright::cpu {

// Holds a copy of b (k, n) in panels; lives and dies on one thread, but any number may multiply with it.
template <class T>
class PackedFactor {
 public:
  PackedFactor(const StridedMatrix<T>& b, int64_t k, int64_t n);

  // y (m, n) = a (m, k) @ b + beta * y + bias?; a is read as it lies, so m * k should fit the caches. y has
  // contiguous columns and shares no memory with a. Uses the thread pool where the product is large enough.
  void multiply(T* y, int64_t y_row, const StridedMatrix<T>& a, int64_t m, T beta,
                const T* bias = nullptr) const;

 private:
  int64_t panels() const { return (n_ + width_ - 1) / width_; }
  // Panel p of the rows [k0, k0 + depth): element (k, j) lies at k * width_ + j.
  T* panel(int64_t k0, int64_t depth, int64_t p) const {
    return packed_.data() + (k0 * panels() + depth * p) * width_;
  }

  int64_t k_, n_, width_, kc_;
  Scratch<T> packed_;
};

}  // namespace tilewright::cpu
