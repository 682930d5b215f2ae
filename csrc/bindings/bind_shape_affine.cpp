// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

Border border_named(const char* name, const std::string& mode) {
  constexpr std::pair<const char*, Border> kModes[] = {
      {"constant", Border::constant}, {"nearest", Border::nearest},
      {"reflect", Border::reflect},   {"mirror", Border::mirror},
      {"wrap", Border::wrap},         {"grid-constant", Border::grid_constant},
      {"grid-wrap", Border::grid_wrap},
  };
  for (const auto& [known, border] : kModes)
    if (mode == known) return border;
  fail(ErrorKind::value, name, "fill_mode is '" + mode + "', expected 'constant', 'nearest', 'reflect', 'mirror', 'wrap', "
                                   "'grid-constant' or 'grid-wrap'");
}

AffineParams params_of(const char* name, const std::string& interpolation, const std::string& fill_mode, double fill_value) {
  if (interpolation != "nearest" && interpolation != "bilinear")
    fail(ErrorKind::value, name, "interpolation is '" + interpolation + "', expected 'nearest' or 'bilinear'");
  return {interpolation == "bilinear", border_named(name, fill_mode), fill_value};
}

void check_images(const char* name, const char* argument, const View& images) {
  check_ndim(name, argument, images, 4, "(batch, rows, cols, channels)");
  if (images.size() > 0 && !images.contiguous())
    fail(ErrorKind::value, name, std::string(argument) + " has strides " + strides_text(images) + ", expected C order without gaps");
}

// `made` (N, P, Q, C) is read from `source` (N, H, W, C), or the reverse in the backward pass.
void check_affine(const char* name, const char* made_name, const View& made, const char* source_name, const View& source,
                  const View& matrices) {
  check_images(name, made_name, made);
  check_images(name, source_name, source);
  check_shape(name, made_name, made, {source.dim(0), kAnySize, kAnySize, source.dim(3)}, "batch and channels as given");
  check_dtype(name, "matrices", matrices, {Dtype::f32, Dtype::f64});
  check_ndim(name, "matrices", matrices, 3, "(batch or 1, 2, 3)");
  check_shape(name, "matrices", matrices, {matrices.dim(0) == 1 ? 1 : source.dim(0), 2, 3}, "one map per image, or one for all");
  if (made.size() > 0 && source.size() == 0)
    fail(ErrorKind::value, name,
         std::string(source_name) + " has shape " + shape_text(source) + ", expected at least 1 row and column");
}

void forward(const Ops& ops, py::handle y, py::handle x, py::handle matrices, const std::string& interpolation,
             const std::string& fill_mode, double fill_value, py::handle stream) {
  constexpr const char* name = "affine_transform";
  const View xv = input(name, "images", x), m = input(name, "matrices", matrices), yv = output(name, "out", y);
  check_dtype(name, "images", xv, {Dtype::u8, Dtype::f32, Dtype::f64});
  check_dtype(name, "out", yv, {xv.dtype == Dtype::f64 ? Dtype::f64 : Dtype::f32});
  check_affine(name, "out", yv, "images", xv, m);
  check_apart(name, {{"out", yv}}, {{"images", xv}, {"matrices", m}});
  run(ops.affine_transform_forward, yv, xv, m, params_of(name, interpolation, fill_mode, fill_value), stream_of(stream));
}

void backward(const Ops& ops, py::handle dx, py::handle dy, py::handle matrices, const std::string& interpolation,
              const std::string& fill_mode, py::handle stream) {
  constexpr const char* name = "affine_transform_backward";
  const View d = input(name, "dy", dy), m = input(name, "matrices", matrices), dxv = output(name, "out", dx);
  check_dtype(name, "dy", d, {Dtype::f32, Dtype::f64});
  check_same_dtype(name, "out", dxv, "dy", d);
  check_affine(name, "dy", d, "out", dxv, m);
  check_apart(name, {{"out", dxv}}, {{"dy", d}, {"matrices", m}});
  run(ops.affine_transform_backward, dxv, d, m, params_of(name, interpolation, fill_mode, 0), stream_of(stream));
}

}  // namespace

void bind_shape_affine(py::module_& m, const Ops& ops) {
  using namespace py::literals;
  const auto stream = py::arg("stream") = py::none();
  define(m, ops, "affine_transform_forward", forward, "y (N, P, Q, C) = x (N, H, W, C) read at matrices (N, 2, 3) @ (p, q, 1)",
         "y"_a, "x"_a, "matrices"_a, "interpolation"_a, "fill_mode"_a, "fill_value"_a, stream);
  define(m, ops, "affine_transform_backward", backward, "gradient of affine_transform_forward by x", "dx"_a, "dy"_a,
         "matrices"_a, "interpolation"_a, "fill_mode"_a, stream);
}

}  // namespace tilewright::bindings
