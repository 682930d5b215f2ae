# SPDX-License-Identifier: Apache-2.0
"""Every operation as a function: raw arrays in, raw arrays out; Tensors in, Tensors out."""

from tilewright.ops.attention import attention, attention_backward
from tilewright.ops.softmax import softmax, softmax_backward

__all__ = ["attention", "attention_backward", "softmax", "softmax_backward"]
