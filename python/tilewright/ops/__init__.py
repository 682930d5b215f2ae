# SPDX-License-Identifier: Apache-2.0
"""Every operation as a function: raw arrays in, raw arrays out; Tensors in, Tensors out."""

from tilewright.ops.softmax import softmax, softmax_backward

__all__ = ["softmax", "softmax_backward"]
