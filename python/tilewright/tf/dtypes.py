# SPDX-License-Identifier: Apache-2.0
"""`tf.float32` and its kin: NumPy's dtypes by TensorFlow's names, and `tf.dtypes`."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.dtype_names import dtype_of
from tilewright.tf.arguments import tensor

float16, float32, float64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
half, double = float16, float64
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
bool = np.dtype(np.bool_)
string = dtype_of("string")
DType = np.dtype

__all__ = [
    "DType", "as_dtype", "bool", "cast", "double", "float16", "float32", "float64",
    "half", "int16", "int32", "int64", "int8", "saturate_cast", "string", "uint16", "uint32",
    "uint64", "uint8",
]  # fmt: skip


def __getattr__(name: str):
    if name == "bfloat16":
        return dtype_of(name)
    raise AttributeError(f"module 'tilewright.tf.dtypes' has no attribute {name!r}")


def as_dtype(type_value) -> np.dtype:
    """A dtype from its name, a NumPy or Python type, or a dtype. Raises TypeError for what is none.

    Examples
        >>> as_dtype("bfloat16").name
        'bfloat16'
    """
    return dtype_of(type_value)


def cast(x, dtype, name=None):
    """`x` in another dtype; a Tensor of that dtype itself. Floats are cut off on the way to integers.

    Examples
        >>> cast([1.8, 2.2], "int32").numpy()
        array([1, 2], dtype=int32)
    """
    return ops.cast(tensor(x), dtype_of(dtype))


def saturate_cast(value, dtype, name=None):
    """`cast`, with values beyond the range of the dtype moved to its ends first."""
    value, dtype = tensor(value, argument="value"), dtype_of(dtype)
    if dtype.kind in "iu" and value.dtype != dtype:
        info = np.iinfo(dtype)
        wide = np.iinfo(value.dtype) if value.dtype.kind in "iu" else None
        if wide is None or wide.min < info.min:
            value = ops.maximum(value, info.min)
        if wide is None or wide.max > info.max:
            value = ops.minimum(value, info.max)
    return ops.cast(value, dtype)
