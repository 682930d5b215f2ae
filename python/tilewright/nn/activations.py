# SPDX-License-Identifier: Apache-2.0
"""The activations of `tf.nn`."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import tensor

__all__ = [
    "crelu", "elu", "gelu", "leaky_relu", "log_softmax", "relu", "relu6", "selu", "silu", "softmax", "swish",
]  # fmt: skip

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al., arXiv:1706.02515


def relu(features, name=None) -> Tensor:
    """max(x, 0)"""
    return ops.relu(tensor(features))


def relu6(features, name=None) -> Tensor:
    """min(max(x, 0), 6)"""
    return ops.relu6(tensor(features))


def crelu(features, axis=-1, name=None) -> Tensor:
    """relu of x and of -x, one after the other along an axis."""
    x = tensor(features)
    return ops.concat([ops.relu(x), ops.relu(ops.negative(x))], axis=axis)


def leaky_relu(features, alpha=0.2, name=None) -> Tensor:
    """x above 0, else alpha * x"""
    return ops.leaky_relu(tensor(features), alpha)


def elu(features, name=None) -> Tensor:
    """x above 0, else e^x - 1"""
    return ops.elu(tensor(features))


def selu(features, name=None) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1."""
    return ops.multiply(ops.elu(tensor(features), _SELU_ALPHA), _SELU_SCALE)


def gelu(features, approximate=False, name=None) -> Tensor:
    """x times the probability that a normal variable is below x; with `approximate` by tanh."""
    return ops.gelu(tensor(features), approximate=bool(approximate))


def silu(features, beta=1.0) -> Tensor:
    """x * sigmoid(beta * x)"""
    x = tensor(features)
    if isinstance(beta, (int, float)) and beta == 1:
        return ops.silu(x)
    return ops.multiply(x, ops.sigmoid(ops.multiply(x, beta)))


swish = silu


def softmax(logits, axis=-1, name=None) -> Tensor:
    """e^x over its sum along an axis."""
    return ops.softmax(tensor(logits), axis=-1 if axis is None else axis)


def log_softmax(logits, axis=-1, name=None) -> Tensor:
    """The logarithm of softmax, without overflow."""
    return ops.log_softmax(tensor(logits), axis=-1 if axis is None else axis)
