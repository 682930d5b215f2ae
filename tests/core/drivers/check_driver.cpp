// SPDX-License-Identifier: Apache-2.0
// "messages" prints what each check says about its cases; "overlap" answers for pairs of arrays on stdin.
#include <inttypes.h>

#include <functional>
#include <string>
#include <vector>

#include "core/check.h"
#include "require.h"

using namespace tilewright;

namespace {

float memory[64];

View floats(DimList dims) { return View::of(memory, Dtype::f32, dims); }

View strided(DimList dims, DimList strides, int64_t offset = 0) {
  View v = floats(dims);
  for (int i = 0; i < v.ndim; ++i) v.strides[i] = strides.begin()[i];
  v.data = memory + offset;
  return v;
}

View read_only(View v) {
  v.writable = false;
  return v;
}

View of_dtype(Dtype dtype) { return View::of(memory, dtype, {2}); }

const char* kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::value:
      return "value";
    case ErrorKind::type:
      return "type";
    case ErrorKind::not_implemented:
      return "not_implemented";
    case ErrorKind::runtime:
      return "runtime";
    case ErrorKind::memory:
      return "memory";
  }
  return "?";
}

struct Case {
  const char* name;
  std::function<void()> run;
};

std::vector<Case> shape_cases() {
  const View none;
  return {
      {"ndim",
       [] {
         check_ndim("conv2d", "w", floats({64, 3, 3}), 4, "(rows, cols, in, out)");
       }},
      {"ndim good",
       [] {
         check_ndim("conv2d", "w", floats({3, 3, 1, 2}), 4, "(rows, cols, in, out)");
       }},
      {"ndim scalar", [] { check_ndim("softmax", "b", floats({}), 1, "(out)"); }},
      {"ndim none", [=] { check_ndim("softmax", "x", none, 1, "(row)"); }},
      {"min ndim", [] { check_min_ndim("matmul", "a", floats({5}), 2, "(..., M, K)"); }},
      {"min ndim good",
       [] {
         check_min_ndim("matmul", "a", floats({5, 2, 2}), 2, "(..., M, K)");
       }},
      {"shape", [] { check_shape("conv2d", "b", floats({3}), {64}, "one value per output channel"); }},
      {"shape plain",
       [] {
         check_shape("conv2d", "b", floats({3, 2}), {64, kAnySize});
       }},
      {"shape rank",
       [] {
         check_shape("conv2d", "b", floats({64, 1}), {64});
       }},
      {"shape any",
       [] {
         check_shape("conv2d", "b", floats({64, 7}), {64, kAnySize});
       }},
      {"shape scalar", [] { check_shape("adam", "step", floats({2}), {}); }},
      {"shape none", [=] { check_shape("conv2d", "b", none, {64}); }},
      {"same shape",
       [] {
         check_same_shape("loss", "y", floats({2, 3}), "x", floats({2, 4}));
       }},
      {"same shape good",
       [] {
         check_same_shape("loss", "y", floats({2, 3}), "x", floats({2, 3}));
       }},
      {"same shape rank",
       [] {
         check_same_shape("loss", "y", floats({2}), "x", floats({2, 1}));
       }},
      {"rows",
       [] {
         check_rows_contiguous("softmax", "x", strided({3, 2}, {1, 3}));
       }},
      {"rows good",
       [] {
         check_rows_contiguous("softmax", "x", strided({3, 2}, {-9, 1}));
       }},
      {"rows of one",
       [] {
         check_rows_contiguous("softmax", "x", strided({3, 1}, {1, 7}));
       }},
      {"rows scalar", [] { check_rows_contiguous("softmax", "x", floats({})); }},
  };
}

std::vector<Case> value_cases() {
  const View none;
  return {
      {"dtype one", [] { check_dtype("x", "a", of_dtype(Dtype::s8), {Dtype::f32}); }},
      {"dtype two",
       [] {
         check_dtype("x", "a", of_dtype(Dtype::b8), {Dtype::f32, Dtype::f64});
       }},
      {"dtype three",
       [] {
         check_dtype("x", "a", of_dtype(Dtype::f16), {Dtype::u8, Dtype::s32, Dtype::bf16});
       }},
      {"dtype good",
       [] {
         check_dtype("x", "a", of_dtype(Dtype::f64), {Dtype::f32, Dtype::f64});
       }},
      {"dtype none", [=] { check_dtype("x", "a", none, {Dtype::f32}); }},
      {"same dtype",
       [] { check_same_dtype("matmul", "b", of_dtype(Dtype::f64), "a", of_dtype(Dtype::f32)); }},
      {"same dtype good",
       [] { check_same_dtype("matmul", "b", of_dtype(Dtype::s64), "a", of_dtype(Dtype::s64)); }},
      {"range", [] { check_range("conv2d", "stride", 0, 1, INT64_MAX); }},
      {"range both", [] { check_range("conv2d", "groups", 9, 1, 8); }},
      {"range good", [] { check_range("conv2d", "groups", 8, 1, 8); }},
      {"axis", [] { check_axis("softmax", "axis", 2, 2); }},
      {"axis below", [] { check_axis("softmax", "axis", -3, 2); }},
      {"axis huge", [] { check_axis("softmax", "axis", INT64_MIN, 2); }},
      {"axis scalar", [] { check_axis("softmax", "axis", 0, 0); }},
      {"axis good",
       [] {
         require(check_axis("softmax", "axis", -1, 3) == 2 && check_axis("softmax", "axis", 0, 3) == 0 &&
                     check_axis("softmax", "axis", 2, 3) == 2 && check_axis("softmax", "axis", -3, 3) == 0,
                 "axes count from both ends");
       }},
      {"size",
       [] {
         checked_size("ones", "shape", {int64_t{1} << 40, int64_t{1} << 40});
       }},
      {"size with zero",
       [] {
         checked_size("ones", "shape", {0, int64_t{1} << 40, int64_t{1} << 40});
       }},
      {"size largest", [] { checked_size("ones", "shape", {INT64_MAX}); }},
      {"size negative",
       [] {
         checked_size("ones", "shape", {4, -2});
       }},
      {"size good",
       [] {
         require(checked_size("ones", "shape", {}) == 1 && checked_size("ones", "shape", {3, 0, 5}) == 0 &&
                     checked_size("ones", "shape", {3, 4, 5}) == 60 &&
                     checked_size("ones", "shape", {int64_t{1} << 59}) == int64_t{1} << 59,
                 "sizes multiply");
       }},
      {"fail not_implemented", [] { fail(ErrorKind::not_implemented, "rnn", "no CUDA back end"); }},
      {"fail runtime", [] { fail(ErrorKind::runtime, "rnn", "text"); }},
      {"fail memory", [] { fail(ErrorKind::memory, "rnn", "text"); }},
  };
}

std::vector<Case> memory_cases() {
  const View none;
  const View x = floats({4, 4});
  return {
      {"writable", [=] { check_writable("relu", "out", read_only(x)); }},
      {"writable good", [=] { check_writable("relu", "out", x); }},
      {"writable none", [=] { check_writable("relu", "out", none); }},
      {"writable broadcast",
       [] {
         check_writable("relu", "out", strided({3, 4}, {0, 1}));
       }},
      {"writable windows",
       [] {
         check_writable("relu", "out", strided({5, 3}, {1, 1}));
       }},
      {"writable reversed",
       [] {
         check_writable("relu", "out", strided({4, 4}, {-4, -1}, 15));
       }},
      {"overlap", [=] { check_no_overlap("softmax", "out", x, "x", x); }},
      {"overlap none", [=] { check_no_overlap("softmax", "out", x, "x", none); }},
      {"overlap good",
       [=] {
         check_no_overlap("softmax", "out", x, "x", strided({4, 4}, {4, 1}, 16));
       }},
      {"same", [=] { check_same_or_no_overlap("relu", "out", x, "x", read_only(x)); }},
      {"same dim of one",
       [] {
         check_same_or_no_overlap("relu", "out", strided({1, 4}, {9, 1}), "x", strided({1, 4}, {4, 1}));
       }},
      {"same but transposed",
       [=] {
         check_same_or_no_overlap("relu", "out", x, "x", strided({4, 4}, {1, 4}));
       }},
      {"same but shifted",
       [=] {
         check_same_or_no_overlap("relu", "out", x, "x", strided({4, 4}, {4, 1}, 1));
       }},
      {"same but narrower",
       [=] {
         check_same_or_no_overlap("cast", "out", View::of(memory, Dtype::f16, {4, 4}), "x", x);
       }},
      {"same apart",
       [=] {
         check_same_or_no_overlap("relu", "out", x, "x", strided({4, 4}, {4, 1}, 16));
       }},
  };
}

int print_messages() {
  for (const std::vector<Case>& cases : {shape_cases(), value_cases(), memory_cases()}) {
    for (const Case& one : cases) {
      try {
        one.run();
        printf("%s\tgood\n", one.name);
      } catch (const Error& error) {
        printf("%s\t%s\t%s\n", one.name, kind_name(error.kind()), error.what());
      }
    }
  }
  return 0;
}

// "dtype address ndim shape... strides..."; false at the end of the input.
bool read_view(View* view) {
  int dtype = 0, ndim = 0;
  int64_t address = 0;
  if (scanf("%d %" SCNd64 " %d", &dtype, &address, &ndim) != 3) return false;
  *view = View();
  view->dtype = static_cast<Dtype>(dtype);
  view->data = reinterpret_cast<void*>(address);
  view->ndim = ndim;
  for (int i = 0; i < ndim; ++i) require(scanf("%" SCNd64, &view->shape[i]) == 1, "a size");
  for (int i = 0; i < ndim; ++i) require(scanf("%" SCNd64, &view->strides[i]) == 1, "a stride");
  return true;
}

int answer_overlaps() {
  View a, b;
  while (read_view(&a) && read_view(&b)) {
    require(overlap(a, b) == overlap(b, a), "overlap is symmetric");
    printf("%d %d %d\n", overlap(a, b), overlaps_itself(a), overlaps_itself(b));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "messages") == 0) return print_messages();
  if (argc == 2 && strcmp(argv[1], "overlap") == 0) return answer_overlaps();
  return 2;
}
