# SPDX-License-Identifier: Apache-2.0
"""How far a result may lie from the float64 reference: one table, each line with its reason.

|got - want| <= relative * |want| + absolute * scale, where scale is the largest |want| of the array: sums of
terms of both signs lose digits relative to their terms, not to their total.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    relative: float
    absolute: float


_F32 = {
    "default": Tolerance(2e-6, 1e-6),  # a few roundings of 2^-24 each
    "elementwise": Tolerance(
        2e-6, 6e-7
    ),  # 2 to 4 ULP of a function; a slope y (1 - y) keeps y's absolute error
    "elementwise-sum": Tolerance(2e-6, 2e-6),  # the same, and sums of 40 such terms of both signs
    "exact": Tolerance(0, 0),  # no arithmetic
    "random": Tolerance(4e-6, 2e-6),  # the angle 2 pi u is rounded to 2^-22 before its sine
    "matmul": Tolerance(2e-6, 1e-5),  # sums of up to 10^4 products of both signs, gelu and tanh behind them
    "conv2d": Tolerance(
        2e-6, 4e-6
    ),  # sums of up to 6300 products: the square root of as many roundings of 2^-24
    "pool2d": Tolerance(1e-6, 5e-7),  # one sum of a window and one division; maxima are exact
    "optimizer": Tolerance(
        2e-6, 1e-5
    ),  # a step may cancel a parameter of size 1: the error is relative to that, not the result
    "softmax": Tolerance(4e-6, 1e-7),  # exp to 2 ULP, a sum of positive terms, one division
    "norm": Tolerance(4e-6, 1e-6),  # x - mean, rstd and two parameters, a rounding each; sums in short blocks
    "loss": Tolerance(
        4e-6, 1e-6
    ),  # exp and log to 2 ULP; log(sum) - logit cancels where the loss is small beside the row's largest
    "attention": Tolerance(
        4e-6, 4e-6
    ),  # two chained products over up to 300 terms of both signs, exp to 2 ULP
    "rnn": Tolerance(
        4e-6, 4e-6
    ),  # errors travel along up to 60 steps; sigmoid and tanh to 2 ULP, sums over B T rows
}
_F64 = {
    "default": Tolerance(1e-13, 1e-13),
    "exact": Tolerance(0, 0),
    "matmul": Tolerance(1e-13, 5e-14),  # sums of up to 10^4 products of both signs
}


def tolerance(family: str, dtype) -> Tolerance:
    table = _F64 if np.dtype(dtype) == np.float64 else _F32
    return table.get(family, table["default"])
