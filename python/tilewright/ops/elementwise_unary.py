# SPDX-License-Identifier: Apache-2.0
"""Functions of one argument, with NumPy's names, and how they are differentiated."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import _promotion, elementwise_binary
from tilewright.ops._common import destination, gate, given_back
from tilewright.ops._operands import documented, in_dtype, keep_inputs

ndarray = np.ndarray
_BOOL = np.dtype(np.bool_)
# Functions made of straight pieces: their second derivative is zero wherever there is one.
_STRAIGHT = {"relu", "relu6", "leaky_relu", "negative", "abs", "sign", "clip", "floor", "ceil", "round"}

FLOATS = documented("""
    Parameters
        x : float32 or float64 array; integer and bool arrays are cast to float64 first, as NumPy
            does, Tensors of them to float32
        out : like the result, optional; may be x
    Returns   y : like x
    Raises    TypeError: x is no array, other dtypes.
              ValueError: out of another shape, or sharing part of x's memory.
    Numerics  within a few units in the last place; NaN stays NaN
    Backends  cpu
""")
NUMBERS = documented("""
    Parameters
        x : float32, float64 or integer array;  out : like x, optional; may be x
    Returns   y : like x; integers wrap around
    Raises    TypeError: x is no array, other dtypes.
              ValueError: out of another shape, or sharing part of x's memory.
    Backends  cpu
""")
_TESTS = documented("""
    Parameters
        x : float32 or float64 array; logical_not also takes bool and integers
        out : bool array of x's shape, optional
    Returns   y : bool array of x's shape
    Raises    TypeError: x is no array, other dtypes.  ValueError: out of another shape.
    Backends  cpu
""")


def apply(name: str, x, out, p: float = 0.0, q: float = 0.0, *, integers: bool = False):
    """Computes the table's function `name`; integers become floats unless the function takes them."""
    y = backend.unary_plain(name, x, out, p, q)
    if y is not None:
        return y
    array = raw(name, "x", x)
    if not integers and array.dtype.kind in "biu":
        array = in_dtype(array, _promotion.of_fraction(x))
    if out is not None:
        keep_inputs(name, out, x)
    y = destination(name, out, array.shape, array.dtype, array)
    backend.module_of(array).unary(y, array, name, p, q)
    relu = name == "relu"

    def gradient(dy, y, needs):
        return (dy if relu and dy.gated else unary_backward(dy, x, name, y=y, p=p, q=q),)

    y = result(y if out is None else given_back(out, y), (x,), gradient)
    return gate(y) if relu else y


def _test(name: str, x, out):
    array = raw(name, "x", x)
    y = destination(name, out, array.shape, _BOOL, array)
    backend.module_of(array).unary(y, array, name)
    return result(given_back(out, y), (x,), None)


def _derivative(name: str, dy, x, out):
    dya, xa = raw(name, "dy", dy), raw(name, "x", x)
    if dya.shape != xa.shape:
        raise ValueError(f"[{name}] dy has shape {dya.shape}, expected {xa.shape} like x")
    return dya, xa, destination(name, out, xa.shape, xa.dtype, xa)


def unary_backward(dy, x, function: str, *, y=None, p: float = 0.0, q: float = 0.0, out=None):
    """Gradient of a function of one argument by its input.

        dx = dy * f'(x)

    Parameters
        dy, x : arrays of one shape and dtype, float32 or float64
        function : name of the function: "relu", "exp", ...
        y : f(x), optional; saves work where f' is a function of y
        p, q : the function's constants: leaky_relu's slope and elu's alpha (p), clip's low and high
        out : like x, optional; may be dy, x or y
    Returns   dx : like x
    Raises    ValueError: shapes that differ, an unknown function, one with bool results.
              TypeError: other dtypes.
    Numerics  at corners as PyTorch: 0 for relu, relu6 and abs, slope for leaky_relu, 1 for clip
    Backends  cpu
    Examples
        >>> unary_backward(np.array([1.0, 1.0]), np.array([-1.0, 2.0]), "relu")
        array([0., 1.])
    """
    name = "unary_backward"
    dya, xa, dx = _derivative(name, dy, x, out)
    backend.module_of(xa).unary_backward(
        dx, dya, xa, None if y is None else raw(name, "y", y), function, p, q
    )

    def gradient(ddx, _, needs):
        by_dy = unary_backward(ddx, x, function, y=y, p=p, q=q) if needs[0] else None
        if not needs[1] or function in _STRAIGHT:
            return by_dy, None
        return by_dy, unary_backward2(elementwise_binary.multiply(ddx, dy), x, function, p=p, q=q)

    return result(given_back(out, dx), (dy, x), gradient)


def unary_backward2(dy, x, function: str, *, p: float = 0.0, q: float = 0.0, out=None):
    """A weight times the second derivative: what differentiates `unary_backward` by x.

        dx = dy * f''(x)

    Parameters
        dy, x, function, p, q, out : as `unary_backward`
    Returns   dx : like x
    Raises    as `unary_backward`; NotImplementedError: a third derivative is asked for
    Backends  cpu
    Examples
        >>> unary_backward2(np.array([1.0]), np.array([3.0]), "square")
        array([2.])
    """
    name = "unary_backward2"
    dya, xa, dx = _derivative(name, dy, x, out)
    backend.module_of(xa).unary_backward2(dx, dya, xa, function, p, q)

    def gradient(ddx, _, needs):
        if needs[1] and function != "square" and function not in _STRAIGHT:
            raise NotImplementedError(f"[{name}] the third derivative of {function} is not implemented")
        return unary_backward2(ddx, x, function, p=p, q=q) if needs[0] else None, None

    return result(given_back(out, dx), (dy, x), gradient)


# ---- arithmetic ----------------------------------------------------------------------------------------


@NUMBERS
def negative(x, *, out=None):
    """y = -x.

    Examples
        >>> negative(np.array([1.0, -2.0]))
        array([-1.,  2.])
    """
    return apply("negative", x, out, integers=True)


@NUMBERS
def abs(x, *, out=None):
    """y = |x|. The gradient at 0 is 0.

    Examples
        >>> abs(np.array([1.0, -2.0]))
        array([1., 2.])
    """
    return apply("abs", x, out, integers=True)


@NUMBERS
def sign(x, *, out=None):
    """y = -1, 0 or 1, and NaN for NaN. Its gradient is 0.

    Examples
        >>> sign(np.array([3.0, -2.0, 0.0]))
        array([ 1., -1.,  0.])
    """
    return apply("sign", x, out, integers=True)


@NUMBERS
def square(x, *, out=None):
    """y = x * x.

    Examples
        >>> square(np.array([3.0, -2.0]))
        array([9., 4.])
    """
    return apply("square", x, out, integers=True)


@FLOATS
def reciprocal(x, *, out=None):
    """y = 1 / x.

    Examples
        >>> reciprocal(np.array([4.0]))
        array([0.25])
    """
    return apply("reciprocal", x, out)


def clip(x, low, high, *, out=None):
    """x brought into [low, high]: y = min(max(x, low), high); NaN stays NaN. The gradient at both ends is 1.

    Parameters
        x : float32 or float64 array
        low, high : numbers, or None for no limit
        out : like x, optional; may be x
    Returns   y : like x
    Raises    ValueError: low is above high, or is NaN.  TypeError: low or high is no number, x no array.
    Backends  cpu
    Examples
        >>> clip(np.array([-1.0, 0.5, 2.0]), 0, 1)
        array([0. , 0.5, 1. ])
    """
    low = -np.inf if low is None else number("clip", "low", low)
    high = np.inf if high is None else number("clip", "high", high)
    if not low <= high:
        raise ValueError(f"[clip] low is {low}, expected at most high, {high}")
    return apply("clip", x, out, low, high)


def number(name: str, argument: str, value) -> float:
    if isinstance(value, (int, float, np.number)):
        return float(value)
    raise TypeError(f"[{name}] {argument} is a {type(value).__name__}, expected a number")


@FLOATS
def floor(x, *, out=None):
    """The largest whole number not above x. Its gradient is 0."""
    return apply("floor", x, out)


@FLOATS
def ceil(x, *, out=None):
    """The smallest whole number not below x. Its gradient is 0."""
    return apply("ceil", x, out)


@FLOATS
def round(x, *, out=None):
    """The nearest whole number, halves to the even one. Its gradient is 0.

    Examples
        >>> round(np.array([0.5, 1.5]))
        array([0., 2.])
    """
    return apply("round", x, out)


# ---- roots, exponentials, trigonometry -----------------------------------------------------------------


@FLOATS
def sqrt(x, *, out=None):
    """Square root; NaN below 0.

    Examples
        >>> sqrt(np.array([4.0]))
        array([2.])
    """
    return apply("sqrt", x, out)


@FLOATS
def rsqrt(x, *, out=None):
    """y = 1 / sqrt(x); inf at 0, NaN below."""
    return apply("rsqrt", x, out)


@FLOATS
def exp(x, *, out=None):
    """y = e ** x.

    Examples
        >>> exp(np.array([0.0, -np.inf]))
        array([1., 0.])
    """
    return apply("exp", x, out)


@FLOATS
def expm1(x, *, out=None):
    """y = e ** x - 1, with all its digits near 0."""
    return apply("expm1", x, out)


@FLOATS
def log(x, *, out=None):
    """Natural logarithm; -inf at 0, NaN below.

    Examples
        >>> log(np.array([1.0]))
        array([0.])
    """
    return apply("log", x, out)


@FLOATS
def log1p(x, *, out=None):
    """y = log(1 + x), with all its digits near 0."""
    return apply("log1p", x, out)


@FLOATS
def sin(x, *, out=None):
    """Sine of x in radians; NaN at infinity."""
    return apply("sin", x, out)


@FLOATS
def cos(x, *, out=None):
    """Cosine of x in radians; NaN at infinity."""
    return apply("cos", x, out)


@FLOATS
def erf(x, *, out=None):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return apply("erf", x, out)


# ---- tests ---------------------------------------------------------------------------------------------


@_TESTS
def isnan(x, *, out=None):
    """y = (x is NaN), bool."""
    return _test("isnan", x, out)


@_TESTS
def isinf(x, *, out=None):
    """y = (x is inf or -inf), bool."""
    return _test("isinf", x, out)


@_TESTS
def isfinite(x, *, out=None):
    """y = (x is neither infinite nor NaN), bool."""
    return _test("isfinite", x, out)


@_TESTS
def logical_not(x, *, out=None):
    """y = (x == 0), bool.

    Examples
        >>> logical_not(np.array([True, False]))
        array([False,  True])
    """
    return _test("logical_not", x, out)
