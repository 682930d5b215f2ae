# SPDX-License-Identifier: Apache-2.0
"""Numbers brought to scale: Rescaling, Normalization."""

from __future__ import annotations

import itertools
import math

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.data import Dataset
from tilewright.keras import config
from tilewright.keras.layers.layer import Layer

_ELEMENTS_AT_ONCE = 1 << 24  # of an array whose statistics are found part by part


class Rescaling(Layer):
    """inputs * scale + offset; numbers, or arrays that broadcast."""

    casts_integers = True
    supports_masking = True
    config_fields = ("scale", "offset")

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.built = True

    def call(self, inputs):
        scale, offset = self._constant(self.scale), self._constant(self.offset)
        if not isinstance(scale, float) and config.image_data_format() == "channels_first":
            scale = ops.reshape(scale, (*scale.shape, *(1,) * (3 - scale.ndim)))
        y = ops.multiply(inputs, scale)
        return y if isinstance(offset, float) and offset == 0 else ops.add(y, offset)

    def _constant(self, value):
        return float(value) if np.ndim(value) == 0 else Tensor(np.asarray(value, self.dtype))

    def compute_output_shape(self, input_shape):
        return input_shape


class Normalization(Layer):
    """(inputs - mean) / deviation, by statistics that `adapt` finds or that are given.

    Parameters
        axis : axes that keep statistics of their own; None for one mean of everything
        mean, variance : given together, instead of `adapt`
        invert : the reverse
    """

    casts_integers = True
    supports_masking = True

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        if (mean is None) != (variance is None):
            raise ValueError(f"[{self.name}] got one of mean and variance, expected both or neither")
        if np.shape(mean) != np.shape(variance):
            raise ValueError(
                f"[{self.name}] mean has shape {np.shape(mean)} and variance {np.shape(variance)}, expected "
                "one shape"
            )
        if np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"[{self.name}] mean has shape {np.shape(mean)}, expected at most {len(self.axis)} axes, as "
                "axis has"
            )

    def build(self, input_shape):
        ndim = len(input_shape)
        if any(not -ndim <= axis < ndim for axis in self.axis):
            raise ValueError(f"[{self.name}] axis is {self.axis}, expected {-ndim} to {ndim - 1}")
        keep = sorted(axis % ndim for axis in self.axis)
        if any(input_shape[axis] is None for axis in keep):
            raise ValueError(
                f"[{self.name}] input shape is {input_shape}, expected known sizes of axes {keep}"
            )
        self._kept_axes, self._reduced_axes = keep, tuple(i for i in range(ndim) if i not in keep)
        self._kept_shape = tuple(input_shape[axis] for axis in keep)
        self._broadcast_shape = tuple(input_shape[i] if i in keep else 1 for i in range(ndim))
        if self.input_mean is None:
            self.adapt_mean = self.add_weight(self._kept_shape, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(self._kept_shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    @property
    def mean(self) -> Tensor | None:
        """The mean, with as many axes as the inputs; None before there are any."""
        return self._statistic("mean")

    @property
    def variance(self) -> Tensor | None:
        """The variance, with as many axes as the inputs; None before there are any."""
        return self._statistic("variance")

    def _statistic(self, name: str):
        if not self.built:
            return None
        if self.input_mean is not None:
            return self._given(getattr(self, f"input_{name}"))
        return ops.reshape(Tensor(getattr(self, f"adapt_{name}").array), self._broadcast_shape)

    def _given(self, values):
        """A statistic that was given: its axes are the last of the kept ones."""
        array = np.asarray(values, self.dtype)
        sizes = [1] * len(self._broadcast_shape)
        for axis, size in zip(reversed(self._kept_axes), reversed(array.shape), strict=False):
            sizes[axis] = size
        return Tensor(np.ascontiguousarray(np.broadcast_to(array.reshape(sizes), self._broadcast_shape)))

    def adapt(self, data) -> None:
        """Finds mean and variance of an array, a Dataset, a PyDataset or an iterable of batches (x first)."""
        if self.input_mean is not None:
            raise ValueError(f"[{self.name}] adapt needs no given mean, expected Normalization() without one")
        total_mean = total_variance = None
        samples = 0
        for batch in self._batches(data):
            if not self.built:
                self.build(batch.shape)
            if tuple(batch.shape[axis] for axis in self._kept_axes) != self._kept_shape:
                raise ValueError(
                    f"[{self.name}] adapt got a batch of shape {batch.shape}, expected sizes "
                    f"{self._kept_shape} of axes {self._kept_axes}"
                )
            x = ops.cast(batch, "float64")
            axes = self._reduced_axes
            mean, variance = (
                (ops.mean(x, axis=axes), ops.var(x, axis=axes)) if axes else (x, ops.zeros_like(x))
            )
            n = math.prod(batch.shape[axis] for axis in axes)
            samples += n
            share = n / samples
            if total_mean is None:
                total_mean, total_variance = mean, variance
                continue
            # The parts' variances, and how far the parts' means lie from the common one.
            between = ops.square(ops.subtract(mean, total_mean))
            total_mean = ops.add(ops.multiply(total_mean, 1 - share), ops.multiply(mean, share))
            total_variance = ops.add(
                ops.add(ops.multiply(total_variance, 1 - share), ops.multiply(variance, share)),
                ops.multiply(between, share * (1 - share)),
            )
        if total_mean is None:
            raise ValueError(f"[{self.name}] adapt got no data, expected at least one batch")
        self.adapt_mean.assign(ops.cast(total_mean, self.dtype))
        self.adapt_variance.assign(ops.cast(total_variance, self.dtype))

    def _batches(self, data):
        """Arrays whose first axis counts samples."""
        if isinstance(data, Dataset):
            if isinstance(data.element_spec, tuple):
                data = data.map(lambda x, *_: x)
            if len(data.element_spec.shape) == 1 and data.element_spec.shape[0] is not None:
                data = data.batch(128)
            yield from (batch.numpy() for batch in data)
        elif isinstance(data, (np.ndarray, Tensor)) or hasattr(data, "__array__"):
            array = data.numpy() if isinstance(data, Tensor) else np.asarray(data)
            rows = max(1, _ELEMENTS_AT_ONCE // max(math.prod(array.shape[1:]), 1))
            if array.ndim == 0 or 0 in self.axis or -array.ndim in self.axis:
                yield array
                return
            for start in range(0, len(array), rows):
                yield array[start : start + rows]
        elif hasattr(data, "__getitem__") and not isinstance(data, (list, tuple)):
            yield from (_first_part(data[i]) for i in range(len(data)))
        elif hasattr(data, "__iter__"):
            first, batches = next(iter(data), None), iter(data)
            if isinstance(first, (int, float, list)) and isinstance(data, (list, tuple)):
                yield np.asarray(data)
                return
            chained = itertools.chain([first], batches) if batches is data and first is not None else batches
            yield from (_first_part(batch) for batch in chained)
        else:
            raise TypeError(f"[{self.name}] adapt got a {type(data).__name__}, expected an array or batches")

    def finalize_state(self) -> None:
        """Nothing is left to do after `adapt`; programs of older versions call it."""

    def call(self, inputs):
        mean, deviation = self.mean, ops.maximum(ops.sqrt(self.variance), config.epsilon())
        if self.invert:
            return ops.add(mean, ops.multiply(inputs, deviation))
        return ops.divide(ops.subtract(inputs, mean), deviation)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        given = {
            name: None if value is None else np.asarray(value).tolist()
            for name, value in (("mean", self.input_mean), ("variance", self.input_variance))
        }
        return {**super().get_config(), "axis": list(self.axis), "invert": self.invert, **given}


def _first_part(batch):
    batch = batch[0] if isinstance(batch, tuple) else batch
    if not hasattr(batch, "shape"):
        raise TypeError(f"[Normalization] adapt got a {type(batch).__name__} as a batch, expected an array")
    return batch.numpy() if isinstance(batch, Tensor) else np.asarray(batch)
