# SPDX-License-Identifier: Apache-2.0
"""How the functions of the `tf` names read their arguments: tensors, operands that meet, axes, sizes."""

from __future__ import annotations

import operator

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor, raw
from tilewright.dtype_names import dtype_of
from tilewright.ops._operands import beside
from tilewright.variable import narrowed


def tensor(x, dtype=None, argument: str = "x") -> Tensor:
    """`x` as a Tensor, sharing memory where it can.

    Python numbers and lists of them become bool, int32 (int64 where they do not fit) or float32; arrays keep
    their dtype; lists may hold Tensors. A Tensor of another dtype than `dtype` is cast.

    Raises    TypeError: what holds no numbers, or a symbolic value of a model that is being described
    """
    if not isinstance(x, Tensor):
        x = _from_host(x, dtype, argument)
    return x if dtype is None or x.dtype == dtype else ops.cast(x, dtype_of(dtype))


def _from_host(x, dtype, argument: str) -> Tensor:
    if isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
        return Tensor(_of_numbers(np.asarray(x), dtype))
    if isinstance(x, (list, tuple, range)):
        if _holds_tensors(x):
            return ops.stack([tensor(part, dtype, argument) for part in x])
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise ValueError(f"[tf] {argument} is a nested list with rows of different lengths") from error
        if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            raise TypeError(f"[tf] {argument} holds {array.dtype} values, expected numbers")
        return Tensor(_of_numbers(array, dtype))
    if type(x).__name__ == "KerasTensor":
        raise TypeError(
            f"[tf] {argument} is {x!r}, a value of a model that is being described, expected a Tensor; use "
            "it in a layer: Lambda(lambda x: tf.reduce_mean(x)), or the call of a Layer of your own"
        )
    if x is None or isinstance(x, (str, bytes)):
        raise TypeError(f"[tf] {argument} is {x!r}, expected a Tensor, an array or numbers")
    if (
        not isinstance(x, (np.ndarray, np.generic))
        and not hasattr(x, "__dlpack__")
        and hasattr(x, "__array__")
    ):
        x = np.asarray(x)
    return Tensor(raw("tf", argument, x))


def _of_numbers(array: np.ndarray, dtype) -> np.ndarray:
    return narrowed(array) if dtype is None else array.astype(dtype_of(dtype))


def _holds_tensors(values) -> bool:
    """Whether a nested list has a Tensor in it."""
    return any(
        isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and _holds_tensors(value))
        for value in values
    )


def operands(a, b) -> tuple:
    """Two arguments that meet: numbers stay numbers, other arrays take a Tensor's dtype, as in TensorFlow."""
    if not isinstance(a, Tensor):
        if isinstance(b, Tensor):
            return beside(b, a if _is_known(a) else tensor(a, argument="x")), b
        a = tensor(a, argument="x")
    return a, beside(a, b if _is_known(b) else tensor(b, argument="y"))


def _is_known(x) -> bool:
    """Whether `beside` takes it as it is."""
    if isinstance(x, (list, tuple)):
        return not _holds_tensors(x)
    return isinstance(x, (bool, int, float, np.ndarray, np.generic, Tensor))


def as_axis(axis):
    """None, an int, or several ints (list, array, Tensor) as a tuple."""
    if axis is None or type(axis) is int:
        return axis
    if isinstance(axis, (list, tuple)):
        return tuple(operator.index(a) for a in axis)
    if isinstance(axis, Tensor):
        axis = axis.numpy()
    if isinstance(axis, np.ndarray) and axis.ndim:
        return tuple(int(a) for a in axis)
    return operator.index(axis)


def as_shape(shape) -> tuple[int, ...]:
    """A shape from a tuple, list, array, Tensor or a list that holds scalar Tensors; an int is one axis."""
    if isinstance(shape, Tensor):
        shape = shape.numpy()
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    if isinstance(shape, (list, tuple)):
        return tuple(operator.index(n) for n in shape)
    return (operator.index(shape),)


def as_list(values, argument: str) -> list:
    """A list of Tensors from a list, or the slices of one Tensor."""
    if isinstance(values, (list, tuple)):
        return list(values)
    if isinstance(values, (Tensor, np.ndarray)):
        return list(tensor(values))
    raise TypeError(f"[tf] {argument} is a {type(values).__name__}, expected a list of Tensors")
