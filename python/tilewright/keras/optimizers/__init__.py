# SPDX-License-Identifier: Apache-2.0
"""Optimizers, and learning rate schedules in `schedules`."""

from __future__ import annotations

from tilewright.keras import serialization
from tilewright.keras.optimizers import schedules
from tilewright.keras.optimizers.adam import Adam, AdamW
from tilewright.keras.optimizers.optimizer import Optimizer
from tilewright.keras.optimizers.rmsprop import RMSprop
from tilewright.keras.optimizers.sgd import SGD

_CLASSES = (SGD, RMSprop, Adam, AdamW)
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

__all__ = ["SGD", "RMSprop", "Adam", "AdamW", "Optimizer", "deserialize", "get", "schedules", "serialize"]
