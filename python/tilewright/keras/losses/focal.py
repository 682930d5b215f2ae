# SPDX-License-Identifier: Apache-2.0
"""Cross-entropies that weigh samples by how right they are: focal and generalized. Numerics are Keras's."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import config
from tilewright.keras.losses.functions import class_numbers, pair, smoothed, tensor_of


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """mean((1 - p_t)^gamma * cross-entropy), p_t the probability given to the right answer (arXiv:1708.02002)

    With `apply_class_balancing` yes is weighed by alpha, no by 1 - alpha.
    """
    y_true, y_pred = pair(y_true, y_pred, "binary_focal_crossentropy")
    y_true = smoothed(y_true, label_smoothing, 2)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    inside = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    no = ops.subtract(1.0, y_true)
    entropy = ops.negative(
        ops.add(ops.multiply(y_true, ops.log(inside)), ops.multiply(no, ops.log(ops.subtract(1.0, inside))))
    )
    right = ops.add(ops.multiply(y_true, p), ops.multiply(no, ops.subtract(1.0, p)))
    focal = ops.multiply(ops.power(ops.subtract(1.0, right), float(gamma)), entropy)
    if apply_class_balancing:
        weight = ops.add(ops.multiply(y_true, float(alpha)), ops.multiply(no, 1.0 - alpha))
        focal = ops.multiply(weight, focal)
    return ops.mean(focal, axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """sum(-alpha * (1 - p)^gamma * y_true * log(p)) over classes (arXiv:1708.02002)"""
    y_true, y_pred = pair(y_true, y_pred, "categorical_focal_crossentropy")
    y_true = smoothed(y_true, label_smoothing, y_true.shape[-1])
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred
    p = ops.divide(p, ops.sum(p, axis=axis, keepdims=True))
    p = ops.clip(p, config.epsilon(), 1.0 - config.epsilon())
    weight = ops.multiply(ops.power(ops.subtract(1.0, p), float(gamma)), float(alpha))
    entropy = ops.negative(ops.multiply(y_true, ops.log(p)))
    return ops.sum(ops.multiply(weight, entropy), axis=axis)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - p[y_true]^q) / q, for labels that may be wrong; y_true holds class numbers (arXiv:1805.07836)"""
    y_pred = tensor_of("y_pred", y_pred)
    labels = class_numbers(y_true, y_pred, -1, "categorical_generalized_cross_entropy")
    chosen = ops.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype)
    p = ops.sum(ops.multiply(y_pred, chosen), axis=-1)
    return ops.divide(ops.subtract(1.0, ops.power(p, float(q))), float(q))
