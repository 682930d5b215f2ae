# SPDX-License-Identifier: Apache-2.0
"""What acts in training only: dropout of several kinds, Gaussian noise, activity regularization."""

from __future__ import annotations

import math

from tilewright import ops, random
from tilewright.keras import config, regularizers
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


class _InTraining(Layer):
    """Base: identity outside training; numbers come from a generator of the layer's own."""

    casts_integers = True
    supports_masking = True

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = None
        self.built = True

    def _start_generator(self):
        self.seed_generator = random.SeedGenerator(self.seed)

    def compute_output_shape(self, input_shape):
        return input_shape


def _rate(layer: str, rate) -> float:
    if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError(f"[{layer}] rate is {rate!r}, expected a number from 0 to 1")
    return float(rate)


class Dropout(_InTraining):
    """Zeroes a share `rate` of the inputs and scales the rest by 1 / (1 - rate).

    Parameters
        rate : 0 to 1;  noise_shape : 1 along axes that share their choice, None for the input's size
        seed : of the layer's own generator
    Notes   Srivastava et al., JMLR 15, 2014.
    """

    config_fields = ("rate", "seed", "noise_shape")

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate, self.noise_shape = _rate(self.name, rate), noise_shape
        if self.rate > 0:
            self._start_generator()

    def _noise_shape(self, shape):
        if self.noise_shape is None:
            return None
        return tuple(n if m is None else m for m, n in zip(self.noise_shape, shape, strict=True))

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return ops.multiply(inputs, 0.0)
        noise = self._noise_shape(inputs.shape)
        if noise is None:
            return ops.dropout(inputs, self.rate, key=self.seed_generator.next_key(inputs.size))
        ones = ops.ones(noise, inputs.dtype)
        kept = ops.dropout(ones, self.rate, key=self.seed_generator.next_key(math.prod(noise)))
        return ops.multiply(inputs, kept)


class _SpatialDropout(Dropout):
    """Base of what drops whole channels."""

    def get_config(self):
        values = super().get_config()
        values.pop("trainable")  # Keras's classes take no such argument
        return values


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of (batch, steps, channels)."""

    config_fields = ("rate", "seed")

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _noise_shape(self, shape):
        return shape[0], 1, shape[2]


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images."""

    config_fields = ("rate", "seed", "data_format")

    def __init__(self, rate, data_format=None, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = config.standard_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def _noise_shape(self, shape):
        return (
            (shape[0], 1, 1, shape[3]) if self.data_format == "channels_last" else (shape[0], shape[1], 1, 1)
        )


class GaussianNoise(_InTraining):
    """Adds normal noise of mean 0."""

    config_fields = ("stddev", "seed")

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        if not isinstance(stddev, (int, float)) or stddev < 0:
            raise ValueError(f"[{self.name}] stddev is {stddev!r}, expected a number of at least 0")
        self.stddev = stddev
        if stddev > 0:
            self._start_generator()

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        return ops.add(
            inputs, random.normal(inputs.shape, 0.0, self.stddev, inputs.dtype, self.seed_generator)
        )


class GaussianDropout(_InTraining):
    """Multiplies by normal noise of mean 1 and deviation sqrt(rate / (1 - rate))."""

    config_fields = ("rate", "seed")

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate = _rate(self.name, rate)
        if self.rate > 0:
            self._start_generator()

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / max(1 - self.rate, 1e-7))
        return ops.multiply(
            inputs, random.normal(inputs.shape, 1.0, stddev, inputs.dtype, self.seed_generator)
        )


class AlphaDropout(_InTraining):
    """Dropout for selu networks: what is dropped takes selu's negative limit, and mean and variance stay.

    Parameters   as Dropout's
    Notes   Klambauer et al., arXiv:1706.02515
    """

    config_fields = ("rate", "seed", "noise_shape")

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate, self.noise_shape = _rate(self.name, rate), noise_shape
        if self.rate > 0:
            self._start_generator()

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        limit, keep = -1.6732632423543772 * 1.0507009873554805, 1 - self.rate
        shape = self.noise_shape or (None,) * inputs.ndim
        shape = tuple(n if m is None else m for m, n in zip(shape, inputs.shape, strict=True))
        kept = random.bernoulli(shape, keep, "bool", self.seed_generator)
        scale = (keep * (1 + self.rate * limit**2)) ** -0.5 if keep else 0.0
        y = ops.where(kept, inputs, limit)
        return ops.add(ops.multiply(y, scale), -scale * limit * self.rate)


class ActivityRegularization(Layer):
    """Passes inputs on and adds l1 * sum(abs(x)) + l2 * sum(x^2) to the loss."""

    supports_masking = True
    config_fields = ("l1", "l2")

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape
