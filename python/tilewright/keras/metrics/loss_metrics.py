# SPDX-License-Identifier: Apache-2.0
"""Losses and errors as metrics."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras.losses import functions
from tilewright.keras.metrics.metric import Mean, MeanMetricWrapper


class _OfLoss(MeanMetricWrapper):
    """A loss function without arguments as a metric: the function is found by the class."""

    function = None
    _direction = "down"

    def __init__(self, name=None, dtype=None):
        function = type(self).function
        super().__init__(function, name or function.__name__, dtype)


class MeanSquaredError(_OfLoss):
    """Mean of squared errors."""

    function = staticmethod(functions.mean_squared_error)


class MeanAbsoluteError(_OfLoss):
    """Mean of absolute errors."""

    function = staticmethod(functions.mean_absolute_error)


class MeanAbsolutePercentageError(_OfLoss):
    """Mean of absolute errors in per cent."""

    function = staticmethod(functions.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_OfLoss):
    """Mean of squared differences of logarithms."""

    function = staticmethod(functions.mean_squared_logarithmic_error)


class KLDivergence(_OfLoss):
    """Mean Kullback-Leibler divergence."""

    function = staticmethod(functions.kl_divergence)


class Poisson(_OfLoss):
    """Mean Poisson loss."""

    function = staticmethod(functions.poisson)


class Hinge(_OfLoss):
    """Mean hinge loss."""

    function = staticmethod(functions.hinge)


class SquaredHinge(_OfLoss):
    """Mean squared hinge loss."""

    function = staticmethod(functions.squared_hinge)


class CategoricalHinge(_OfLoss):
    """Mean categorical hinge loss."""

    function = staticmethod(functions.categorical_hinge)


class LogCoshError(MeanMetricWrapper):
    """Mean of log(cosh(error))."""

    _direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(functions.log_cosh, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine similarity."""

    _direction = "up"

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(functions.cosine_similarity, name, dtype, axis=axis)


class RootMeanSquaredError(Mean):
    """Root of the mean of squared errors over all elements."""

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = functions.same_rank(
            functions.tensor_of("y_true", y_true), functions.tensor_of("y_pred", y_pred)
        )
        error = ops.subtract(ops.cast(y_pred, self.dtype), ops.cast(y_true, self.dtype))
        super().update_state(ops.square(error), sample_weight)

    def result(self):
        return Tensor(ops.sqrt(super().result().array))


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean cross-entropy of yes-or-no labels."""

    _direction = "down"

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            functions.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean cross-entropy of one-hot labels."""

    _direction = "down"

    def __init__(
        self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1
    ):
        super().__init__(
            functions.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean cross-entropy of class numbers."""

    _direction = "down"

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        super().__init__(
            functions.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
