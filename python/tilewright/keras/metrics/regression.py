# SPDX-License-Identifier: Apache-2.0
"""How much of the variation of targets predictions explain: R2 and correlations."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.losses.functions import pair, same_rank, tensor_of
from tilewright.keras.metrics.metric import MeanMetricWrapper, Metric


class R2Score(Metric):
    """1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2)

    Parameters
        class_aggregation : "uniform_average": the mean over columns;  "variance_weighted_average": by their
            variances;  None: a score for each
        num_regressors : more than 0 adjusts the score for as many independent predictors, where there are
            more samples than that
    """

    config_fields = ("class_aggregation", "num_regressors")
    _direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"[R2Score] class_aggregation is {class_aggregation!r}, expected None, 'uniform_average' or "
                "'variance_weighted_average'"
            )
        if num_regressors < 0:
            raise ValueError(f"[R2Score] num_regressors is {num_regressors}, expected at least 0")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable(name="num_samples")
        self._built = False

    def _build(self, y_true, y_pred) -> None:
        if y_true.ndim != 2 or y_pred.ndim != 2:
            raise ValueError(
                f"[{self.name}] y_true has shape {y_true.shape}, y_pred {y_pred.shape}, expected "
                "(samples, columns) for both"
            )
        for attribute, name in (
            ("squared_sum", "squared_sum"),
            ("sum", "sum"),
            ("total_mse", "residual"),
            ("count", "count"),
        ):
            setattr(self, attribute, self.add_variable(y_pred.shape[1:], name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.cast(tensor_of("y", y).array, self.dtype) for y in (y_true, y_pred))
        y_true, y_pred = same_rank(y_true, y_pred)
        if not self._built:
            self._build(y_true, y_pred)
        weight = 1.0 if sample_weight is None else sample_weight
        weight = ops.cast(tensor_of("sample_weight", weight).array, self.dtype)
        if weight.ndim == 1:
            weight = ops.expand_dims(weight, 1)
        weight = ops.copy(ops.broadcast_to(weight, y_true.shape))
        weighted = ops.multiply(y_true, weight)
        error = ops.square(ops.subtract(y_true, y_pred))
        for total, values in (
            (self.sum, weighted),
            (self.squared_sum, ops.multiply(y_true, weighted)),
            (self.total_mse, ops.multiply(error, weight)),
            (self.count, weight),
        ):
            ops.add(total.array, ops.sum(values, axis=0), out=total.array)
        ops.add(self.num_samples.array, float(y_true.size), out=self.num_samples.array)

    def result(self):
        if not self._built:
            return Tensor(ops.zeros((), self.dtype))
        mean = ops.divide(self.sum.array, self.count.array)
        total = ops.subtract(self.squared_sum.array, ops.multiply(self.sum.array, mean))
        scores = ops.subtract(1.0, ops.divide(self.total_mse.array, total))
        scores = ops.where(ops.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.divide(ops.sum(ops.multiply(total, scores)), ops.sum(total))
        if self.num_regressors:
            rest = ops.subtract(self.num_samples.array, float(self.num_regressors + 1))
            factor = ops.divide(ops.subtract(self.num_samples.array, 1.0), rest)
            adjusted = ops.subtract(1.0, ops.multiply(ops.subtract(1.0, scores), factor))
            scores = ops.where(ops.greater(rest, 0.0), adjusted, scores)
        return Tensor(ops.copy(scores))


def pearson_correlation(y_true, y_pred, axis=-1):
    """Covariance over the product of standard deviations, along an axis"""
    y_true, y_pred = pair(y_true, y_pred, "pearson_correlation")
    a, b = (ops.subtract(y, ops.mean(y, axis=axis, keepdims=True)) for y in (y_true, y_pred))
    a, b = (ops.divide(y, ops.std(y, axis=axis, keepdims=True)) for y in (a, b))
    return ops.mean(ops.multiply(a, b), axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """2 * covariance / (variances + squared distance of means), along an axis"""
    y_true, y_pred = pair(y_true, y_pred, "concordance_correlation")
    true_mean, pred_mean = (ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    variances = ops.add(
        ops.var(ops.subtract(y_true, true_mean), axis=axis, keepdims=True),
        ops.var(ops.subtract(y_pred, pred_mean), axis=axis, keepdims=True),
    )
    together = ops.multiply(ops.subtract(y_true, pred_mean), ops.subtract(y_pred, pred_mean))
    norm = ops.add(variances, ops.square(ops.subtract(true_mean, pred_mean)))
    share = ops.divide(ops.multiply(together, 2.0), ops.add(norm, config.epsilon()))
    return ops.mean(share, axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean Pearson correlation of samples."""

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean concordance correlation of samples."""

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
