# SPDX-License-Identifier: Apache-2.0
"""How the functions of `keras.ops` read their arguments: Tensors in the dtype that Keras computes in."""

from __future__ import annotations

import functools

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras import defaults
from tilewright.ops._promotion import of_pair
from tilewright.tf.arguments import tensor

_NUMBERS = (bool, int, float)


def is_float(x) -> bool:
    """Whether a Tensor holds floats, of 16 bits too."""
    return x.dtype.kind in "fV"


def floats(x) -> Tensor:
    """x as a Tensor of floats: whole numbers and truth values in floatx."""
    x = tensor(x)
    return x if is_float(x) else ops.cast(x, dtype_of(defaults.floatx()))


def common_dtype(*values):
    """Keras's common dtype of Tensors and Python numbers: as Tensors meet in the engine, but whole numbers
    beside a float of Python's become floatx."""
    dtypes = [v.dtype for v in values if isinstance(v, Tensor)]
    numbers = [v for v in values if not isinstance(v, Tensor)]
    if any(type(n) is float for n in numbers) and not any(d.kind in "fV" for d in dtypes):
        return dtype_of(defaults.floatx())
    return functools.reduce(lambda x, y: of_pair("keras.ops", x, y, True), (*dtypes, *numbers))


def meeting(*values) -> list:
    """Values that meet in one operation, in their common dtype; numbers beside a Tensor stay numbers."""
    values = [v if type(v) in _NUMBERS else tensor(v) for v in values]
    if not any(isinstance(v, Tensor) for v in values):
        values[0] = tensor(values[0])
    dtype = common_dtype(*values)
    return [ops.cast(v, dtype) if isinstance(v, Tensor) and v.dtype != dtype else v for v in values]


def tensors(*values) -> list[Tensor]:
    """Values that meet in one expression, all as Tensors of their common dtype."""
    met = meeting(*values)
    dtype = common_dtype(*met)
    return [v if isinstance(v, Tensor) else tensor(v, dtype) for v in met]


def float_tensors(*values) -> list[Tensor]:
    """`tensors`, in a dtype of floats."""
    met = tensors(*values)
    return met if is_float(met[0]) else [floats(v) for v in met]


def flat(x) -> Tensor:
    """The elements along one axis."""
    return ops.reshape(x, (-1,))


def slices(ndim: int, axis: int, part) -> tuple:
    """The key that takes `part` of one axis and all of the others."""
    return tuple(part if i == axis else slice(None) for i in range(ndim))
