// SPDX-License-Identifier: Apache-2.0
// Matmul on CUDA: from Views with batch axes to one launch for all matrices, and a second one where K is cut
// into slices.
#include <stdint.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "device/launch.cuh"
#include "device/scratch.cuh"
#include "kernels/matmul.cuh"
#include "kernels/matmul_thin.cuh"
#include "launch/fill.h"
#include "launch/grid.h"
#include "launch/matmul_launch.h"

namespace TW_BACKEND {
namespace {

constexpr const char* kName = "matmul";
constexpr int64_t kMaxMatrices = 8192;  // of one launch: enough for any chip, and little scratch memory
std::atomic<bool> tf32{false};

// The arrays of one call in the order of MatmulProblem::batch.
struct Arrays {
  View of[5];
  int axes;  // of the batch

  // Batch axes over which b does not change and the rows of all others run on become rows:
  // (B, T, K) @ (K, N) is one product of B * T rows.
  void merge_rows() {
    const auto constant_b = [&] {
      return of[kMatmulB].stride(axes - 1) == 0 || of[kMatmulB].shape[axes - 1] == 1;
    };
    while (axes > 0 && constant_b() && rows_continue()) {
      for (int i = 0; i < 5; ++i) {
        if (!of[i]) continue;
        if (i != kMatmulB) of[i].shape[axes] *= of[i].shape[axes - 1];
        drop_axis(of[i]);
      }
      --axes;
    }
  }

 private:
  bool rows_continue() const {
    for (int i = 0; i < 5; ++i) {
      const View& v = of[i];
      const bool continues = i == kMatmulB || !v || v.shape[axes - 1] == 1 ||
                             v.strides[axes - 1] == v.shape[axes] * v.strides[axes];
      if (!continues) return false;
    }
    return true;
  }
  void drop_axis(View& v) const {
    for (int i = axes; i < v.ndim; ++i) {
      v.shape[i - 1] = v.shape[i];
      v.strides[i - 1] = v.strides[i];
    }
    --v.ndim;
  }
};

// All elements of `axis` next to each other, from multiples of 16 bytes on whatever the other indices are.
bool runs_along(const View& v, int axis) {
  if (v.stride(axis) != 1 && v.dim(axis) != 1) return false;
  if (reinterpret_cast<uintptr_t>(v.data) % kVectorBytes != 0) return false;
  for (int i = 0; i < v.ndim; ++i) {
    const bool other = i != axis + v.ndim;
    if (other && v.shape[i] > 1 && v.strides[i] * dtype_size(v.dtype) % kVectorBytes != 0) return false;
  }
  return true;
}

OperandLines lines_of(const View& v, int k_axis) {
  if (runs_along(v, k_axis)) return OperandLines::along_k;
  return runs_along(v, -3 - k_axis) ? OperandLines::across_k : OperandLines::elements;
}

template <class T>
MatmulProblem<T> problem_of(const Arrays& arrays, const View& bias, double alpha, double beta,
                            const Epilogue& epilogue) {
  const View &y = arrays.of[kMatmulY], &z = arrays.of[kMatmulZ], &a = arrays.of[kMatmulA],
             &b = arrays.of[kMatmulB], &residual = arrays.of[kMatmulResidual];
  bool vectors = !bias || reinterpret_cast<uintptr_t>(bias.data) % kVectorBytes == 0;
  for (const View* v : {&y, &z, &residual}) vectors = vectors && (!*v || runs_along(*v, -1));
  MatmulProblem<T> p = {
      static_cast<int>(y.dim(-2)),
      static_cast<int>(y.dim(-1)),
      static_cast<int>(a.dim(-1)),
      1,
      1,
      0,
      {global_pointer<const T>(a, "a"), a.stride(-2), a.stride(-1), false},
      {global_pointer<const T>(b, "b"), b.stride(-2), b.stride(-1), false},
      {global_pointer<T>(y, "y"), optional_pointer<T>(z, "z"), optional_pointer<const T>(bias, "bias"),
       optional_pointer<const T>(residual, "residual"), y.stride(-2), z ? z.stride(-2) : 0,
       residual ? residual.stride(-2) : 0, static_cast<Wide<T>>(alpha), static_cast<Wide<T>>(beta),
       static_cast<Wide<T>>(epilogue.slope), epilogue.activation, vectors},
      {},
      optional_pointer<Wide<T>>(View(), "partial")};
  p.batch.count = arrays.axes;
  for (int i = 0; i < arrays.axes; ++i) {
    const int axis = arrays.axes - 1 - i;
    p.batch.sizes[i] = Divisor(y.shape[axis]);
    for (int array = 0; array < 5; ++array)
      p.batch.strides[array][i] = arrays.of[array] ? arrays.of[array].strides[axis] : 0;
  }
  return p;
}

template <class T>
constexpr MatmulMath math_of() {
  return sizeof(T) == 2 ? MatmulMath::mma : sizeof(T) == 8 ? MatmulMath::fma_double : MatmulMath::fma;
}

// Which kernel, and how both operands are fetched.
template <class T>
MatmulLaunch plan_of(const Arrays& arrays, int64_t matrices, Stream stream) {
  const View &y = arrays.of[kMatmulY], &a = arrays.of[kMatmulA], &b = arrays.of[kMatmulB];
  const int64_t m = y.dim(-2), n = y.dim(-1);
  MatmulLaunch l = {{}, lines_of(a, -1), lines_of(b, -2), m <= n, 1, stream};
  MatmulShape shape = {m, n, a.dim(-1), matrices, math_of<T>(), static_cast<int>(sizeof(T))};
  if (std::is_same_v<T, float> && tf32) shape.math = MatmulMath::mma;
  if (std::min(m, n) <= kThinRows) {
    const View& wide = l.wide_is_b ? b : a;
    const int k_axis = l.wide_is_b ? -2 : -1;
    shape.thin_dot = wide.stride(k_axis) == 1;
    shape.thin_stream = wide.stride(-3 - k_axis) == 1;
  }
  l.plan = choose_matmul(shape);
  return l;
}

template <class T>
void run_kernel(const MatmulLaunch& l, const MatmulProblem<T>& p) {
  if (l.plan.kernel == kThinDot || l.plan.kernel == kThinStream) {
    launch_matmul_thin(l, p);
  } else if constexpr (sizeof(T) == 2) {
    launch_matmul_mma(l, p);
  } else if constexpr (sizeof(T) == 4) {
    if (l.plan.kernel >= kMmaLarge && l.plan.kernel <= kMmaSmall) {
      launch_matmul_mma(l, p);
    } else {
      launch_matmul_fma(l, p);
    }
  } else {
    launch_matmul_fma(l, p);
  }
}

template <class T>
void multiply(const Arrays& arrays, MatmulProblem<T> p, Stream stream) {
  int64_t matrices = 1;
  for (int i = 0; i < arrays.axes; ++i) matrices *= arrays.of[kMatmulY].shape[i];
  MatmulLaunch l = plan_of<T>(arrays, matrices, stream);
  p.slices = l.plan.slices;
  p.slice_depth = l.plan.slice_depth;
  for (; p.first_matrix < matrices; p.first_matrix += kMaxMatrices) {
    l.matrices = static_cast<unsigned>(std::min(kMaxMatrices, matrices - p.first_matrix));
    if (p.slices == 1) {
      run_kernel(l, p);
      continue;
    }
    const Scratch<Wide<T>> partial(int64_t{l.matrices} * p.slices * p.m * p.n, stream, kName);
    p.partial = partial.pointer();
    run_kernel(l, p);
    const int64_t groups = int64_t{p.m} * ceil_divide(p.n, kMatmulStore<T>);
    launch("matmul_sum", matmul_sum<T>,
           Dim3(static_cast<unsigned>((groups + kSumThreads - 1) / kSumThreads), 1, l.matrices),
           Dim3(kSumThreads), 0, stream, p);
  }
}

void check_sizes(const View& y, const View& a) {
  for (const int64_t size : {y.dim(-2), y.dim(-1), a.dim(-1)}) {
    if (size > std::numeric_limits<int>::max() - 1024)
      fail(ErrorKind::value, kName,
           "a matrix has " + std::to_string(size) + " rows or columns, expected less than 2^31 - 1024");
  }
}

void matmul(const View& y, const View& z, const View& a, const View& b, const View& bias,
            const View& residual, double alpha, double beta, const Epilogue& epilogue, Stream stream) {
  if (y.size() == 0) return;
  Arrays arrays = {{y, z, a, b, residual}, y.ndim - 2};
  arrays.merge_rows();
  check_sizes(arrays.of[kMatmulY], a);
  const auto with = [&](auto element) {
    using T = decltype(element);
    multiply(arrays, problem_of<T>(arrays, bias, alpha, beta, epilogue), stream);
  };
  switch (y.dtype) {
    case Dtype::f16:
      return with(F16{});
    case Dtype::bf16:
      return with(Bf16{});
    case Dtype::f64:
      return with(double{});
    default:
      return with(float{});
  }
}

}  // namespace

void allow_tf32(bool allow) { tf32 = allow; }

void fill_matmul(Ops& ops) { ops.matmul.set(matmul, kF32 | kF64 | kF16 | kBF16); }

}  // namespace TW_BACKEND
