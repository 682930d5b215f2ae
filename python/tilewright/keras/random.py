# SPDX-License-Identifier: Apache-2.0
"""Keras 3's `keras.random`: draws with its arguments and defaults, through `tilewright.random`."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright import random as draws
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.random import SeedGenerator
from tilewright.suggestion import missing
from tilewright.tf.arguments import tensor


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None) -> Tensor:
    """Normal numbers.

    `seed`, here and below: an int, which gives the same numbers at every call; a SeedGenerator, which goes
    on; or None for the global generator.
    """
    return draws.normal(shape, mean, stddev, dtype or config.floatx(), seed)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None) -> Tensor:
    """Normal numbers at most two standard deviations from the mean."""
    return draws.truncated_normal(shape, mean, stddev, dtype or config.floatx(), seed)


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None) -> Tensor:
    """Numbers from [minval, maxval)."""
    return draws.uniform(shape, minval, maxval, dtype or config.floatx(), seed)


def randint(shape, minval, maxval, dtype="int32", seed=None) -> Tensor:
    """Whole numbers from minval to before maxval."""
    return draws.uniform(shape, minval, maxval, dtype, seed)


def categorical(logits, num_samples, dtype="int32", seed=None) -> Tensor:
    """Class numbers drawn by softmax(logits), `num_samples` a row."""
    return draws.categorical(logits, num_samples, dtype, seed)


def dropout(inputs, rate, noise_shape=None, seed=None) -> Tensor:
    """inputs with a share `rate` of them zero and the others divided by 1 - rate.

    Parameters   noise_shape : of what is drawn; axes of size 1 are dropped as a whole
    """
    x = tensor(inputs)
    if not 0 <= rate < 1:
        raise ValueError(f"[dropout] rate is {rate}, expected from 0 to below 1")
    if noise_shape is None:
        return ops.dropout(x, float(rate), key=draws.key_for(seed, math.prod(x.shape)))
    shape = tuple(n if m is None else m for n, m in zip(x.shape, noise_shape, strict=True))
    kept = draws.bernoulli(shape, 1.0 - rate, x.dtype, seed)
    return ops.multiply(x, ops.divide(kept, 1.0 - rate))


def shuffle(x, axis=0, seed=None) -> Tensor:
    """The entries along an axis in random order."""
    x = tensor(x)
    if axis == 0:
        return draws.shuffle(x, seed)
    return ops.moveaxis(draws.shuffle(ops.moveaxis(x, axis, 0), seed), 0, axis)


__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]
__getattr__ = missing(
    __name__,
    __all__,
    {name: "it is not there" for name in ("beta", "binomial", "gamma")},
)
