# SPDX-License-Identifier: Apache-2.0
"""NumPy or CuPy, by the array: what lets one reference serve both."""

import sys

import numpy


def namespace_of(*arrays):
    """The module whose functions take these arrays: cupy if any is a CuPy array, else numpy."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and any(isinstance(a, cupy.ndarray) for a in arrays):
        return cupy
    return numpy
