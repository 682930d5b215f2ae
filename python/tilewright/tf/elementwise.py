# SPDX-License-Identifier: Apache-2.0
"""Functions of each element: arithmetic, comparisons, logic, exponentials, clipping."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import operands, tensor

__all__ = [
    "abs", "acosh", "add", "add_n", "asinh", "atanh", "ceil", "clip_by_value", "cos", "cosh", "cube",
    "divide", "divide_no_nan", "equal", "erf", "exp", "expm1", "floor", "floordiv", "floormod",
    "greater", "greater_equal", "is_finite", "is_inf", "is_nan", "less", "less_equal", "log", "log1p",
    "log_sigmoid", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod",
    "multiply", "multiply_no_nan", "negative", "not_equal", "pow", "reciprocal", "reciprocal_no_nan",
    "rint", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "softplus", "softsign", "sqrt", "square",
    "squared_difference", "subtract", "tan", "tanh", "truediv", "xdivy", "xlog1py", "xlogy",
]  # fmt: skip


def _unary(function, doc: str):
    """A function of one argument, called `x` in TensorFlow."""

    def call(x, name=None) -> Tensor:
        return function(tensor(x))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = doc
    return call


def _binary(function, doc: str):
    """A function of two arguments that meet; numbers, lists and arrays take the dtype of a Tensor beside."""

    def call(x, y, name=None) -> Tensor:
        return function(*operands(x, y))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = doc
    return call


def _floats(x) -> Tensor:
    """A Tensor; whole numbers as float32, as TensorFlow's functions of floats would refuse them."""
    x = tensor(x)
    return ops.cast(x, "float32") if x.dtype.kind in "biu" else x


# ---- arithmetic

add = _binary(ops.add, "x + y")
subtract = _binary(ops.subtract, "x - y")
multiply = _binary(ops.multiply, "x * y")
divide = _binary(ops.divide, "x / y; of integers in float64")
truediv = _binary(ops.divide, "x / y; of integers in float64")
floordiv = _binary(ops.floor_divide, "x // y")
floormod = mod = _binary(ops.remainder, "x % y, with the sign of y")
maximum = _binary(ops.maximum, "The larger of both")
minimum = _binary(ops.minimum, "The smaller of both")
pow = _binary(ops.power, "x to the power y")
negative = _unary(ops.negative, "-x")
abs = _unary(ops.abs, "|x|")
sign = _unary(ops.sign, "-1, 0 or 1")
square = _unary(ops.square, "x * x")


def add_n(inputs, name=None) -> Tensor:
    """The sum of a list of Tensors of one shape."""
    total = None
    for x in inputs:
        total = tensor(x) if total is None else ops.add(total, tensor(x))
    if total is None:
        raise ValueError("[add_n] inputs has no entries, expected at least one Tensor")
    return total


def squared_difference(x, y, name=None) -> Tensor:
    """(x - y)^2"""
    return ops.square(ops.subtract(*operands(x, y)))


def cube(x, name=None) -> Tensor:
    """x^3"""
    x = tensor(x)
    return ops.multiply(ops.square(x), x)


def divide_no_nan(x, y, name=None) -> Tensor:
    """x / y, and 0 where y is 0; gradients are 0 there too."""
    x, y = (tensor(v) for v in operands(x, y))
    zero = ops.equal(y, 0)
    return ops.where(zero, 0.0, ops.divide(x, ops.where(zero, 1, y)))


def reciprocal(x, name=None) -> Tensor:
    """1 / x"""
    return ops.reciprocal(_floats(x))


def reciprocal_no_nan(x, name=None) -> Tensor:
    """1 / x, and 0 where x is 0."""
    return divide_no_nan(ops.ones_like(_floats(x)), _floats(x))


def multiply_no_nan(x, y, name=None) -> Tensor:
    """x * y, and 0 where y is 0 whatever x is."""
    x, y = (tensor(v) for v in operands(x, y))
    zero = ops.equal(y, 0)
    return ops.where(zero, 0.0, ops.multiply(ops.where(zero, 1.0, x), y))


def _where_nonzero(x, value) -> Tensor:
    """`value(x)` times x, 0 where x is 0."""
    return ops.where(ops.equal(x, 0), ops.zeros_like(x), value)


def xlogy(x, y, name=None) -> Tensor:
    """x log(y), and 0 where x is 0."""
    x, y = (tensor(v) for v in operands(x, y))
    return _where_nonzero(x, ops.multiply(x, ops.log(ops.where(ops.equal(x, 0), 1.0, y))))


def xlog1py(x, y, name=None) -> Tensor:
    """x log(1 + y), and 0 where x is 0."""
    x, y = (tensor(v) for v in operands(x, y))
    return _where_nonzero(x, ops.multiply(x, ops.log1p(ops.where(ops.equal(x, 0), 1.0, y))))


def xdivy(x, y, name=None) -> Tensor:
    """x / y, and 0 where x is 0."""
    x, y = (tensor(v) for v in operands(x, y))
    return _where_nonzero(x, ops.divide(x, ops.where(ops.equal(x, 0), 1.0, y)))


# ---- comparisons and logic

equal = _binary(ops.equal, "x == y, bool")
not_equal = _binary(ops.not_equal, "x != y, bool")
less = _binary(ops.less, "x < y, bool")
less_equal = _binary(ops.less_equal, "x <= y, bool")
greater = _binary(ops.greater, "x > y, bool")
greater_equal = _binary(ops.greater_equal, "x >= y, bool")
logical_and = _binary(ops.logical_and, "x and y, bool")
logical_or = _binary(ops.logical_or, "x or y, bool")
logical_xor = _binary(ops.logical_xor, "Either of x and y, not both; bool")
logical_not = _unary(ops.logical_not, "not x, bool")
is_nan = _unary(ops.isnan, "Whether x is NaN, bool")
is_inf = _unary(ops.isinf, "Whether x is infinite, bool")
is_finite = _unary(ops.isfinite, "Whether x is neither NaN nor infinite, bool")


# ---- powers, exponentials, angles


def _float_unary(function, doc: str):
    def call(x, name=None) -> Tensor:
        return function(_floats(x))

    call.__name__ = call.__qualname__ = function.__name__
    call.__doc__ = doc
    return call


sqrt = _float_unary(ops.sqrt, "The square root")
rsqrt = _float_unary(ops.rsqrt, "1 / sqrt(x)")
exp = _float_unary(ops.exp, "e to the power x")
expm1 = _float_unary(ops.expm1, "e to the power x, less 1: exact for small x")
log = _float_unary(ops.log, "The natural logarithm")
log1p = _float_unary(ops.log1p, "log(1 + x): exact for small x")
sin = _float_unary(ops.sin, "The sine")
cos = _float_unary(ops.cos, "The cosine")
erf = _float_unary(ops.erf, "The error function")
tanh = _float_unary(ops.tanh, "The hyperbolic tangent")
sigmoid = _float_unary(ops.sigmoid, "1 / (1 + e^-x)")
softplus = _float_unary(ops.softplus, "log(1 + e^x)")
floor = _unary(ops.floor, "Rounded down")
ceil = _unary(ops.ceil, "Rounded up")
round = rint = _unary(ops.round, "Rounded to the nearest whole number, halves to the even one")


def tan(x, name=None) -> Tensor:
    """The tangent."""
    x = _floats(x)
    return ops.divide(ops.sin(x), ops.cos(x))


def sinh(x, name=None) -> Tensor:
    """The hyperbolic sine: (e^x - e^-x) / 2, exact for small x."""
    x = _floats(x)
    return ops.multiply(ops.subtract(ops.expm1(x), ops.expm1(ops.negative(x))), 0.5)


def cosh(x, name=None) -> Tensor:
    """The hyperbolic cosine: (e^x + e^-x) / 2."""
    x = _floats(x)
    return ops.multiply(ops.add(ops.exp(x), ops.exp(ops.negative(x))), 0.5)


def asinh(x, name=None) -> Tensor:
    """The inverse of sinh."""
    x = _floats(x)
    a = ops.abs(x)
    square = ops.square(a)
    # log(1 + a + (sqrt(1 + a^2) - 1)), whose last term is a^2 / (1 + sqrt(1 + a^2)): no digits are lost near
    # 0.
    return ops.multiply(
        ops.sign(x), ops.log1p(ops.add(a, ops.divide(square, ops.add(ops.sqrt(ops.add(square, 1.0)), 1.0))))
    )


def acosh(x, name=None) -> Tensor:
    """The inverse of cosh for x of at least 1."""
    t = ops.subtract(_floats(x), 1.0)
    return ops.log1p(ops.add(t, ops.sqrt(ops.multiply(t, ops.add(t, 2.0)))))


def atanh(x, name=None) -> Tensor:
    """The inverse of tanh."""
    x = _floats(x)
    return ops.multiply(ops.subtract(ops.log1p(x), ops.log1p(ops.negative(x))), 0.5)


def log_sigmoid(x, name=None) -> Tensor:
    """log(sigmoid(x)), without overflow."""
    return ops.negative(ops.softplus(ops.negative(_floats(x))))


def softsign(features, name=None) -> Tensor:
    """x / (1 + |x|)"""
    x = _floats(features)
    return ops.divide(x, ops.add(ops.abs(x), 1.0))


def clip_by_value(t, clip_value_min, clip_value_max, name=None) -> Tensor:
    """`t` brought into a range; the limits are numbers or Tensors that broadcast.

    Examples
        >>> clip_by_value([-3.0, 0.5, 3.0], -1, 1).numpy()
        array([-1. ,  0.5,  1. ], dtype=float32)
    """
    t = tensor(t, argument="t")
    numbers = all(isinstance(v, (int, float)) for v in (clip_value_min, clip_value_max))
    if t.dtype.kind == "f" and numbers and clip_value_min <= clip_value_max:  # false for NaN
        return ops.clip(t, clip_value_min, clip_value_max)
    return maximum(minimum(t, clip_value_max), clip_value_min)
