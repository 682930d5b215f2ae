// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

constexpr const char* kQueries = "(B, Tq, Hq, D)";
constexpr const char* kKeys = "(B, Tk, Hkv, D)";

void check_inputs(const char* op, const View& q, const View& k, const View& v) {
  check_ndim(op, "q", q, 4, kQueries);
  check_ndim(op, "k", k, 4, kKeys);
  check_same_dtype(op, "k", k, "q", q);
  check_same_dtype(op, "v", v, "q", q);
  check_shape(op, "k", k, {q.dim(0), kAnySize, kAnySize, q.dim(3)}, "batch and head size of q");
  check_same_shape(op, "v", v, "k", k);
  const int64_t heads = q.dim(2), key_heads = k.dim(2);
  if (key_heads == 0 ? heads != 0 : heads % key_heads != 0)
    fail(ErrorKind::value, op,
         "k has " + std::to_string(key_heads) + " heads, expected a divisor of the " + std::to_string(heads) +
             " heads of q");
  check_rows_contiguous(op, "q", q);
  check_rows_contiguous(op, "k", k);
  check_rows_contiguous(op, "v", v);
}

void check_like_queries(const char* op, const char* name, const View& view, const View& q) {
  check_same_dtype(op, name, view, "q", q);
  check_same_shape(op, name, view, "q", q);
  check_rows_contiguous(op, name, view);
}

// lse and dlse: what 16 bits would round away decides the weights of the backward pass, so they are float32 then.
void check_row_values(const char* op, const char* name, const View& view, const View& q) {
  if (q.dtype != Dtype::f16 && q.dtype != Dtype::bf16) {
    check_same_dtype(op, name, view, "q", q);
  } else if (view.dtype != Dtype::f32) {
    fail(ErrorKind::type, op,
         std::string(name) + " has dtype " + dtype_name(view.dtype) + ", expected float32 for 16-bit inputs");
  }
  check_shape(op, name, view, {q.dim(0), q.dim(2), q.dim(1)}, "(B, Hq, Tq)");
}

// The mask with stride 0 along the axes it is broadcast over.
View broadcast_mask(const char* op, py::handle array, const View& q, const View& k) {
  View mask = optional_input(op, "mask", array);
  if (!mask) return mask;
  check_ndim(op, "mask", mask, 4, "(B or 1, Hq or 1, Tq or 1, Tk or 1)");
  if (mask.dtype != Dtype::b8) check_same_dtype(op, "mask", mask, "q", q);
  const View given = mask;
  const int64_t sizes[] = {q.dim(0), q.dim(2), q.dim(1), k.dim(1)};
  for (int i = 0; i < 4; ++i) {
    if (mask.shape[i] != sizes[i] && mask.shape[i] != 1)
      fail(ErrorKind::value, op,
           "mask has shape " + shape_text(given) + ", expected " +
               shape_text({sizes[0], sizes[1], sizes[2], sizes[3]}) + " or 1 along an axis");
    if (mask.shape[i] == 1) mask.strides[i] = 0;
    mask.shape[i] = sizes[i];
  }
  return mask;
}

AttentionParams params_of(const char* op, double scale, bool causal) {
  if (!std::isfinite(scale)) fail(ErrorKind::value, op, "scale is not finite, expected a finite number");
  AttentionParams params;
  params.scale = scale;
  params.causal = causal;
  return params;
}

}  // namespace

void bind_attention(py::module_& m, const Ops& ops) {
  const auto stream = py::arg("stream") = py::none();
  m.def(
      "attention_forward",
      [&ops](py::handle out, py::handle lse, py::handle q, py::handle k, py::handle v, py::handle mask,
             double scale, bool causal, py::handle stream) {
        constexpr const char* op = "attention";
        const View qv = input(op, "q", q), kv = input(op, "k", k), vv = input(op, "v", v);
        check_inputs(op, qv, kv, vv);
        const View mv = broadcast_mask(op, mask, qv, kv);
        const View ov = output(op, "out", out), lv = optional_output(op, "lse", lse);
        check_like_queries(op, "out", ov, qv);
        if (lv) check_row_values(op, "lse", lv, qv);
        check_apart(op, {{"out", ov}, {"lse", lv}}, {{"q", qv}, {"k", kv}, {"v", vv}, {"mask", mv}});
        run(ops.attention_forward, ov, lv, qv, kv, vv, mv, params_of(op, scale, causal), stream_of(stream));
      },
      "out = softmax(scale * q k^T + mask) v over (B, T, H, D); lse (B, Hq, Tq) the log-sum-exp of the "
      "scores",
      py::arg("out"), py::arg("lse"), py::arg("q"), py::arg("k"), py::arg("v"), py::arg("mask"),
      py::arg("scale"), py::arg("causal"), stream);
  m.def(
      "attention_backward",
      [&ops](py::handle dq, py::handle dk, py::handle dv, py::handle dy, py::handle dlse, py::handle q,
             py::handle k, py::handle v, py::handle y, py::handle lse, py::handle mask, double scale,
             bool causal, py::handle stream) {
        constexpr const char* op = "attention_backward";
        const View qv = input(op, "q", q), kv = input(op, "k", k), vv = input(op, "v", v);
        check_inputs(op, qv, kv, vv);
        const View mv = broadcast_mask(op, mask, qv, kv);
        const View ov = input(op, "y", y), dov = input(op, "dy", dy), lv = input(op, "lse", lse);
        const View dlv = optional_input(op, "dlse", dlse);
        check_like_queries(op, "y", ov, qv);
        check_like_queries(op, "dy", dov, qv);
        check_row_values(op, "lse", lv, qv);
        if (dlv) check_row_values(op, "dlse", dlv, qv);
        const View dqv = output(op, "dq", dq), dkv = output(op, "dk", dk), dvv = output(op, "dv", dv);
        check_like_queries(op, "dq", dqv, qv);
        for (const NamedView& g : {NamedView{"dk", dkv}, NamedView{"dv", dvv}}) {
          check_same_dtype(op, g.name, g.view, "k", kv);
          check_same_shape(op, g.name, g.view, "k", kv);
          check_rows_contiguous(op, g.name, g.view);
        }
        check_apart(op, {{"dq", dqv}, {"dk", dkv}, {"dv", dvv}},
                    {{"q", qv},
                     {"k", kv},
                     {"v", vv},
                     {"y", ov},
                     {"dy", dov},
                     {"lse", lv},
                     {"dlse", dlv},
                     {"mask", mv}});
        run(ops.attention_backward, dqv, dkv, dvv, dov, dlv, qv, kv, vv, ov, lv, mv,
            params_of(op, scale, causal), stream_of(stream));
      },
      "Gradients of attention by q, k and v, from its result and lse; dlse (may be None) is the gradient of "
      "lse",
      py::arg("dq"), py::arg("dk"), py::arg("dv"), py::arg("dy"), py::arg("dlse"), py::arg("q"), py::arg("k"),
      py::arg("v"), py::arg("y"), py::arg("lse"), py::arg("mask"), py::arg("scale"), py::arg("causal"),
      stream);
}

}  // namespace tilewright::bindings
