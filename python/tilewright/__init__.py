# SPDX-License-Identifier: Apache-2.0
"""Tilewright: a compute engine for deep learning, and a thin layer that trains with it.

`import tilewright as tf` has the names that TensorFlow programs use; `tilewright.names` says where each
lives.
"""

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.backend import set_device
from tilewright.gradient_tape import GradientTape

__version__ = "0.1.0"
__all__ = ["GradientTape", "Tensor", "Variable", "device", "keras", "ops", "set_device"]

newaxis = None


def __getattr__(name: str):
    """Everything else is imported when first used, so that `import tilewright` stays quick."""
    if name.startswith("__"):
        raise AttributeError(f"module 'tilewright' has no attribute {name!r}")
    from tilewright.names import find

    found = globals()[name] = find(name)
    return found


def __dir__():
    from tilewright.names import NAMES

    return sorted({*globals(), *NAMES})
