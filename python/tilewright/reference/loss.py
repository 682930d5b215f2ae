# SPDX-License-Identifier: Apache-2.0
"""Losses, as the formulas read. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def _log_softmax(xp, x):
    z = x - x.max(axis=-1, keepdims=True)
    return z - xp.log(xp.exp(z).sum(axis=-1, keepdims=True))


def _reduced(loss, reduction, count=None):
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / (loss.size if count is None else count)


def _distribution(xp, labels, classes):
    """One-hot rows for ids, which are zero for an id outside; probabilities stay."""
    return labels if labels.dtype.kind == "f" else (labels[..., None] == xp.arange(classes)).astype("float64")


def softmax_cross_entropy(logits, labels, *, label_smoothing=0.0, ignore_index=None, reduction="none"):
    """-sum q log softmax(logits), q = (1 - label_smoothing) label + label_smoothing / classes"""
    xp = namespace_of(logits)
    classes = logits.shape[-1]
    q = _distribution(xp, labels, classes) * (1 - label_smoothing) + label_smoothing / classes
    loss = -xp.where(q == 0, 0, q * _log_softmax(xp, logits)).sum(axis=-1)
    if ignore_index is None:
        return _reduced(loss, reduction)
    counted = labels != ignore_index
    return _reduced(xp.where(counted, loss, 0), reduction, counted.sum())


def sigmoid_cross_entropy(logits, labels, *, label_smoothing=0.0, reduction="none"):
    """-q log s - (1 - q) log(1 - s), s = sigmoid(x), q = label (1 - label_smoothing) + label_smoothing / 2"""
    xp = namespace_of(logits)
    q = labels * (1 - label_smoothing) + label_smoothing / 2
    return _reduced(xp.logaddexp(0, -logits) * q + xp.logaddexp(0, logits) * (1 - q), reduction)


def mean_squared_error(prediction, target, *, reduction="none"):
    """mean over the last axis of (prediction - target)^2"""
    return _reduced(((prediction - target) ** 2).mean(axis=-1), reduction)


def binary_cross_entropy(probabilities, labels, *, label_smoothing=0.0, epsilon=1e-7, reduction="none"):
    """-q log p - (1 - q) log(1 - p), p cut to epsilon .. 1 - epsilon"""
    xp = namespace_of(probabilities)
    p = xp.clip(probabilities, epsilon, 1 - epsilon)
    q = labels * (1 - label_smoothing) + label_smoothing / 2
    return _reduced(-q * xp.log(p) - (1 - q) * xp.log(1 - p), reduction)


def categorical_cross_entropy(probabilities, labels, *, label_smoothing=0.0, epsilon=1e-7, reduction="none"):
    """-sum q log p, p = probabilities / sum(probabilities), cut to epsilon .. 1 - epsilon"""
    xp = namespace_of(probabilities)
    classes = probabilities.shape[-1]
    p = xp.clip(probabilities / probabilities.sum(axis=-1, keepdims=True), epsilon, 1 - epsilon)
    q = _distribution(xp, labels, classes) * (1 - label_smoothing) + label_smoothing / classes
    return _reduced(-(q * xp.log(p)).sum(axis=-1), reduction)
