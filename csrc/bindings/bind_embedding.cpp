// SPDX-License-Identifier: Apache-2.0
#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

// Ids of any shape and the rows of their shape and one axis more, as (n,) and (n, D) where neither has gaps.
void flatten(View* ids, View* rows) {
  if (ids->ndim == 1 || rows->ndim != ids->ndim + 1 || !ids->contiguous() || !rows->contiguous()) return;
  for (int i = 0; i < ids->ndim; ++i)
    if (rows->shape[i] != ids->shape[i]) return;
  const int64_t n = ids->size(), columns = rows->dim(-1);
  ids->ndim = 1, rows->ndim = 2;
  ids->shape[0] = rows->shape[0] = n;
  ids->strides[0] = rows->strides[1] = 1;
  rows->shape[1] = rows->strides[0] = columns;
}

// table (V, D), ids (n,), rows (n, D); the last axes contiguous.
void check_rows(const char* name, const char* table_name, const View& table, const View& ids, const char* rows_name,
                const View& rows) {
  check_ndim(name, table_name, table, 2, "(vocabulary, dimension)");
  check_rows_contiguous(name, table_name, table);
  check_ids(name, "ids", ids);
  check_same_dtype(name, rows_name, rows, table_name, table);
  check_shape(name, rows_name, rows, {ids.dim(0), table.dim(1)}, "a row per id");
  check_rows_contiguous(name, rows_name, rows);
}

void gather(const Ops& ops, py::handle y, py::handle table, py::handle ids, py::handle stream) {
  constexpr const char* name = "embedding";
  const View t = input(name, "table", table);
  View i = input(name, "ids", ids), yv = output(name, "out", y);
  flatten(&i, &yv);
  check_rows(name, "table", t, i, "out", yv);
  check_apart(name, {{"out", yv}}, {{"table", t}, {"ids", i}});
  run(ops.embedding_gather, yv, t, i, stream_of(stream));
}

void scatter_add(const Ops& ops, py::handle table, py::handle dy, py::handle ids, py::handle stream) {
  constexpr const char* name = "embedding_backward";
  const View t = output(name, "out", table);
  View d = input(name, "dy", dy), i = input(name, "ids", ids);
  flatten(&i, &d);
  check_float_dtype(name, "dy", d);
  check_rows(name, "out", t, i, "dy", d);
  check_apart(name, {{"out", t}}, {{"dy", d}, {"ids", i}});
  run(ops.embedding_scatter_add, t, d, i, stream_of(stream));
}

}  // namespace

void bind_embedding(py::module_& m, const Ops& ops) {
  using namespace py::literals;
  const auto stream = py::arg("stream") = py::none();
  m.def("embedding_gather", [&ops](py::handle y, py::handle table, py::handle ids, py::handle stream) {
          gather(ops, y, table, ids, stream);
        },
        "y[i] = table[ids[i]]", "y"_a, "table"_a, "ids"_a, stream);
  m.def("embedding_scatter_add", [&ops](py::handle table, py::handle dy, py::handle ids, py::handle stream) {
          scatter_add(ops, table, dy, ids, stream);
        },
        "table[ids[i]] += dy[i], in the order of i", "table"_a, "dy"_a, "ids"_a, stream);
}

}  // namespace tilewright::bindings
