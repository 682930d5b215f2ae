# SPDX-License-Identifier: Apache-2.0
"""What every family's Python side shares: axes, destinations, contiguous rows, calls of the back end."""

from __future__ import annotations

import functools
import operator

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, recording

ndarray = np.ndarray


def axis_index(operation: str, axis, ndim: int) -> int:
    """`axis` counted from the front. Raises TypeError for what is no integer, ValueError out of range."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise TypeError(f"[{operation}] axis is a {type(axis).__name__}, expected an int") from None
    if not -ndim <= index < ndim:
        raise ValueError(
            f"[{operation}] axis is {index}, expected {-ndim} to {ndim - 1} for {ndim} dimensions"
        )
    return index + ndim if index < 0 else index


def axes_tuple(operation: str, axis, ndim: int) -> tuple[int, ...]:
    """None (all axes), an int or several, as sorted non-negative axes without repeats."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(
        axis_index(operation, a, ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))
    )
    if len(set(axes)) != len(axes):
        raise ValueError(f"[{operation}] axis is {axis}, expected each axis once")
    return tuple(sorted(axes))


def kept_by_axis(plan):
    """A decorator: plan(operation, shape, axis, ...) is kept from call to call.

    Where axis is None, an int or a tuple of ints, that is: 1.0 would find what is kept for 1."""
    kept = functools.lru_cache(4096)(plan)

    def found(operation: str, shape: tuple[int, ...], axis, *rest):
        if type(axis) is tuple:
            for one in axis:
                if type(one) is not int:
                    return plan(operation, shape, axis, *rest)
        elif type(axis) is not int and axis is not None:
            return plan(operation, shape, axis, *rest)
        return kept(operation, shape, axis, *rest)

    return functools.update_wrapper(found, plan)


def destination(operation: str, out, shape: tuple[int, ...], dtype, like=None):
    """`out` checked against shape and dtype, or fresh memory where it is None."""
    if out is None:
        return backend.empty(shape, dtype, like)
    array = raw(operation, "out", out)
    if array is not out and isinstance(out, np.generic):
        raise TypeError(
            f"[{operation}] out is a {type(out).__name__}, expected an array that can be written to"
        )
    if array.shape != shape:
        raise ValueError(f"[{operation}] out has shape {array.shape}, expected {shape}")
    if array.dtype != dtype:
        raise TypeError(f"[{operation}] out has dtype {array.dtype}, expected {np.dtype(dtype)}")
    if not backend.writable(array):
        raise ValueError(f"[{operation}] out is read-only, expected a writable array")
    return array


def plain_destination(out, shape: tuple[int, ...], dtype):
    """For operations on plain arrays alone: fresh memory, or `out` where it is one that fits; else None.

    Whether it can be written to is left to the back end, which says so in the same words."""
    if out is None:
        return backend.host_empty(shape, dtype)
    return out if type(out) is ndarray and out.shape == shape and out.dtype is dtype else None


def copied(a, dtype=None):
    """A fresh C-ordered copy, in `dtype` where one is given."""
    y = backend.empty(a.shape, a.dtype if dtype is None else dtype, a)
    backend.module_of(a).copy(y, a)
    return y


def contiguous(a):
    """`a` itself when in C order without gaps, else a copy."""
    return a if a.flags.c_contiguous else copied(a)


def given_back(out, computed):
    """What a function returns for `out=`: the caller's object, filled; without one, what was computed.

    Copies where the kernel could not write into `out` itself."""
    if out is None:
        return computed
    if out is computed:
        return out
    array = out.array if isinstance(out, Tensor) else raw("out", "out", out)
    if array is not computed and not backend.shares_memory(array, computed):
        backend.module_of(array).copy(array, computed)
    return array


def written(operation: str, out, y):
    """`y`, the result of other operations, copied into `out` where one is given; a Tensor keeps its node."""
    if out is None:
        return y
    computed = raw(operation, "y", y)
    array = destination(operation, out, computed.shape, computed.dtype, computed)
    backend.module_of(computed).copy(array, computed)
    return Tensor(array, y.node, y.index) if isinstance(y, Tensor) else out


def float_dtype(operation: str, argument: str, a):
    """Raises TypeError unless `a` has a float dtype."""
    if a.dtype.kind != "f" and a.dtype.name != "bfloat16":
        raise TypeError(f"[{operation}] {argument} has dtype {a.dtype}, expected float32 or float64")
    return a.dtype


def gate(y):
    """Marks `y`, the result of a rectifier, so that a pooling behind it can cut its gradient while small."""
    if isinstance(y, Tensor) and y.node is not None:
        y.node.gates = True
    return y


def gates(node) -> bool:
    """Whether a node is a rectifier, and what flows back to it is not differentiated again."""
    return node is not None and node.gates and not recording()
