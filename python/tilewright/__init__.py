# SPDX-License-Identifier: Apache-2.0
"""Tilewright: a compute engine for deep learning, and a thin layer that trains with it."""

from importlib import import_module

from tilewright import ops
from tilewright.autograd import GradientTape, Tensor, stop_gradient
from tilewright.backend import device, set_device

__version__ = "0.1.0"
__all__ = [
    "GradientTape",
    "Tensor",
    "Variable",
    "cuda",
    "datasets",
    "debug",
    "device",
    "keras",
    "num_threads",
    "ops",
    "plots",
    "profile",
    "random",
    "record",
    "set_device",
    "set_num_threads",
    "stop_gradient",
]

# Imported when first used, so that `import tilewright` stays quick: name -> module, or module and attribute.
_LAZY = {
    "cuda": ("tilewright.cuda", None),
    "keras": ("tilewright.keras", None),
    "datasets": ("tilewright.datasets", None),
    "debug": ("tilewright.debug", None),
    "plots": ("tilewright.plots", None),
    "random": ("tilewright.random", None),
    "Variable": ("tilewright.variable", "Variable"),
    "record": ("tilewright.recording", "record"),
    "profile": ("tilewright.profiling", "profile"),
    "num_threads": ("tilewright.threads", "num_threads"),
    "set_num_threads": ("tilewright.threads", "set_num_threads"),
}


def __getattr__(name: str):
    if name not in _LAZY:
        raise AttributeError(f"module 'tilewright' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    found = import_module(module)
    if attribute is not None:
        found = getattr(found, attribute)
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *_LAZY})
