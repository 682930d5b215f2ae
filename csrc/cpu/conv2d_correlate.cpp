// SPDX-License-Identifier: Apache-2.0
// Which tile a correlation goes to, by its numbers of channels and groups.
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {
namespace {

template <class T>
bool pointwise(const Correlation<T>& c) {
  const auto whole = [&c](const auto& image) { return gapless(image, c.rows.in, c.cols.in); };
  return one_to_one(c.rows) && one_to_one(c.cols) && whole(c.x) && whole(c.y) && whole(c.z) &&
         whole(c.residual);
}

}  // namespace

template <class T>
void correlate(Correlation<T> problem) {
  if (problem.images * problem.rows.out * problem.cols.out * problem.groups * problem.out_channels == 0)
    return;
  if (pointwise(problem)) join_pixels(problem);
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
