// SPDX-License-Identifier: Apache-2.0
// NumPy arrays over the engine's memory: a block of the pool, or of the arena of the step being recorded, which
// goes back when the last view of it dies.
#pragma once

#include <pybind11/numpy.h>

#include <vector>

namespace tilewright::bindings {

// Uninitialised, C order. Raises ValueError for a negative size or more bytes than can be addressed.
pybind11::array pool_array(const std::vector<pybind11::ssize_t>& dims, const pybind11::dtype& dtype);

}  // namespace tilewright::bindings
