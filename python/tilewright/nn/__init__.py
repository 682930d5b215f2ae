# SPDX-License-Identifier: Apache-2.0
"""`tf.nn`: what networks are made of, as functions."""

from tilewright.linalg import l2_normalize
from tilewright.nn import activations as _activations
from tilewright.nn import convolution as _convolution
from tilewright.nn import layers as _layers
from tilewright.nn import losses as _losses
from tilewright.nn.activations import *  # noqa: F403
from tilewright.nn.convolution import *  # noqa: F403
from tilewright.nn.layers import *  # noqa: F403
from tilewright.nn.losses import *  # noqa: F403
from tilewright.suggestion import missing
from tilewright.tf.elementwise import erf, log_sigmoid, sigmoid, softplus, softsign, tanh
from tilewright.tf.reductions import zero_fraction

__all__ = [
    "erf",
    "l2_normalize",
    "log_sigmoid",
    "sigmoid",
    "softplus",
    "softsign",
    "tanh",
    "zero_fraction",
    *_activations.__all__,
    *_convolution.__all__,
    *_layers.__all__,
    *_losses.__all__,
]
__getattr__ = missing(__name__, __all__)
