# SPDX-License-Identifier: Apache-2.0
"""Losses as classes and functions."""

from __future__ import annotations

from tilewright.keras import serialization
from tilewright.keras.losses.classes import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from tilewright.keras.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from tilewright.keras.losses.loss import Loss, LossFunctionWrapper

_CLASSES = (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
_FUNCTIONS = (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
_TABLE = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{f.__name__: f for f in _FUNCTIONS},
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "logcosh": log_cosh,
    "MAE": mean_absolute_error,
    "MSE": mean_squared_error,
    "MAPE": mean_absolute_percentage_error,
    "MSLE": mean_squared_logarithmic_error,
    "huber_loss": huber,
}
serialization.exported("keras.losses", _CLASSES)
serialization.exported("keras.losses", _FUNCTIONS)


def get(identifier):
    """The loss a name, configuration, class or callable stands for."""
    return serialization.get("loss", identifier, _TABLE)


serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__all__ = [
    *(cls.__name__ for cls in _CLASSES),
    *(f.__name__ for f in _FUNCTIONS),
    "Loss",
    "LossFunctionWrapper",
    "deserialize",
    "get",
    "serialize",
]
