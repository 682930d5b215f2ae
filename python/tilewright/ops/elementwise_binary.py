# SPDX-License-Identifier: Apache-2.0
"""Functions of two arguments, with NumPy's names, broadcasting and common dtypes; comparisons and logic."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, result
from tilewright.ops import _promotion, elementwise_copy, elementwise_unary
from tilewright.ops._common import destination, given_back
from tilewright.ops._operands import (
    broadcast_shape,
    documented,
    in_dtype,
    keep_inputs,
    operands,
    undo_broadcast,
)

ndarray = np.ndarray
_BOOL = np.dtype(np.bool_)

_ARITHMETIC = documented("""
    Parameters
        a, b : arrays that broadcast, or numbers; float32, float64 or an integer dtype
        out : array of the broadcast shape and common dtype, optional; may be a or b
    Returns   y : array of the broadcast shape; dtypes combine as in NumPy, a Python number keeps the array's
    Raises    ValueError: shapes that do not broadcast, out of another shape.
              TypeError: no array, other dtypes.
    Backends  cpu
""")
_TRUTH = documented("""
    Parameters
        a, b : arrays that broadcast, or numbers; float32, float64, an integer dtype or bool
        out : bool array of the broadcast shape, optional
    Returns   y : bool array of the broadcast shape
    Raises    ValueError: shapes that do not broadcast, out of another shape.
              TypeError: no array, other dtypes.
    Backends  cpu
""")


def _apply(name: str, a, b, out, gradient, dtype=None):
    """Computes the table's function `name`; gradient(dy, y, needs) as autograd.result wants it."""
    if type(a) is ndarray and type(b) is ndarray and a.dtype == b.dtype:
        x, y = a, b
    else:
        x, y = operands(name, a, b)
    if out is not None:
        keep_inputs(name, out, a, b)
    shape = x.shape if x.shape == y.shape else broadcast_shape(name, x, y)
    z = destination(name, out, shape, dtype or x.dtype, x)
    backend.module_of(x).binary(z, x, y, name)
    return result(z if out is None else given_back(out, z), (a, b), gradient)


@_ARITHMETIC
def add(a, b, *, out=None):
    """Sum: y = a + b; integers wrap around.

    Numerics  one rounding
    Examples
        >>> add(np.array([1.0, 2.0]), 10)
        array([11., 12.])
    """

    z = backend.binary_plain("add", a, b, out)
    if z is not None:
        return z

    def gradient(dy, _, needs):
        return undo_broadcast(dy, a) if needs[0] else None, undo_broadcast(dy, b) if needs[1] else None

    return _apply("add", a, b, out, gradient)


@_ARITHMETIC
def subtract(a, b, *, out=None):
    """Difference: y = a - b.

    Examples
        >>> subtract(np.array([1.0, 2.0]), 1)
        array([0., 1.])
    """

    z = backend.binary_plain("subtract", a, b, out)
    if z is not None:
        return z

    def gradient(dy, _, needs):
        return (
            undo_broadcast(dy, a) if needs[0] else None,
            undo_broadcast(elementwise_unary.negative(dy), b) if needs[1] else None,
        )

    return _apply("subtract", a, b, out, gradient)


@_ARITHMETIC
def multiply(a, b, *, out=None):
    """Product: y = a * b.

    Examples
        >>> multiply(np.array([1.0, 2.0]), np.array([[2.0], [3.0]]))
        array([[2., 4.],
               [3., 6.]])
    """

    z = backend.binary_plain("multiply", a, b, out)
    if z is not None:
        return z

    def gradient(dy, _, needs):
        return (
            undo_broadcast(multiply(dy, b), a) if needs[0] else None,
            undo_broadcast(multiply(dy, a), b) if needs[1] else None,
        )

    return _apply("multiply", a, b, out, gradient)


@_ARITHMETIC
def divide(a, b, *, out=None):
    """Quotient: y = a / b; of integers in float64, of Tensors in float32.

    Numerics  one rounding; x / 0 is inf or NaN without a warning
    Examples
        >>> divide(np.array([1, 2]), 2)
        array([0.5, 1. ])
    """
    z = backend.binary_plain("divide", a, b, out)
    if z is not None:
        return z
    x, y = operands("divide", a, b)
    if x.dtype.kind in "biu":
        dtype = _promotion.of_fraction(a if isinstance(a, Tensor) else b)
        x, y = in_dtype(x, dtype), in_dtype(y, dtype)
    if out is not None:
        keep_inputs("divide", out, a, b)
    z = destination("divide", out, broadcast_shape("divide", x, y), x.dtype, x)
    backend.module_of(x).binary(z, x, y, "divide")

    def gradient(dy, q, needs):
        da = divide(dy, b)
        return (
            undo_broadcast(da, a) if needs[0] else None,
            undo_broadcast(elementwise_unary.negative(multiply(da, q)), b) if needs[1] else None,
        )

    return result(given_back(out, z), (a, b), gradient)


@_ARITHMETIC
def maximum(a, b, *, out=None):
    """The larger of both, NaN where either is: y = max(a, b).

    Numerics  the gradient goes to the larger; where both are equal each gets half, as in PyTorch and JAX
    Examples
        >>> maximum(np.array([-1.0, 2.0]), 0)
        array([0., 2.])
    """
    z = backend.binary_plain("maximum", a, b, out)
    if z is not None:
        return z
    return _apply("maximum", a, b, out, lambda dy, _, needs: _shared(dy, a, b, greater, needs))


@_ARITHMETIC
def minimum(a, b, *, out=None):
    """The smaller of both, NaN where either is: y = min(a, b).

    Examples
        >>> minimum(np.array([-1.0, 2.0]), 0)
        array([-1.,  0.])
    """
    z = backend.binary_plain("minimum", a, b, out)
    if z is not None:
        return z
    return _apply("minimum", a, b, out, lambda dy, _, needs: _shared(dy, a, b, less, needs))


def _shared(dy, a, b, wins, needs):
    """dy to the operand that wins, half to each where both are equal."""
    half = multiply(dy, 0.5)
    tie = raw("equal", "y", equal(a, b))

    def part(x, won):
        won = raw("where", "condition", won)
        return undo_broadcast(elementwise_copy.where(won, dy, elementwise_copy.where(tie, half, 0.0)), x)

    return part(a, wins(a, b)) if needs[0] else None, part(b, wins(b, a)) if needs[1] else None


@_ARITHMETIC
def power(a, b, *, out=None):
    """a to the power b: y = a ** b.

    Numerics  exponents 2, 0.5 and -1 given as Python numbers are square, sqrt and reciprocal, as in NumPy;
              a negative one for an integer base is a ValueError.
              The gradient by b is 0 where a is 0, as in PyTorch
    Examples
        >>> power(np.array([2.0, 3.0]), 2)
        array([4., 9.])
    """
    if type(b) in (int, float):
        kind = raw("power", "a", a).dtype.kind if type(a) not in (int, float, bool) else "i"
        if b < 0 and kind in "biu" and type(b) is int:
            raise ValueError(f"[power] b is {b}, expected at least 0 for an integer base")
        shortcut = _POWERS.get(float(b)) if kind in "fV" else None
        if shortcut is not None:
            return getattr(elementwise_unary, shortcut)(a, out=out)

    z = backend.binary_plain("power", a, b, out)
    if z is not None:
        return z

    def gradient(dy, y, needs):
        by_a = by_b = None
        if needs[0]:
            by_a = undo_broadcast(multiply(dy, multiply(b, power(a, subtract(b, 1)))), a)
        if needs[1]:
            base = elementwise_copy.where(raw("where", "condition", equal(a, 0)), 1.0, a)
            by_b = undo_broadcast(multiply(dy, multiply(y, elementwise_unary.log(base))), b)
        return by_a, by_b

    return _apply("power", a, b, out, gradient)


_POWERS = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}


def _compare(name: str, a, b, out):
    z = backend.binary_plain(name, a, b, out)
    return _apply(name, a, b, out, None, _BOOL) if z is None else z


@_TRUTH
def equal(a, b, *, out=None):
    """y = (a == b), bool; false for NaN.

    Examples
        >>> equal(np.array([1, 2]), 2)
        array([False,  True])
    """
    return _compare("equal", a, b, out)


@_TRUTH
def not_equal(a, b, *, out=None):
    """y = (a != b), bool; true for NaN."""
    return _compare("not_equal", a, b, out)


@_TRUTH
def less(a, b, *, out=None):
    """y = (a < b), bool."""
    return _compare("less", a, b, out)


@_TRUTH
def less_equal(a, b, *, out=None):
    """y = (a <= b), bool."""
    return _compare("less_equal", a, b, out)


@_TRUTH
def greater(a, b, *, out=None):
    """y = (a > b), bool."""
    return _compare("greater", a, b, out)


@_TRUTH
def greater_equal(a, b, *, out=None):
    """y = (a >= b), bool."""
    return _compare("greater_equal", a, b, out)


@_TRUTH
def logical_and(a, b, *, out=None):
    """y = (a and b), bool; any number but zero counts as true.

    Examples
        >>> logical_and(np.array([True, False]), True)
        array([ True, False])
    """
    return _compare("logical_and", a, b, out)


@_TRUTH
def logical_or(a, b, *, out=None):
    """y = (a or b), bool."""
    return _compare("logical_or", a, b, out)


@_TRUTH
def logical_xor(a, b, *, out=None):
    """y = either of a and b, not both; bool."""
    return _compare("logical_xor", a, b, out)
