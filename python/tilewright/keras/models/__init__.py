# SPDX-License-Identifier: Apache-2.0
"""Models: Model (functional or a class of one's own) and Sequential."""

import json

from tilewright.keras import serialization
from tilewright.keras.models.model import Model
from tilewright.keras.models.sequential import Sequential

serialization.exported("keras", (Sequential,))
serialization.exported("keras.src.models.functional", (Model,))


def model_from_json(json_string: str, custom_objects=None):
    """The model, without its weights, that `to_json` described."""
    return serialization.deserialize_keras_object(json.loads(json_string), custom_objects)


__all__ = ["Model", "Sequential", "model_from_json"]
