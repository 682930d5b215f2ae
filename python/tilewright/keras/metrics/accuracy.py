# SPDX-License-Identifier: Apache-2.0
"""Accuracies: shares of right predictions."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import config
from tilewright.keras.losses.functions import same_rank, tensor_of
from tilewright.keras.metrics.metric import MeanMetricWrapper


def accuracy(y_true, y_pred):
    """1 where both are equal"""
    y_pred = _array(y_pred)
    y_true, y_pred = same_rank(ops.cast(_array(y_true), y_pred.dtype), y_pred)
    return ops.cast(ops.equal(y_true, y_pred), config.floatx())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where y_true is whether y_pred is above the threshold"""
    y_true, y_pred = same_rank(_array(y_true), _array(y_pred))
    yes = ops.cast(ops.greater(y_pred, float(threshold)), y_true.dtype)
    return ops.cast(ops.equal(y_true, yes), config.floatx())


def categorical_accuracy(y_true, y_pred):
    """1 where the largest entries stand in the same place"""
    right = ops.equal(ops.argmax(_array(y_true), axis=-1), ops.argmax(_array(y_pred), axis=-1))
    return ops.cast(right, config.floatx())


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest entry of y_pred stands at the class number y_true"""
    right = ops.equal(_class_numbers(y_true, y_pred), ops.argmax(_array(y_pred), axis=-1))
    return ops.cast(right, config.floatx())


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the largest entry of y_true stands at one of the k largest of y_pred"""
    return sparse_top_k_categorical_accuracy(ops.argmax(_array(y_true), axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where class number y_true is among the k largest entries of y_pred

    With `from_sorted_ids` y_pred holds class numbers, the likeliest first.
    """
    y_pred = _array(y_pred)
    labels = _class_numbers(y_true, y_pred)
    if from_sorted_ids:
        best = ops.cast(y_pred[..., : int(k)], "int64")
    else:
        _, best = ops.top_k(y_pred, min(int(k), y_pred.shape[-1]))
    found = ops.any(ops.equal(best, ops.expand_dims(labels, -1)), axis=-1)
    return ops.cast(found, config.floatx())


def _array(x):
    return tensor_of("y", x).array


def _class_numbers(y_true, y_pred):
    """Labels as int64, in the shape of y_pred without its last axis."""
    labels, y_pred = _array(y_true), _array(y_pred)
    if labels.ndim == len(y_pred.shape) and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if labels.shape != tuple(y_pred.shape[:-1]):
        raise ValueError(
            f"[sparse_categorical_accuracy] y_true has shape {labels.shape}, expected "
            f"{tuple(y_pred.shape[:-1])}: class numbers for y_pred of shape {tuple(y_pred.shape)}"
        )
    return ops.cast(labels, "int64")


class _Accuracy(MeanMetricWrapper):
    """Base of what is better the higher it is."""

    _direction = "up"


class Accuracy(_Accuracy):
    """Share of predictions that equal the labels."""

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(_Accuracy):
    """Share of right yes-or-no predictions."""

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"[BinaryAccuracy] threshold is {threshold}, expected between 0 and 1")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(_Accuracy):
    """Share of samples whose likeliest class is that of the one-hot label."""

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_Accuracy):
    """Share of samples whose likeliest class is the label."""

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(_Accuracy):
    """Share of samples whose class is among the k likeliest."""

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(_Accuracy):
    """Share of samples whose label is among the k likeliest classes."""

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        options = {"from_sorted_ids": True} if from_sorted_ids else {}
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, **options)
