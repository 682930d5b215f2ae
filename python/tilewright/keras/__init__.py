# SPDX-License-Identifier: Apache-2.0
"""Layers, models and training with the names, arguments, defaults and numerics of Keras 3."""

from tilewright import random
from tilewright.keras import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    dtype_policies,
    generation,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    regularizers,
    saving,
    utils,
)
from tilewright.keras.dtype_policies import DTypePolicy
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers import Input, Layer
from tilewright.keras.models import Model, Sequential
from tilewright.random import SeedGenerator
from tilewright.variable import Variable

__all__ = [
    "DTypePolicy",
    "Input",
    "KerasTensor",
    "Layer",
    "Model",
    "SeedGenerator",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "dtype_policies",
    "datasets",
    "generation",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "utils",
]


def __getattr__(name: str):
    if name in ("datasets", "preprocessing"):
        from importlib import import_module

        return import_module(f"tilewright.keras.{name}")
    raise AttributeError(f"module 'tilewright.keras' has no attribute {name!r}")
