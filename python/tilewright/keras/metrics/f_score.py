# SPDX-License-Identifier: Apache-2.0
"""F scores: the harmonic mean of precision and recall, by class."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.losses.functions import tensor_of
from tilewright.keras.metrics.metric import Metric


class FBetaScore(Metric):
    """(1 + beta^2) * precision * recall / (beta^2 * precision + recall)

    Parameters
        average : None: a score for each class;  "macro": their mean;  "weighted": by how often classes occur;
            "micro": the score of all predictions as one class
        beta : weight of recall;  threshold : predictions above it are yes; None: the largest of a sample is
    """

    config_fields = ("average", "beta", "threshold")
    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        who = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"[{who}] average is {average!r}, expected None, 'micro', 'macro' or 'weighted'")
        if not isinstance(beta, (int, float)) or beta <= 0:
            raise ValueError(f"[{who}] beta is {beta!r}, expected a number of more than 0")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"[{who}] threshold is {threshold}, expected more than 0 and at most 1")
        self.average, self.beta, self.threshold = average, float(beta), threshold
        self._axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true, y_pred) -> None:
        if y_true.ndim != 2 or y_pred.ndim != 2:
            raise ValueError(
                f"[{self.name}] y_true has shape {y_true.shape}, y_pred {y_pred.shape}, expected "
                "(samples, classes) for both"
            )
        shape = () if self._axis is None else y_pred.shape[1:]
        for count in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, count, self.add_variable(shape, name=count))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.cast(tensor_of("y", y).array, self.dtype) for y in (y_true, y_pred))
        if not self._built:
            self._build(y_true, y_pred)
        if self.threshold is None:
            largest = ops.greater_equal(y_pred, ops.max(y_pred, axis=-1, keepdims=True))
            yes = ops.logical_and(largest, ops.greater(ops.abs(y_pred), 1e-9))
        else:
            yes = ops.greater(y_pred, float(self.threshold))
        yes = ops.cast(yes, self.dtype)
        weight = None
        if sample_weight is not None:
            weight = ops.cast(tensor_of("sample_weight", sample_weight).array, self.dtype)
            weight = ops.reshape(weight, (-1, 1))
        for total, values in (
            (self.true_positives, ops.multiply(yes, y_true)),
            (self.false_positives, ops.multiply(yes, ops.subtract(1.0, y_true))),
            (self.false_negatives, ops.multiply(ops.subtract(1.0, yes), y_true)),
            (self.intermediate_weights, y_true),
        ):
            values = values if weight is None else ops.multiply(values, weight)
            ops.add(total.array, ops.sum(values, axis=self._axis), out=total.array)

    def result(self):
        if not self._built:
            return Tensor(ops.zeros((), self.dtype))
        tp, small = self.true_positives.array, config.epsilon()
        precision = ops.divide(tp, ops.add(ops.add(tp, self.false_positives.array), small))
        recall = ops.divide(tp, ops.add(ops.add(tp, self.false_negatives.array), small))
        both = ops.add(ops.multiply(precision, self.beta**2), recall)
        mean = ops.divide(ops.multiply(precision, recall), ops.add(both, small))
        score = ops.multiply(mean, 1 + self.beta**2)
        if self.average == "weighted":
            weights = self.intermediate_weights.array
            score = ops.sum(ops.multiply(score, ops.divide(weights, ops.add(ops.sum(weights), small))))
        elif self.average is not None:
            score = ops.mean(score)
        return Tensor(score)


class F1Score(FBetaScore):
    """2 * precision * recall / (precision + recall)"""

    config_fields = ("average", "threshold")

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average, 1.0, threshold, name, dtype)
