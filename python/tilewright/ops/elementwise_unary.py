# SPDX-License-Identifier: Apache-2.0
"""Functions of one argument, with NumPy's names, and the activations of neural networks."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise_binary
from tilewright.ops._common import destination, given_back
from tilewright.ops._operands import documented, in_dtype, keep_inputs

_BOOL, _FLOAT64 = np.dtype(np.bool_), np.dtype(np.float64)
# Functions made of straight pieces: their second derivative is zero wherever there is one.
_STRAIGHT = {"relu", "relu6", "leaky_relu", "negative", "abs", "sign", "clip", "floor", "ceil", "round"}

_FLOATS = documented("""
    Parameters
        x : float32 or float64 array; integer and bool arrays are cast to float64 first, as NumPy does
        out : like the result, optional; may be x
    Returns   y : like x
    Raises    TypeError: x is no array, other dtypes.  ValueError: out of another shape, or sharing part of x's memory.
    Numerics  within a few units in the last place; NaN stays NaN
    Backends  cpu
""")
_NUMBERS = documented("""
    Parameters
        x : float32, float64 or integer array;  out : like x, optional; may be x
    Returns   y : like x; integers wrap around
    Raises    TypeError: x is no array, other dtypes.  ValueError: out of another shape, or sharing part of x's memory.
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


def _apply(name: str, x, out, p: float = 0.0, q: float = 0.0, *, integers: bool = False):
    """Computes the table's function `name`; integer arrays become float64 unless the function takes them."""
    array = raw(name, "x", x)
    if not integers and array.dtype.kind in "biu":
        array = in_dtype(array, _FLOAT64)
    if out is not None:
        keep_inputs(name, out, x)
    y = destination(name, out, array.shape, array.dtype, array)
    backend.module_of(array).unary(y, array, name, p, q)
    return result(y if out is None else given_back(out, y), (x,),
                  lambda dy, y, needs: (unary_backward(dy, x, name, y=y, p=p, q=q),))


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
    Raises    ValueError: shapes that differ, an unknown function, one with bool results.  TypeError: other dtypes.
    Numerics  at corners the derivative is PyTorch's: 0 for relu, relu6 and abs, slope for leaky_relu, 1 for clip
    Backends  cpu
    Examples
        >>> unary_backward(np.array([1.0, 1.0]), np.array([-1.0, 2.0]), "relu")
        array([0., 1.])
    """
    name = "unary_backward"
    dya, xa, dx = _derivative(name, dy, x, out)
    backend.module_of(xa).unary_backward(dx, dya, xa, None if y is None else raw(name, "y", y), function, p, q)

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


@_NUMBERS
def negative(x, *, out=None):
    """y = -x.

    Examples
        >>> negative(np.array([1.0, -2.0]))
        array([-1.,  2.])
    """
    return _apply("negative", x, out, integers=True)


@_NUMBERS
def abs(x, *, out=None):
    """y = |x|. The gradient at 0 is 0.

    Examples
        >>> abs(np.array([1.0, -2.0]))
        array([1., 2.])
    """
    return _apply("abs", x, out, integers=True)


@_NUMBERS
def sign(x, *, out=None):
    """y = -1, 0 or 1, and NaN for NaN. Its gradient is 0.

    Examples
        >>> sign(np.array([3.0, -2.0, 0.0]))
        array([ 1., -1.,  0.])
    """
    return _apply("sign", x, out, integers=True)


@_NUMBERS
def square(x, *, out=None):
    """y = x * x.

    Examples
        >>> square(np.array([3.0, -2.0]))
        array([9., 4.])
    """
    return _apply("square", x, out, integers=True)


@_FLOATS
def reciprocal(x, *, out=None):
    """y = 1 / x.

    Examples
        >>> reciprocal(np.array([4.0]))
        array([0.25])
    """
    return _apply("reciprocal", x, out)


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
    low = -np.inf if low is None else _number("clip", "low", low)
    high = np.inf if high is None else _number("clip", "high", high)
    if not low <= high:
        raise ValueError(f"[clip] low is {low}, expected at most high, {high}")
    return _apply("clip", x, out, low, high)


def _number(name: str, argument: str, value) -> float:
    if isinstance(value, (int, float, np.number)):
        return float(value)
    raise TypeError(f"[{name}] {argument} is a {type(value).__name__}, expected a number")


@_FLOATS
def floor(x, *, out=None):
    """The largest whole number not above x. Its gradient is 0."""
    return _apply("floor", x, out)


@_FLOATS
def ceil(x, *, out=None):
    """The smallest whole number not below x. Its gradient is 0."""
    return _apply("ceil", x, out)


@_FLOATS
def round(x, *, out=None):
    """The nearest whole number, halves to the even one. Its gradient is 0.

    Examples
        >>> round(np.array([0.5, 1.5]))
        array([0., 2.])
    """
    return _apply("round", x, out)


# ---- roots, exponentials, trigonometry -----------------------------------------------------------------


@_FLOATS
def sqrt(x, *, out=None):
    """Square root; NaN below 0.

    Examples
        >>> sqrt(np.array([4.0]))
        array([2.])
    """
    return _apply("sqrt", x, out)


@_FLOATS
def rsqrt(x, *, out=None):
    """y = 1 / sqrt(x); inf at 0, NaN below."""
    return _apply("rsqrt", x, out)


@_FLOATS
def exp(x, *, out=None):
    """y = e ** x.

    Examples
        >>> exp(np.array([0.0, -np.inf]))
        array([1., 0.])
    """
    return _apply("exp", x, out)


@_FLOATS
def expm1(x, *, out=None):
    """y = e ** x - 1, with all its digits near 0."""
    return _apply("expm1", x, out)


@_FLOATS
def log(x, *, out=None):
    """Natural logarithm; -inf at 0, NaN below.

    Examples
        >>> log(np.array([1.0]))
        array([0.])
    """
    return _apply("log", x, out)


@_FLOATS
def log1p(x, *, out=None):
    """y = log(1 + x), with all its digits near 0."""
    return _apply("log1p", x, out)


@_FLOATS
def sin(x, *, out=None):
    """Sine of x in radians; NaN at infinity."""
    return _apply("sin", x, out)


@_FLOATS
def cos(x, *, out=None):
    """Cosine of x in radians; NaN at infinity."""
    return _apply("cos", x, out)


@_FLOATS
def erf(x, *, out=None):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _apply("erf", x, out)


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


# ---- activations ---------------------------------------------------------------------------------------


@_NUMBERS
def relu(x, *, out=None):
    """y = max(x, 0), NaN for NaN. The gradient at 0 is 0.

    Examples
        >>> relu(np.array([-1.0, 2.0]))
        array([0., 2.])
    """
    return _apply("relu", x, out, integers=True)


@_FLOATS
def relu6(x, *, out=None):
    """y = min(max(x, 0), 6). The gradient at 0 and 6 is 0."""
    return _apply("relu6", x, out)


@_FLOATS
def leaky_relu(x, slope: float = 0.2, *, out=None):
    """y = x above 0, else slope * x. The default slope is Keras's; PyTorch's is 0.01."""
    return _apply("leaky_relu", x, out, _number("leaky_relu", "slope", slope))


@_FLOATS
def elu(x, alpha: float = 1.0, *, out=None):
    """y = x above 0, else alpha * (e ** x - 1).

    Notes     Clevert et al., arXiv:1511.07289.
    """
    return _apply("elu", x, out, _number("elu", "alpha", alpha))


@_FLOATS
def sigmoid(x, *, out=None):
    """y = 1 / (1 + e ** -x)."""
    return _apply("sigmoid", x, out)


@_FLOATS
def tanh(x, *, out=None):
    """Hyperbolic tangent."""
    return _apply("tanh", x, out)


@_FLOATS
def softplus(x, *, out=None):
    """y = log(1 + e ** x), without overflow."""
    return _apply("softplus", x, out)


@_FLOATS
def silu(x, *, out=None):
    """y = x * sigmoid(x), also called swish."""
    return _apply("silu", x, out)


@_FLOATS
def gelu(x, *, approximate: bool = False, out=None):
    """y = x * P(normal variable <= x).

        exact       x / 2 * (1 + erf(x / sqrt(2)))                               PyTorch's default, Keras's too
        approximate x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))        GPT-2, PyTorch's "tanh", JAX's default

    Notes     Hendrycks & Gimpel, arXiv:1606.08415.
    Examples
        >>> gelu(np.array([0.0, 100.0]))
        array([  0., 100.])
    """
    return _apply("gelu_tanh" if approximate else "gelu", x, out)


@_FLOATS
def gelu_tanh(x, *, out=None):
    """`gelu` in its tanh form."""
    return _apply("gelu_tanh", x, out)


ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "softplus")
_DEFAULT_SLOPE = {"leaky_relu": 0.2, "elu": 1.0}


def activation_name(name: str, activation, slope=None) -> tuple[str, float]:
    """The table's name of an activation and its constant. Raises ValueError for an unknown one.

    None is "linear" and "swish" is "silu"; slope None is leaky_relu's 0.2 or elu's alpha of 1."""
    activation = {None: "linear", "swish": "silu"}.get(activation, activation)
    if activation != "linear" and activation not in ACTIVATIONS:
        raise ValueError(f"[{name}] activation is {activation!r}, expected None or one of {', '.join(ACTIVATIONS)}")
    return activation, _DEFAULT_SLOPE.get(activation, 0.0) if slope is None else _number(name, "slope", slope)


def activation(x, name, slope=None, *, out=None):
    """The activation called `name`.

    Parameters
        x : float32 or float64 array
        name : None or "linear" (x itself), "relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "gelu",
            "gelu_tanh", "silu" or "swish", "softplus"
        slope : leaky_relu's slope (0.2 if None), elu's alpha (1 if None)
        out : like x, optional; may be x
    Returns   y : like x
    Raises    ValueError: an unknown name.  TypeError: x is no array, other dtypes.
    Backends  cpu
    Examples
        >>> activation(np.array([-1.0, 2.0]), "relu")
        array([0., 2.])
    """
    name, p = activation_name("activation", name, slope)
    if name != "linear":
        return _apply(name, x, out, p)
    if out is None:
        return x
    from tilewright.ops import elementwise_copy

    return elementwise_copy.copy(x, out=out)
