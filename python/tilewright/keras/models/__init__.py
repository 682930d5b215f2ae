# SPDX-License-Identifier: Apache-2.0
"""Models: Model (by inputs and outputs, or a class of one's own), Sequential; copying, saving, loading."""

import json

from tilewright.keras import serialization
from tilewright.keras.models.cloning import clone_model
from tilewright.keras.models.model import Functional, Model
from tilewright.keras.models.sequential import Sequential
from tilewright.keras.saving import load_model, save_model
from tilewright.suggestion import missing

serialization.exported("keras", (Sequential,))
serialization.exported("keras.src.models.functional", (Functional,))


def model_from_json(json_string: str, custom_objects=None):
    """The model, without its weights, that `to_json` described."""
    with serialization.sharing_scope():
        return serialization.deserialize_keras_object(json.loads(json_string), custom_objects)


def model_from_config(config: dict, custom_objects=None):
    """The model, without its weights, of a configuration with its class name."""
    return serialization.deserialize_keras_object(config, custom_objects)


__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]
__getattr__ = missing(__name__, __all__)
