# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, functions of each element: arithmetic, comparisons, exponentials, angles, rounding, limits."""

from __future__ import annotations

import math

import numpy as np

from tilewright import ops
from tilewright.keras.operations.arguments import (
    common_dtype,
    float_tensors,
    floats,
    is_float,
    meeting,
    tensors,
)
from tilewright.keras.operations.declared import CORE, MATH, NUMPY, called, node
from tilewright.tf import dtypes, elementwise, special
from tilewright.tf.arguments import tensor


def _unary(read, function):
    return lambda x: function(read(x))


def _binary(read, function):
    return lambda x1, x2: function(*read(x1, x2))


def _of_numbers(x):
    """x as a Tensor, truth values as int32."""
    x = tensor(x)
    return ops.cast(x, "int32") if x.dtype.kind == "b" else x


def _cube_root(x):
    return ops.multiply(ops.sign(x), ops.power(ops.abs(x), 1.0 / 3.0))


def _sine_over(x):
    zero = ops.equal(x, 0.0)
    angle = ops.multiply(ops.where(zero, 1.0, x), math.pi)
    return ops.where(zero, 1.0, ops.divide(ops.sin(angle), angle))


def _truncated(x):
    return ops.multiply(ops.sign(x), ops.floor(ops.abs(x))) if is_float(x) else x


def _scaled(factor: float):
    return lambda x: ops.multiply(x, factor)


def _log_to(base: float):
    return lambda x: ops.multiply(ops.log(x), 1.0 / math.log(base))


def _is_infinity(value: float):
    return lambda x: ops.equal(floats(x), value)


# ---- of one argument: the arguments are read as floats, as numbers, or as they are

_OF_FLOATS = {
    "arccos": special.acos, "arccosh": elementwise.acosh, "arcsin": special.asin,
    "arcsinh": elementwise.asinh, "arctan": special.atan, "arctanh": elementwise.atanh, "cbrt": _cube_root,
    "ceil": ops.ceil, "cos": ops.cos, "cosh": elementwise.cosh, "deg2rad": _scaled(math.pi / 180.0),
    "exp": ops.exp, "exp2": lambda x: ops.power(2.0, x), "expm1": ops.expm1, "fabs": ops.abs,
    "floor": ops.floor, "log": ops.log, "log10": _log_to(10.0), "log1p": ops.log1p, "log2": _log_to(2.0),
    "rad2deg": _scaled(180.0 / math.pi), "reciprocal": ops.reciprocal, "sin": ops.sin, "sinc": _sine_over,
    "sinh": elementwise.sinh, "sqrt": ops.sqrt, "tan": elementwise.tan, "tanh": ops.tanh,
}  # fmt: skip
_OF_FLOATS_IN_MATH = {"erf": ops.erf, "erfc": special.erfc, "erfinv": special.erfinv, "rsqrt": ops.rsqrt}
_OF_NUMBERS = {"negative": ops.negative, "sign": ops.sign, "square": ops.square, "abs": ops.abs,
               "absolute": ops.abs, "trunc": _truncated}  # fmt: skip
_OF_ANY = {
    "copy": ops.copy, "isfinite": lambda x: ops.isfinite(floats(x)), "isinf": lambda x: ops.isinf(floats(x)),
    "isnan": lambda x: ops.isnan(floats(x)), "isneginf": _is_infinity(-math.inf),
    "isposinf": _is_infinity(math.inf), "isreal": lambda x: ops.ones_like(x, bool),
    "logical_not": lambda x: ops.logical_not(ops.cast(x, bool)),
    "signbit": lambda x: special.is_negative(x) if is_float(x) else ops.less(_of_numbers(x), 0),
}  # fmt: skip
for _table, _read, _module in (
    (_OF_FLOATS, floats, NUMPY),
    (_OF_FLOATS_IN_MATH, floats, MATH),
    (_OF_NUMBERS, _of_numbers, NUMPY),
    (_OF_ANY, tensor, NUMPY),
):
    for _name, _function in _table.items():
        node(_module)(called(_name, _unary(_read, _function)))


# ---- of two that meet in one dtype


def _ignoring_nan(function):
    def chosen(x1, x2):
        return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, function(x1, x2)))

    return lambda x1, x2: chosen(x1, x2) if is_float(x1) else function(x1, x2)


def _remainder_of_division(x1, x2):
    """What is left of a division that is rounded to zero."""
    return ops.multiply(ops.sign(x1), ops.remainder(ops.abs(x1), ops.abs(x2)))


def _step(x1, x2):
    y = ops.where(ops.equal(x1, 0.0), x2, ops.cast(ops.greater(x1, 0.0), x1.dtype))
    return ops.where(ops.isnan(x1), x1, y)


def _hypotenuse(x1, x2):
    x1, x2 = ops.abs(x1), ops.abs(x2)
    longer = ops.maximum(x1, x2)
    # Divided by the longer side no square overflows. Two sides of 0 stay 0, two infinite ones infinite.
    plain = ops.logical_or(ops.equal(longer, 0.0), ops.isinf(longer))
    ratio = ops.divide(ops.minimum(x1, x2), ops.where(plain, 1.0, longer))
    return ops.where(plain, longer, ops.multiply(longer, ops.sqrt(ops.add(ops.square(ratio), 1.0))))


def _log_of_sum(x1, x2):
    # Equal infinities have no difference.
    apart = ops.where(ops.equal(x1, x2), 0.0, ops.subtract(x1, x2))
    return ops.add(ops.maximum(x1, x2), ops.log1p(ops.exp(ops.negative(ops.abs(apart)))))


def _log2_of_sum(x1, x2):
    return ops.divide(_log_of_sum(*(ops.multiply(x, math.log(2.0)) for x in (x1, x2))), math.log(2.0))


def _truth_values(x1, x2):
    return [ops.cast(tensor(x), bool) for x in (x1, x2)]


def _quotient_operands(x1, x2):
    """Two that meet in a dtype of floats."""
    met = meeting(x1, x2)
    return met if common_dtype(*met).kind in "fV" else float_tensors(*met)


_MEETING = {
    "add": ops.add, "equal": ops.equal, "floor_divide": ops.floor_divide, "greater": ops.greater,
    "greater_equal": ops.greater_equal, "less": ops.less, "less_equal": ops.less_equal,
    "maximum": ops.maximum, "minimum": ops.minimum, "mod": ops.remainder, "multiply": ops.multiply,
    "not_equal": ops.not_equal, "power": ops.power, "subtract": ops.subtract,
}  # fmt: skip
_LOGICAL = {"logical_and": ops.logical_and, "logical_or": ops.logical_or, "logical_xor": ops.logical_xor}
_QUOTIENTS = {"divide": ops.divide, "true_divide": ops.divide}
_TWO_TENSORS = {"fmax": _ignoring_nan(ops.maximum), "fmin": _ignoring_nan(ops.minimum),
                "fmod": _remainder_of_division}  # fmt: skip
_TWO_OF_FLOATS = {
    "arctan2": special.atan2, "divide_no_nan": elementwise.divide_no_nan, "heaviside": _step,
    "hypot": _hypotenuse, "logaddexp": _log_of_sum, "logaddexp2": _log2_of_sum,
}  # fmt: skip
for _table, _read in (
    (_MEETING, meeting),
    (_LOGICAL, _truth_values),
    (_QUOTIENTS, _quotient_operands),
    (_TWO_TENSORS, tensors),
    (_TWO_OF_FLOATS, float_tensors),
):
    for _name, _function in _table.items():
        node(NUMPY, 2)(called(_name, _binary(_read, _function)))


@node(NUMPY, 2)
def ldexp(x1, x2):
    """x1 * 2^x2, x2 of whole numbers."""
    x1, x2 = floats(x1), tensor(x2)
    if is_float(x2):
        raise TypeError(f"[ldexp] x2 has dtype {x2.dtype}, expected whole numbers")
    return ops.multiply(x1, ops.power(2.0, ops.cast(x2, x1.dtype)))


# ---- with options


@node(CORE)
def cast(x, dtype):
    """x in another dtype."""
    return ops.cast(tensor(x), dtypes.as_dtype(dtype))


@node(CORE)
def saturate_cast(x, dtype):
    """x in another dtype; what it cannot hold becomes its largest or smallest number."""
    return dtypes.saturate_cast(x, dtype)


@node(NUMPY)
def clip(x, x_min, x_max):
    """x brought into a range; the limits are numbers or arrays that broadcast."""
    return elementwise.clip_by_value(_of_numbers(x), x_min, x_max)


@node(NUMPY)
def round_(x, decimals=0):
    """Rounded to so many decimals, halves to the even digit."""
    x = tensor(x)
    if decimals == 0:
        return ops.round(x) if is_float(x) else x
    y = ops.divide(ops.round(ops.multiply(x, 10.0**decimals)), 10.0**decimals)
    return y if is_float(x) else ops.cast(y, x.dtype)


@node(NUMPY)
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """NaN as `nan`, infinities as the largest numbers of the dtype, or as given."""
    x = tensor(x)
    if not is_float(x):
        return x
    limit = float(np.finfo(x.dtype).max) if x.dtype.kind == "f" else 3.3895313892515355e38  # bfloat16's
    x = ops.where(ops.isnan(x), float(nan), x)
    x = ops.where(ops.equal(x, math.inf), limit if posinf is None else float(posinf), x)
    return ops.where(ops.equal(x, -math.inf), -limit if neginf is None else float(neginf), x)


@node(NUMPY, "x1 x2 rtol atol")
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether abs(x1 - x2) is at most atol + rtol * abs(x2), element by element."""
    x1, x2 = float_tensors(x1, x2)
    same = ops.equal(x1, x2)
    bound = ops.add(ops.multiply(ops.abs(x2), float(rtol)), float(atol))
    near = ops.logical_and(ops.less_equal(ops.abs(ops.subtract(x1, x2)), bound), ops.isfinite(x2))
    near = ops.logical_or(near, same)
    return ops.logical_or(near, ops.logical_and(ops.isnan(x1), ops.isnan(x2))) if equal_nan else near


@node(NUMPY, 2, class_name="AllClose")
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close."""
    return ops.all(isclose(x1, x2, rtol, atol, equal_nan))


@node(NUMPY, 3)
def where(condition, x1=None, x2=None):
    """x1 where `condition` holds, else x2; with neither the positions where it holds, an array an axis.

    The positions are found on the host: how many there are decides the shape.
    """
    condition = ops.cast(tensor(condition), bool)
    if (x1 is None) != (x2 is None):
        raise ValueError("[where] one of x1 and x2 is None, expected both or neither")
    if x1 is None:
        return tuple(tensor(places) for places in np.nonzero(condition.numpy()))
    x1, x2 = meeting(x1, x2)
    dtype = common_dtype(x1, x2)
    x1, x2 = (v if hasattr(v, "dtype") else tensor(v, dtype) for v in (x1, x2))
    return ops.where(condition, x1, x2)
