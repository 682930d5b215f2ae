# SPDX-License-Identifier: Apache-2.0
"""Keras 3's `keras.ops`: functions of arrays, and between the layers of a model that is being described."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright import ops as engine
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras.graph import KerasTensor, symbols
from tilewright.keras.layers.operation import OPERATIONS


def _function(name: str, operation: str, count: int):
    """The function of `count` values, and after them the operation's options."""
    cls = OPERATIONS[operation]

    def function(*args, **options):
        values, rest = args[:count], args[count:]
        if symbols((args, options)):
            return cls(*rest, **options)(*values)
        return cls.function(*values, **dict(zip(cls.options, rest, strict=False)), **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of arrays or of KerasTensors."
    return function


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
]
