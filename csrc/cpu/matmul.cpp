// SPDX-License-Identifier: Apache-2.0
// Matmul on the CPU: from Views with batch axes to products of two matrices. Small products of a batch go to
// threads in groups; large ones use all threads, one after the other.
#include "cpu/matmul.h"

#include "core/dispatch.h"
#include "core/parallel.h"
#include "cpu/kernel_table.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kGroupProducts = 1 << 20;  // multiply-adds of one task of small products
constexpr int64_t kLargeProducts = 1 << 23;  // a product of more than this is cut into tasks itself

// The batch axes and the matrices of all operands.
struct Batch {
  View y, z, a, b, residual;
  int axes;

  // Batch axes over which b does not change and the rows of all others run on become rows:
  // (B, T, K) @ (K, N) is one product of B * T rows.
  void merge_rows() {
    while (axes > 0 && (b.stride(axes - 1) == 0 || b.shape[axes - 1] == 1) && continues(y) && continues(a) &&
           continues(z) && continues(residual)) {
      for (View* v : {&y, &z, &a, &residual})
        if (*v) merge(*v);
      drop_axis(b);
      --axes;
    }
  }

  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < axes; ++i) n *= y.shape[i];
    return n;
  }

  // Element offset of matrix `index` of the batch.
  int64_t offset(const View& v, int64_t index) const {
    int64_t at = 0;
    for (int i = axes - 1; i >= 0; --i) {
      at += index % y.shape[i] * v.strides[i];
      index /= y.shape[i];
    }
    return at;
  }

 private:
  bool continues(const View& v) const {
    return !v || v.shape[axes - 1] == 1 || v.strides[axes - 1] == v.shape[axes] * v.strides[axes];
  }
  void merge(View& v) const {
    v.shape[axes] *= v.shape[axes - 1];
    drop_axis(v);
  }
  void drop_axis(View& v) const {
    for (int i = axes; i < v.ndim; ++i) {
      v.shape[i - 1] = v.shape[i];
      v.strides[i - 1] = v.strides[i];
    }
    --v.ndim;
  }
};

template <class T>
StridedMatrix<T> matrix_of(const View& v) {
  return {v.as<const T>(), v.stride(-2), v.stride(-1)};
}

// Walks the matrices of a batch in order, without a division.
class BatchWalk {
 public:
  BatchWalk(const Batch& batch, int64_t index) : batch_(batch) {
    for (int i = batch.axes - 1; i >= 0; --i) {
      at_[i] = index % batch.y.shape[i];
      index /= batch.y.shape[i];
    }
  }
  void next() {
    for (int i = batch_.axes - 1; i >= 0; --i) {
      if (++at_[i] < batch_.y.shape[i]) return;
      at_[i] = 0;
    }
  }
  // Element offset of the matrix in `v`.
  int64_t offset(const View& v) const {
    int64_t at = 0;
    for (int i = 0; i < batch_.axes; ++i) at += at_[i] * v.strides[i];
    return at;
  }

 private:
  const Batch& batch_;
  int64_t at_[kMaxDims];
};

// Matrices begin .. end - 1 of a batch of small products: one plan, and a call of the kernel for each.
template <class T>
void multiply_directly(const Batch& batch, const MatmulProblem<T>& first, const MatmulBlock<T>& plan,
                       int64_t begin, int64_t end) {
  const auto block = kernels<MatmulKernels>().of<T>().block;
  MatmulBlock<T> g = plan;
  MatmulFinish<T> finish = first.finish;
  if (g.finish != nullptr) g.finish = &finish;
  BatchWalk walk(batch, begin);
  for (int64_t index = begin; index < end; ++index, walk.next()) {
    g.y = first.y + walk.offset(batch.y);
    g.a = first.a.data + walk.offset(batch.a);
    g.b = first.b.data + walk.offset(batch.b);
    if (batch.z) finish.z = first.finish.z + walk.offset(batch.z);
    if (batch.residual) finish.residual = first.finish.residual + walk.offset(batch.residual);
    block(g);
  }
}

template <class T>
void multiply_batch(const Batch& batch, const MatmulProblem<T>& first) {
  const auto one = [&](int64_t index) {
    MatmulProblem<T> p = first;
    p.y += batch.offset(batch.y, index);
    p.a.data += batch.offset(batch.a, index);
    p.b.data += batch.offset(batch.b, index);
    if (batch.z) p.finish.z += batch.offset(batch.z, index);
    if (batch.residual) p.finish.residual += batch.offset(batch.residual, index);
    matmul_2d(p);
  };
  const int64_t count = batch.count(), products = first.m * first.n * first.k;
  MatmulBlock<T> plan;
  if (count > 1 && products > 0 && matmul_direct(first, &plan)) {
    parallel_ranges(count, kGroupProducts / products + 1,
                    [&](int64_t begin, int64_t end) { multiply_directly(batch, first, plan, begin, end); });
  } else if (count > 1 && products <= kLargeProducts) {
    parallel_ranges(count, kGroupProducts / (products + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) one(index);
    });
  } else {
    for (int64_t index = 0; index < count; ++index) one(index);
  }
}

void matmul(const View& y, const View& z, const View& a, const View& b, const View& bias,
            const View& residual, double alpha, double beta, const Epilogue& epilogue, Stream) {
  Batch batch{y, z, a, b, residual, y.ndim - 2};
  batch.merge_rows();
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    MatmulProblem<T> p;
    p.m = batch.y.dim(-2), p.n = batch.y.dim(-1), p.k = batch.a.dim(-1);
    p.a = matrix_of<T>(batch.a), p.b = matrix_of<T>(batch.b);
    p.y = batch.y.as<T>(), p.y_row = batch.y.stride(-2);
    p.alpha = T(alpha), p.beta = T(beta);
    p.finish.epilogue = epilogue;
    p.finish.bias = bias.as<const T>();
    if (z) p.finish.z = z.as<T>(), p.finish.z_row = batch.z.stride(-2);
    if (residual)
      p.finish.residual = residual.as<const T>(), p.finish.residual_row = batch.residual.stride(-2);
    multiply_batch(batch, p);
  });
}

}  // namespace

void fill_matmul(Ops& ops) { ops.matmul.set(matmul, kF32F64); }

}  // namespace tilewright::cpu
