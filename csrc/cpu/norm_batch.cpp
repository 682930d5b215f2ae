// SPDX-License-Identifier: Apache-2.0
// batch_norm on the CPU. The array is cut into tiles, blocks of columns times slices of rows, by its shape
// alone; each tile sums its columns, tiles are joined in order, then a second sweep over the array uses the
// result. That one goes backwards: what the first read last is in the cache still.
#include "cpu/norm_batch.h"

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "cpu/kernel_table.h"
#include "cpu/kernels/norm.h"
#include "cpu/streaming.h"

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

// Rows row..row+rows-1 of columns column..column+cols-1; `slice` counts the tiles of a column.
struct Tile {
  int64_t slice, row, rows, column, cols;
};

struct Tiles {
  int64_t rows, cols, column_blocks, row_slices;

  Tiles(int64_t rows, int64_t cols) : rows(rows), cols(cols) {
    column_blocks = (cols + kNormColumns - 1) / kNormColumns;
    const int64_t width = std::min<int64_t>(cols, kNormColumns);
    const int64_t most = std::max<int64_t>(1, kMostTiles / std::max<int64_t>(column_blocks, 1));
    row_slices = std::max<int64_t>(1, std::min(most, rows * width / kElementsPerTask));
  }

  int64_t slice_begin(int64_t slice) const { return rows * slice / row_slices; }

  // body(tile) for all, in parallel
  template <class Body>
  void for_each(Body&& body) const {
    parallel_for(column_blocks * row_slices, [&](int64_t index) { body(tile_at(index)); });
  }
  // The same from the last tile to the first.
  template <class Body>
  void for_each_backwards(Body&& body) const {
    parallel_for(column_blocks * row_slices,
                 [&](int64_t index) { body(tile_at(column_blocks * row_slices - 1 - index)); });
  }

  Tile tile_at(int64_t index) const {
    const int64_t slice = index / column_blocks, column = index % column_blocks * kNormColumns;
    const int64_t row = slice_begin(slice), width = std::min<int64_t>(kNormColumns, cols - column);
    return {slice, row, slice_begin(slice + 1) - row, column, width};
  }
};

// body(piece) for the pieces of at most kNormSlice rows, from the first row to the last
template <class Body>
void for_pieces(const Tile& tile, Body&& body) {
  for (int64_t done = 0; done < tile.rows; done += kNormSlice)
    body(Tile{tile.slice, tile.row + done, std::min<int64_t>(kNormSlice, tile.rows - done), tile.column,
              tile.cols});
}

template <class T>
T* at(const View& x, const Tile& tile) {
  return x.as<T>() + tile.row * x.stride(0) + tile.column;
}

template <class T>
ColumnBlock<T> block_of(const View& x, const Tile& tile) {
  return {at<T>(x, tile), x.stride(0), tile.rows, tile.cols};
}

// Mean and sum of squared deviations of `count` rows, per column.
struct Moments {
  double mean = 0, squares = 0;

  // Takes in a second group of rows (Chan, Golub & LeVeque 1983, formula 2.1).
  void join(double count, double other_mean, double other_squares, double other_count) {
    const double total = count + other_count, apart = other_mean - mean;
    mean += apart * (other_count / total);
    squares += other_squares + apart * apart * (count * (other_count / total));
  }
};

template <class T>
void tile_moments(Moments* joined, const View& x, const Tile& tile) {
  ColumnMoments<T> part;
  std::fill_n(joined, tile.cols, Moments());
  for_pieces(tile, [&](const Tile& piece) {
    table<T>().column_moments(part, block_of<T>(x, piece));
    const double n = static_cast<double>(piece.rows), before = static_cast<double>(piece.row - tile.row);
    for (int64_t c = 0; c < tile.cols; ++c) {
      const double rest = part.rest[c] / n;
      joined[c].join(before, part.mean[c] + rest, part.squares[c] - rest * rest * n, n);
    }
  });
}

// What turns x into y: y = (x - centre) * scale + shift.
template <class T>
struct ColumnMap {
  explicit ColumnMap(int64_t cols)
      : memory(3 * cols), centre(memory.data()), scale(centre + cols), shift(scale + cols) {}
  Scratch<T> memory;
  T *centre, *scale, *shift;

  // The mean keeps what its rounding to T leaves over: centre takes the rounded part, shift the rest.
  void set(int64_t c, double mean, double rstd, double gamma, double beta) {
    centre[c] = static_cast<T>(mean);
    scale[c] = static_cast<T>(rstd * gamma);
    shift[c] = static_cast<T>(beta - (mean - static_cast<double>(centre[c])) * rstd * gamma);
  }

  void apply(const View& y, const View& x, const Tiles& tiles) const {
    const bool past_caches = y.data != x.data && 2 * y.size() * int64_t(sizeof(T)) >= streaming_bytes();
    tiles.for_each_backwards([&](const Tile& tile) {
      const int64_t c = tile.column;
      table<T>().column_scale({at<T>(y, tile), y.stride(0), past_caches}, block_of<T>(x, tile), centre + c, scale + c,
                              shift + c);
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
void training(const View& y, const View& mean, const View& rstd, const View& moving_mean,
              const View& moving_variance, const View& x, const View& gamma, const View& beta,
              const BatchNormParams& params) {
  const Tiles tiles(x.dim(0), x.dim(1));
  if (tiles.rows == 0 || tiles.cols == 0) return;
  const Scratch<Moments> moments(tiles.row_slices * tiles.cols);
  tiles.for_each([&](const Tile& tile) {
    tile_moments<T>(moments.data() + tile.slice * tiles.cols + tile.column, x, tile);
  });
  ColumnMap<T> map(tiles.cols);
  const double n = static_cast<double>(tiles.rows);
  for (int64_t c = 0; c < tiles.cols; ++c) {
    Moments all = moments[c];
    for (int64_t s = 1; s < tiles.row_slices; ++s) {
      const int64_t begin = tiles.slice_begin(s), end = tiles.slice_begin(s + 1);
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
void tile_products(Products* joined, const View& dy, const View& x, const T* centre, const Tile& tile) {
  ColumnProducts<T> part;
  std::fill_n(joined, tile.cols, Products());
  for_pieces(tile, [&](const Tile& piece) {
    table<T>().column_products(part, block_of<T>(dy, piece), block_of<T>(x, piece), centre + tile.column);
    for (int64_t c = 0; c < tile.cols; ++c) joined[c].add(part.dy[c], part.product[c], part.rest[c]);
  });
}

template <class T>
void backward(const View& dx, const View& dgamma, const View& dbeta, const View& dy, const View& x,
              const View& mean, const View& rstd, const View& gamma) {
  const Tiles tiles(x.dim(0), x.dim(1));
  const int64_t cols = tiles.cols;
  if (cols == 0) return;
  const T* centre = mean.as<T>();
  const Scratch<Products> products(tiles.row_slices * cols);
  tiles.for_each([&](const Tile& tile) {
    tile_products<T>(products.data() + tile.slice * cols + tile.column, dy, x, centre, tile);
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
  const bool past_caches =
      dx.data != dy.data && dx.data != x.data && 3 * dx.size() * int64_t(sizeof(T)) >= streaming_bytes();
  tiles.for_each_backwards([&](const Tile& tile) {
    const int64_t c = tile.column;
    table<T>().column_combine({at<T>(dx, tile), dx.stride(0), past_caches}, block_of<T>(dy, tile), block_of<T>(x, tile),
                              centre + c, dy_scale + c, x_scale + c, shift + c);
  });
}

void batch_norm_training(const View& y, const View& mean, const View& rstd, const View& moving_mean,
                         const View& moving_variance, const View& x, const View& gamma, const View& beta,
                         const BatchNormParams& params, Stream) {
  for_float(y.dtype, [&](auto type) {
    training<type_t<decltype(type)>>(y, mean, rstd, moving_mean, moving_variance, x, gamma, beta, params);
  });
}

void batch_norm_inference(const View& y, const View& x, const View& mean, const View& variance,
                          const View& gamma, const View& beta, double epsilon, Stream) {
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
