// SPDX-License-Identifier: Apache-2.0
// Convolution on CUDA: from Views to problems of one kind (kernels/conv2d.cuh), and their launches.
#include <stdint.h>

#include <algorithm>
#include <numeric>

#include "device/launch.cuh"
#include "device/scratch.cuh"
#include "kernels/conv2d_direct.cuh"
#include "launch/conv2d_launch.h"
#include "launch/dtypes.h"
#include "launch/fill.h"

namespace TW_BACKEND {
namespace {

template <class T>
ConvImage<T> image_of(const View& v, const char* name) {
  if (!v) return {no_pointer<T>(), 0, 0, 0};
  return {global_pointer<T>(v, name), v.stride(0), v.stride(1), v.stride(2)};
}

int to_int(const char* name, const char* what, int64_t value) {
  constexpr int64_t kMost = int64_t{1} << 29;
  if (value > kMost)
    fail(ErrorKind::value, name,
         std::string(what) + " is " + std::to_string(value) + ", expected at most " + std::to_string(kMost));
  return static_cast<int>(value);
}

// Output o of the forward pass reads input o * stride + tap * dilation - pad.
ConvAxis forward_axis(const char* name, int64_t in, int64_t out, int64_t taps, const Conv2dParams& p,
                      int axis) {
  to_int(name, "a padded side of the image", in + p.padding[2 * axis] + p.padding[2 * axis + 1]);
  return {Divisor(out),
          Divisor(taps),
          to_int(name, "a side of the image", in),
          to_int(name, "stride", p.stride[axis]),
          -to_int(name, "padding", p.padding[2 * axis]),
          to_int(name, "dilation", p.dilation[axis]),
          0,
          1};
}

// Inputs phase, phase + stride, ... of the forward pass, as outputs that read dy: input h was read by output
// (h + pad - tap * dilation) / stride for those taps that leave no remainder.
ConvAxis backward_axis(const char* name, int64_t in, int64_t out, int64_t taps, const Conv2dParams& p,
                       int axis, int64_t phase) {
  forward_axis(name, in, out, taps, p, axis);
  const int64_t stride = p.stride[axis], dilation = p.dilation[axis];
  const int64_t step = stride / std::gcd(stride, dilation), shift = phase + p.padding[2 * axis];
  int64_t first = 0;
  while (first < std::min(step, taps) && (shift - first * dilation) % stride != 0) ++first;
  const bool any = first < std::min(step, taps);
  return {Divisor(ceil_divide(in - phase, stride)),
          Divisor(any ? ceil_divide(taps - first, step) : 0),
          to_int(name, "a side of the image", out),
          1,
          any ? static_cast<int>((shift - first * dilation) / stride) : 0,
          static_cast<int>(-dilation * step / stride),
          static_cast<int>(first),
          static_cast<int>(step)};
}

template <class T>
ConvProblem<T> empty_problem() {
  ConvProblem<T> p = {};
  p.w = no_pointer<const T>(), p.bias = no_pointer<const T>();
  p.dw = no_pointer<T>(), p.partial = no_pointer<Wide<T>>();
  p.x = p.dy = p.residual = image_of<const T>(View(), "");
  p.y = p.z = image_of<T>(View(), "");
  return p;
}

int count_of(const char* name, const char* what, int64_t count) {
  constexpr int64_t kMost = (int64_t{1} << 31) - 1024;
  if (count >= kMost)
    fail(ErrorKind::value, name,
         std::string(what) + " are " + std::to_string(count) + ", expected less than 2^31 - 1024");
  return static_cast<int>(count);
}

template <class T>
void set_sizes(const char* name, ConvProblem<T>& p, int64_t pixels, int64_t taps, int64_t in, int64_t out,
               ConvPass pass) {
  p.in_channels = Divisor(in);
  p.out_channels = p.n = static_cast<int>(out);
  const int of_taps = count_of(name, "filter elements of an output", taps * in);
  const int of_pixels = count_of(name, "output pixels", pixels);
  p.m = pass == ConvPass::correlate ? of_pixels : of_taps;
  p.k = pass == ConvPass::correlate ? of_taps : of_pixels;
}

template <class T>
bool image_vectors(const ConvImage<T>& image, const void* data, int64_t channels) {
  return image.data
             ? conv_vectors<std::remove_const_t<T>>(data, channels, {image.image, image.row, image.pixel})
             : true;
}

// Adds the slices of p to its result.
template <ConvPass kPass, class T>
void add_slices(const ConvProblem<T>& p, Stream stream) {
  const int64_t elements = int64_t{p.m} * p.n;
  launch(
      "conv2d_sum", conv2d_sum<kPass, T>,
      Dim3(static_cast<unsigned>(ceil_divide(elements, kConvSumThreads)), 1, static_cast<unsigned>(p.groups)),
      Dim3(kConvSumThreads), 0, stream, p);
}

template <class T>
void run_tiles(const ConvLaunch& l, const ConvProblem<T>& p) {
  if constexpr (sizeof(T) == 4) {
    l.plan.kernel >= kConvMmaLarge ? launch_conv_mma(l, p) : launch_conv_fma(l, p);
  } else if constexpr (sizeof(T) == 2) {
    launch_conv_mma(l, p);
  }
}

template <class T>
void run_direct(const ConvLaunch& l, const ConvProblem<T>& p, int64_t work) {
  const auto blocks = static_cast<unsigned>(ceil_divide(work, kConvDirectThreads));
  if (l.plan.kernel == kConvDepthwise) {
    constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));
    launch("conv2d_depthwise", conv2d_depthwise<T, kVector>, Dim3(blocks), Dim3(kConvDirectThreads), 0,
           l.stream, p);
  } else {
    launch("conv2d_direct", conv2d_direct<T>, Dim3(blocks), Dim3(kConvDirectThreads), 0, l.stream, p);
  }
}

// One correlation. `x`, `w` and `y` are where the arrays of p begin.
template <class T>
void correlate(ConvProblem<T> p, const View& x, const View& w, const void* y, const View& bias,
               Stream stream) {
  if (p.m == 0 || p.n == 0) return;
  constexpr int64_t kChunk = kVectorBytes / static_cast<int64_t>(sizeof(T));
  const int64_t in = p.in_channels.size();
  ConvLaunch l = {{}, ConvPass::correlate, stream};
  p.a_vectors = image_vectors(p.x, x.data, in);
  l.filter_along = p.w_in == 1 && conv_vectors<T>(w.data, in, {p.w_row, p.w_col, p.w_out, p.w_group});
  l.filter_across = p.w_out == 1 && conv_vectors<T>(w.data, p.n, {p.w_row, p.w_col, p.w_in, p.w_group});
  const bool depthwise = in == 1 && p.n == 1;
  const int64_t stored = depthwise ? p.groups : p.groups == 1 ? 0 : p.n;
  p.y_vectors = p.y_vectors && image_vectors(p.y, y, stored) && conv_vectors<T>(bias.data, 0, {});
  ConvShape shape = {
      p.m,  p.n, p.k, p.groups, in, static_cast<int>(sizeof(T)), true, sizeof(T) == 4 && tf32_allowed(),
      false};
  shape.vectors = depthwise && p.w_group == 1 && p.groups % kChunk == 0 &&
                  image_vectors(p.x, x.data, p.groups) && conv_vectors<T>(w.data, 0, {p.w_row, p.w_col});
  l.plan = choose_conv(shape);
  p.slices = l.plan.slices, p.slice_depth = l.plan.slice_depth;
  if (l.plan.kernel == kConvDepthwise) return run_direct(l, p, int64_t{p.m} * ceil_divide(p.groups, kChunk));
  if (l.plan.kernel == kConvDirect) return run_direct(l, p, int64_t{p.m} * p.n * p.groups);
  const Scratch<Wide<T>> partial(p.slices == 1 ? 0 : int64_t{p.groups} * p.slices * p.m * p.n, stream,
                                 kConvName);
  p.partial = partial.pointer();
  run_tiles(l, p);
  if (p.slices > 1) add_slices<ConvPass::correlate>(p, stream);
}

template <class T>
void forward(const View& y, const View& z, const View& x, const View& w, const View& bias,
             const View& residual, const Conv2dParams& params, const Epilogue& epilogue, Stream stream) {
  ConvProblem<T> p = empty_problem<T>();
  p.x = image_of<const T>(x, "x");
  p.w = global_pointer<const T>(w, "w");
  p.groups = static_cast<int>(params.groups);
  p.rows = forward_axis(kConvName, x.dim(1), y.dim(1), w.dim(0), params, 0);
  p.cols = forward_axis(kConvName, x.dim(2), y.dim(2), w.dim(1), params, 1);
  set_sizes(kConvName, p, y.dim(0) * y.dim(1) * y.dim(2), w.dim(0) * w.dim(1), w.dim(2),
            w.dim(3) / params.groups, ConvPass::correlate);
  p.w_row = w.stride(0), p.w_col = w.stride(1), p.w_in = w.stride(2), p.w_out = w.stride(3);
  p.w_group = p.n * p.w_out;
  p.y = image_of<T>(y, "out"), p.z = image_of<T>(z, "z"),
  p.residual = image_of<const T>(residual, "residual");
  p.bias = optional_pointer<const T>(bias, "bias");
  p.activation = epilogue.activation, p.slope = static_cast<Wide<T>>(epilogue.slope);
  p.y_vectors = image_vectors(p.z, z.data, 0) && image_vectors(p.residual, residual.data, 0);
  correlate(p, x, w, y.data, bias, stream);
}

template <class T>
void backward_data(const View& dx, const View& dy, const View& w, const View& bias,
                   const Conv2dParams& params, const Epilogue& epilogue, Stream stream) {
  constexpr const char* kName = "conv2d_backward_data";
  const int64_t row_step = params.stride[0], col_step = params.stride[1];
  ConvProblem<T> p = empty_problem<T>();
  p.x = image_of<const T>(dy, "dy");
  p.w = global_pointer<const T>(w, "w");
  p.groups = static_cast<int>(params.groups);
  p.w_row = w.stride(0), p.w_col = w.stride(1), p.w_in = w.stride(3), p.w_out = w.stride(2);
  p.w_group = w.dim(3) / params.groups * w.stride(3);
  p.bias = optional_pointer<const T>(bias, "bias");
  p.activation = epilogue.activation, p.slope = static_cast<Wide<T>>(epilogue.slope);
  const ConvImage<T> whole = image_of<T>(dx, "out");
  for (int64_t a = 0; a < std::min(row_step, dx.dim(1)); ++a) {
    for (int64_t b = 0; b < std::min(col_step, dx.dim(2)); ++b) {
      p.rows = backward_axis(kName, dx.dim(1), dy.dim(1), w.dim(0), params, 0, a);
      p.cols = backward_axis(kName, dx.dim(2), dy.dim(2), w.dim(1), params, 1, b);
      set_sizes(kName, p, dx.dim(0) * p.rows.out.size() * p.cols.out.size(),
                p.rows.taps.size() * p.cols.taps.size(), w.dim(3) / params.groups, w.dim(2),
                ConvPass::correlate);
      const int64_t first = a * whole.row + b * whole.pixel;
      p.y = {whole.data + first, whole.image, whole.row * row_step, whole.pixel * col_step};
      p.y_vectors = true;
      correlate(p, dy, w, static_cast<T*>(dx.data) + first, bias, stream);
    }
  }
}

// Rows of dw on the CUDA cores, or db where p has no x. p.n counts the channels of all groups.
template <class T>
void direct_weight(ConvProblem<T> p, const ConvPlan& plan, Stream stream) {
  p.groups = 1;
  p.slices = plan.slices, p.slice_depth = plan.slice_depth;
  const Scratch<Wide<T>> partial(p.slices == 1 ? 0 : int64_t{p.slices} * p.m * p.n, stream, kConvName);
  p.partial = partial.pointer();
  const int64_t blocks = p.m * ceil_divide(p.n, kWarpSize);
  launch(p.x.data ? "conv2d_direct_weight" : "conv2d_bias_gradient", conv2d_direct_weight<T>,
         Dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(p.slices)), Dim3(kConvWeightThreads),
         sizeof(ConvWeightSmem<T>), stream, p);
  if (p.slices > 1) add_slices<ConvPass::weight>(p, stream);
}

template <class T>
void bias_gradient(ConvProblem<T> p, const View& db, Stream stream) {
  p.x = image_of<const T>(View(), "");
  p.dw = global_pointer<T>(db, "db");
  p.m = 1;
  p.n = static_cast<int>(db.size());
  p.y_vectors = false;
  if (p.n > 0) direct_weight(p, choose_conv({1, p.n, p.k, 1, 1, 8, false, false, false}), stream);
}

template <class T>
void backward_weight(const View& dw, const View& db, const View& dy, const View& x,
                     const Conv2dParams& params, Stream stream) {
  constexpr const char* kName = "conv2d_backward_weight";
  ConvProblem<T> p = empty_problem<T>();
  p.x = image_of<const T>(x, "x"), p.dy = image_of<const T>(dy, "dy");
  p.dw = global_pointer<T>(dw, "out");
  p.groups = static_cast<int>(params.groups);
  p.rows = forward_axis(kName, x.dim(1), dy.dim(1), dw.dim(0), params, 0);
  p.cols = forward_axis(kName, x.dim(2), dy.dim(2), dw.dim(1), params, 1);
  set_sizes(kName, p, dy.dim(0) * dy.dim(1) * dy.dim(2), dw.dim(0) * dw.dim(1), dw.dim(2),
            dw.dim(3) / params.groups, ConvPass::weight);
  if (db) bias_gradient(p, db, stream);
  if (p.m == 0 || p.n == 0) return;
  ConvLaunch l = {{}, ConvPass::weight, stream};
  l.plan = choose_conv({p.m, p.n, p.k, p.groups, dw.dim(2), static_cast<int>(sizeof(T)), false,
                        sizeof(T) == 4 && tf32_allowed(), false});
  if (l.plan.kernel == kConvDirect) {
    p.n *= p.groups;
    return direct_weight(p, l.plan, stream);
  }
  p.a_vectors = image_vectors(p.x, x.data, dw.dim(2));
  p.b_vectors = image_vectors(p.dy, dy.data, p.n);
  p.y_vectors = conv_vectors<T>(dw.data, p.n, {});
  p.slices = l.plan.slices, p.slice_depth = l.plan.slice_depth;
  const Scratch<Wide<T>> partial(p.slices == 1 ? 0 : int64_t{p.groups} * p.slices * p.m * p.n, stream,
                                 kConvName);
  p.partial = partial.pointer();
  run_tiles(l, p);
  if (p.slices > 1) add_slices<ConvPass::weight>(p, stream);
}

void conv2d_forward(const View& y, const View& z, const View& x, const View& w, const View& bias,
                    const View& residual, const Conv2dParams& params, const Epilogue& epilogue,
                    Stream stream) {
  for_any_float(y.dtype, [&](auto type) {
    forward<type_t<decltype(type)>>(y, z, x, w, bias, residual, params, epilogue, stream);
  });
}

void conv2d_backward_data(const View& dx, const View& dy, const View& w, const View& bias,
                          const Conv2dParams& params, const Epilogue& epilogue, Stream stream) {
  for_any_float(dx.dtype, [&](auto type) {
    backward_data<type_t<decltype(type)>>(dx, dy, w, bias, params, epilogue, stream);
  });
}

void conv2d_backward_weight(const View& dw, const View& db, const View& dy, const View& x,
                            const Conv2dParams& params, Stream stream) {
  for_any_float(dw.dtype,
                [&](auto type) { backward_weight<type_t<decltype(type)>>(dw, db, dy, x, params, stream); });
}

}  // namespace

void fill_conv2d(Ops& ops) {
  constexpr DtypeMask kTaken = kF32 | kF64 | kF16 | kBF16;
  ops.conv2d_forward.set(conv2d_forward, kTaken);
  ops.conv2d_backward_data.set(conv2d_backward_data, kTaken);
  ops.conv2d_backward_weight.set(conv2d_backward_weight, kTaken);
}

}  // namespace TW_BACKEND
