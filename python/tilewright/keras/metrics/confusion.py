# SPDX-License-Identifier: Apache-2.0
"""Counts of right and wrong yes-or-no predictions at thresholds, and what is made of them."""

from __future__ import annotations

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.losses.functions import same_rank, tensor_of
from tilewright.keras.metrics.metric import Metric, ratio

# Below every prediction: with top_k all that is kept counts as yes.
_BELOW_ALL = -1e10
_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def evenly_spaced(thresholds) -> bool:
    """Whether thresholds are 0, 1/n, 2/n ... 1, n at least 2: predictions are then sorted into buckets."""
    last = len(thresholds) - 1
    return last >= 2 and all(
        abs(t - i / last) <= config.epsilon() + 1e-5 * i / last for i, t in enumerate(thresholds)
    )


class ThresholdMetric(Metric):
    """Base: counts at each of `thresholds`, in variables named by `counts`.

    A prediction is a yes where it is above the threshold.

    Parameters
        counts : which of true_positives, false_positives, true_negatives, false_negatives are kept
        thresholds : numbers in [0, 1], in order
        even : they are evenly spaced; first_open : the first one lies below 0, so that 0 is above it
        top_k : only the k largest predictions of a sample may be yes;  class_id : only this class counts
    """

    def __init__(
        self, name, dtype, counts, thresholds, even=None, first_open=False, top_k=None, class_id=None
    ):
        super().__init__(name=name, dtype=dtype)
        self.thresholds, self.top_k, self.class_id = list(thresholds), top_k, class_id
        self._counts = tuple(counts)
        self._even = evenly_spaced(self.thresholds) if even is None else even
        self._first_open = first_open
        # Kept for as long as recorded steps may read it.
        self._limits = backend.on_device(np.asarray(self.thresholds, self.dtype).reshape(-1, 1))

    def build_counts(self, shape) -> None:
        """Makes the variables: one number a threshold, or a row of them a threshold."""
        for count in self._counts:
            setattr(self, count, self.add_variable(shape, name=count))

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred, weight = self._arrays(y_true, y_pred, sample_weight)
        self._count(ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,)), _flat(weight))

    def _arrays(self, y_true, y_pred, sample_weight):
        """Labels as 0 and 1, predictions, and weights of their shape (or None), as arrays."""
        y_true, y_pred = (ops.cast(tensor_of("y", y).array, self.dtype) for y in (y_true, y_pred))
        y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"[{self.name}] y_true has shape {y_true.shape}, expected {y_pred.shape} as y_pred has"
            )
        weight = None
        if sample_weight is not None:
            weight = ops.cast(tensor_of("sample_weight", sample_weight).array, self.dtype)
            weight = ops.expand_dims(weight, -1)
            if weight.ndim == y_pred.ndim + 1 and weight.shape[-1] == 1:
                weight = ops.squeeze(weight, -1)
        if self.top_k is not None:
            y_pred = _only_largest(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.ndim < 2:
                raise ValueError(
                    f"[{self.name}] y_pred has shape {y_pred.shape}, expected (samples, classes) for class_id"
                )
            y_true, y_pred = (y[..., self.class_id : self.class_id + 1] for y in (y_true, y_pred))
        if weight is not None:
            weight = ops.copy(ops.broadcast_to(weight, y_pred.shape))
        return ops.cast(ops.not_equal(y_true, 0.0), self.dtype), y_pred, weight

    def _count(self, labels, predictions, weight) -> None:
        """Adds a batch; arrays of shape (samples,), or (samples, labels) for counts of each label."""
        yes = labels if weight is None else ops.multiply(labels, weight)
        no = ops.subtract(1.0, labels)
        no = no if weight is None else ops.multiply(no, weight)
        if self._even:
            found = self._by_buckets(yes, no, predictions)
        else:
            found = self._by_comparing(yes, no, predictions)
        for count in self._counts:
            total = getattr(self, count).array
            ops.add(total, found[count](), out=total)

    def _by_buckets(self, yes, no, predictions) -> dict:
        """Sums between neighbouring thresholds, summed up from the top: time for samples plus thresholds."""
        size = len(self.thresholds)
        place = ops.ceil(ops.multiply(ops.clip(predictions, 0.0, 1.0), float(size - 1)))
        if self._first_open:
            place = ops.maximum(place, 1.0)
        place = ops.where(ops.isnan(place), 0.0, place)
        place = ops.cast(place, "int64")  # 0: not above the first threshold, as NaN is above none
        zeros = ops.zeros((size + 1, *predictions.shape[1:]), self.dtype)

        def above(values):
            sums = ops.scatter_add(zeros, place, values, axis=0)
            return ops.cumsum(sums[1:], axis=0, reverse=True)

        positives, negatives = above(yes), above(no)
        return {
            "true_positives": lambda: positives,
            "false_positives": lambda: negatives,
            "false_negatives": lambda: ops.subtract(ops.sum(yes, axis=0), positives),
            "true_negatives": lambda: ops.subtract(ops.sum(no, axis=0), negatives),
        }

    def _by_comparing(self, yes, no, predictions) -> dict:
        """Every prediction against every threshold."""
        several = predictions.ndim == 2
        limits = self._limits.reshape(-1, 1, 1) if several else self._limits
        above = ops.cast(ops.greater(ops.expand_dims(predictions, 0), limits), self.dtype)
        below = ops.subtract(1.0, above)

        def summed(where, values):
            return ops.sum(ops.multiply(where, ops.expand_dims(values, 0)), axis=1)

        return {
            "true_positives": lambda: summed(above, yes),
            "false_positives": lambda: summed(above, no),
            "false_negatives": lambda: summed(below, yes),
            "true_negatives": lambda: summed(below, no),
        }

    def _share(self, part: str, rest: str):
        """part / (part + rest), 0 where both are 0."""
        value = getattr(self, part).array
        return ratio(value, ops.add(value, getattr(self, rest).array))

    def _one_or_all(self, values):
        """The only threshold's value, or those of all."""
        return Tensor(ops.copy(values[0] if len(self.thresholds) == 1 else values))


def _flat(weight):
    return None if weight is None else ops.reshape(weight, (-1,))


def _only_largest(y_pred, k: int):
    """Predictions with all but the k largest of a sample far below every threshold."""
    _, best = ops.top_k(y_pred, min(int(k), y_pred.shape[-1]))
    kept = ops.sum(ops.one_hot(best, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return ops.where(ops.equal(kept, 0.0), _BELOW_ALL, y_pred)


def checked_thresholds(name: str, thresholds, otherwise: float = 0.5) -> list[float]:
    """The thresholds as a list."""
    if thresholds is None:
        return [otherwise]
    listed = list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]
    for threshold in listed:
        if threshold is None or not 0 <= threshold <= 1:
            raise ValueError(f"[{name}] thresholds holds {threshold}, expected numbers from 0 to 1")
    return listed


class _Count(ThresholdMetric):
    """One count at thresholds: its class says which."""

    count: str

    def __init__(self, thresholds=None, name=None, dtype=None):
        self.init_thresholds = thresholds
        super().__init__(name, dtype, (self.count,), checked_thresholds(type(self).__name__, thresholds))
        self.build_counts((len(self.thresholds),))

    def result(self):
        return self._one_or_all(getattr(self, self.count).array)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many were rightly called yes."""

    count = "true_positives"


class FalsePositives(_Count):
    """How many were wrongly called yes."""

    count = "false_positives"


class TrueNegatives(_Count):
    """How many were rightly called no."""

    count = "true_negatives"


class FalseNegatives(_Count):
    """How many were wrongly called no."""

    count = "false_negatives"


class _Share(ThresholdMetric):
    """true_positives among them and `other`, at thresholds or among the top_k."""

    other: str
    _direction = "up"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        self.init_thresholds = thresholds
        otherwise = 0.5 if top_k is None else _BELOW_ALL / 2
        listed = checked_thresholds(type(self).__name__, thresholds, otherwise)
        super().__init__(name, dtype, ("true_positives", self.other), listed, top_k=top_k, class_id=class_id)
        self.build_counts((len(self.thresholds),))

    def result(self):
        return self._one_or_all(self._share("true_positives", self.other))

    def get_config(self):
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Share):
    """How many of those called yes are."""

    other = "false_positives"


class Recall(_Share):
    """How many of those that are yes are called so."""

    other = "false_negatives"


class _BestUnderConstraint(ThresholdMetric):
    """The best of one share over all thresholds where another is at least `argument`'s value."""

    argument: str  # the constructor's argument
    best: tuple[str, str]
    constrained: tuple[str, str]
    _direction = "up"

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        who = type(self).__name__
        if not 0 <= value <= 1:
            raise ValueError(f"[{who}] {self.argument} is {value}, expected 0 to 1")
        if num_thresholds <= 0:
            raise ValueError(f"[{who}] num_thresholds is {num_thresholds}, expected more than 0")
        self.value, self.num_thresholds = value, num_thresholds
        setattr(self, self.argument, value)
        listed = [i / (num_thresholds - 1) for i in range(num_thresholds)] if num_thresholds > 1 else [0.5]
        super().__init__(name, dtype, _COUNTS, listed, even=num_thresholds > 1, class_id=class_id)
        self.build_counts((len(self.thresholds),))

    def result(self):
        feasible = ops.greater_equal(self._share(*self.constrained), float(self.value))
        return Tensor(ops.max(ops.where(feasible, self._share(*self.best), 0.0)))

    def get_config(self):
        own = {
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self.argument: self.value,
        }
        return {**super().get_config(), **own}


_SENSITIVITY = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


class SensitivityAtSpecificity(_BestUnderConstraint):
    """The best sensitivity where the specificity is at least this."""

    argument, best, constrained = "specificity", _SENSITIVITY, _SPECIFICITY

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestUnderConstraint):
    """The best specificity where the sensitivity is at least this."""

    argument, best, constrained = "sensitivity", _SPECIFICITY, _SENSITIVITY

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestUnderConstraint):
    """The best precision where the recall is at least this."""

    argument, best, constrained = "recall", _PRECISION, _SENSITIVITY

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestUnderConstraint):
    """The best recall where the precision is at least this."""

    argument, best, constrained = "precision", _SENSITIVITY, _PRECISION

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
