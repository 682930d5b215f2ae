# SPDX-License-Identifier: Apache-2.0
"""The losses of `tf.nn`, from logits."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import operands, tensor

__all__ = [
    "compute_average_loss", "l2_loss", "log_poisson_loss", "sigmoid_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
]  # fmt: skip


def l2_loss(t, name=None) -> Tensor:
    """Half the sum of squares."""
    return ops.multiply(ops.sum_squares(tensor(t, argument="t")), 0.5)


def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None) -> Tensor:
    """Cross-entropy of softmax(logits) with class numbers, one loss a row.

    Raises    ValueError: a label out of range, with its position
    """
    return ops.softmax_cross_entropy(tensor(logits, argument="logits"), tensor(labels, argument="labels"))


def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None) -> Tensor:
    """Cross-entropy of softmax(logits) with probabilities along an axis."""
    logits = tensor(logits, argument="logits")
    labels = tensor(labels, logits.dtype, "labels")
    if axis not in (-1, logits.ndim - 1):
        logits, labels = (ops.moveaxis(x, axis, -1) for x in (logits, labels))
    return ops.softmax_cross_entropy(logits, labels)


def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None) -> Tensor:
    """Binary cross-entropy of sigmoid(logits) with labels, element by element."""
    logits = tensor(logits, argument="logits")
    return ops.sigmoid_cross_entropy(logits, tensor(labels, argument="labels"))


def weighted_cross_entropy_with_logits(labels, logits, pos_weight, name=None) -> Tensor:
    """`sigmoid_cross_entropy_with_logits` with the loss of positive labels times `pos_weight`."""
    z, x = (tensor(v) for v in operands(labels, logits))
    weight = ops.add(ops.multiply(z, pos_weight - 1.0), 1.0)
    slack = ops.softplus(ops.negative(x))
    return ops.add(ops.multiply(ops.subtract(1.0, z), x), ops.multiply(weight, slack))


def log_poisson_loss(targets, log_input, compute_full_loss=False, name=None) -> Tensor:
    """e^log_input - targets * log_input: the loss of counts, but for a constant."""
    if compute_full_loss:
        raise ValueError("[log_poisson_loss] compute_full_loss is True, expected False")
    t, x = (tensor(v) for v in operands(targets, log_input))
    return ops.subtract(ops.exp(x), ops.multiply(t, x))


def compute_average_loss(per_example_loss, sample_weight=None, global_batch_size=None) -> Tensor:
    """The sum of losses over the size of the batch."""
    losses = tensor(per_example_loss)
    count = losses.size if global_batch_size is None else global_batch_size
    if sample_weight is not None:
        losses = ops.multiply(losses, tensor(sample_weight, losses.dtype))
    return ops.divide(ops.sum(losses), float(count))
