// SPDX-License-Identifier: Apache-2.0
// batch_norm on the CPU. The array is cut into tiles, blocks of columns times slices of rows, by its shape alone;
// each tile sums its columns, tiles are joined in order, then a second sweep over the array uses the result.
#include "cpu/norm_batch.h"

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/norm.h"

namespace tilewright::cpu {
namespace {

constexpr int64_t kElementsPerTask = 1 << 14;
constexpr int64_t kMostTiles = 64;

template <class T>
const NormTable<T>& table() {
  return kernels<NormKernels>().of<T>();
}

template <class T>
double value_of(const View& values, int64_t c, double otherwise) {
  return values ? static_cast<double>(values.as<T>()[c * values.stride(0)]) : otherwise;
}

struct Tiles {
  int64_t rows, cols, column_blocks, row_slices;

  Tiles(int64_t rows, int64_t cols) : rows(rows), cols(cols) {
    column_blocks = (cols + kNormColumns - 1) / kNormColumns;
    const int64_t width = std::min<int64_t>(cols, kNormColumns);
    const int64_t most = std::max<int64_t>(1, kMostTiles / std::max<int64_t>(column_blocks, 1));
    row_slices = std::max<int64_t>(1, std::min(most, rows * width / kElementsPerTask));
  }

  // body(slice, first row, end row, first column, number of columns), in parallel
  template <class Body>
  void for_each(Body&& body) const {
    parallel_for(column_blocks * row_slices, [&](int64_t tile) {
      const int64_t slice = tile / column_blocks, column = tile % column_blocks * kNormColumns;
      body(slice, rows * slice / row_slices, rows * (slice + 1) / row_slices, column,
           std::min<int64_t>(kNormColumns, cols - column));
    });
  }

  // The same in pieces of at most kNormSlice rows for the sweeps that only write.
  template <class Body>
  void for_pieces(Body&& body) const {
    for_each([&](int64_t, int64_t begin, int64_t end, int64_t column, int64_t width) {
      body(begin, end - begin, column, width);
    });
  }
};

template <class T>
ColumnBlock<T> block_of(const View& x, int64_t row, int64_t rows, int64_t column, int64_t cols) {
  return {x.as<T>() + row * x.stride(0) + column, x.stride(0), rows, cols};
}

// Mean and sum of squared deviations of `count` rows, per column.
struct Moments {
  double mean = 0, squares = 0;

  // Joins two groups (Chan, Golub & LeVeque 1983). `share` is count / (count + other_count), the rest below alike.
  void join(double count, double other_mean, double other_squares, double other_count) {
    const double total = count + other_count, apart = other_mean - mean;
    mean += apart * (other_count / total);
    squares += other_squares + apart * apart * (count * (other_count / total));
  }
};

template <class T>
void tile_moments(Moments* joined, const View& x, int64_t begin, int64_t end, int64_t column, int64_t cols) {
  ColumnMoments<T> part;
  std::fill_n(joined, cols, Moments());
  for (int64_t r = begin; r < end; r += kNormSlice) {
    const int64_t rows = std::min<int64_t>(kNormSlice, end - r);
    table<T>().column_moments(part, block_of<T>(x, r, rows, column, cols));
    const double n = static_cast<double>(rows), before = static_cast<double>(r - begin);
    for (int64_t c = 0; c < cols; ++c) {
      const double rest = part.rest[c] / n;
      joined[c].join(before, part.mean[c] + rest, part.squares[c] - rest * rest * n, n);
    }
  }
}

// What turns x into y: y = (x - centre) * scale + shift.
template <class T>
struct ColumnMap {
  explicit ColumnMap(int64_t cols) : memory(3 * cols), centre(memory.data()), scale(centre + cols), shift(scale + cols) {}
  Scratch<T> memory;
  T *centre, *scale, *shift;

  // The mean keeps what its rounding to T leaves over: centre takes the rounded part, shift the rest.
  void set(int64_t c, double mean, double rstd, double gamma, double beta) {
    centre[c] = static_cast<T>(mean);
    scale[c] = static_cast<T>(rstd * gamma);
    shift[c] = static_cast<T>(beta - (mean - static_cast<double>(centre[c])) * rstd * gamma);
  }

  void apply(const View& y, const View& x, const Tiles& tiles) const {
    tiles.for_pieces([&](int64_t row, int64_t rows, int64_t column, int64_t cols) {
      table<T>().column_scale(y.as<T>() + row * y.stride(0) + column, y.stride(0),
                              block_of<T>(x, row, rows, column, cols), centre + column, scale + column, shift + column);
    });
  }
};

template <class T>
void update_moving(const View& moving, int64_t c, double value, double decay) {
  if (!moving) return;
  T& kept = moving.as<T>()[c * moving.stride(0)];
  kept = static_cast<T>(static_cast<double>(kept) * decay + value * (1 - decay));
}

template <class T>
void training(const View& y, const View& mean, const View& rstd, const View& moving_mean, const View& moving_variance,
              const View& x, const View& gamma, const View& beta, const BatchNormParams& params) {
  const Tiles tiles(x.dim(0), x.dim(1));
  if (tiles.rows == 0 || tiles.cols == 0) return;
  const Scratch<Moments> moments(tiles.row_slices * tiles.cols);
  tiles.for_each([&](int64_t slice, int64_t begin, int64_t end, int64_t column, int64_t cols) {
    tile_moments<T>(moments.data() + slice * tiles.cols + column, x, begin, end, column, cols);
  });
  ColumnMap<T> map(tiles.cols);
  const double n = static_cast<double>(tiles.rows);
  for (int64_t c = 0; c < tiles.cols; ++c) {
    Moments all = moments[c];
    for (int64_t s = 1; s < tiles.row_slices; ++s) {
      const int64_t begin = tiles.rows * s / tiles.row_slices, end = tiles.rows * (s + 1) / tiles.row_slices;
      const Moments& other = moments[s * tiles.cols + c];
      all.join(static_cast<double>(begin), other.mean, other.squares, static_cast<double>(end - begin));
    }
    const double variance = all.squares < 0 ? 0 : all.squares / n;
    const double root = 1 / std::sqrt(variance + params.epsilon);
    map.set(c, all.mean, root, value_of<T>(gamma, c, 1), value_of<T>(beta, c, 0));
    if (mean) mean.as<T>()[c] = static_cast<T>(all.mean);
    if (rstd) rstd.as<T>()[c] = static_cast<T>(root);
    update_moving<T>(moving_mean, c, all.mean, params.decay);
    update_moving<T>(moving_variance, c, params.unbiased ? variance * n / (n - 1) : variance, params.decay);
  }
  map.apply(y, x, tiles);
}

template <class T>
void inference(const View& y, const View& x, const View& mean, const View& variance, const View& gamma,
               const View& beta, double epsilon) {
  const Tiles tiles(x.dim(0), x.dim(1));
  if (tiles.rows == 0 || tiles.cols == 0) return;
  ColumnMap<T> map(tiles.cols);
  for (int64_t c = 0; c < tiles.cols; ++c) {
    const double root = 1 / std::sqrt(value_of<T>(variance, c, 1) + epsilon);
    map.set(c, value_of<T>(mean, c, 0), root, value_of<T>(gamma, c, 1), value_of<T>(beta, c, 0));
  }
  map.apply(y, x, tiles);
}

// Sums over rows, per column.
struct Products {
  double dy = 0, product = 0, rest = 0;

  void add(double other_dy, double other_product, double other_rest) {
    dy += other_dy;
    product += other_product;
    rest += other_rest;
  }
};

template <class T>
void tile_products(Products* joined, const View& dy, const View& x, const T* centre, int64_t begin, int64_t end,
                   int64_t column, int64_t cols) {
  ColumnProducts<T> part;
  std::fill_n(joined, cols, Products());
  for (int64_t r = begin; r < end; r += kNormSlice) {
    const int64_t rows = std::min<int64_t>(kNormSlice, end - r);
    table<T>().column_products(part, block_of<T>(dy, r, rows, column, cols), block_of<T>(x, r, rows, column, cols),
                               centre + column);
    for (int64_t c = 0; c < cols; ++c) joined[c].add(part.dy[c], part.product[c], part.rest[c]);
  }
}

template <class T>
void backward(const View& dx, const View& dgamma, const View& dbeta, const View& dy, const View& x, const View& mean,
              const View& rstd, const View& gamma) {
  const Tiles tiles(x.dim(0), x.dim(1));
  const int64_t cols = tiles.cols;
  if (cols == 0) return;
  const T* centre = mean.as<T>();
  const Scratch<Products> products(tiles.row_slices * cols);
  tiles.for_each([&](int64_t slice, int64_t begin, int64_t end, int64_t column, int64_t width) {
    tile_products<T>(products.data() + slice * cols + column, dy, x, centre, begin, end, column, width);
  });
  const Scratch<T> factors(3 * cols);
  T *dy_scale = factors.data(), *x_scale = dy_scale + cols, *shift = x_scale + cols;
  const double n = static_cast<double>(tiles.rows);
  for (int64_t c = 0; c < cols; ++c) {
    Products all = products[c];
    for (int64_t s = 1; s < tiles.row_slices; ++s) {
      const Products& other = products[s * cols + c];
      all.add(other.dy, other.product, other.rest);
    }
    // `rest` is how far the true mean lies from its rounded value.
    const double root = value_of<T>(rstd, c, 1), rest = tiles.rows ? all.rest / n : 0;
    const double by_gamma = (all.product - rest * all.dy) * root, scale = value_of<T>(gamma, c, 1) * root;
    if (dgamma) dgamma.as<T>()[c] = static_cast<T>(by_gamma);
    if (dbeta) dbeta.as<T>()[c] = static_cast<T>(all.dy);
    dy_scale[c] = static_cast<T>(scale);
    x_scale[c] = static_cast<T>(-scale * root * by_gamma / n);
    shift[c] = static_cast<T>(-scale * (all.dy - root * by_gamma * rest) / n);
  }
  tiles.for_pieces([&](int64_t row, int64_t rows, int64_t column, int64_t width) {
    table<T>().column_combine(dx.as<T>() + row * dx.stride(0) + column, dx.stride(0),
                              block_of<T>(dy, row, rows, column, width), block_of<T>(x, row, rows, column, width),
                              centre + column, dy_scale + column, x_scale + column, shift + column);
  });
}

void batch_norm_training(const View& y, const View& mean, const View& rstd, const View& moving_mean,
                         const View& moving_variance, const View& x, const View& gamma, const View& beta,
                         const BatchNormParams& params, Stream) {
  for_float(y.dtype, [&](auto type) {
    training<type_t<decltype(type)>>(y, mean, rstd, moving_mean, moving_variance, x, gamma, beta, params);
  });
}

void batch_norm_inference(const View& y, const View& x, const View& mean, const View& variance, const View& gamma,
                          const View& beta, double epsilon, Stream) {
  for_float(y.dtype, [&](auto type) {
    inference<type_t<decltype(type)>>(y, x, mean, variance, gamma, beta, epsilon);
  });
}

void batch_norm_backward(const View& dx, const View& dgamma, const View& dbeta, const View& dy, const View& x,
                         const View& mean, const View& rstd, const View& gamma, Stream) {
  for_float(dx.dtype, [&](auto type) {
    backward<type_t<decltype(type)>>(dx, dgamma, dbeta, dy, x, mean, rstd, gamma);
  });
}

}  // namespace

void fill_batch_norm(Ops& ops) {
  ops.batch_norm_training.set(batch_norm_training, kF32F64);
  ops.batch_norm_inference.set(batch_norm_inference, kF32F64);
  ops.batch_norm_backward.set(batch_norm_backward, kF32F64);
}

}  // namespace tilewright::cpu
