// SPDX-License-Identifier: Apache-2.0
// The bias's gradient: sums of dy over all pixels, by slices whose number the shape sets, added in order.
#include "core/parallel.h"
#include "cpu/conv2d_plan.h"

namespace tilewright::cpu {

template <class T>
void bias_gradient(const WeightGradient<T>& g) {
  constexpr int64_t kSliceElements = 1 << 16, kMaxSlices = 64;
  const int64_t channels = g.groups * g.out_channels, rows = g.images * g.rows.out;
  if (channels == 0) return;
  const int64_t slices = std::clamp<int64_t>(rows * g.cols.out * channels / kSliceElements, 1, kMaxSlices);
  const auto add_rows = kernels<Conv2dKernels>().of<T>().add_rows;
  Scratch<T> partial(slices * channels);
  std::fill_n(partial.data(), slices * channels, T(0));
  parallel_for(slices, [&](int64_t slice) {
    for (int64_t r = slice * rows / slices; r < (slice + 1) * rows / slices; ++r)
      add_rows(partial.data() + slice * channels, g.dy.at(r / g.rows.out, r % g.rows.out, 0), g.dy.pixel,
               g.cols.out, channels);
  });
  std::fill_n(g.db, channels, T(0));
  add_rows(g.db, partial.data(), channels, slices, channels);
}
template void bias_gradient(const WeightGradient<float>&);
template void bias_gradient(const WeightGradient<double>&);

}  // namespace tilewright::cpu
