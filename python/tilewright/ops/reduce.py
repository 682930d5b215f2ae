# SPDX-License-Identifier: Apache-2.0
"""The reduce family in one place: folds over axes, moments, positions of extremes, running sums, top-k."""

from tilewright.ops.reduce_fold import (
    all,
    any,
    l2_norm,
    logsumexp,
    max,
    mean,
    min,
    prod,
    sum,
    sum_squares,
    sum_to,
)
from tilewright.ops.reduce_moments import global_norm, moments, std, var
from tilewright.ops.reduce_scan import argmax, argmin, cumsum, top_k

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "cumsum",
    "global_norm",
    "l2_norm",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moments",
    "prod",
    "std",
    "sum",
    "sum_squares",
    "sum_to",
    "top_k",
    "var",
]
