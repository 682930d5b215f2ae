# SPDX-License-Identifier: Apache-2.0
"""Layers, models and training with the names, arguments, defaults and numerics of Keras 3."""

from tilewright.keras import (
    activations,
    callbacks,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers import Input, Layer
from tilewright.keras.models import Model, Sequential
from tilewright.random import SeedGenerator
from tilewright.variable import Variable

__all__ = [
    "Input", "KerasTensor", "Layer", "Model", "SeedGenerator", "Sequential", "Variable", "activations", "callbacks", "config",
    "constraints", "datasets", "initializers", "layers", "losses", "metrics", "models", "optimizers", "regularizers", "utils",
]  # fmt: skip


def __getattr__(name: str):
    if name == "datasets":
        from tilewright import datasets

        return datasets
    raise AttributeError(f"module 'tilewright.keras' has no attribute {name!r}")
