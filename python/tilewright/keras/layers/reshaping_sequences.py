# SPDX-License-Identifier: Apache-2.0
"""Sequences made longer or shorter: ZeroPadding1D, Cropping1D, UpSampling1D."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import config
from tilewright.keras.layers.convolution import sizes_of
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


class ZeroPadding1D(Layer):
    """Zeros before and after the steps of (batch, steps, features).

    Parameters   padding : int for both ends, or a pair;  data_format : "channels_last" or "channels_first"
    """

    config_fields = ("padding", "data_format")

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.padding = sizes_of(self.name, "padding", padding, 2, 0)
        self.data_format = config.standard_data_format(data_format)
        self._axis = 1 if self.data_format == "channels_last" else 2
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs):
        return ops.pad(inputs, [self.padding if axis == self._axis else (0, 0) for axis in range(3)])

    def compute_output_shape(self, input_shape):
        sizes = list(input_shape)
        if sizes[self._axis] is not None:
            sizes[self._axis] += sum(self.padding)
        return tuple(sizes)


class Cropping1D(Layer):
    """(batch, steps, features) without some steps at either end.

    Parameters   cropping : int for both ends, or a pair
    """

    config_fields = ("cropping",)

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self.cropping = sizes_of(self.name, "cropping", cropping, 2, 0)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs):
        steps = self.compute_output_shape(inputs.shape)[1]
        return inputs[:, self.cropping[0] : self.cropping[0] + steps]

    def compute_output_shape(self, input_shape):
        batch, steps, features = input_shape
        if steps is not None and steps <= sum(self.cropping):
            raise ValueError(
                f"[{self.name}] cropping is {self.cropping}, expected fewer steps than input shape "
                f"{tuple(input_shape)} has"
            )
        return batch, None if steps is None else steps - sum(self.cropping), features


class UpSampling1D(Layer):
    """Every step of (batch, steps, features) repeated `size` times."""

    config_fields = ("size",)

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"[{self.name}] size is {size!r}, expected an int of at least 1")
        self.size = size
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs):
        return ops.repeat(inputs, self.size, axis=1)

    def compute_output_shape(self, input_shape):
        batch, steps, features = input_shape
        return batch, None if steps is None else steps * self.size, features
