# SPDX-License-Identifier: Apache-2.0
"""Area under a curve of two shares over thresholds."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.losses.functions import tensor_of
from tilewright.keras.metrics.confusion import _COUNTS, ThresholdMetric, evenly_spaced
from tilewright.keras.metrics.metric import ratio

_METHODS = ("interpolation", "minoring", "majoring")
_CURVES = ("ROC", "PR", "PRGAIN")


class AUC(ThresholdMetric):
    """Area under the ROC or precision-recall curve, summed over thresholds.

    Parameters
        num_thresholds : how many, evenly spaced;  thresholds : others, between 0 and 1, instead
        curve : "ROC": recall over false positive rate;  "PR": precision over recall;  "PRGAIN": their gains
        summation_method : "interpolation" (trapezoids; for "PR" as in Davis & Goadrich, ICML 2006),
            "minoring", "majoring" (the lower, the higher end of each interval)
        multi_label : the mean of an area for each column of y_pred, num_labels in number
        label_weights : its weights, or without multi_label the weights of columns
        from_logits : predictions are taken through a sigmoid first
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        curve, method = str(curve).upper(), str(summation_method).lower()
        if curve not in _CURVES:
            raise ValueError(f"[AUC] curve is {curve!r}, expected one of {', '.join(_CURVES)}")
        if method not in _METHODS:
            raise ValueError(f"[AUC] summation_method is {method!r}, expected one of {', '.join(_METHODS)}")
        if num_labels and not multi_label:
            raise ValueError("[AUC] num_labels is given, expected it only with multi_label=True")
        self._given_thresholds = None if thresholds is None else sorted(thresholds)
        if thresholds is None:
            if num_thresholds <= 1:
                raise ValueError(f"[AUC] num_thresholds is {num_thresholds}, expected more than 1")
            inner = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        else:
            inner = self._given_thresholds
        even = thresholds is None or evenly_spaced([0.0, *inner, 1.0])
        listed = [-config.epsilon(), *inner, 1.0 + config.epsilon()]
        super().__init__(name, dtype, _COUNTS, listed, even=even, first_open=True)
        self.num_thresholds, self.curve, self.summation_method = len(listed), curve, method
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self._built = False
        if not multi_label:
            self._build(())
        elif num_labels:
            self._build((num_labels,))

    def _build(self, labels: tuple) -> None:
        self.build_counts((self.num_thresholds, *labels))
        if self.label_weights is not None:
            weights = tensor_of("label_weights", self.label_weights).array
            self._weights = ops.cast(weights, self.dtype)
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        if self.from_logits:
            y_pred = ops.sigmoid(ops.cast(tensor_of("y_pred", y_pred).array, self.dtype))
        y_true, y_pred, weight = self._arrays(y_true, y_pred, sample_weight)
        if self.multi_label:
            if y_pred.ndim != 2:
                raise ValueError(f"[{self.name}] y_pred has shape {y_pred.shape}, expected (samples, labels)")
            if not self._built:
                self._build(y_pred.shape[1:])
            self._count(y_true, y_pred, weight)
            return
        if self.label_weights is not None:
            columns = ops.broadcast_to(ops.expand_dims(self._weights, 0), y_pred.shape)
            weight = columns if weight is None else ops.multiply(columns, weight)
        flat = (None if a is None else ops.reshape(a, (-1,)) for a in (y_true, y_pred, weight))
        self._count(*flat)

    def result(self):
        if not self._built:
            return Tensor(ops.zeros((), self.dtype))
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._interpolated_precision()
        else:
            x, y = self._curve_points()
            left, right = y[:-1], y[1:]
            if self.summation_method == "interpolation":
                height = ops.multiply(ops.add(left, right), 0.5)
            else:
                height = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(left, right)
            areas = ops.multiply(ops.subtract(x[:-1], x[1:]), height)
        total = ops.sum(areas, axis=0)
        if not self.multi_label:
            return Tensor(total)
        if self.label_weights is None:
            return Tensor(ops.mean(total))
        return Tensor(ratio(ops.sum(ops.multiply(total, self._weights)), ops.sum(self._weights)))

    def _curve_points(self):
        """x and y of the curve at each threshold."""
        recall = self._share("true_positives", "false_negatives")
        if self.curve == "ROC":
            return self._share("false_positives", "true_negatives"), recall
        if self.curve == "PR":
            return recall, self._share("true_positives", "false_positives")
        tp, fp, tn, fn = (getattr(self, count).array for count in _COUNTS)
        scale = ratio(ops.add(tp, fn), ops.add(tn, fp))
        none = ops.equal(tp, 0.0)
        recall_gain = ops.subtract(1.0, ops.multiply(scale, ratio(fn, tp)))
        precision_gain = ops.subtract(1.0, ops.multiply(scale, ratio(fp, tp)))
        recall_gain = ops.maximum(ops.where(none, 0.0, recall_gain), 0.0)
        return recall_gain, ops.where(none, 1.0, precision_gain)

    def _interpolated_precision(self):
        """Areas between neighbouring thresholds, true positives growing in a straight line with positives."""
        tp, fn = self.true_positives.array, self.false_negatives.array
        p = ops.add(tp, self.false_positives.array)
        more_tp, more_p = ops.subtract(tp[:-1], tp[1:]), ops.subtract(p[:-1], p[1:])
        slope = ratio(more_tp, ops.maximum(more_p, 0.0))
        intercept = ops.subtract(tp[1:], ops.multiply(slope, p[1:]))
        both = ops.logical_and(ops.greater(p[:-1], 0.0), ops.greater(p[1:], 0.0))
        growth = ops.where(both, ratio(p[:-1], ops.maximum(p[1:], 0.0)), 1.0)
        area = ops.multiply(slope, ops.add(more_tp, ops.multiply(intercept, ops.log(growth))))
        return ratio(area, ops.maximum(ops.add(tp[1:], fn[1:]), 0.0))

    def get_config(self):
        found = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        if self._given_thresholds is not None:
            found["thresholds"] = self._given_thresholds
        return found
