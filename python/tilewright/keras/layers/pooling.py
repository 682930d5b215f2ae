# SPDX-License-Identifier: Apache-2.0
"""Max and average pooling of sequences and images, in windows and global."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import config
from tilewright.keras.layers.convolution import sizes_of, window_outputs
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


class _Pooling(Layer):
    """Base of pooling in windows.

    Parameters
        pool_size : int, or one for each axis;  strides : as pool_size where None
        padding : "valid" or "same";  data_format : "channels_last" or "channels_first"
    """

    rank = 2
    casts_integers = True
    config_fields = ("pool_size", "padding", "strides", "data_format")

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = sizes_of(self.name, "pool_size", pool_size, self.rank)
        self.strides = (
            self.pool_size if strides is None else sizes_of(self.name, "strides", strides, self.rank)
        )
        if str(padding).lower() not in ("valid", "same"):
            raise ValueError(f"[{self.name}] padding is {padding!r}, expected 'valid' or 'same'")
        self.padding, self.data_format = str(padding).lower(), config.standard_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def _options(self) -> dict:
        size, stride = (
            (self.pool_size, self.strides) if self.rank == 2 else (self.pool_size[0], self.strides[0])
        )
        return {"pool_size": size, "stride": stride, "padding": self.padding, "data_format": self.data_format}

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        sizes = [
            window_outputs(n, w, s, self.padding)
            for n, w, s in zip(
                input_shape[1:-1] if last else input_shape[2:], self.pool_size, self.strides, strict=True
            )
        ]
        if any(n is not None and n < 1 for n in sizes):
            raise ValueError(
                f"[{self.name}] input has shape {tuple(input_shape)}, expected at least the window "
                f"{self.pool_size}"
            )
        return (input_shape[0], *sizes, input_shape[-1]) if last else (*input_shape[:2], *sizes)


class MaxPooling2D(_Pooling):
    """The largest value of each window."""

    def call(self, inputs):
        return ops.max_pool2d(inputs, **self._options())


class AveragePooling2D(_Pooling):
    """The mean of each window; padding does not count."""

    def call(self, inputs):
        return ops.avg_pool2d(inputs, count_padding=False, **self._options())


class MaxPooling1D(_Pooling):
    """The largest value of each window of steps."""

    rank = 1

    def call(self, inputs):
        return ops.max_pool1d(inputs, **self._options())


class AveragePooling1D(_Pooling):
    """The mean of each window of steps; padding does not count."""

    rank = 1

    def call(self, inputs):
        return ops.avg_pool1d(inputs, count_padding=False, **self._options())


class _GlobalPooling(Layer):
    """Base of pooling over all rows and columns (or steps). With keepdims they stay, as 1."""

    rank = 2
    casts_integers = True
    config_fields = ("data_format", "keepdims")

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format, self.keepdims = config.standard_data_format(data_format), keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def _options(self) -> dict:
        return {"keepdims": self.keepdims, "data_format": self.data_format}

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        batch, channels = input_shape[0], input_shape[-1 if last else 1]
        if not self.keepdims:
            return batch, channels
        return (batch, *(1,) * self.rank, channels) if last else (batch, channels, *(1,) * self.rank)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel."""

    def call(self, inputs):
        return ops.global_max_pool2d(inputs, **self._options())


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel."""

    def call(self, inputs):
        return ops.global_avg_pool2d(inputs, **self._options())


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of each channel over the steps."""

    rank = 1

    def call(self, inputs):
        return ops.global_max_pool1d(inputs, **self._options())


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over the steps that the mask counts."""

    rank = 1
    supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.global_avg_pool1d(inputs, **self._options())
        steps = 1 if self.data_format == "channels_last" else 2
        counts = ops.expand_dims(ops.cast(mask, "bool"), 2 if steps == 1 else 1)
        weight = ops.cast(counts, inputs.dtype)
        total = ops.sum(ops.where(counts, inputs, 0.0), axis=steps, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(weight, axis=steps, keepdims=self.keepdims))

    def compute_mask(self, inputs, mask=None):
        return None
