# SPDX-License-Identifier: Apache-2.0
"""Whole quotients and remainders, made of division and rounding down."""

from __future__ import annotations

import numpy as np

from tilewright.autograd import Tensor, raw
from tilewright.ops import _promotion
from tilewright.ops._operands import documented
from tilewright.ops.elementwise_binary import divide, multiply, subtract
from tilewright.ops.elementwise_copy import cast
from tilewright.ops.elementwise_unary import floor

_NUMBERS = documented("""
    Parameters
        a, b : arrays that broadcast, or numbers; float32, float64 or an integer dtype
    Returns   y : array of the broadcast shape and common dtype
    Raises    ValueError: shapes that do not broadcast.  TypeError: no array, other dtypes.
    Backends  cpu
""")


def _dtype(name: str, a, b):
    """The dtype of the result."""
    kinds = [x if type(x) in (int, float, bool) else raw(name, "a", x).dtype for x in (a, b)]
    if all(type(kind) in (int, float, bool) for kind in kinds):
        kinds = [np.asarray(kind).dtype for kind in kinds]
    if isinstance(kinds[0], (int, float)):
        kinds.reverse()
    first, second = kinds
    if isinstance(second, float) and first.kind == "f":
        return first
    return _promotion.of_pair(name, first, second, isinstance(a, Tensor) or isinstance(b, Tensor))


@_NUMBERS
def floor_divide(a, b):
    """Quotient rounded down: y = floor(a / b).

    Numerics  integers are divided in float64: exact below 2^53; x / 0 is the dtype's lowest number. No
              gradient
    Examples
        >>> floor_divide(np.array([7, -7]), 2)
        array([ 3, -4])
    """
    dtype = _dtype("floor_divide", a, b)
    if dtype.kind in "biu":
        a, b = (x if type(x) in (int, bool) else cast(x, np.float64) for x in (a, b))
    return cast(floor(divide(a, b)), dtype)


@_NUMBERS
def remainder(a, b):
    """What is left of a whole division, with the sign of b: y = a - floor(a / b) * b.

    Numerics  of floats one rounding more than fmod; the gradient by b is -floor(a / b)
    Examples
        >>> remainder(np.array([7, -7]), 3)
        array([1, 2])
    """
    return subtract(a, multiply(floor_divide(a, b), b))
