# SPDX-License-Identifier: Apache-2.0
"""Loss functions by Keras's numerics: (y_true, y_pred) to one value per sample, folded over the last axis."""

from __future__ import annotations

import warnings

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor, raw
from tilewright.keras import config
from tilewright.keras.annotated import logits_of, with_mask


def tensor_of(argument: str, x) -> Tensor:
    """A Tensor; float64 and integers that are no predictions keep their dtype for the caller to cast."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (bool, int, float, list, tuple)):
        x = np.asarray(x, None if _holds_integers(x) else config.floatx())
    return Tensor(backend.on_device(raw("loss", argument, x)))


def _holds_integers(x) -> bool:
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return isinstance(x, (bool, int))


def same_rank(y_true, y_pred):
    """Both with the same number of axes, where they differ by one axis of size 1 at the end."""
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        if y_pred.ndim == 1:
            return y_true, ops.expand_dims(y_pred, -1)
        return ops.squeeze(y_true, -1), y_pred
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        if y_true.ndim == 1:
            return ops.expand_dims(y_true, -1), y_pred
        return y_true, ops.squeeze(y_pred, -1)
    return y_true, y_pred


def pair(y_true, y_pred, name: str):
    """Targets and predictions as Tensors of one float dtype and rank."""
    y_pred = tensor_of("y_pred", y_pred)
    if y_pred.dtype.kind not in "fV":
        y_pred = ops.cast(y_pred, config.floatx())
    y_true = ops.cast(tensor_of("y_true", y_true), y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape and not _broadcasts(y_true.shape, y_pred.shape):
        raise ValueError(f"[{name}] y_true has shape {y_true.shape}, expected {y_pred.shape} as y_pred has")
    return y_true, y_pred


def _broadcasts(a, b) -> bool:
    return all(n == m or 1 in (n, m) for n, m in zip(reversed(a), reversed(b), strict=False))


def mean_squared_error(y_true, y_pred):
    """mean((y_true - y_pred)^2)"""
    y_true, y_pred = pair(y_true, y_pred, "mean_squared_error")
    if y_true.shape == y_pred.shape and y_pred.ndim:
        return ops.mean_squared_error(y_pred, y_true)
    return ops.mean(ops.square(ops.subtract(y_pred, y_true)), axis=-1)


def mean_absolute_error(y_true, y_pred):
    """mean(abs(y_true - y_pred))"""
    y_true, y_pred = pair(y_true, y_pred, "mean_absolute_error")
    return ops.mean(ops.abs(ops.subtract(y_true, y_pred)), axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    """100 * mean(abs((y_true - y_pred) / y_true))"""
    y_true, y_pred = pair(y_true, y_pred, "mean_absolute_percentage_error")
    share = ops.divide(ops.subtract(y_true, y_pred), ops.maximum(ops.abs(y_true), config.epsilon()))
    return ops.multiply(ops.mean(ops.abs(share), axis=-1), 100.0)


def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_true + 1) - log(y_pred + 1))^2), values below epsilon raised to it"""
    y_true, y_pred = pair(y_true, y_pred, "mean_squared_logarithmic_error")
    a, b = (ops.log(ops.add(ops.maximum(y, config.epsilon()), 1.0)) for y in (y_pred, y_true))
    return ops.mean(ops.square(ops.subtract(a, b)), axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """sum(l2_normalize(y_true) * l2_normalize(y_pred))"""
    y_true, y_pred = pair(y_true, y_pred, "cosine_similarity")
    return ops.sum(ops.multiply(_normalized(y_true, axis), _normalized(y_pred, axis)), axis=axis)


def _normalized(x, axis):
    square_sum = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(square_sum, 1e-12)))


def huber(y_true, y_pred, delta=1.0):
    """Half the squared error up to `delta`, from there on straight."""
    y_true, y_pred = pair(y_true, y_pred, "huber")
    error = ops.abs(ops.subtract(y_pred, y_true))
    # The part of the error up to delta, q, squared; the part beyond it times delta.
    near = ops.minimum(error, float(delta))
    return ops.mean(
        ops.add(ops.multiply(ops.square(near), 0.5), ops.multiply(ops.subtract(error, near), float(delta))),
        axis=-1,
    )


def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true)))"""
    y_true, y_pred = pair(y_true, y_pred, "log_cosh")
    error = ops.subtract(y_pred, y_true)
    value = ops.subtract(ops.add(error, ops.softplus(ops.multiply(error, -2.0))), 0.6931471805599453)
    return ops.mean(value, axis=-1)


def hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)), labels 0 and 1 taken as -1 and 1"""
    y_true, y_pred = pair(y_true, y_pred, "hinge")
    return ops.mean(_hinges(y_true, y_pred), axis=-1)


def squared_hinge(y_true, y_pred):
    """mean(max(1 - y_true * y_pred, 0)^2)"""
    y_true, y_pred = pair(y_true, y_pred, "squared_hinge")
    return ops.mean(ops.square(_hinges(y_true, y_pred)), axis=-1)


def _hinges(y_true, y_pred):
    binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    y_true = ops.where(binary, ops.subtract(ops.multiply(y_true, 2.0), 1.0), y_true)
    return ops.maximum(ops.subtract(1.0, ops.multiply(y_true, y_pred)), 0.0)


def categorical_hinge(y_true, y_pred):
    """max(1 + largest wrong prediction - right prediction, 0)"""
    y_true, y_pred = pair(y_true, y_pred, "categorical_hinge")
    right = ops.sum(ops.multiply(y_true, y_pred), axis=-1)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis=-1)
    return ops.maximum(ops.add(ops.subtract(wrong, right), 1.0), 0.0)


def kl_divergence(y_true, y_pred):
    """sum(y_true * log(y_true / y_pred)), both kept within epsilon and 1"""
    y_true, y_pred = pair(y_true, y_pred, "kl_divergence")
    y_true, y_pred = (ops.clip(y, config.epsilon(), 1.0) for y in (y_true, y_pred))
    return ops.sum(ops.multiply(y_true, ops.log(ops.divide(y_true, y_pred))), axis=-1)


def poisson(y_true, y_pred):
    """mean(y_pred - y_true * log(y_pred))"""
    y_true, y_pred = pair(y_true, y_pred, "poisson")
    return ops.mean(
        ops.subtract(y_pred, ops.multiply(y_true, ops.log(ops.add(y_pred, config.epsilon())))), axis=-1
    )


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """mean(-y_true * log(p) - (1 - y_true) * log(1 - p)), p = y_pred or, from_logits, its sigmoid.

    Predictions that a sigmoid activation made are taken back to its input; others are kept epsilon from 0
    and 1.
    """
    logits = y_pred if from_logits else logits_of(y_pred, "sigmoid")
    y_true, y_pred = pair(y_true, y_pred if logits is None else logits, "binary_crossentropy")
    if logits is not None:
        return ops.mean(ops.sigmoid_cross_entropy(y_pred, y_true, label_smoothing=label_smoothing), axis=axis)
    y_true = smoothed(y_true, label_smoothing, 2)
    p = ops.clip(y_pred, config.epsilon(), 1.0 - config.epsilon())
    yes = ops.multiply(y_true, ops.log(p))
    no = ops.multiply(ops.subtract(1.0, y_true), ops.log(ops.subtract(1.0, p)))
    return ops.mean(ops.negative(ops.add(yes, no)), axis=axis)


def smoothed(y_true, smoothing: float, classes: int):
    """Labels moved by the share `smoothing` towards all classes alike."""
    if not smoothing:
        return y_true
    return ops.add(ops.multiply(y_true, 1.0 - smoothing), smoothing / classes)


def _log_probabilities(y_pred, axis):
    """log of probabilities scaled to sum to 1 and kept epsilon from 0 and 1."""
    p = ops.divide(y_pred, ops.sum(y_pred, axis=axis, keepdims=True))
    return ops.log(ops.clip(p, config.epsilon(), 1.0 - config.epsilon()))


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(y_true * log(p)), p = y_pred scaled to sum to 1 or, from_logits, its softmax.

    Predictions that a softmax activation made are taken back to its input.
    """
    logits = y_pred if from_logits else logits_of(y_pred, "softmax")
    y_true, y_pred = pair(y_true, y_pred if logits is None else logits, "categorical_crossentropy")
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"[categorical_crossentropy] y_true has shape {y_true.shape}, expected {y_pred.shape} as "
            "y_pred has"
        )
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"categorical_crossentropy got y_pred of shape {y_pred.shape}, expected more than one class; "
            "use binary_crossentropy for two classes.",
            SyntaxWarning,
            stacklevel=2,
        )
    last = axis in (-1, y_pred.ndim - 1)
    if logits is not None and last:
        return ops.softmax_cross_entropy(y_pred, y_true, label_smoothing=label_smoothing)
    y_true = smoothed(y_true, label_smoothing, y_pred.shape[axis])
    log_p = _log_probabilities(y_pred, axis) if logits is None else ops.log_softmax(y_pred, axis=axis)
    return ops.negative(ops.sum(ops.multiply(y_true, log_p), axis=axis))


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log(p[y_true]) for class numbers, p = y_pred scaled to sum to 1 or, from_logits, its softmax.

    Predictions that a softmax activation made are taken back to its input. Samples of `ignore_class` count
    nothing.
    """
    logits = y_pred if from_logits else logits_of(y_pred, "softmax")
    y_pred = tensor_of("y_pred", y_pred if logits is None else logits)
    labels = class_numbers(y_true, y_pred, axis, "sparse_categorical_crossentropy")
    if axis not in (-1, y_pred.ndim - 1):
        y_pred = ops.transpose(
            y_pred, tuple(i for i in range(y_pred.ndim) if i != axis % y_pred.ndim) + (axis % y_pred.ndim,)
        )
    if logits is None:
        # The logarithms of probabilities are logits; softmax of them changes nothing but the last clipped
        # bits.
        y_pred = _log_probabilities(y_pred, -1)
    losses = ops.softmax_cross_entropy(y_pred, labels, ignore_index=ignore_class)
    return losses if ignore_class is None else with_mask(losses, ops.not_equal(labels, ignore_class))


def class_numbers(y_true, y_pred, axis, name: str):
    """Class numbers as integers, in the shape of y_pred without its class axis."""
    labels = tensor_of("y_true", y_true)
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = ops.squeeze(labels, axis)
    expected = tuple(n for i, n in enumerate(y_pred.shape) if i != axis % y_pred.ndim)
    if labels.shape != expected:
        raise ValueError(
            f"[{name}] y_true has shape {labels.shape}, expected {expected}: class "
            f"numbers for y_pred of shape {y_pred.shape}; for one-hot labels use categorical_crossentropy"
        )
    return labels if labels.dtype.kind == "i" and labels.dtype.itemsize >= 4 else ops.cast(labels, "int32")
