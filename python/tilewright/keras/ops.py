# SPDX-License-Identifier: Apache-2.0
"""Keras 3's `keras.ops`: functions of arrays, and between the layers of a model that is being described."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright import ops as engine
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras import ops_plain
from tilewright.keras.graph import KerasTensor, symbols
from tilewright.keras.layers import operation_functions as functions
from tilewright.keras.layers.operation import OPERATIONS
from tilewright.keras.ops_plain import *  # noqa: F403
from tilewright.suggestion import missing
from tilewright.tf.arguments import tensor


def _function(name: str, operation: str, count: int | None):
    """The function of `count` values (of all where None), and after them the operation's options."""
    cls = OPERATIONS[operation]

    def function(*args, **options):
        values, rest = (args, ()) if count is None else (args[:count], args[count:])
        if len(values) < (count or 0):  # the first values by their names
            given = [key for key in options if key not in cls.options][: count - len(values)]
            values = (*values, *(options.pop(key) for key in given))
        if symbols((values, options)):
            return cls(*rest, **options)(*values)
        lists = operation in ("Concatenate", "Stack")
        values = [[tensor(part) for part in value] if lists else _value(value, count) for value in values]
        return cls.function(*values, **dict(zip(cls.options, rest, strict=False)), **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of arrays or of KerasTensors."
    return function


def _value(x, count: int | None):
    """x as a Tensor; a number beside another value stays one, and takes that value's dtype."""
    if isinstance(x, Tensor) or count != 1 and isinstance(x, (bool, int, float)):
        return x
    return tensor(x)


_ONE = {
    "abs": "Absolute", "absolute": "Absolute", "all": "All", "any": "Any", "cast": "Cast", "clip": "Clip",
    "concatenate": "Concatenate", "exp": "Exp", "expand_dims": "ExpandDims", "gelu": "Gelu", "log": "Log",
    "log_softmax": "LogSoftmax", "logical_not": "LogicalNot", "max": "Max", "mean": "Mean", "min": "Min",
    "negative": "Negative", "relu": "Relu", "reshape": "Reshape", "sigmoid": "Sigmoid", "silu": "Silu",
    "softmax": "Softmax", "softplus": "Softplus", "sqrt": "Sqrt", "square": "Square", "squeeze": "Squeeze",
    "stack": "Stack", "sum": "Sum", "tanh": "Tanh", "transpose": "Transpose",
}  # fmt: skip
_TWO = {
    "add": "Add", "divide": "Divide", "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterEqual",
    "less": "Less", "less_equal": "LessEqual", "logical_and": "LogicalAnd", "logical_or": "LogicalOr",
    "matmul": "Matmul", "maximum": "Maximum", "minimum": "Minimum", "multiply": "Multiply",
    "not_equal": "NotEqual", "power": "Power", "subtract": "Subtract", "true_divide": "TrueDivide",
}  # fmt: skip
globals().update({name: _function(name, operation, 1) for name, operation in _ONE.items()})
globals().update({name: _function(name, operation, 2) for name, operation in _TWO.items()})
where = _function("where", "Where", 3)
for _table, _count in ((functions.ONE, 1), (functions.TWO, 2), (functions.ANY_NUMBER, None)):
    globals().update({name: _function(name, entry[0], _count) for name, entry in _table.items()})
amax, amin, hard_swish, swish = (globals()[name] for name in ("max", "min", "hard_silu", "silu"))


def einsum(subscripts, *operands):
    """Products and sums by the letters of axes."""
    return _function("einsum", "Einsum", None)(*operands, subscripts=subscripts)


def _is_array(x) -> bool:
    return isinstance(x, Tensor) or hasattr(x, "__cuda_array_interface__")


def convert_to_tensor(x, dtype=None) -> Tensor:
    """x as a Tensor."""
    if isinstance(x, Tensor) and (dtype is None or x.dtype == dtype_of(dtype)):
        return x
    if _is_array(x):
        return Tensor(x) if dtype is None else engine.cast(Tensor(x), dtype_of(dtype))
    return Tensor(backend.on_device(np.asarray(x, None if dtype is None else dtype_of(dtype))))


def convert_to_numpy(x) -> np.ndarray:
    """The values of a Tensor or array."""
    return convert_to_tensor(x).numpy() if _is_array(x) else np.asarray(x)


def shape(x) -> tuple:
    """The shape; None for axes of a KerasTensor that are open."""
    return tuple(x.shape)


def is_tensor(x) -> bool:
    """Whether x is a Tensor or a KerasTensor."""
    return isinstance(x, (Tensor, KerasTensor))


__all__ = [
    *_ONE,
    *_TWO,
    "convert_to_numpy",
    "convert_to_tensor",
    "is_tensor",
    "shape",
    "where",
    *functions.ONE,
    *functions.TWO,
    *ops_plain.__all__,
    "amax",
    "amin",
    "einsum",
    "hard_swish",
    "swish",
]
__getattr__ = missing(__name__, __all__)
