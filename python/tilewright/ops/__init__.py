# SPDX-License-Identifier: Apache-2.0
"""Every operation as a function: raw arrays in, raw arrays out; Tensors in, Tensors out."""

from tilewright.ops import _tensor_methods, elementwise
from tilewright.ops.elementwise import *  # noqa: F403
from tilewright.ops.matmul import matmul
from tilewright.ops.reduce import max, mean, min, sum, sum_to
from tilewright.ops.shape import broadcast_to, expand_dims, getitem, reshape, squeeze, transpose
from tilewright.ops.softmax import softmax, softmax_backward

_tensor_methods.install()

__all__ = [
    *elementwise.__all__, "broadcast_to", "expand_dims", "getitem", "matmul", "max", "mean", "min", "reshape", "softmax",
    "softmax_backward", "squeeze", "sum", "sum_to", "transpose",
]
