// SPDX-License-Identifier: Apache-2.0
// The norm of all arrays of a list together. An array that is not in C order is copied first.
#include <memory>
#include <vector>

#include "core/dispatch.h"
#include "device/scratch.cuh"
#include "kernels/elementwise_copy.cuh"
#include "kernels/list_norm.cuh"
#include "launch/elementwise.h"
#include "launch/lists.h"
#include "launch/reduce_parts.h"

namespace TW_BACKEND {
namespace {

constexpr const char* kName = "global_norm";

template <class T>
class Ordered {
 public:
  Ordered(const ViewList& arrays, Stream stream) : views_(arrays.begin(), arrays.end()) {
    for (View& view : views_) {
      if (view.contiguous()) continue;
      copies_.push_back(std::make_unique<Scratch<T>>(view.size(), stream, kName));
      View copy = copies_.back()->view(view);
      map_elements(kName, Copy<T>{}, copy, stream, view);
      view = copy;
    }
  }
  ViewList list() const { return {views_.data(), static_cast<int64_t>(views_.size())}; }

 private:
  std::vector<View> views_;
  std::vector<std::unique_ptr<Scratch<T>>> copies_;
};

// Writes the partial sums of a list of one dtype; returns how many.
template <class T>
int64_t sum_squares(GlobalPtr<double> partial, const ViewList& arrays, Stream stream) {
  const Ordered<T> ordered(arrays, stream);
  const ViewList list = ordered.list();
  const ViewList* const lists[] = {&list};
  for_tables<T, 1>(lists, {"arrays"}, [&](const ListTable<T, 1>& table, int64_t before) {
    launch(kName, list_squares<T>, chunk_grid(table.chunks), Dim3(kListThreads),
           sizeof(BlockTeamOf<double>::Smem), stream, partial + before, table);
  });
  return chunks_of(list);
}

}  // namespace

void global_norm(const View& y, const ViewList& arrays, Stream stream) {
  const Scratch<double> partial(chunks_of(arrays), stream, kName);
  int64_t chunks = 0;
  for (int64_t first = 0, end; first < arrays.count; first = end) {
    const Dtype dtype = arrays[first].dtype;
    for (end = first; end < arrays.count && arrays[end].dtype == dtype; ++end) {
    }
    for_float(dtype, [&](auto type) {
      chunks += sum_squares<type_t<decltype(type)>>(partial.pointer() + chunks,
                                                    {arrays.data + first, end - first}, stream);
    });
  }
  for_float(y.dtype, [&](auto type) {
    using Y = type_t<decltype(type)>;
    launch(kName, norm_join<Y>, Dim3(1), Dim3(kListThreads), sizeof(BlockTeamOf<double>::Smem), stream,
           global_pointer<Y>(y, "y"), GlobalPtr<const double>(partial.pointer()), chunks);
  });
}

}  // namespace TW_BACKEND
