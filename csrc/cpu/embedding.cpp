// SPDX-License-Identifier: Apache-2.0
// Embedding on the CPU: rows of a table by id. Ids are checked before anything is written.
#include "cpu/indices.h"
#include "cpu/ops_cpu.h"
#include "cpu/shape_take.h"

namespace tilewright::cpu {
namespace {

// (rows, D) as (1, rows, D)
View stacked(const View& rows) {
  View view = rows;
  view.ndim = 3;
  for (int i = 2; i > 0; --i) {
    view.shape[i] = rows.shape[i - 1];
    view.strides[i] = rows.strides[i - 1];
  }
  view.shape[0] = 1;
  view.strides[0] = 0;
  return view;
}

void embedding_gather(const View& y, const View& table, const View& ids, Stream) {
  check_indices("embedding", "ids", ids, 0, table.dim(0) - 1);
  take_rows(stacked(y), stacked(table), ids);
}

void embedding_scatter_add(const View& table, const View& dy, const View& ids, Stream) {
  check_indices("embedding_backward", "ids", ids, 0, table.dim(0) - 1);
  add_rows(stacked(table), stacked(dy), ids);
}

}  // namespace

void fill_embedding(Ops& ops) {
  ops.embedding_gather.set(embedding_gather, kAnyDtype);
  ops.embedding_scatter_add.set(embedding_scatter_add, kF32F64);
}

}  // namespace tilewright::cpu
