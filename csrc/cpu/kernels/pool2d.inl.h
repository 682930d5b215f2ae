// SPDX-License-Identifier: Apache-2.0
// Pooling, one row of pixels at a time.
// Computes    y[p, q] = max or mean of x over the window at (p, q), cut to the image; the position of the maximum;
//             backward dx[h, w] = sum over the windows holding (h, w) of their dy, where (h, w) was the maximum, or
//             divided by the window's count
// Layout      channels contiguous, pixels and rows any distance apart; positions are row * W + column
// Method      channels in the lanes. Backward gathers, so that rows of dx are independent; a maximum's gradient is
//             scattered where that is less work. Few channels: pool2d_narrow.inl.h
// Work split  one call per row, or rows of one image; drivers spread them over threads
// Limits      every window holds at least one pixel of the image. The first of equal maxima wins; NaN counts as
//             largest, the first NaN wins
// Measured    docs/kernels/pool2d.md
#include "cpu/kernels/constant.h"
#include "cpu/kernels/pool2d_narrow.inl.h"
#include "cpu/kernels/pool2d_parts.inl.h"

namespace tilewright::cpu::TW_ISA {
namespace {

// Such windows are read pixel by pixel, all channels at once, into y as it grows: in the order of memory. Pixels of fewer
// bytes, and windows that overlap in them, are read channel by channel into a register. (2 x 2 windows of 128 channels
// take 2.4 ms and 3.1; 3 x 3 windows of 64 channels every two pixels 1.9 and 1.7.)
template <class T>
TW_INLINE bool wide(const PoolAxis& rows, const PoolAxis& cols, int64_t channels) {
  const bool overlap = rows.stride < rows.window || cols.stride < cols.window;
  return channels * int64_t(sizeof(T)) >= (overlap ? 512 : 256);
}

// body(abreast, access, c): abreast, a Constant, registers from channel c on. A body that reads and writes y
// loads all of them before it stores the first, which is a fifth faster.
template <class T, class Body>
TW_INLINE void for_channels_abreast(int64_t channels, Body&& body) {
  constexpr int kMost = 4, kTogether = kMost * Vec<T>::kLanes;
  const int64_t whole = channels / kTogether * kTogether;
  for (int64_t c = 0; c < whole; c += kTogether) body(Constant<kMost>(), WholeVector<T>(), c);
  for_vectors<T>(channels - whole, [&](auto access, int64_t c) { body(Constant<1>(), access, whole + c); });
}

// One output of a wide maximum.
template <class T, bool kPositions>
void max_wide(T* y, int32_t* positions, const PoolImage<const T>& x, int64_t width, int64_t h0, int64_t h1, int64_t w0,
              int64_t w1, int64_t channels) {
  using V = Vec<T>;
  using Position = typename PoolPosition<T>::Type;
  bool first = true;
  for (int64_t h = h0; h < h1; ++h)
    for (int64_t w = w0; w < w1; ++w, first = false) {
      const T* from = at(x, h, w);
      const auto here = Vec<Position>::set1(Position(h * width + w));
      for_channels_abreast<T>(channels, [&](auto abreast, auto access, int64_t c) {
        constexpr int kCount = decltype(abreast)::value;
        V best[kCount];
        Vec<Position> position[kCount];
        for (int k = 0; k < kCount; ++k) {
          const int64_t i = c + k * V::kLanes;
          const V value = access.load(from + i);
          best[k] = first ? value : access.load(y + i);
          if constexpr (kPositions) {
            position[k] = first ? here : load_positions(positions + i, access);
            const auto larger = (best[k] == best[k]) & !(value <= best[k]);
            best[k] = select(larger, value, best[k]);
            position[k] = select(Mask<Position>(larger), here, position[k]);
          } else {
            best[k] = max_nan(best[k], value);
          }
        }
        for (int k = 0; k < kCount; ++k) {
          access.store(y + c + k * V::kLanes, best[k]);
          if constexpr (kPositions) store_positions(positions + c + k * V::kLanes, position[k], access);
        }
      });
    }
}

template <class T>
void avg_wide(T* y, const PoolImage<const T>& x, int64_t h0, int64_t h1, int64_t w0, int64_t w1, int64_t channels,
              Vec<T> count) {
  using V = Vec<T>;
  for (int64_t h = h0; h < h1; ++h)
    for (int64_t w = w0; w < w1; ++w) {
      const T* from = at(x, h, w);
      const bool first = h == h0 && w == w0, last = h + 1 == h1 && w + 1 == w1;
      for_channels_abreast<T>(channels, [&](auto abreast, auto access, int64_t c) {
        constexpr int kCount = decltype(abreast)::value;
        V sum[kCount];
        for (int k = 0; k < kCount; ++k) {
          const int64_t i = c + k * V::kLanes;
          sum[k] = access.load(from + i);
          if (!first) sum[k] += access.load(y + i);
          if (last) sum[k] = sum[k] / count;
        }
        for (int k = 0; k < kCount; ++k) access.store(y + c + k * V::kLanes, sum[k]);
      });
    }
}

template <class T, bool kPositions>
void max_row_of(PoolImage<T> y, PoolImage<int32_t> indices, PoolImage<const T> x, const PoolAxis& rows,
                const PoolAxis& cols, int64_t p, int64_t channels) {
  using V = Vec<T>;
  using Position = typename PoolPosition<T>::Type;
  const int64_t h0 = window_begin(rows, p), h1 = window_end(rows, p);
  for (int64_t q = 0; q < cols.out; ++q) {
    const int64_t w0 = window_begin(cols, q), w1 = window_end(cols, q);
    if (wide<T>(rows, cols, channels)) {
      int32_t* positions = kPositions ? at(indices, p, q) : nullptr;
      max_wide<T, kPositions>(at(y, p, q), positions, x, cols.in, h0, h1, w0, w1, channels);
      continue;
    }
    for_vectors<T>(channels, [&](auto access, int64_t c) {
      V best = access.load(at(x, h0, w0) + c);
      auto position = Vec<Position>::set1(Position(h0 * cols.in + w0));
      for (int64_t h = h0; h < h1; ++h) {
        const T* from = at(x, h, w0) + c;
        for (int64_t w = w0; w < w1; ++w, from += x.pixel) {
          const V value = access.load(from);
          if constexpr (kPositions) {
            const auto larger = (!(value <= best)) & (best == best);
            best = select(larger, value, best);
            position =
                select(Mask<Position>(larger), Vec<Position>::set1(Position(h * cols.in + w)), position);
          } else {
            best = max_nan(best, value);
          }
        }
      }
      access.store(at(y, p, q) + c, best);
      if constexpr (kPositions) store_positions(at(indices, p, q) + c, position, access);
    });
  }
}

template <class T>
void max_row(PoolImage<T> y, PoolImage<int32_t> indices, PoolImage<const T> x, const PoolAxis& rows,
             const PoolAxis& cols, int64_t p, int64_t channels) {
  if (indices.data)
    max_row_of<T, true>(y, indices, x, rows, cols, p, channels);
  else
    max_row_of<T, false>(y, indices, x, rows, cols, p, channels);
}

// body(first, sources, count) for the windows [p0, p1) x [q0, q1), at most kSources at a time; `first` only
// once. find(p, q) gives what the body needs of a window.
inline constexpr int kSources = 16;
template <class Source, class Find, class Body>
TW_INLINE void for_windows(int64_t p0, int64_t p1, int64_t q0, int64_t q1, Find find, Body body) {
  Source sources[kSources];
  int count = 0;
  bool first = true;
  for (int64_t p = p0; p < p1; ++p)
    for (int64_t q = q0; q < q1; ++q) {
      if (count == kSources) {
        body(first, sources, count);
        first = false;
        count = 0;
      }
      sources[count++] = find(p, q);
    }
  if (count > 0 || first) body(first, sources, count);
}

// For windows that do not overlap: gap(w0, w1) for the pixels of a row that lie in none, body(q, w0, w1) for those in
// window q, in the order of the row.
template <class Gap, class Body>
TW_INLINE void for_windows_apart(const PoolAxis& cols, Gap gap, Body body) {
  int64_t w = 0;
  for (int64_t q = 0; q < cols.out; ++q) {
    const int64_t w0 = window_begin(cols, q), w1 = window_end(cols, q);
    if (w < w0) gap(w, w0);
    body(q, w0, w1);
    w = w1;
  }
  if (w < cols.in) gap(w, cols.in);
}

template <class T>
TW_INLINE void set_zero(const PoolImage<T>& dx, int64_t h, int64_t w0, int64_t w1, int64_t channels) {
  for (int64_t w = w0; w < w1; ++w)
    for_vectors<T>(channels, [&](auto access, int64_t c) { access.store(at(dx, h, w) + c, Vec<T>::zero()); });
}

// Pixels that lie in one and the same window.
template <class T>
void pick_row(PoolImage<T> dx, PoolImage<const T> dy, PoolImage<const int32_t> indices, const PoolAxis& cols, int64_t h,
              int64_t p, int64_t channels) {
  using Position = typename PoolPosition<T>::Type;
  for_windows_apart(
      cols, [&](int64_t w0, int64_t w1) { set_zero(dx, h, w0, w1, channels); },
      [&](int64_t q, int64_t w0, int64_t w1) {
        const T* const from = at(dy, p, q);
        const int32_t* const positions = at(indices, p, q);
        for (int64_t w = w0; w < w1; ++w) {
          T* const to = at(dx, h, w);
          const auto here = Vec<Position>::set1(Position(h * cols.in + w));
          for_vectors<T>(channels, [&](auto access, int64_t c) {
            const auto chosen = load_positions(positions + c, access) == here;
            access.store(to + c, select(chosen, access.load(from + c), Vec<T>::zero()));
          });
        }
      });
}

template <class T>
void max_row_backward(PoolImage<T> dx, PoolImage<const T> dy, PoolImage<const int32_t> indices,
                      const PoolAxis& rows, const PoolAxis& cols, int64_t h, int64_t channels) {
  using V = Vec<T>;
  using Position = typename PoolPosition<T>::Type;
  struct Source {
    const T* dy;
    const int32_t* positions;
  };
  const int64_t p0 = first_window(rows, h), p1 = last_window(rows, h);
  if (p1 - p0 == 1 && cols.stride >= cols.window)
    return pick_row<T>(dx, dy, indices, cols, h, p0, channels);
  for (int64_t w = 0; w < cols.in; ++w) {
    const auto here = Vec<Position>::set1(Position(h * cols.in + w));
    T* to = at(dx, h, w);
    for_windows<Source>(
        p0, p1, first_window(cols, w), last_window(cols, w),
        [&](int64_t p, int64_t q) { return Source{at(dy, p, q), at(indices, p, q)}; },
        [&](bool first, const Source* sources, int count) {
          for_vectors<T>(channels, [&](auto access, int64_t c) {
            V sum = first ? V::zero() : access.load(to + c);
            for (int i = 0; i < count; ++i) {
              const auto chosen = load_positions(sources[i].positions + c, access) == here;
              sum = sum + select(chosen, access.load(sources[i].dy + c), V::zero());
            }
            access.store(to + c, sum);
          });
        });
  }
}

TW_INLINE bool all_within(const int32_t* positions, int64_t n, uint32_t first, uint32_t count) {
  const VecU begin = VecU::set1(first), size = VecU::set1(count);
  auto outside = begin != begin;
  int64_t i = 0;
  for (; i + VecI::kLanes <= n; i += VecI::kLanes)
    outside = outside | ((bitcast<uint32_t>(VecI::load(positions + i)) - begin) >= size);
  bool within = none(outside);
  for (; i < n; ++i) within &= uint32_t(positions[i]) - first < count;
  return within;
}

// The other way, where windows are further apart: rows of dx are set to zero, and each dy is added to where its index
// says if that is one of its window's rows. The order of additions is the same, and so are the bits.
template <class T>
void max_scatter(PoolImage<T> dx, PoolImage<const T> dy, PoolImage<const int32_t> indices, const PoolAxis& rows,
                 const PoolAxis& cols, int64_t begin, int64_t end, int64_t channels) {
  const int64_t width = cols.in, p1 = last_window(rows, end - 1);
  if (dx.row == width * dx.pixel && dx.pixel == channels)
    __builtin_memset(at(dx, begin, 0), 0, size_t((end - begin) * dx.row) * sizeof(T));
  else
    for (int64_t h = begin; h < end; ++h) set_zero(dx, h, 0, width, channels);
  const bool plain = dx.row == width * dx.pixel && (indices.pixel == channels || cols.out == 1);
  for (int64_t p = first_window(rows, begin); p < p1; ++p) {
    const int64_t top = window_begin(rows, p), bottom = window_end(rows, p);
    const int64_t h0 = top > begin ? top : begin, h1 = bottom < end ? bottom : end;
    if (h0 >= h1) continue;
    const auto first = uint32_t(h0 * width), count = uint32_t((h1 - h0) * width);
    const int32_t* positions = at(indices, p, 0);
    const T* from = at(dy, p, 0);
    const bool unasked = plain && all_within(positions, cols.out * channels, first, count);
    for (int64_t q = 0; q < cols.out; ++q, positions += indices.pixel, from += dy.pixel) {
      if (unasked) {
        for (int64_t c = 0; c < channels; ++c) dx.data[positions[c] * dx.pixel + c] += from[c];
        continue;
      }
      for (int64_t c = 0; c < channels; ++c)
        if (uint32_t(positions[c]) - first < count) at(dx, positions[c] / width, positions[c] % width)[c] += from[c];
    }
  }
}

template <class T>
void gather_row(PoolImage<T> y, PoolImage<const T> x, PoolImage<const int32_t> indices, int64_t width,
                int64_t p, int64_t cols, int64_t channels) {
  for (int64_t q = 0; q < cols; ++q) {
    const int32_t* from = at(indices, p, q);
    for (int64_t c = 0; c < channels; ++c) at(y, p, q)[c] = at(x, from[c] / width, from[c] % width)[c];
  }
}

template <class T>
void avg_row(PoolImage<T> y, PoolImage<const T> x, const PoolAxis& rows, const PoolAxis& cols, int64_t p,
             int64_t channels) {
  using V = Vec<T>;
  const int64_t h0 = window_begin(rows, p), h1 = window_end(rows, p);
  for (int64_t q = 0; q < cols.out; ++q) {
    const int64_t w0 = window_begin(cols, q), w1 = window_end(cols, q);
    const V count = V::set1(T(window_count(rows, p) * window_count(cols, q)));
    if (wide<T>(rows, cols, channels)) {
      avg_wide<T>(at(y, p, q), x, h0, h1, w0, w1, channels, count);
      continue;
    }
    for_vectors<T>(channels, [&](auto access, int64_t c) {
      V total = V::zero();
      for (int64_t h = h0; h < h1; ++h) {
        const T* from = at(x, h, w0) + c;
        V sum = V::zero();  // row by row: long sums lose less
        for (int64_t w = w0; w < w1; ++w, from += x.pixel) sum = sum + access.load(from);
        total = total + sum;
      }
      access.store(at(y, p, q) + c, total / count);
    });
  }
}

// Pixels that lie in one and the same window, each written whole, one after the other: three streams of parts of pixels
// took 484 us where this takes 248 (46 x 107 x 254 out of memory, windows of 3 x 3).
template <class T>
void spread_row(PoolImage<T> dx, PoolImage<const T> dy, const PoolAxis& rows, const PoolAxis& cols, int64_t h,
                int64_t p, int64_t channels) {
  using V = Vec<T>;
  for_windows_apart(
      cols, [&](int64_t w0, int64_t w1) { set_zero(dx, h, w0, w1, channels); },
      [&](int64_t q, int64_t w0, int64_t w1) {
        const V share = V::set1(T(1) / T(window_count(rows, p) * window_count(cols, q)));
        const T* const from = at(dy, p, q);
        for (int64_t w = w0; w < w1; ++w) {
          T* const to = at(dx, h, w);
          for_vectors<T>(channels, [&](auto access, int64_t c) { access.store(to + c, access.load(from + c) * share); });
        }
      });
}

template <class T>
void avg_row_backward(PoolImage<T> dx, PoolImage<const T> dy, const PoolAxis& rows, const PoolAxis& cols,
                      int64_t h, int64_t channels) {
  using V = Vec<T>;
  const int64_t p0 = first_window(rows, h), p1 = last_window(rows, h);
  if (p1 - p0 == 1 && cols.stride >= cols.window)
    return spread_row<T>(dx, dy, rows, cols, h, p0, channels);
  struct Source {
    const T* dy;
    T share;
  };
  for (int64_t w = 0; w < cols.in; ++w) {
    T* to = at(dx, h, w);
    for_windows<Source>(
        p0, p1, first_window(cols, w), last_window(cols, w),
        [&](int64_t p, int64_t q) {
          return Source{at(dy, p, q), T(1) / T(window_count(rows, p) * window_count(cols, q))};
        },
        [&](bool first, const Source* sources, int count) {
          for_vectors<T>(channels, [&](auto access, int64_t c) {
            V sum = first ? V::zero() : access.load(to + c);
            for (int i = 0; i < count; ++i)
              sum = fma(access.load(sources[i].dy + c), V::set1(sources[i].share), sum);
            access.store(to + c, sum);
          });
        });
  }
}

template <class T>
constexpr Pool2dTable<T> table() {
  return {max_row<T>,    max_row_backward<T>,    gather_row<T>, avg_row<T>, avg_row_backward<T>,
          max_scatter<T>,
          narrow_max<T>, narrow_avg<T>, narrow_avg_backward<T>};
}

}  // namespace

template <class Kernels>
void fill(Kernels& kernels);

template <>
void fill(Pool2dKernels& kernels) {
  kernels = {table<float>(), table<double>()};
}

}  // namespace tilewright::cpu::TW_ISA
