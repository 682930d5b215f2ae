# SPDX-License-Identifier: Apache-2.0
"""Functions of one argument, with NumPy's names, and the activations of neural networks."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise_binary, elementwise_copy
from tilewright.ops._common import destination, given_back
from tilewright.ops._operands import in_dtype

_BOOL, _FLOAT64 = np.dtype(np.bool_), np.dtype(np.float64)


def _apply(name: str, x, out, p: float = 0.0, q: float = 0.0, *, integers: bool = False):
    """Computes the table's function `name`; integer arrays become float64 unless the function takes them."""
    array = raw(name, "x", x)
    if array.dtype.kind in "biu" and not integers:
        array = in_dtype(array, _FLOAT64)
    y = destination(name, out, array.shape, array.dtype, array)
    backend.module_of(array).unary(y, array, name, p, q)
    given = given_back(out, y)
    saved = None if given is x else given

    def gradient(dy, y, needs):
        return (unary_backward(dy, x, name, y=y if saved is not None else None, p=p, q=q),)

    return result(given, (x,), gradient)


def unary_backward(dy, x, function: str, *, y=None, p: float = 0.0, q: float = 0.0, out=None):
    """Gradient of a function of one argument by its input.

        dx = dy * f'(x)

    Parameters
        dy, x : arrays of one shape and dtype, float32 or float64
        function : name of the function, "relu", "exp", ...
        y : f(x), optional; saves work where f' is a function of y
        p, q : the function's constants: slope, alpha; low and high
        out : like x, optional; may be dy, x or y
    Returns   dx : like x
    Raises    ValueError: shapes that differ, an unknown function.  TypeError: other dtypes.
    Backends  cpu
    Examples
        >>> unary_backward(np.array([1.0, 1.0]), np.array([-1.0, 2.0]), "relu")
        array([0., 1.])
    """
    name = "unary_backward"
    xa = raw(name, "x", x)
    dx = destination(name, out, xa.shape, xa.dtype, xa)
    backend.module_of(xa).unary_backward(dx, raw(name, "dy", dy), xa, None if y is None else raw(name, "y", y), function, p, q)
    return result(given_back(out, dx), (dy, x), None)


def negative(x, *, out=None):
    """y = -x.

    Parameters
        x : array, float or integer;  out : like x, optional; may be x
    Returns   y : like x
    Raises    TypeError: x is no array, is bool.
    Backends  cpu
    Examples
        >>> negative(np.array([1.0, -2.0]))
        array([-1.,  2.])
    """
    return _apply("negative", x, out, integers=True)


def abs(x, *, out=None):
    """y = |x|; the gradient at 0 is 0. As `negative`."""
    return _apply("abs", x, out, integers=True)


def sign(x, *, out=None):
    """y = -1, 0 or 1, NaN for NaN. As `negative`."""
    return _apply("sign", x, out, integers=True)


def square(x, *, out=None):
    """y = x * x. As `negative`."""
    return _apply("square", x, out, integers=True)


def exp(x, *, out=None):
    """y = e ** x."""
    return _apply("exp", x, out)


def log(x, *, out=None):
    """Natural logarithm of x: -inf at 0, NaN below."""
    return _apply("log", x, out)


def sqrt(x, *, out=None):
    """Square root of x, NaN below 0."""
    return _apply("sqrt", x, out)


def rsqrt(x, *, out=None):
    """y = 1 / sqrt(x)."""
    return _apply("rsqrt", x, out)


def reciprocal(x, *, out=None):
    """y = 1 / x."""
    return _apply("reciprocal", x, out)


def relu(x, *, out=None):
    """y = max(x, 0), NaN for NaN; the gradient at 0 is 0."""
    return _apply("relu", x, out, integers=True)


def logical_not(x, *, out=None):
    """y = (x == 0), bool."""
    return _test("logical_not", x, out)


def _test(name: str, x, out):
    array = raw(name, "x", x)
    y = destination(name, out, array.shape, _BOOL, array)
    backend.module_of(array).unary(y, array, name)
    return result(given_back(out, y), (x,), None)


_ = (elementwise_binary, elementwise_copy)
