# SPDX-License-Identifier: Apache-2.0
"""Optimizers, and learning rate schedules in `schedules`."""

from __future__ import annotations

from tilewright.keras import serialization
from tilewright.keras.optimizers import schedules
from tilewright.keras.optimizers.adam import Adam, Adamax, AdamW, Nadam
from tilewright.keras.optimizers.adaptive import Adadelta, Adagrad, Ftrl, Lion
from tilewright.keras.optimizers.loss_scale import LossScaleOptimizer
from tilewright.keras.optimizers.optimizer import Optimizer, StepKind
from tilewright.keras.optimizers.rmsprop import RMSprop
from tilewright.keras.optimizers.sgd import SGD
from tilewright.suggestion import missing

_CLASSES = (Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lion, LossScaleOptimizer, Nadam, RMSprop, SGD)
_TABLE = {**{cls.__name__: cls for cls in _CLASSES}, **{cls.__name__.lower(): cls for cls in _CLASSES}}
serialization.exported("keras.optimizers", _CLASSES)
serialization.exported("keras.optimizers.schedules", schedules.CLASSES)


def get(identifier) -> Optimizer:
    """The optimizer a name, configuration, class or object stands for."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        identifier = identifier.lower()
    return serialization.get("optimizer", identifier, _TABLE)


serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__all__ = [
    *(cls.__name__ for cls in _CLASSES),
    "Optimizer",
    "StepKind",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
__getattr__ = missing(__name__, __all__)
