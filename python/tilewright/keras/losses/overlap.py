# SPDX-License-Identifier: Apache-2.0
"""Losses of sets: how far two masks overlap (Dice, Tversky), how far classes lie apart (circle)."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import config
from tilewright.keras.annotated import with_mask
from tilewright.keras.losses.functions import pair, tensor_of


def dice(y_true, y_pred, axis=None):
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred)), over all values or along `axis`"""
    y_true, y_pred = pair(y_true, y_pred, "dice")
    both = ops.sum(ops.multiply(y_true, y_pred), axis=axis)
    sizes = ops.add(ops.sum(y_true, axis=axis), ops.sum(y_pred, axis=axis))
    return ops.subtract(1.0, ops.divide(ops.multiply(both, 2.0), ops.add(sizes, config.epsilon())))


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - both / (both + alpha * missed + beta * wrong), over all or along `axis` (arXiv:1706.05721)"""
    y_true, y_pred = pair(y_true, y_pred, "tversky")
    both = ops.sum(ops.multiply(y_true, y_pred), axis=axis)
    missed = ops.sum(ops.multiply(ops.subtract(1.0, y_pred), y_true), axis=axis)
    wrong = ops.sum(ops.multiply(y_pred, ops.subtract(1.0, y_true)), axis=axis)
    other = ops.add(ops.multiply(missed, float(alpha)), ops.multiply(wrong, float(beta)))
    return ops.subtract(1.0, ops.divide(both, ops.add(ops.add(both, other), config.epsilon())))


def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """log(1 + sum(exp(gamma * ..)) over others' * sum over own class's distances) (arXiv:2002.10857)

    y_true holds class numbers, y_pred embeddings of length 1; distances are to `ref_embeddings`, or within
    the batch. Samples without loss count as masked.
    """
    y_pred = tensor_of("y_pred", y_pred)
    others = y_pred if ref_embeddings is None else tensor_of("ref_embeddings", ref_embeddings)
    labels = ops.reshape(ops.cast(tensor_of("y_true", y_true), "int32"), (-1, 1))
    given = labels if ref_labels is None else ops.cast(tensor_of("ref_labels", ref_labels), "int32")
    same = ops.equal(labels, ops.reshape(given, (1, -1)))
    different = ops.logical_not(same)
    if remove_diagonal:
        ones = ops.ones(same.shape, "float32")
        diagonal = ops.subtract(ops.tril(ones), ops.tril(ones, k=-1))
        same = ops.logical_and(same, ops.equal(diagonal, 0.0))
    distance = ops.subtract(1.0, ops.matmul(y_pred, ops.transpose(others, (1, 0))))
    distance = ops.maximum(distance, 0.0)
    margin, gamma = float(margin), float(gamma)
    near = ops.multiply(ops.add(distance, margin), ops.subtract(distance, margin))
    far = ops.multiply(
        ops.maximum(ops.subtract(1.0 + margin, distance), 0.0), ops.subtract(1.0 - margin, distance)
    )
    # Where a sample has no pair of a kind its sum is of nothing: far below all else, and without gradient.
    own = ops.logsumexp(ops.where(same, ops.multiply(near, gamma), _NOTHING), axis=1)
    foreign = ops.logsumexp(ops.where(different, ops.multiply(far, gamma), _NOTHING), axis=1)
    losses = ops.softplus(ops.add(own, foreign))
    return with_mask(losses, ops.greater(losses, 0.0))


_NOTHING = -1e30
