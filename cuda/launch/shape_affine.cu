// SPDX-License-Identifier: Apache-2.0
// Images read through affine maps. The backward sorts the taps of some images at a time, so that its
// workspace does not grow with the batch.
#include <algorithm>
#include <string>

#include "core/check.h"
#include "core/dispatch.h"
#include "device/scratch.cuh"
#include "kernels/shape_affine.cuh"
#include "launch/axes.h"
#include "launch/fill.h"
#include "launch/sort.h"

namespace TW_BACKEND {
namespace {

constexpr int64_t kMostEntries = int64_t{1} << 20;  // of one sort, 8 MiB, unless one image has more

AffineMaps maps_of(const View& matrices) {
  const bool narrow = matrices.dtype == Dtype::f32;
  return {narrow ? global_pointer<const float>(matrices, "matrices") : no_pointer<const float>(),
          narrow ? no_pointer<const double>() : global_pointer<const double>(matrices, "matrices"),
          matrices.dim(0) == 1 ? 0 : matrices.stride(0), matrices.stride(1), matrices.stride(2)};
}

// `images` images of `written`, kVector channels a thread, where pixels of `read` are looked up.
AffineShape shape_of(const View& read, const View& written, int64_t images, const AffineParams& params,
                     int vector) {
  AffineShape shape;
  shape.H = read.dim(1);
  shape.W = read.dim(2);
  shape.channels = read.dim(3);
  shape.by_channels = Divisor(shape.channels / vector);
  shape.by_cols = Divisor(written.dim(2));
  shape.by_rows = Divisor(written.dim(1));
  shape.items = images * written.dim(1) * written.dim(2) * (shape.channels / vector);
  shape.border = params.border;
  shape.bilinear = params.bilinear;
  return shape;
}

// Calls body(Constant<kVector>): groups of 16 bytes of T where the channels are whole groups.
template <class T, class Body>
void for_channels(const View& to, const View& from, Body&& body) {
  constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
  if (to.dim(3) % kVector == 0 && aligned(to.data, kVectorBytes) && aligned(from.data, kVectorBytes))
    return body(Constant<kVector>{});
  body(Constant<1>{});
}

template <class T, class X>
void forward(const View& y, const View& x, const View& matrices, const AffineParams& params, Stream stream) {
  for_channels<T>(y, x, [&](auto vector) {
    const AffineShape shape = shape_of(x, y, y.dim(0), params, vector());
    launch_map("affine_transform", affine_pixels<T, X, vector()>, MapGrid(shape.items, kElementwiseThreads),
               stream, global_pointer<T>(y, "y"), global_pointer<const X>(x, "x"), maps_of(matrices), shape,
               params.fill_value);
  });
}

template <class T>
void backward(const View& dx, const View& dy, const View& matrices, const AffineParams& params,
              Stream stream) {
  constexpr const char* kName = "affine_transform_backward";
  const int64_t N = dx.dim(0), places = dy.dim(1) * dy.dim(2);
  const int64_t most = int64_t{UINT32_MAX} / kPlaceTaps;
  if (places > most || dx.dim(1) * dx.dim(2) > most)
    fail(ErrorKind::value, kName,
         "dy has shape " + shape_text(dy) + " and the images " + shape_text(dx) + ", expected at most " +
             std::to_string(most) + " pixels an image on a GPU");
  const int64_t length = sort_length(places * kPlaceTaps);
  const int64_t at_once = std::clamp<int64_t>(kMostEntries / length, 1, N);
  const Scratch<uint64_t> entries(at_once * length, stream, kName);
  for_channels<T>(dx, dy, [&](auto vector) {
    for (int64_t first = 0; first < N; first += at_once) {
      const int64_t images = std::min(at_once, N - first);
      const AffineShape shape = shape_of(dx, dx, images, params, vector());
      const AffineTaps taps = {first, images, places, length, Divisor(length), Divisor(dy.dim(2))};
      launch_map(kName, affine_taps, MapGrid(images * length, kElementwiseThreads), stream, entries.pointer(),
                 maps_of(matrices), shape, taps);
      sort_rows<TapOrder>(kName, entries.pointer(), images, length, stream);
      launch_map(kName, affine_gradient<T, vector()>, MapGrid(shape.items, kElementwiseThreads), stream,
                 global_pointer<T>(dx, "dx"), global_pointer<const T>(dy, "dy"),
                 GlobalPtr<const uint64_t>(entries.pointer()), maps_of(matrices), shape, taps);
    }
  });
}

void affine_transform_forward(const View& y, const View& x, const View& matrices, const AffineParams& params,
                              Stream stream) {
  if (y.size() == 0) return;
  if (x.dtype == Dtype::u8) return forward<float, uint8_t>(y, x, matrices, params, stream);
  for_float(y.dtype, [&](auto type) {
    using T = type_t<decltype(type)>;
    forward<T, T>(y, x, matrices, params, stream);
  });
}

void affine_transform_backward(const View& dx, const View& dy, const View& matrices,
                               const AffineParams& params, Stream stream) {
  if (dx.size() == 0) return;
  for_float(dx.dtype, [&](auto type) { backward<type_t<decltype(type)>>(dx, dy, matrices, params, stream); });
}

}  // namespace

void fill_shape_affine(Ops& ops) {
  ops.affine_transform_forward.set(affine_transform_forward, kF32F64);
  ops.affine_transform_backward.set(affine_transform_backward, kF32F64);
}

}  // namespace TW_BACKEND
