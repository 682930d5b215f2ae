# SPDX-License-Identifier: Apache-2.0
"""Operands of elementwise operations: common dtypes, numbers beside arrays, broadcasting and its undoing."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, recording, tracked
from tilewright.ops import _promotion

ndarray = np.ndarray
_NUMBERS = (int, float, bool)


def operands(name: str, a, b):
    """`a` and `b` as raw arrays of one dtype, see `_promotion`.

    A Python number takes the array's dtype where that can hold its kind (NEP 50)."""
    if type(b) in _NUMBERS:
        if type(a) in _NUMBERS:
            a = backend.on_device(np.asarray(a))
        x, y = _beside_number(name, "a", a, "b", b)
        return x, y
    if type(a) in _NUMBERS:
        y, x = _beside_number(name, "b", b, "a", a)
        return x, y
    x, y = raw(name, "a", a), raw(name, "b", b)
    if x.dtype == y.dtype:
        return x, y
    dtype = _promotion.of_pair(name, x.dtype, y.dtype, isinstance(a, Tensor) or isinstance(b, Tensor))
    return in_dtype(x, dtype), in_dtype(y, dtype)


def beside(tensor: Tensor, other):
    """`other` as it meets a Tensor in an expression: numbers and Tensors as they are; arrays and lists in the
    Tensor's dtype where that holds their kind, so that a float64 array does not widen float32 arithmetic."""
    if type(other) in _NUMBERS or isinstance(other, Tensor):
        return other
    if type(other).__base__ is int:  # a size out of tf.shape
        return int(other)
    if isinstance(other, (list, tuple, np.generic)):
        other = np.asarray(other)
    if type(other) is not ndarray:
        return other
    dtype = tensor.array.dtype
    if other.dtype != dtype and _ORDER.get(other.dtype.kind, 3) <= _ORDER.get(dtype.kind, -1):
        return in_dtype(other, dtype)
    return other


# Kinds of numbers, each holding those before it.
_ORDER = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2}


def _beside_number(name: str, beside: str, given, argument: str, number):
    """The array `given` and the number, in their common dtype."""
    array = raw(name, beside, given)
    dtype = array.dtype
    if dtype.kind not in "fV":
        dtype = _promotion.of_pair(name, dtype, number, isinstance(given, Tensor))
    try:
        return in_dtype(array, dtype), backend.number(number, dtype, array)
    except OverflowError as error:
        raise ValueError(f"[{name}] {argument} is {number}, which {dtype} cannot hold") from error


def in_dtype(x, dtype):
    """x itself, or cast."""
    if x.dtype == dtype:
        return x
    y = backend.empty(x.shape, dtype, x)
    backend.module_of(x).copy(y, x)
    return y


def broadcast_shape(name: str, *arrays) -> tuple[int, ...]:
    """The shape all arrays broadcast to; several times as fast as NumPy's function for it."""
    shape = arrays[0].shape
    for array in arrays[1:]:
        other = array.shape
        if other == shape or not other:
            continue
        longer, shorter = (shape, other) if len(shape) >= len(other) else (other, shape)
        lead = len(longer) - len(shorter)
        pairs = list(zip(longer[lead:], shorter, strict=True))
        if any(m != n and m != 1 and n != 1 for m, n in pairs):
            shapes = " and ".join(str(a.shape) for a in arrays)
            raise ValueError(f"[{name}] shapes {shapes} do not broadcast, expected sizes that are equal or 1")
        shape = (*longer[:lead], *(m if n == 1 else n for m, n in pairs))
    return shape


def undo_broadcast(dy: Tensor, x) -> Tensor:
    """The gradient of an operand that was broadcast and cast: summed and cast back to its shape and dtype."""
    if dy.shape != x.shape:
        from tilewright.ops import reduce

        dy = reduce.sum_to(dy, x.shape)
    if dy.dtype != x.dtype:
        from tilewright.ops import elementwise_copy

        dy = elementwise_copy.cast(dy, x.dtype)
    return dy


def keep_inputs(name: str, out, *inputs):
    """Refuses an `out` over an input whose values the gradient will read."""
    if not recording():
        return
    target = raw(name, "out", out)
    for x in inputs:
        if tracked(x) and backend.may_share_memory(target, x.array):
            raise ValueError(
                f"[{name}] out shares memory with an input that an open tape tracks, expected another array"
            )


def documented(common: str):
    """A decorator: the sections that a whole group of functions shares, put behind the first paragraph."""

    def insert(function):
        head, _, rest = function.__doc__.rstrip().partition("\n\n")
        function.__doc__ = f"{head.rstrip()}\n{common.rstrip()}\n{rest.rstrip()}\n    "
        return function

    return insert
