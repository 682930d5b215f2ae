# SPDX-License-Identifier: Apache-2.0
"""Tilewright: a compute engine for deep learning, and a thin layer that trains with it."""

from tilewright import ops
from tilewright.autograd import GradientTape, Tensor, stop_gradient
from tilewright.backend import device, set_device

__version__ = "0.1.0"
__all__ = ["GradientTape", "Tensor", "device", "ops", "set_device", "stop_gradient"]
