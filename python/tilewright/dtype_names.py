# SPDX-License-Identifier: Apache-2.0
"""Dtypes by their names, those that NumPy does not know included."""

from __future__ import annotations

import numpy as np


def dtype_of(dtype) -> np.dtype:
    """A dtype given by name, class, numpy.dtype or TensorFlow's kind of object; that of texts is object.

    Raises    TypeError: what is none
    Examples
        >>> dtype_of("bfloat16").name, dtype_of(np.float32).name
        ('bfloat16', 'float32')
    """
    if type(dtype) is np.dtype:
        return dtype
    if isinstance(dtype, str) and dtype == "string":
        return np.dtype(object)
    if isinstance(dtype, str) and dtype == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    try:
        return np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    except TypeError:
        raise TypeError(f"[dtype] {dtype!r} is no dtype, expected for example 'float32'") from None
