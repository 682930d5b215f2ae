// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "bindings/arrays.h"

namespace tilewright::bindings {
namespace {

// The array to fill, and its key: seed and offset.
struct Draw {
  View y, key;

  Draw(const char* name, py::handle y_array, py::handle key_array)
      : y(output(name, "out", y_array)), key(input(name, "key", key_array)) {
    if (!y.contiguous())
      fail(ErrorKind::value, name, "out has strides " + strides_text(y) + ", expected C order");
    check_dtype(name, "key", key, {Dtype::s64});
    check_shape(name, "key", key, {2}, "seed and offset");
    check_no_overlap(name, "out", y, "key", key);
  }
};

void check_finite(const char* name, const char* argument, double value) {
  if (!std::isfinite(value))
    fail(ErrorKind::value, name,
         std::string(argument) + " is " + std::to_string(value) + ", expected a finite number");
}

void uniform(const Ops& ops, py::handle y, py::handle key, double low, double high, py::handle stream) {
  const char* name = "random_uniform";
  const Draw draw(name, y, key);
  check_finite(name, "low", low);
  check_finite(name, "high", high);
  check_finite(name, "high - low", draw.y.dtype == Dtype::f32 ? double(float(high - low)) : high - low);
  if (low > high)
    fail(ErrorKind::value, name,
         "low is " + std::to_string(low) + ", expected at most high, " + std::to_string(high));
  run(ops.random_uniform, draw.y, draw.key, low, high, stream_of(stream));
}

void check_spread(const char* name, double mean, double stddev) {
  check_finite(name, "mean", mean);
  check_finite(name, "stddev", stddev);
  if (stddev < 0)
    fail(ErrorKind::value, name, "stddev is " + std::to_string(stddev) + ", expected at least 0");
}

void normal(const Ops& ops, py::handle y, py::handle key, double mean, double stddev, py::handle stream) {
  const Draw draw("random_normal", y, key);
  check_spread("random_normal", mean, stddev);
  run(ops.random_normal, draw.y, draw.key, mean, stddev, stream_of(stream));
}

void truncated_normal(const Ops& ops, py::handle y, py::handle key, double mean, double stddev,
                      py::handle stream) {
  const Draw draw("random_truncated_normal", y, key);
  check_spread("random_truncated_normal", mean, stddev);
  run(ops.random_truncated_normal, draw.y, draw.key, mean, stddev, stream_of(stream));
}

void bernoulli(const Ops& ops, py::handle y, py::handle key, double probability, py::handle stream) {
  const char* name = "random_bernoulli";
  const Draw draw(name, y, key);
  if (!(probability >= 0 && probability <= 1))
    fail(ErrorKind::value, name, "probability is " + std::to_string(probability) + ", expected 0 to 1");
  run(ops.random_bernoulli, draw.y, draw.key, probability, stream_of(stream));
}

}  // namespace

void bind_random(py::module_& m, const Ops& ops) {
  const auto y = py::arg("y"), key = py::arg("key"), mean = py::arg("mean"), stddev = py::arg("stddev");
  const auto stream = py::arg("stream") = py::none();
  define(m, ops, "random_uniform", uniform, "y uniform in [low, high); key: int64 seed and offset", y, key,
         py::arg("low"), py::arg("high"), stream);
  define(m, ops, "random_normal", normal, "y normal", y, key, mean, stddev, stream);
  define(m, ops, "random_truncated_normal", truncated_normal, "y normal, drawn again beyond two stddev", y,
         key, mean, stddev, stream);
  define(m, ops, "random_bernoulli", bernoulli, "y = 1 with `probability`, else 0", y, key,
         py::arg("probability"), stream);
}

}  // namespace tilewright::bindings
