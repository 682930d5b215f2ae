// SPDX-License-Identifier: Apache-2.0
// Which tile a correlation goes to, by its numbers of channels and groups.
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

// One tap, stride 1 and images without gaps: all pixels of all images form one row.
template <class T>
bool pointwise(const Correlation<T>& c) {
  const auto one_to_one = [](const Axis& axis) {
    return axis.taps.size() == 1 && axis.taps[0].shift == 0 && axis.stride == 1 && axis.in == axis.out;
  };
  const auto gapless = [&c](const auto& image) {
    return !image || (image.row == image.pixel * c.cols.in && image.image == image.row * c.rows.in);
  };
  return one_to_one(c.rows) && one_to_one(c.cols) && gapless(c.x) && gapless(c.y) && gapless(c.z) &&
         gapless(c.residual);
}

template <class T>
void flatten(Correlation<T>& c) {
  c.cols.in = c.cols.out = c.images * c.rows.in * c.cols.in;
  c.rows.in = c.rows.out = c.images = 1;
}

}  // namespace

template <class T>
void correlate(Correlation<T> problem) {
  if (problem.images * problem.rows.out * problem.cols.out * problem.groups * problem.out_channels == 0) return;
  if (pointwise(problem)) flatten(problem);
  const int lanes = kernels<Conv2dKernels>().of<T>().lanes;
  if (lanes_suit(problem.groups, problem.in_channels, problem.out_channels, lanes))
    correlate_lanes(problem);
  else if (2 * problem.out_channels <= lanes)
    correlate_pixels(problem);
  else
    correlate_channels(problem);
}
template void correlate(Correlation<float>);
template void correlate(Correlation<double>);

}  // namespace tilewright::cpu
