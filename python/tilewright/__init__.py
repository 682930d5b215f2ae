# SPDX-License-Identifier: Apache-2.0
"""Tilewright: a compute engine for deep learning, and a thin layer that trains with it."""

from importlib import import_module

from tilewright import ops
from tilewright.autograd import GradientTape, Tensor, stop_gradient
from tilewright.backend import device, set_device

__version__ = "0.1.0"
__all__ = ["GradientTape", "Tensor", "Variable", "datasets", "device", "keras", "ops", "plots", "random", "set_device", "stop_gradient"]

# Imported when first used, so that `import tilewright` stays quick: name -> module, or module and attribute.
_LAZY = {
    "keras": ("tilewright.keras", None),
    "datasets": ("tilewright.datasets", None),
    "plots": ("tilewright.plots", None),
    "random": ("tilewright.random", None),
    "Variable": ("tilewright.variable", "Variable"),
}


def __getattr__(name: str):
    if name not in _LAZY:
        raise AttributeError(f"module 'tilewright' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__():
    return sorted({*globals(), *_LAZY})
