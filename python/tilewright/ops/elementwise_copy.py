# SPDX-License-Identifier: Apache-2.0
"""Copies, casts, constant arrays and selection."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.dtype_names import dtype_of
from tilewright.ops._common import destination, given_back
from tilewright.ops._operands import broadcast_shape, operands, undo_broadcast

ndarray = np.ndarray


def copy(x, *, out=None):
    """A copy in C order, whatever the strides of x.

        y = x

    Parameters
        x : array of any shape and dtype
        out : like x, optional; any strides
    Returns   y : like x
    Raises    TypeError: x is no array.  ValueError: out has another shape or shares part of x's memory.
    Backends  cpu
    Examples
        >>> copy(np.arange(6.0).reshape(2, 3).T).flags.c_contiguous
        True
    """
    if type(x) is ndarray:
        y = backend.copy_plain(x, out, x.dtype)
        if y is not None:
            return y
    array = raw("copy", "x", x)
    return _copied("copy", x, array, array.dtype, out)


def cast(x, dtype, *, out=None):
    """x in another dtype, with NumPy's rules; x itself where it has the dtype and no out is given.

        y = (dtype) x

    Parameters
        x : array of any shape and dtype
        dtype : bool, uint8, int8, int32, int64, float16, bfloat16, float32 or float64
        out : array of x's shape and `dtype`, optional
    Returns   y : shape of x
    Raises    TypeError: x is no array, a dtype the engine does not have.
    Numerics  to a narrower float: nearest, ties to even. Float to integer cuts off; NaN and what does not fit
              give the lowest int32 or int64 (8 bits: the lower bits of an int32). To bool: anything but zero
    Backends  cpu
    Examples
        >>> cast(np.array([0.5, -1.5]), np.int32)
        array([ 0, -1], dtype=int32)
    """
    dtype = _dtype("cast", dtype)
    array = raw("cast", "x", x)
    if array.dtype == dtype and out is None:
        return x
    y = backend.copy_plain(x, out, dtype)
    if y is not None:
        return y
    return _copied("cast", x, array, dtype, out)


def _copied(name, x, array, dtype, out):
    y = destination(name, out, array.shape, dtype, array)
    backend.module_of(array).copy(y, array)
    if dtype.kind not in "fV":
        return result(given_back(out, y), (x,), None)
    return result(given_back(out, y), (x,), lambda dy, y, needs: (cast(dy, array.dtype),))


def _dtype(name: str, dtype):
    try:
        return dtype_of(dtype)
    except TypeError as error:
        raise TypeError(f"[{name}] dtype is {dtype!r}, expected a dtype") from error


def _shape(name: str, shape) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"[{name}] shape is {shape}, expected sizes of at least 0")
    return shape


def fill(x, value):
    """Writes `value` into every element of x, in place.

    Parameters
        x : writable array of any shape, strides and dtype
        value : number, cast to the dtype of x
    Returns   x
    Raises    ValueError: x is read-only.  TypeError: x is no array, value is no number.
    Backends  cpu
    Examples
        >>> fill(np.empty(3), 2.0)
        array([2., 2., 2.])
    """
    if not isinstance(value, (int, float, np.number, np.bool_)):
        raise TypeError(f"[fill] value is a {type(value).__name__}, expected a number")
    array = raw("fill", "x", x)
    backend.module_of(array).fill(array, float(value))
    return x


def full(shape, value, dtype=np.float32, *, like=None):
    """A new array with every element `value`.

    Parameters
        shape : int or tuple of int;  value : number;  dtype : of the result
        like : an array on the device wanted, optional
    Returns   array in C order
    Raises    ValueError: a negative size.  TypeError: value is no number.
    Backends  cpu
    Examples
        >>> full((2,), 7.0)
        array([7., 7.], dtype=float32)
    """
    like = None if like is None else raw("full", "like", like)
    return fill(backend.empty(_shape("full", shape), _dtype("full", dtype), like), value)


def zeros(shape, dtype=np.float32):
    """A new array of zeros in C order: `full` with value 0."""
    return full(shape, 0.0, dtype)


def ones(shape, dtype=np.float32):
    """A new array of ones: `full` with value 1."""
    return full(shape, 1.0, dtype)


def full_like(x, value, dtype=None):
    """An array of x's shape and kind with every element `value`; x's dtype unless another is given."""
    array = raw("full_like", "x", x)
    return result(full(array.shape, value, array.dtype if dtype is None else dtype, like=array), (x,), None)


def zeros_like(x, dtype=None):
    """Zeros of x's shape and kind."""
    return full_like(x, 0.0, dtype)


def ones_like(x, dtype=None):
    """Ones of x's shape and kind."""
    return full_like(x, 1.0, dtype)


def where(condition, a, b, *, out=None):
    """Element by element a where condition holds, else b; all three broadcast.

        y = condition ? a : b

    Parameters
        condition : bool array
        a, b : arrays or numbers, any dtype; cast to their common one
        out : array of the broadcast shape and common dtype, optional; may be a or b
    Returns   y : array of the broadcast shape
    Raises    TypeError: condition is not bool.  ValueError: shapes that do not broadcast.
    Backends  cpu
    Examples
        >>> where(np.array([True, False]), np.array([1.0, 2.0]), 0.0)
        array([1., 0.])
    """
    name = "where"
    c = raw(name, "condition", condition)
    if c.dtype != np.bool_:
        raise TypeError(f"[{name}] condition has dtype {c.dtype}, expected bool")
    x, y = operands(name, a, b)
    z = destination(name, out, broadcast_shape(name, c, x, y), x.dtype, c)
    backend.module_of(c).where(z, c, x, y)

    def gradient(dy, _, needs):
        zero = full((), 0.0, dy.dtype, like=dy)
        return (
            None,
            undo_broadcast(where(c, dy, zero), a) if needs[1] else None,
            undo_broadcast(where(c, zero, dy), b) if needs[2] else None,
        )

    return result(given_back(out, z), (condition, a, b), gradient)
