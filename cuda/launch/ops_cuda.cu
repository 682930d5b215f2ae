// SPDX-License-Identifier: Apache-2.0
#include "launch/fill.h"
#include "launch/ops_cuda.h"

namespace TW_BACKEND {

const Ops& ops() {
  static const Ops& table = []() -> const Ops& {
    static Ops ops(TW_SIMT ? "simt" : "cuda");
    fill_elementwise(ops);
    fill_reduce(ops);
    fill_shape(ops);
    fill_matmul(ops);
    fill_softmax(ops);
    fill_embedding(ops);
    return ops;
  }();
  return table;
}

}  // namespace TW_BACKEND
