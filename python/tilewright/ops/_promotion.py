# SPDX-License-Identifier: Apache-2.0
"""The dtype of a result whose arguments differ in theirs, or are integers where it is a fraction.

Plain arrays follow NumPy. Tensors follow Keras, PyTorch and JAX: an integer beside a float takes the float's
dtype, and a fraction of integers is float32, so that a count or a range does not turn float32 arithmetic into
float64.
"""

from __future__ import annotations

import numpy as np

from tilewright.autograd import Tensor

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


def of_pair(name: str, x, y, tensors: bool) -> np.dtype:
    """The common dtype of two dtypes, or of a dtype and a Python number beside it.

    Raises   TypeError: there is none
    """
    if tensors:
        floats = [kind for kind in (x, y) if isinstance(kind, np.dtype) and kind.kind in "fV"]
        if len(floats) == 1 or (not floats and isinstance(y, float)):
            return floats[0] if floats else _FLOAT32
        if len(floats) == 2 and {x.name, y.name} == {"float16", "bfloat16"}:
            return _FLOAT32
    try:
        dtype = np.result_type(x, y)
    except TypeError as error:
        raise TypeError(f"[{name}] {x} and {y} have no common dtype, expected a cast") from error
    narrow = dtype == np.int16 or (dtype == np.int64 and isinstance(y, int) and x.itemsize < 8)
    return _INT32 if tensors and narrow else dtype  # int16 is no dtype of the engine


def of_fraction(x) -> np.dtype:
    """What the integers of `x` become where the result is a fraction."""
    return _FLOAT32 if isinstance(x, Tensor) else _FLOAT64


def of_sum(x, dtype: np.dtype) -> np.dtype:
    """The dtype of a sum or product over an array of integers or truths."""
    return _INT32 if isinstance(x, Tensor) and dtype.itemsize < 8 else _INT64
