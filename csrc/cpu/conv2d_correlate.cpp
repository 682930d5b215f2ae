// SPDX-License-Identifier: Apache-2.0
// Which way a correlation goes, by its filter and its numbers of channels and groups.
#include "cpu/conv2d_plan.h"
#include "cpu/conv2d_winograd.h"
#include "cpu/matmul.h"

namespace tilewright::cpu {
namespace {

// A 1 x 1 filter of stride 1 over images without gaps: one matrix product of all pixels.
template <class T>
bool pointwise(const Correlation<T>& c) {
  const auto whole = [&c](const auto& image) { return gapless(image, c.rows.in, c.cols.in); };
  return c.groups == 1 && one_to_one(c.rows) && one_to_one(c.cols) && whole(c.x) && whole(c.y) &&
         whole(c.z) && whole(c.residual);
}

template <class T>
void multiply_pixels(const Correlation<T>& c) {
  MatmulProblem<T> p;
  p.m = c.images * c.rows.in * c.cols.in, p.n = c.out_channels, p.k = c.in_channels;
  p.a = {c.x.data, c.x.pixel, 1};
  p.b = {c.w + c.rows.taps[0].index * c.filter.row + c.cols.taps[0].index * c.filter.col, c.filter.in,
         c.filter.out};
  p.y = c.y.data, p.y_row = c.y.pixel;
  p.finish.bias = c.bias;
  p.finish.residual = c.residual.data, p.finish.residual_row = c.residual.pixel;
  p.finish.z = c.z.data, p.finish.z_row = c.z.pixel;
  p.finish.epilogue = c.epilogue;
  matmul_2d(p);
}

template <class T>
void correlate_one(const Correlation<T>& problem) {
  const int lanes = kernels<Conv2dKernels>().of<T>().lanes;
  if (pointwise(problem))
    multiply_pixels(problem);
  else if (correlate_winograd(problem))
    return;
  else if (lanes_suit(problem.groups, problem.in_channels, problem.out_channels, lanes))
    correlate_lanes(problem);
  else if (2 * problem.out_channels <= lanes)
    correlate_pixels(problem);
  else
    correlate_channels(problem);
}

}  // namespace

template <class T>
void correlate(const std::vector<Correlation<T>>& problems) {
  const Correlation<T>& c = problems[0];
  if (c.images * c.rows.out * c.cols.out * c.groups * c.out_channels == 0) return;
  if (depthwise_suits(c.groups, c.in_channels, c.out_channels, kernels<Conv2dKernels>().of<T>().lanes))
    return correlate_depthwise(problems);
  for (const Correlation<T>& problem : problems) correlate_one(problem);
}
template void correlate(const std::vector<Correlation<float>>&);
template void correlate(const std::vector<Correlation<double>>&);

}  // namespace tilewright::cpu
