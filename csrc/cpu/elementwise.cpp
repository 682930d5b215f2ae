// SPDX-License-Identifier: Apache-2.0
// Elementwise family on the CPU: functions of one and two arguments, selection, copies and casts over any
// strides. Tiles go to threads; kernels see contiguous spans (spans.h).
#include <string.h>

#include <string>

#include "core/check.h"
#include "core/function_names.h"
#include "cpu/elementwise_fused.h"
#include "cpu/ops_cpu.h"
#include "cpu/spans.h"

namespace tilewright::cpu {
namespace {

const ElementwiseKernels& table() { return kernels<ElementwiseKernels>(); }

[[noreturn]] void refuse(const char* name, const char* argument, Dtype dtype) {
  fail(ErrorKind::type, name,
       std::string(argument) + " has dtype " + dtype_name(dtype) + ", which this function does not take");
}

void unary(const View& y, const View& x, Unary f, double p, double q, Stream) {
  const UnarySpan span = table().unary[static_cast<int>(f)][static_cast<int>(x.dtype)];
  if (!span) refuse(name_of(f), "x", x.dtype);
  for_spans({&y, &x}, 0, [&](const Span& s) { span(s.data[0], s.data[1], s.n, p, q, s.past_caches); });
}

// dx = dy * (a derivative of f at x); y, if given, is f(x).
void differentiate(const char* name, const UnaryBackward& entry, const View& dx, const View& dy,
                   const View& x, const View& y, double p, double q) {
  const UnaryBackwardSpan span = dx.dtype == Dtype::f64 ? entry.f64 : entry.f32;
  if (!span) fail(ErrorKind::value, name, "function has bool results, which have no derivative");
  if (y)
    for_spans({&dx, &dy, &x, &y}, 0,
              [&](const Span& s) { span(s.data[0], s.data[1], s.data[2], s.data[3], s.n, p, q, s.past_caches); });
  else
    for_spans({&dx, &dy, &x}, 0,
              [&](const Span& s) { span(s.data[0], s.data[1], s.data[2], nullptr, s.n, p, q, s.past_caches); });
}

void unary_backward(const View& dx, const View& dy, const View& x, const View& y, Unary f, double p, double q,
                    Stream) {
  differentiate("unary_backward", table().unary_backward[static_cast<int>(f)], dx, dy, x, y, p, q);
}

void unary_backward2(const View& dx, const View& dy, const View& x, Unary f, double p, double q, Stream) {
  differentiate("unary_backward2", table().unary_backward2[static_cast<int>(f)], dx, dy, x, View{}, p, q);
}

void binary(const View& y, const View& a, const View& b, Binary f, Stream) {
  const BinaryForms& forms = table().binary[static_cast<int>(f)][static_cast<int>(a.dtype)];
  if (!forms.both) refuse(name_of(f), "a", a.dtype);
  for_spans({&y, &a, &b}, 1, [&](const Span& s) {
    const BinarySpan span = s.single[1] ? forms.scalar_a : s.single[2] ? forms.scalar_b : forms.both;
    span(s.data[0], s.data[1], s.data[2], s.n, s.past_caches);
  });
}

void where(const View& y, const View& condition, const View& a, const View& b, Stream) {
  const WhereSpan span = table().where[log2_item(dtype_size(y.dtype))];
  for_spans({&y, &condition, &a, &b}, 0, [&](const Span& s) {
    span(s.data[0], reinterpret_cast<const uint8_t*>(s.data[1]), s.data[2], s.data[3], s.n);
  });
}

void copy_same_dtype(const View& y, const View& x) {
  const StridedLoop loop({&y, &x});
  if (loop.empty) return;
  const CopyRows rows = table().copy_rows[log2_item(loop.item[0])];
  const TileGrid grid(loop, kElementsPerTask);
  if (loop.contiguous(1) && detail::streams(loop)) {
    const CopyStream stream = table().copy_stream;
    for_tiles(grid, [&](const Tile& t) { stream(t.data[0], t.data[1], t.cols * loop.item[0]); });
    return;
  }
  for_tiles(grid, [&](const Tile& t) {
    rows(t.data[0], t.data[1],
         {t.rows, t.cols, t.row_stride[0], t.col_stride[0], t.row_stride[1], t.col_stride[1]});
  });
}

void copy(const View& y, const View& x, Stream) {
  if (y.dtype == x.dtype) {
    copy_same_dtype(y, x);
    return;
  }
  const CastSpan span = table().cast[static_cast<int>(y.dtype)][static_cast<int>(x.dtype)];
  for_spans({&y, &x}, 0, [&](const Span& s) { span(s.data[0], s.data[1], s.n, s.past_caches); });
}

// A copy of one element along strides of zero.
void fill(const View& y, double value, Stream) {
  double element;
  table().cast[static_cast<int>(y.dtype)][static_cast<int>(Dtype::f64)](&element, &value, 1, false);
  View x = y;
  x.data = &element;
  for (int64_t& stride : x.strides) stride = 0;
  copy_same_dtype(y, x);
}

}  // namespace

void fill_elementwise(Ops& ops) {
  constexpr DtypeMask kPlain = kAnyDtype & ~(kF16 | kBF16);
  ops.unary.set(unary, kPlain);
  ops.unary_backward.set(unary_backward, kF32F64);
  ops.unary_backward2.set(unary_backward2, kF32F64);
  ops.binary.set(binary, kPlain);
  ops.where.set(where, kAnyDtype);
  ops.copy.set(copy, kAnyDtype);
  ops.fill.set(fill, kAnyDtype);
  fill_elementwise_fused(ops);
}

}  // namespace tilewright::cpu
