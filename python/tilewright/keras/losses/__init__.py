# SPDX-License-Identifier: Apache-2.0
"""Losses as classes and functions."""

from __future__ import annotations

from tilewright.keras import serialization
from tilewright.keras.losses import classes as _classes
from tilewright.keras.losses.classes import *  # noqa: F403
from tilewright.keras.losses.focal import (
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
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
from tilewright.keras.losses.overlap import circle, dice, tversky
from tilewright.suggestion import missing

_CLASSES = tuple(getattr(_classes, name) for name in _classes.__all__)
_FUNCTIONS = (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    dice,
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
    tversky,
)
bce = BCE = binary_crossentropy
kld = KLD = kl_divergence
mae = MAE = mean_absolute_error
mse = MSE = mean_squared_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
logcosh = log_cosh
_SHORT = {
    **{"bce": bce, "kld": kld, "mae": mae, "mse": mse, "mape": mape, "msle": msle},
    **{"BCE": bce, "KLD": kld, "MAE": mae, "MSE": mse, "MAPE": mape, "MSLE": msle},
}
_TABLE = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{f.__name__: f for f in _FUNCTIONS},
    **_SHORT,
    "logcosh": log_cosh,
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
    *_classes.__all__,
    *(f.__name__ for f in _FUNCTIONS),
    *_SHORT,
    "Loss",
    "LossFunctionWrapper",
    "deserialize",
    "get",
    "logcosh",
    "serialize",
]
__getattr__ = missing(__name__, __all__)
