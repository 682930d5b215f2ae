// SPDX-License-Identifier: Apache-2.0
// Convolution on the CPU: the three passes as correlations (conv2d_plan.h) and the weight gradient.
#include "core/dispatch.h"
#include "cpu/conv2d_plan.h"
#include "cpu/ops_cpu.h"

namespace tilewright::cpu {
namespace {

// Output o of the forward pass reads input o * stride + index * dilation - pad_before.
Axis forward_axis(int64_t in, int64_t out, int64_t filter, int64_t stride, int64_t dilation,
                  int64_t pad_before) {
  Axis axis{in, out, stride, {}, 1};
  for (int64_t i = 0; i < filter; ++i) axis.taps.push_back({i * dilation - pad_before, i});
  return axis;
}

// Input phase, phase + stride, ... of the forward pass, seen from its outputs: input h was read by output
// (h + pad_before - index * dilation) / stride for those filter positions that leave no remainder.
Axis backward_axis(int64_t in, int64_t out, int64_t filter, int64_t stride, int64_t dilation,
                   int64_t pad_before, int64_t phase) {
  Axis axis{out, ceil_div(in - phase, stride), 1, {}, 1};
  for (int64_t i = filter - 1; i >= 0; --i) {
    const int64_t shift = phase + pad_before - i * dilation;
    if (shift % stride == 0) axis.taps.push_back({shift / stride, i});
  }
  return axis;
}

FilterStrides filter_strides(const View& w, int64_t groups) {
  return {w.stride(0), w.stride(1), w.stride(2), w.stride(3), w.dim(3) / groups * w.stride(3)};
}

template <class T>
void forward(const View& y, const View& z, const View& x, const View& w, const View& bias,
             const View& residual, const Conv2dParams& p, const Epilogue& epilogue) {
  Correlation<T> c;
  c.images = x.dim(0);
  c.groups = p.groups;
  c.in_channels = w.dim(2);
  c.out_channels = w.dim(3) / p.groups;
  c.rows = forward_axis(x.dim(1), y.dim(1), w.dim(0), p.stride[0], p.dilation[0], p.padding[0]);
  c.cols = forward_axis(x.dim(2), y.dim(2), w.dim(1), p.stride[1], p.dilation[1], p.padding[2]);
  c.filter = filter_strides(w, p.groups);
  c.x = image_of<const T>(x);
  c.w = w.as<T>();
  c.bias = bias.as<T>();
  c.y = image_of<T>(y);
  c.z = image_of<T>(z);
  c.residual = image_of<const T>(residual);
  c.epilogue = epilogue;
  correlate<T>({c});
}

template <class T>
void backward_data(const View& dx, const View& dy, const View& w, const View& bias, const Conv2dParams& p,
                   const Epilogue& epilogue) {
  Correlation<T> c;
  c.images = dx.dim(0);
  c.groups = p.groups;
  c.in_channels = w.dim(3) / p.groups;
  c.out_channels = w.dim(2);
  const FilterStrides f = filter_strides(w, p.groups);
  c.filter = {f.row, f.col, f.out, f.in, f.group};
  c.x = image_of<const T>(dy);
  c.w = w.as<T>();
  c.bias = bias.as<T>();
  c.epilogue = epilogue;
  const Image<T> whole = image_of<T>(dx);
  // Inputs of one phase share their taps: one correlation each, into every stride-th row and column; depthwise
  // tiles take the columns of all phases.
  c.spread =
      depthwise_suits(c.groups, c.in_channels, c.out_channels, kernels<Conv2dKernels>().of<T>().lanes) &&
      depthwise_spreads(w.dim(1), p.stride[1], p.dilation[1]);
  std::vector<Correlation<T>> phases;
  for (int64_t a = 0; a < std::min(p.stride[0], dx.dim(1)); ++a) {
    if (c.spread) {
      c.rows = backward_axis(dx.dim(1), dy.dim(1), w.dim(0), p.stride[0], p.dilation[0], p.padding[0], a);
      c.cols = forward_axis(dy.dim(2), dx.dim(2), w.dim(1), p.stride[1], p.dilation[1], p.padding[2]);
      c.y = {whole.at(0, a, 0), whole.image, whole.row * p.stride[0], whole.pixel};
      phases.push_back(c);
      continue;
    }
    for (int64_t b = 0; b < std::min(p.stride[1], dx.dim(2)); ++b) {
      c.rows = backward_axis(dx.dim(1), dy.dim(1), w.dim(0), p.stride[0], p.dilation[0], p.padding[0], a);
      c.cols = backward_axis(dx.dim(2), dy.dim(2), w.dim(1), p.stride[1], p.dilation[1], p.padding[2], b);
      c.y = {whole.at(0, a, b), whole.image, whole.row * p.stride[0], whole.pixel * p.stride[1]};
      phases.push_back(c);
    }
  }
  if (!phases.empty()) correlate(phases);
}

template <class T>
void backward_weight(const View& dw, const View& db, const View& dy, const View& x, const Conv2dParams& p) {
  WeightGradient<T> g;
  g.images = x.dim(0);
  g.groups = p.groups;
  g.in_channels = dw.dim(2);
  g.out_channels = dw.dim(3) / p.groups;
  g.rows = forward_axis(x.dim(1), dy.dim(1), dw.dim(0), p.stride[0], p.dilation[0], p.padding[0]);
  g.cols = forward_axis(x.dim(2), dy.dim(2), dw.dim(1), p.stride[1], p.dilation[1], p.padding[2]);
  g.x = image_of<const T>(x);
  g.dy = image_of<const T>(dy);
  g.dw = dw.as<T>();
  g.db = db.as<T>();
  if (dw.size() > 0 && dy.size() > 0) return weight_gradient(g);
  std::fill_n(g.dw, dw.size(), T(0));
  if (g.db) bias_gradient(g);
}

void conv2d_forward(const View& y, const View& z, const View& x, const View& w, const View& bias,
                    const View& residual, const Conv2dParams& params, const Epilogue& epilogue, Stream) {
  for_float(y.dtype, [&](auto type) {
    forward<type_t<decltype(type)>>(y, z, x, w, bias, residual, params, epilogue);
  });
}

void conv2d_backward_data(const View& dx, const View& dy, const View& w, const View& bias,
                          const Conv2dParams& params, const Epilogue& epilogue, Stream) {
  for_float(dx.dtype,
            [&](auto type) { backward_data<type_t<decltype(type)>>(dx, dy, w, bias, params, epilogue); });
}

void conv2d_backward_weight(const View& dw, const View& db, const View& dy, const View& x,
                            const Conv2dParams& params, Stream) {
  for_float(dw.dtype, [&](auto type) { backward_weight<type_t<decltype(type)>>(dw, db, dy, x, params); });
}

}  // namespace

void fill_conv2d(Ops& ops) {
  ops.conv2d_forward.set(conv2d_forward, kF32F64);
  ops.conv2d_backward_data.set(conv2d_backward_data, kF32F64);
  ops.conv2d_backward_weight.set(conv2d_backward_weight, kF32F64);
}

}  // namespace tilewright::cpu
