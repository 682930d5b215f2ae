# SPDX-License-Identifier: Apache-2.0
"""The losses as classes."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.losses import focal, functions, overlap
from tilewright.keras.losses.loss import LossFunctionWrapper

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
]


class _Plain(LossFunctionWrapper):
    """A loss without arguments of its own: the function is found by the class."""

    function = None

    def __init__(self, reduction="sum_over_batch_size", name=None, dtype=None):
        function = type(self).function
        super().__init__(function, reduction=reduction, name=name or function.__name__, dtype=dtype)


class MeanSquaredError(_Plain):
    """mean((y_true - y_pred)^2)"""

    function = staticmethod(functions.mean_squared_error)


class MeanAbsoluteError(_Plain):
    """mean(abs(y_true - y_pred))"""

    function = staticmethod(functions.mean_absolute_error)


class MeanAbsolutePercentageError(_Plain):
    """100 * mean(abs((y_true - y_pred) / y_true))"""

    function = staticmethod(functions.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_Plain):
    """mean((log(y_true + 1) - log(y_pred + 1))^2)"""

    function = staticmethod(functions.mean_squared_logarithmic_error)


class LogCosh(_Plain):
    """mean(log(cosh(y_pred - y_true)))"""

    function = staticmethod(functions.log_cosh)


class Hinge(_Plain):
    """mean(max(1 - y_true * y_pred, 0))"""

    function = staticmethod(functions.hinge)


class SquaredHinge(_Plain):
    """mean(max(1 - y_true * y_pred, 0)^2)"""

    function = staticmethod(functions.squared_hinge)


class CategoricalHinge(_Plain):
    """max(1 + largest wrong prediction - right prediction, 0)"""

    function = staticmethod(functions.categorical_hinge)


class KLDivergence(_Plain):
    """sum(y_true * log(y_true / y_pred))"""

    function = staticmethod(functions.kl_divergence)


class Poisson(_Plain):
    """mean(y_pred - y_true * log(y_pred))"""

    function = staticmethod(functions.poisson)


class CosineSimilarity(LossFunctionWrapper):
    """-sum(l2_normalize(y_true) * l2_normalize(y_pred))"""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(_negative_cosine, reduction=reduction, name=name, dtype=dtype, axis=axis)


def _negative_cosine(y_true, y_pred, axis=-1):
    return ops.negative(functions.cosine_similarity(y_true, y_pred, axis=axis))


class Huber(LossFunctionWrapper):
    """Half the squared error up to `delta`, from there on straight."""

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(functions.huber, reduction=reduction, name=name, dtype=dtype, delta=delta)


class BinaryCrossentropy(LossFunctionWrapper):
    """Cross-entropy of yes-or-no labels; probabilities, or logits where from_logits."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.binary_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of labels that are probabilities of classes (one-hot, say)."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of labels that are class numbers."""

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.sparse_categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of yes-or-no labels, less where the answer is right already."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            focal.binary_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of one-hot labels, less where the answer is right already."""

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            focal.categorical_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p^q) / q: between mean absolute error (q near 1) and cross-entropy (q near 0)."""

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"[CategoricalGeneralizedCrossEntropy] q is {q}, expected between 0 and 1")
        function = focal.categorical_generalized_cross_entropy
        super().__init__(function, reduction=reduction, name=name, dtype=dtype, q=q)


class Dice(LossFunctionWrapper):
    """1 minus the Dice coefficient of two masks."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(overlap.dice, reduction=reduction, name=name, dtype=dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 minus the Tversky index of two masks: Dice with weights for what is missed and what is wrong."""

    def __init__(
        self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None
    ):
        super().__init__(
            overlap.tversky, reduction=reduction, name=name, dtype=dtype, alpha=alpha, beta=beta, axis=axis
        )


class Circle(LossFunctionWrapper):
    """Circle loss of embeddings: those of a class together, others apart."""

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(
            overlap.circle,
            reduction=reduction,
            name=name,
            dtype=dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )
