// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "bindings/epilogue.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kName = "matmul";

View transposed(View v, bool transpose) {
  if (transpose) {
    std::swap(v.shape[v.ndim - 1], v.shape[v.ndim - 2]);
    std::swap(v.strides[v.ndim - 1], v.strides[v.ndim - 2]);
  }
  return v;
}

// The shape of the product: batch axes broadcast, then rows of a and columns of b.
View product_shape(const View& a, const View& b) {
  View shape;
  shape.ndim = a.ndim > b.ndim ? a.ndim : b.ndim;
  shape.shape[shape.ndim - 2] = a.dim(-2);
  shape.shape[shape.ndim - 1] = b.dim(-1);
  for (int i = 3; i <= shape.ndim; ++i) {
    const int64_t in_a = i <= a.ndim ? a.dim(-i) : 1, in_b = i <= b.ndim ? b.dim(-i) : 1;
    if (in_a != in_b && in_a != 1 && in_b != 1)
      fail(ErrorKind::value, kName,
           "b has shape " + shape_text(b) + ", expected batch axes that broadcast with those of a, " + shape_text(a));
    shape.shape[shape.ndim - i] = in_a == 1 ? in_b : in_a;
  }
  return shape;
}

// `v` with y's batch axes in front of its matrix: new and repeated axes get stride 0.
View broadcast_batch(const View& v, const View& y) {
  View wide = v;
  wide.ndim = y.ndim;
  for (int i = 1; i <= y.ndim; ++i) {
    const bool there = i <= v.ndim && (i <= 2 || v.dim(-i) == y.dim(-i));
    wide.shape[y.ndim - i] = i <= 2 ? v.dim(-i) : y.dim(-i);
    wide.strides[y.ndim - i] = there ? v.stride(-i) : 0;
  }
  return wide;
}

void check_like_y(const char* name, const View& view, const View& y) {
  if (!view) return;
  check_same_dtype(kName, name, view, "out", y);
  check_same_shape(kName, name, view, "out", y);
  check_rows_contiguous(kName, name, view);
}

}  // namespace

void bind_matmul(py::module_& m, const Ops& ops) {
  m.def(
      "matmul",
      [&ops](py::handle y, py::handle a, py::handle b, bool transpose_a, bool transpose_b, double alpha, double beta,
             py::handle bias, py::handle activation, py::handle slope, py::handle residual, py::handle z,
             py::handle stream) {
        const View yv = output(kName, "out", y);
        View av = input(kName, "a", a), bv = input(kName, "b", b);
        check_min_ndim(kName, "a", av, 2, "(..., M, K)");
        check_min_ndim(kName, "b", bv, 2, "(..., K, N)");
        check_min_ndim(kName, "out", yv, 2, "(..., M, N)");
        check_same_dtype(kName, "b", bv, "a", av);
        check_same_dtype(kName, "out", yv, "a", av);
        av = transposed(av, transpose_a), bv = transposed(bv, transpose_b);
        const int64_t depth = av.dim(-1), cols = bv.dim(-1);
        if (bv.dim(-2) != depth)
          fail(ErrorKind::value, kName,
               "b has " + std::to_string(bv.dim(-2)) + " rows, expected " + std::to_string(depth) +
                   " like the columns of a");
        const View shape = product_shape(av, bv);
        if (!yv.same_shape(shape))
          fail(ErrorKind::value, kName, "out has shape " + shape_text(yv) + ", expected " + shape_text(shape));
        av = broadcast_batch(av, yv), bv = broadcast_batch(bv, yv);
        check_rows_contiguous(kName, "out", yv);
        const View bias_v = optional_input(kName, "bias", bias), zv = optional_output(kName, "z", z);
        View residual_v = optional_input(kName, "residual", residual);
        if (bias_v) {
          check_shape(kName, "bias", bias_v, {cols}, "one value per column");
          check_same_dtype(kName, "bias", bias_v, "a", av);
          check_rows_contiguous(kName, "bias", bias_v);
          check_no_overlap(kName, "out", yv, "bias", bias_v);
        }
        check_like_y("residual", residual_v, yv);
        check_like_y("z", zv, yv);
        check_no_overlap(kName, "out", yv, "a", av);
        check_no_overlap(kName, "out", yv, "b", bv);
        if (residual_v) check_no_overlap(kName, "out", yv, "residual", residual_v);
        if (zv) {
          for (const auto& [name, other] : {std::pair<const char*, const View&>{"out", yv}, {"a", av}, {"b", bv}})
            check_no_overlap(kName, "z", zv, name, other);
        }
        run(ops.matmul, yv, zv, av, bv, bias_v, residual_v, alpha, beta, epilogue_of(kName, activation, slope),
            stream_of(stream));
      },
      "y = activation(alpha * a @ b + beta * y + bias + residual); batch axes broadcast, rows of y contiguous",
      py::arg("y"), py::arg("a"), py::arg("b"), py::arg("transpose_a") = false, py::arg("transpose_b") = false,
      py::arg("alpha") = 1.0, py::arg("beta") = 0.0, py::arg("bias") = py::none(), py::arg("activation") = py::none(),
      py::arg("slope") = py::none(), py::arg("residual") = py::none(), py::arg("z") = py::none(),
      py::arg("stream") = py::none());
}

}  // namespace tilewright::bindings
