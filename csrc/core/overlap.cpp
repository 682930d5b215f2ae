// SPDX-License-Identifier: Apache-2.0
// Do two strided arrays share memory? An address of an array is base + sum of stride * index, so the
// question is whether a bounded linear equation  c_0 z_0 + c_1 z_1 + ... = target,  0 <= z_k <= limit_k,
// has a solution in whole numbers. With the c_k positive and in descending order, the range that the
// later terms can still reach leaves only a few values for each z_k, and a short search decides.
#include <algorithm>
#include <numeric>

#include "core/check.h"

namespace tilewright {
namespace {

constexpr int kMaxTerms = 2 * kMaxDims + 1;
// Ordinary arrays need tens of steps. After this many the answer is "maybe", taken as yes.
constexpr int kMaxSteps = 20000;
// No address space is larger. Wider (made-up) arrays count as overlapping, and all sums below fit in 64 bits.
constexpr int64_t kMaxSpan = int64_t{1} << 60;

struct Term {
  int64_t coefficient;
  int64_t limit;
};

class Equation {
 public:
  // Zero coefficients and limits change nothing and are dropped.
  void add(int64_t coefficient, int64_t limit) {
    if (coefficient != 0 && limit > 0) terms_[count_++] = {coefficient, limit};
  }

  // False is a proof; true is a solution, or a search given up.
  bool may_have_solution(int64_t target) {
    prepare();
    return search(0, target);
  }

 private:
  // Sorts, merges equal coefficients, and computes what each tail of terms reaches and divides.
  void prepare() {
    std::sort(terms_, terms_ + count_, [](Term a, Term b) { return a.coefficient > b.coefficient; });
    int kept = 0;
    for (int i = 0; i < count_; ++i) {
      if (kept > 0 && terms_[kept - 1].coefficient == terms_[i].coefficient)
        terms_[kept - 1].limit += terms_[i].limit;
      else
        terms_[kept++] = terms_[i];
    }
    count_ = kept;
    reach_[count_] = 0;
    divisor_[count_] = 0;
    for (int i = count_ - 1; i >= 0; --i) {
      reach_[i] = reach_[i + 1] + terms_[i].coefficient * terms_[i].limit;
      divisor_[i] = std::gcd(terms_[i].coefficient, divisor_[i + 1]);
    }
  }

  bool search(int k, int64_t target) {
    if (target < 0 || target > reach_[k]) return false;
    if (target == 0) return true;
    if (k == count_ || target % divisor_[k] != 0) return false;
    const int64_t c = terms_[k].coefficient;
    const int64_t missing = target - reach_[k + 1];
    const int64_t first = missing > 0 ? (missing + c - 1) / c : 0;
    const int64_t last = std::min(terms_[k].limit, target / c);
    for (int64_t z = last; z >= first; --z) {
      if (++steps_ > kMaxSteps) return true;
      if (search(k + 1, target - c * z)) return true;
    }
    return false;
  }

  Term terms_[kMaxTerms];
  int64_t reach_[kMaxTerms + 1];    // largest sum of terms k, k+1, ...
  int64_t divisor_[kMaxTerms + 1];  // their greatest common divisor
  int count_ = 0;
  int steps_ = 0;
};

int64_t magnitude(int64_t value) { return value < 0 ? -value : value; }

// The array as addresses in bytes: lowest, and how far its last byte lies above that.
struct Extent {
  intptr_t low;
  int64_t span;
  bool too_wide;
};

Extent extent_of(const View& view) {
  Extent e{reinterpret_cast<intptr_t>(view.data), dtype_size(view.dtype) - 1, false};
  for (int i = 0; i < view.ndim; ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(view.strides[i], view.shape[i] - 1, &reach) || reach > kMaxSpan / 8 ||
        reach < -kMaxSpan / 8 || e.span > kMaxSpan) {
      e.too_wide = true;
      return e;
    }
    reach *= dtype_size(view.dtype);
    e.span += magnitude(reach);
    if (reach < 0) e.low += reach;
  }
  e.too_wide = e.span > kMaxSpan;
  return e;
}

// Elements lie one behind the other in some order of the axes, so the extent is the exact set of bytes.
bool gapless(const View& view, const Extent& extent) {
  return !overlaps_itself(view) && extent.span + 1 == view.bytes();
}

bool empty_or_none(const View& view) {
  for (int i = 0; i < view.ndim; ++i)
    if (view.shape[i] == 0) return true;
  return !view;
}

}  // namespace

bool overlap(const View& a, const View& b) {
  if (empty_or_none(a) || empty_or_none(b)) return false;
  const Extent ea = extent_of(a), eb = extent_of(b);
  if (ea.too_wide || eb.too_wide) return true;
  if (ea.low > eb.low + eb.span || eb.low > ea.low + ea.span) return false;
  if (gapless(a, ea) && gapless(b, eb)) return true;
  // low_a + (offset in a) = low_b + (offset in b); counting b's offset down from its last byte turns its
  // terms positive: (offset in a) + (distance from the end of b) = low_b + span_b - low_a.
  Equation equation;
  for (const View* view : {&a, &b}) {
    const int64_t item = dtype_size(view->dtype);
    for (int i = 0; i < view->ndim; ++i) {
      // The stride of an axis of size 1 may be any number.
      if (view->shape[i] > 1) equation.add(magnitude(view->strides[i]) * item, view->shape[i] - 1);
    }
  }
  equation.add(1, dtype_size(a.dtype) + dtype_size(b.dtype) - 2);
  return equation.may_have_solution(eb.low + eb.span - ea.low);
}

bool overlaps_itself(const View& view) {
  if (empty_or_none(view) || view.contiguous()) return false;
  if (extent_of(view).too_wide) return true;
  Term axes[kMaxTerms];
  int count = 0;
  for (int i = 0; i < view.ndim; ++i) {
    if (view.shape[i] == 1) continue;
    if (view.strides[i] == 0) return true;
    axes[count++] = {magnitude(view.strides[i]), view.shape[i] - 1};
  }
  std::sort(axes, axes + count, [](Term a, Term b) { return a.coefficient < b.coefficient; });
  // Two indices that meet differ by d with sum(stride * d) = 0. Let k be the widest axis where they differ,
  // d_k >= 1: then stride_k * d_k equals a sum over the narrower axes, each d_j within +-limit_j. Shifting
  // those to start at zero gives an equation of positive terms.
  int64_t narrower = 0;
  for (int k = 0; k < count; ++k) {
    if (axes[k].coefficient <= narrower) {
      Equation equation;
      equation.add(axes[k].coefficient, axes[k].limit - 1);
      for (int j = 0; j < k; ++j) equation.add(axes[j].coefficient, 2 * axes[j].limit);
      if (equation.may_have_solution(narrower - axes[k].coefficient)) return true;
    }
    narrower += axes[k].coefficient * axes[k].limit;
  }
  return false;
}

bool same_array(const View& a, const View& b) {
  if (a.data != b.data || !a.same_shape(b) || dtype_size(a.dtype) != dtype_size(b.dtype)) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.shape[i] > 1 && a.strides[i] != b.strides[i]) return false;
  return true;
}

}  // namespace tilewright
