# SPDX-License-Identifier: Apache-2.0
"""Layers, models and training with the names, arguments, defaults and numerics of Keras 3."""

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
    random,
    regularizers,
    saving,
    utils,
)
from tilewright.keras.dtype_policies import DTypePolicy
from tilewright.keras.graph import KerasTensor
from tilewright.keras.initializers import Initializer
from tilewright.keras.layers import Input, InputSpec, Layer, Operation
from tilewright.keras.losses import Loss
from tilewright.keras.metrics import Metric
from tilewright.keras.models import Model, Sequential
from tilewright.keras.optimizers import Optimizer
from tilewright.keras.regularizers import Regularizer
from tilewright.keras.saving.files import KERAS_VERSION as __version__
from tilewright.random import SeedGenerator
from tilewright.suggestion import error_for
from tilewright.variable import Variable

__all__ = [
    "DTypePolicy",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "SeedGenerator",
    "Sequential",
    "Variable",
    "__version__",
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
    raise error_for(__name__, name, __all__)
