// SPDX-License-Identifier: Apache-2.0
// Pooling of images of few channels.
// Computes    as pool2d.inl.h
// Layout      a row of the image is (columns, channels) without gaps, and so is one of y; that is a piece of them:
//               image  a0 a1 a2|b0 b1 b2|c0 c1 ..   channels a, b, c .. of pixels; numbers lie in the lanes side by side
// Method      the windows' rows first, number by number: a line. Then its columns: those of equal place in the stride,
//             pixel after pixel, are a phase, and where windows are, neighbours in a phase are neighbours in y:
//               stride 2   line  p0 p1 p2 p3 p4 ..   phases  p0 p2 p4 ..  p1 p3 ..   y[q] from p[2q], p[2q+1] ..
//             Backward the other way: phases are computed from dy and put together to a row of dx
// Work split  rows of one image; their numbers depend on no other rows of the result
// Limits      window * channels and stride at most what the driver's plan allows. Ties and NaN as in pool2d.inl.h
// Measured    6 x 41 x 55 x 2, windows of 4 x 4, by channels and so: maximum with positions 477 and 43 us, mean 181 and
//             25, mean backward 773 and 34 (docs/kernels/pool2d.md)
#pragma once

#include "cpu/kernels/pool2d_parts.inl.h"
#include "cpu/kernels/row_copy.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

template <class T>
using PositionVec = Vec<typename PoolPosition<T>::Type>;

// Above every position of a window, whatever column is added: padding loses ties.
constexpr int32_t kNowhere = 1 << 30;

template <class T>
struct NarrowBuffers {
  using Position = typename PoolPosition<T>::Type;
  explicit NarrowBuffers(const PoolNarrow<T>& n) {
    line = static_cast<T*>(n.scratch);
    phases = line + n.line;
    line_positions = reinterpret_cast<Position*>(phases + n.cols.stride * n.phase);
    phase_positions = line_positions + n.line;
  }
  T *line, *phases;
  Position *line_positions, *phase_positions;
};

// Outputs [q0, q1) and the columns of the image they come from, those before `left` and from `right` on being padding.
struct ForwardPiece {
  TW_INLINE ForwardPiece(const PoolAxis& cols, int64_t from, int64_t to) : q0(from), q1(to) {
    first = q0 * cols.stride - cols.pad;
    columns = (q1 - q0 - 1) * cols.stride + cols.window;
    left = first < 0 ? -first : 0;
    right = first + columns > cols.in ? cols.in - first : columns;
  }
  int64_t q0, q1, first, columns, left, right;
};

// body(piece) for the pieces of a row of y.
template <class T, class Body>
TW_INLINE void for_pieces(const PoolNarrow<T>& n, Body body) {
  for (int64_t q = 0; q < n.cols.out; q += n.piece)
    body(ForwardPiece(n.cols, q, q + n.piece < n.cols.out ? q + n.piece : n.cols.out));
}

// Scratch memory has room for a register behind n numbers.
template <class T>
TW_INLINE void fill(T* to, int64_t n, Vec<T> value) {
  for (int64_t j = 0; j < n; j += Vec<T>::kLanes) store(to + j, value);
}

// Every stride-th pixel of a line side by side, for each place that windows use.
template <class P>
void split_phases(P* phases, int64_t phase, const P* line, const PoolAxis& cols, int64_t steps, int64_t channels) {
  const int64_t bytes = channels * int64_t(sizeof(P));
  with_row_copy(bytes, [&](auto copy) {
    for (int64_t f = 0; f < cols.stride && f < cols.window; ++f) {
      const int64_t count = steps + (cols.window - 1 - f) / cols.stride;
      char* to = reinterpret_cast<char*>(phases + f * phase);
      const char* from = reinterpret_cast<const char*>(line + f * channels);
      for (int64_t a = 0; a < count; ++a, to += bytes, from += cols.stride * bytes) copy(to, from);
    }
  });
}

// body(s, at): column s of every window begins at number `at` of the phases (of the line itself where stride is 1).
template <class Body>
TW_INLINE void for_window_columns(const PoolAxis& cols, int64_t phase, int64_t channels, Body body) {
  if (cols.stride == 1) phase = channels;
  for (int64_t s = 0, next = 0; s < cols.window; next += channels)
    for (int64_t f = 0, at = next; f < cols.stride && s < cols.window; ++f, ++s, at += phase) body(s, at);
}

// ---- maximum -------------------------------------------------------------------------------------------

// The largest of rows [h0, h1) in every column, and its row times the width.
template <class T, bool kPositions>
void max_line(const NarrowBuffers<T>& b, const PoolImage<const T>& x, int64_t width, int64_t h0, int64_t h1,
              const ForwardPiece& piece, int64_t channels) {
  using V = Vec<T>;
  using P = PositionVec<T>;
  using Position = typename P::Element;
  const auto outside = [&](int64_t first, int64_t end) {
    fill<T>(b.line + first * channels, (end - first) * channels, V::set1(T(-__builtin_inf())));
    if (kPositions)
      fill<Position>(b.line_positions + first * channels, (end - first) * channels, P::set1(Position(kNowhere)));
  };
  outside(0, piece.left);
  const T* from = at(x, h0, piece.first + piece.left);
  T* line = b.line + piece.left * channels;
  Position* positions = b.line_positions + piece.left * channels;
  for_vectors<T>((piece.right - piece.left) * channels, [&](auto access, int64_t j) {
    V best = access.load(from + j);
    P position = P::zero();
    for (int64_t r = 1; r < h1 - h0; ++r) {
      const V value = access.load(from + r * x.row + j);
      if constexpr (kPositions) {
        const auto larger = (!(value <= best)) & (best == best);
        best = select(larger, value, best);
        position = select(Mask<Position>(larger), P::set1(Position(r * width)), position);
      } else {
        best = max_nan(best, value);
      }
    }
    store(line + j, best);
    if constexpr (kPositions) store(positions + j, position);
  });
  outside(piece.right, piece.columns);
}

template <class T, bool kPositions>
void narrow_max_of(PoolImage<T> y, PoolImage<int32_t> indices, PoolImage<const T> x, const PoolNarrow<T>& n,
                   int64_t begin, int64_t end) {
  using V = Vec<T>;
  using P = PositionVec<T>;
  using Position = typename P::Element;
  const NarrowBuffers<T> b(n);
  const bool split = n.cols.stride > 1;
  const T* const phases = split ? b.phases : b.line;
  const Position* const phase_positions = split ? b.phase_positions : b.line_positions;
  for (int64_t p = begin; p < end; ++p)
    for_pieces(n, [&](const ForwardPiece& piece) {
      const int64_t h0 = window_begin(n.rows, p), h1 = window_end(n.rows, p), steps = piece.q1 - piece.q0;
      max_line<T, kPositions>(b, x, n.cols.in, h0, h1, piece, n.channels);
      if (split) {
        split_phases(b.phases, n.phase, b.line, n.cols, steps, n.channels);
        if (kPositions)
          split_phases(b.phase_positions, n.phase, b.line_positions, n.cols, steps, n.channels);
      }
      const P origin = P::set1(Position(h0 * n.cols.in + piece.first));
      T* to = at(y, p, piece.q0);
      int32_t* positions = kPositions ? at(indices, p, piece.q0) : nullptr;
      for_vectors<T>(steps * n.channels, [&](auto access, int64_t j) {
        V best = V::load(phases + j);
        P position = kPositions ? P::load(phase_positions + j) : P::zero();
        for_window_columns(n.cols, n.phase, n.channels, [&](int64_t s, int64_t at) {
          const V value = V::load(phases + at + j);
          if constexpr (kPositions) {
            // Of equals, and of NaNs, the first in the order of rows.
            const P here = P::load(phase_positions + at + j) + P::set1(Position(s));
            const auto known = best == best, not_larger = value <= best;
            const auto equal = (value == best) | (!known & !(value == value));
            const auto before = Mask<Position>(equal) & (here < position);
            const auto better = Mask<Position>(!not_larger & known) | before;
            best = select(Mask<T>(better), value, best);
            position = select(better, here, position);
          } else {
            best = max_nan(best, value);
          }
        });
        access.store(to + j, best);
        if constexpr (kPositions) store_positions(positions + j, position + origin + P::load(n.steps + j), access);
      });
    });
}

template <class T>
void narrow_max(PoolImage<T> y, PoolImage<int32_t> indices, PoolImage<const T> x, const PoolNarrow<T>& n,
                int64_t begin, int64_t end) {
  if (indices.data)
    narrow_max_of<T, true>(y, indices, x, n, begin, end);
  else
    narrow_max_of<T, false>(y, indices, x, n, begin, end);
}

// ---- mean ----------------------------------------------------------------------------------------------

// body(q0, q1, count) for runs of the outputs [begin, end) whose windows count equally many columns.
template <class Body>
TW_INLINE void for_equal_counts(const PoolAxis& a, int64_t begin, int64_t end, Body body) {
  int64_t whole = begin, cut = end;  // windows [whole, cut) lie inside
  if (!a.count_padding) {
    const int64_t room = a.in + a.pad - a.window;
    whole = (a.pad + a.stride - 1) / a.stride;
    cut = room < 0 ? 0 : room / a.stride + 1;
  }
  if (cut > end) cut = end;
  int64_t q = begin;
  for (; q < whole && q < end; ++q) body(q, q + 1, window_count(a, q));
  if (q < cut) {
    body(q, cut, a.window);
    q = cut;
  }
  for (; q < end; ++q) body(q, q + 1, window_count(a, q));
}

template <class T>
void narrow_avg(PoolImage<T> y, PoolImage<const T> x, const PoolNarrow<T>& n, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const NarrowBuffers<T> b(n);
  const T* const phases = n.cols.stride > 1 ? b.phases : b.line;
  const int64_t channels = n.channels;
  for (int64_t p = begin; p < end; ++p)
    for_pieces(n, [&](const ForwardPiece& piece) {
      const int64_t h0 = window_begin(n.rows, p), h1 = window_end(n.rows, p);
      fill<T>(b.line, piece.left * channels, V::zero());
      const T* from = at(x, h0, piece.first + piece.left);
      T* line = b.line + piece.left * channels;
      for_vectors<T>((piece.right - piece.left) * channels, [&](auto access, int64_t j) {
        V sum = V::zero();
        for (int64_t r = 0; r < h1 - h0; ++r) sum = sum + access.load(from + r * x.row + j);
        store(line + j, sum);
      });
      fill<T>(b.line + piece.right * channels, (piece.columns - piece.right) * channels, V::zero());
      if (n.cols.stride > 1) split_phases(b.phases, n.phase, b.line, n.cols, piece.q1 - piece.q0, channels);
      for_equal_counts(n.cols, piece.q0, piece.q1, [&](int64_t q0, int64_t q1, int64_t columns) {
        const V count = V::set1(T(window_count(n.rows, p) * columns));
        const T* sums = phases + (q0 - piece.q0) * channels;
        T* to = at(y, p, q0);
        for_vectors<T>((q1 - q0) * channels, [&](auto access, int64_t j) {
          V total = V::zero();
          for_window_columns(n.cols, n.phase, channels,
                             [&](int64_t, int64_t at) { total = total + V::load(sums + at + j); });
          access.store(to + j, total / count);
        });
      });
    });
}

// ---- backward ------------------------------------------------------------------------------------------

// Column a * stride + f - pad of dx is step a of phase f. body(a0, a1) for the pieces of all steps.
template <class T, class Body>
TW_INLINE void for_steps(const PoolNarrow<T>& n, Body body) {
  const int64_t last = (n.cols.in - 1 + n.cols.pad) / n.cols.stride + 1;
  for (int64_t a = n.cols.pad / n.cols.stride; a < last; a += n.piece) body(a, a + n.piece < last ? a + n.piece : last);
}

// Steps [a0, a1) of all phases to the row dx, in the order of memory.
template <class T>
void join_phases(T* dx, const T* phases, const PoolNarrow<T>& n, int64_t a0, int64_t a1) {
  const int64_t bytes = n.channels * int64_t(sizeof(T)), stride = n.cols.stride;
  with_row_copy(bytes, [&](auto copy) {
    for (int64_t a = a0; a < a1; ++a) {
      const int64_t column = a * stride - n.cols.pad;
      const int64_t begin = column < 0 ? -column : 0, end = n.cols.in - column < stride ? n.cols.in - column : stride;
      char* to = reinterpret_cast<char*>(dx + (column + begin) * n.channels);
      const T* from = phases + begin * n.phase + (a - a0) * n.channels;
      for (int64_t f = begin; f < end; ++f, to += bytes, from += n.phase) copy(to, reinterpret_cast<const char*>(from));
    }
  });
}

// The gradient that each of the outputs [q0, q1) sends to every column of its window, of rows [p0, p1) of dy.
template <class T>
void share_line(T* line, const PoolImage<const T>& dy, const PoolNarrow<T>& n, int64_t p0, int64_t p1, int64_t q0,
                int64_t q1) {
  using V = Vec<T>;
  const int64_t channels = n.channels;
  const int64_t left = q0 < 0 ? 0 : q0, right = q1 < n.cols.out ? q1 : n.cols.out;
  if (left >= right || p0 >= p1) return fill<T>(line, (q1 - q0) * channels, V::zero());
  fill<T>(line, (left - q0) * channels, V::zero());
  for_equal_counts(n.cols, left, right, [&](int64_t from, int64_t until, int64_t columns) {
    T* const to = line + (from - q0) * channels;
    for (int64_t p = p0; p < p1; ++p) {
      const V share = V::set1(T(1) / T(window_count(n.rows, p) * columns));
      const T* const source = at(dy, p, from);
      for_vectors<T>((until - from) * channels, [&](auto access, int64_t j) {
        store(to + j, fma(access.load(source + j), share, p == p0 ? V::zero() : V::load(to + j)));
      });
    }
  });
  fill<T>(line + (right - q0) * channels, (q1 - right) * channels, V::zero());
}

template <class T>
void narrow_avg_backward(PoolImage<T> dx, PoolImage<const T> dy, const PoolNarrow<T>& n, int64_t begin, int64_t end) {
  using V = Vec<T>;
  const NarrowBuffers<T> b(n);
  const int64_t channels = n.channels, stride = n.cols.stride, reach = (n.cols.window - 1) / stride;
  int64_t p0 = -1, p1 = -1;
  for (int64_t h = begin; h < end; ++h) {
    const int64_t before0 = p0, before1 = p1;
    p0 = first_window(n.rows, h);
    p1 = last_window(n.rows, h);
    if (p0 == before0 && p1 == before1) {  // the same windows: the same row
      __builtin_memcpy(at(dx, h, 0), at(dx, h - 1, 0), size_t(n.cols.in * channels) * sizeof(T));
      continue;
    }
    for_steps(n, [&](int64_t a0, int64_t a1) {
      share_line(b.line, dy, n, p0, p1, a0 - reach, a1);
      for (int64_t f = 0; f < stride; ++f) {
        T* const to = stride == 1 ? at(dx, h, a0 - n.cols.pad) : b.phases + f * n.phase;
        // A column of this phase lies in the windows of outputs a, a - 1, .. of its step a.
        const int64_t windows = f < n.cols.window ? (n.cols.window - 1 - f) / stride + 1 : 0;
        const T* const shares = b.line + (reach + 1 - windows) * channels;
        for_vectors<T>((a1 - a0) * channels, [&](auto access, int64_t j) {
          V sum = V::zero();
          for (int64_t i = 0; i < windows; ++i) sum = sum + V::load(shares + i * channels + j);
          access.store(to + j, sum);
        });
      }
      if (stride > 1) join_phases(at(dx, h, 0), b.phases, n, a0, a1);
    });
  }
}

}  // namespace
}  // namespace tilewright::cpu::TW_ISA
