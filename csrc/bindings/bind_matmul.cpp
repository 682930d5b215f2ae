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

// `v` with y's batch axes in front of its matrix: new and size-1 axes get stride 0.
View broadcast_batch(const char* name, const View& v, const View& y) {
  if (v.ndim > y.ndim)
    fail(ErrorKind::value, kName,
         std::string(name) + " has shape " + shape_text(v) + ", expected at most " + std::to_string(y.ndim) +
             " dimensions for a result of shape " + shape_text(y));
  View wide = v;
  wide.ndim = y.ndim;
  const int added = y.ndim - v.ndim;
  for (int i = y.ndim - 1; i >= 0; --i) {
    const bool matrix = i >= y.ndim - 2;
    const int64_t size = i >= added ? v.shape[i - added] : 1;
    if (!matrix && size != y.shape[i] && size != 1)
      fail(ErrorKind::value, kName,
           std::string(name) + " has shape " + shape_text(v) + ", expected batch axes that broadcast to those of " +
               shape_text(y));
    wide.shape[i] = matrix ? size : y.shape[i];
    wide.strides[i] = matrix || (size == y.shape[i] && i >= added) ? v.strides[i - added] : 0;
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
        av = broadcast_batch("a", transposed(av, transpose_a), yv);
        bv = broadcast_batch("b", transposed(bv, transpose_b), yv);
        const int64_t rows = av.dim(-2), depth = av.dim(-1), cols = bv.dim(-1);
        if (bv.dim(-2) != depth)
          fail(ErrorKind::value, kName,
               "b has " + std::to_string(bv.dim(-2)) + " rows, expected " + std::to_string(depth) +
                   " like the columns of a");
        if (yv.dim(-2) != rows || yv.dim(-1) != cols)
          fail(ErrorKind::value, kName,
               "out has shape " + shape_text(yv) + ", expected (..., " + std::to_string(rows) + ", " +
                   std::to_string(cols) + ")");
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
