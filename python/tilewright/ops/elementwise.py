# SPDX-License-Identifier: Apache-2.0
"""The elementwise family in one place: arithmetic, comparisons, functions of one argument, copies and casts."""

from tilewright.ops.elementwise_binary import (
    add,
    divide,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    not_equal,
    power,
    subtract,
)
from tilewright.ops.elementwise_copy import (
    cast,
    copy,
    fill,
    full,
    full_like,
    ones,
    ones_like,
    where,
    zeros,
    zeros_like,
)
from tilewright.ops.elementwise_unary import (
    abs,
    exp,
    log,
    logical_not,
    negative,
    reciprocal,
    relu,
    rsqrt,
    sign,
    sqrt,
    square,
    unary_backward,
)

__all__ = [
    "abs", "add", "cast", "copy", "divide", "equal", "exp", "fill", "full", "full_like", "greater", "greater_equal",
    "less", "less_equal", "log", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum",
    "multiply", "negative", "not_equal", "ones", "ones_like", "power", "reciprocal", "relu", "rsqrt", "sign", "sqrt",
    "square", "subtract", "unary_backward", "where", "zeros", "zeros_like",
]
