# SPDX-License-Identifier: Apache-2.0
"""Intersection over union of classes, from a matrix of how often each class was taken for which."""

from __future__ import annotations

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.losses.functions import tensor_of
from tilewright.keras.metrics.metric import Metric


class IoU(Metric):
    """The mean of true / (true + wrongly this class + wrongly another) over `target_class_ids`.

    Parameters
        num_classes : classes are numbered from 0;  target_class_ids : those of interest
        ignore_class : samples of this class count nothing, as do those outside of the classes
        sparse_y_true, sparse_y_pred : class numbers; if False, one-hot or probabilities along `axis`
        dtype : of the counts; integers where None, and weights are then cut to integers
    """

    config_fields = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )
    _direction = "up"

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int64")
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"[{type(self).__name__}] target_class_ids holds {max(target_class_ids)}, expected 0 to "
                f"{num_classes - 1}"
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self._targets = backend.on_device(np.asarray(self.target_class_ids, np.int64))
        self.total_cm = self.add_variable(
            (num_classes, num_classes), dtype=self.dtype, name="total_confusion_matrix"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels = self._class_numbers("y_true", y_true, self.sparse_y_true)
        guesses = self._class_numbers("y_pred", y_pred, self.sparse_y_pred)
        if labels.shape != guesses.shape:
            raise ValueError(
                f"[{self.name}] y_true holds {labels.shape[0]} class numbers, expected {guesses.shape[0]} as "
                "y_pred does"
            )
        counted = ops.logical_and(self._inside(labels), self._inside(guesses))
        if self.ignore_class is not None:
            counted = ops.logical_and(counted, ops.not_equal(labels, int(self.ignore_class)))
        weight = ops.cast(counted, self.dtype)
        if sample_weight is not None:
            given = ops.cast(tensor_of("sample_weight", sample_weight).array, self.dtype)
            given = ops.broadcast_to(given if given.ndim == 0 else ops.reshape(given, (-1,)), weight.shape)
            weight = ops.multiply(weight, given)
        cell = ops.add(ops.multiply(labels, self.num_classes), guesses)
        cell = ops.where(counted, cell, ops.zeros_like(cell))
        matrix = ops.reshape(self.total_cm.array, (-1,))
        ops.scatter_add(matrix, cell, weight, out=matrix)

    def _class_numbers(self, argument, y, sparse):
        y = tensor_of(argument, y).array
        if not sparse:
            y = ops.argmax(y, axis=self.axis)
        return ops.reshape(ops.cast(y, "int64"), (-1,))

    def _inside(self, numbers):
        return ops.logical_and(ops.greater_equal(numbers, 0), ops.less(numbers, self.num_classes))

    def result(self):
        counts = ops.cast(self.total_cm.array, "float64")
        right = ops.take(ops.reshape(counts, (-1,)), ops.multiply(self._targets, self.num_classes + 1))
        rows, columns = (ops.take(ops.sum(counts, axis=axis), self._targets) for axis in (0, 1))
        union = ops.subtract(ops.add(rows, columns), right)
        valid = ops.greater(union, 1e-9)
        shares = ops.where(valid, ops.divide(right, ops.add(union, config.epsilon())), 0.0)
        number = ops.sum(ops.cast(valid, "float64"))
        mean = ops.divide(ops.sum(shares), ops.add(number, config.epsilon()))
        return Tensor(ops.cast(mean, "float32"))

    def get_config(self):
        values = super().get_config()
        return {**values, "dtype": self.dtype}


class BinaryIoU(IoU):
    """IoU of two classes, told apart by a threshold.

    Parameters
        target_class_ids : among 0 and 1;  threshold : predictions from here on are class 1
    """

    config_fields = ("target_class_ids", "threshold")

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.greater_equal(
            ops.cast(tensor_of("y_pred", y_pred).array, "float32"), float(self.threshold)
        )
        super().update_state(y_true, ops.cast(y_pred, "int64"), sample_weight)


class MeanIoU(IoU):
    """IoU of all classes."""

    config_fields = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """IoU of one-hot labels."""

    config_fields = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """IoU of all classes, labels one-hot."""

    config_fields = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
