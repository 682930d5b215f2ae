# SPDX-License-Identifier: Apache-2.0
"""`tf.float32` and its kin: NumPy's dtypes by TensorFlow's names, and `tf.dtypes`."""

from __future__ import annotations

import numpy as np

from tilewright import ops

float16, float32, float64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
half, double = float16, float64
int8, int32, int64, uint8 = np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.uint8)
bool = np.dtype(np.bool_)
DType = np.dtype

__all__ = [
    "DType", "as_dtype", "bool", "cast", "double", "float16", "float32", "float64",
    "half", "int32", "int64", "int8", "saturate_cast", "uint8",
]  # fmt: skip


def __getattr__(name: str):
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    raise AttributeError(f"module 'tilewright.tf.dtypes' has no attribute {name!r}")


def as_dtype(type_value) -> np.dtype:
    """A dtype from its name, a NumPy or Python type, or a dtype.

    Raises    TypeError: what is none
    Examples
        >>> as_dtype("bfloat16").name, as_dtype(np.float32).name
        ('bfloat16', 'float32')
    """
    if type(type_value) is np.dtype:
        return type_value
    if type_value == "bfloat16":
        return __getattr__("bfloat16")
    try:
        return np.dtype(type_value)
    except TypeError:
        raise TypeError(f"[as_dtype] {type_value!r} is no dtype, expected for example tf.float32") from None


def cast(x, dtype, name=None):
    """`x` in another dtype; a Tensor of that dtype itself. Floats are cut off on the way to integers.

    Examples
        >>> cast([1.8, 2.2], "int32").numpy()
        array([1, 2], dtype=int32)
    """
    from tilewright.tf.arguments import tensor

    return ops.cast(tensor(x), as_dtype(dtype))


def saturate_cast(value, dtype, name=None):
    """`cast`, with values beyond the range of the dtype moved to its ends first."""
    from tilewright.tf.arguments import tensor

    value, dtype = tensor(value, argument="value"), as_dtype(dtype)
    if dtype.kind in "iu" and value.dtype != dtype:
        info = np.iinfo(dtype)
        wide = np.iinfo(value.dtype) if value.dtype.kind in "iu" else None
        if wide is None or wide.min < info.min:
            value = ops.maximum(value, info.min)
        if wide is None or wide.max > info.max:
            value = ops.minimum(value, info.max)
    return ops.cast(value, dtype)
