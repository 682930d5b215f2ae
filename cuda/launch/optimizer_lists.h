// SPDX-License-Identifier: Apache-2.0
// What launching an optimizer takes beside its rule: the scale of each gradient, and the tables of arrays.
#pragma once

#include <limits>

#include "device/scratch.cuh"
#include "kernels/optimizer.cuh"
#include "launch/lists.h"

namespace TW_BACKEND {

inline constexpr size_t kTeamBytes = sizeof(BlockTeamOf<double>::Smem);

inline bool clips_norms(const GradientParams& params) {
  return params.clip_norm > 0 || params.global_clip_norm > 0;
}

// Each array's gradient scale, where a norm is clipped; no memory otherwise.
template <class T>
class Scales {
 public:
  Scales(const char* name, const ViewList& grads, const View& gradient_scale, const GradientParams& params,
         Stream stream)
      : scales_(clips_norms(params) ? grads.count : 0, stream, name) {
    if (!clips_norms(params)) return;
    const Scratch<double> partial(chunks_of(grads), stream, name), squares(grads.count, stream, name);
    // Arrays without elements are in no table.
    launch_map(name, list_zero, MapGrid(grads.count, kListThreads), stream, squares.pointer(), grads.count);
    const ViewList* const lists[] = {&grads};
    for_tables<T, 1>(lists, {"grads"}, [&](const ListTable<T, 1>& table, int64_t before) {
      const auto of_table = partial.pointer() + before;
      launch(name, list_squares<T>, chunk_grid(table.chunks), Dim3(kListThreads), kTeamBytes, stream,
             of_table, table);
      launch(name, list_squares_join<T>, Dim3(static_cast<unsigned>(table.count)), Dim3(kListThreads),
             kTeamBytes, stream, squares.pointer(), GlobalPtr<const double>(of_table), table);
    });
    launch(name, list_scales<T>, Dim3(1), Dim3(kListThreads), kTeamBytes, stream, scales_.pointer(),
           GlobalPtr<const double>(squares.pointer()),
           optional_pointer<const T>(gradient_scale, "gradient_scale"), grads.count, params.clip_norm,
           params.global_clip_norm, params.maximize);
  }

  GlobalPtr<const T> pointer() const { return scales_.pointer(); }

 private:
  Scratch<T> scales_;
};

template <class T>
GradientRule<T> rule_of(const View& gradient_scale, const Scales<T>& scales, const GradientParams& params) {
  const T clip =
      params.clip_value > 0 ? static_cast<T>(params.clip_value) : std::numeric_limits<T>::infinity();
  return {optional_pointer<const T>(gradient_scale, "gradient_scale"), scales.pointer(), clip,
          static_cast<T>(params.l2), params.maximize};
}

template <class T, class Update>
void update_lists(const char* name, const Update& update, const ViewList* const (&lists)[Update::kArrays],
                  const char* const (&names)[Update::kArrays], Stream stream) {
  for_tables<T, Update::kArrays>(lists, names, [&](const ListTable<T, Update::kArrays>& table, int64_t) {
    launch(name, list_update<T, Update>, chunk_grid(table.chunks), Dim3(kListThreads), 0, stream, update,
           table);
  });
}

}  // namespace TW_BACKEND
