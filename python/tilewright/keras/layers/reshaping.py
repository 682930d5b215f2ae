# SPDX-License-Identifier: Apache-2.0
"""Flatten, Reshape, Permute, RepeatVector, ZeroPadding2D, Cropping2D, UpSampling2D."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras import config
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


class Flatten(Layer):
    """(batch, ...) to (batch, features). With channels_first the channels move last before."""

    config_fields = ("data_format",)

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standard_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return input_shape[0], None if any(n is None for n in rest) else math.prod(rest)


class Reshape(Layer):
    """The features in another shape; one size may be -1."""

    config_fields = ("target_shape",)

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"[{self.name}] target_shape is {self.target_shape}, expected at most one -1")

    def call(self, inputs):
        return ops.reshape(inputs, (inputs.shape[0], *self._resolved(inputs.shape)))

    def _resolved(self, input_shape) -> tuple:
        rest, wanted = input_shape[1:], self.target_shape
        if any(n is None for n in rest):
            return tuple(None if n == -1 else n for n in wanted)
        total, known = math.prod(rest), math.prod(n for n in wanted if n != -1)
        resolved = tuple((total // known if known else 0) if n == -1 else n for n in wanted)
        if math.prod(resolved) != total:
            raise ValueError(
                f"[{self.name}] target_shape is {wanted}, expected {total} elements as input shape "
                f"{input_shape} has"
            )
        return resolved

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._resolved(input_shape))


class Permute(Layer):
    """The axes after the batch in another order, counted from 1."""

    config_fields = ("dims",)

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"[{self.name}] dims is {self.dims}, expected a permutation of 1 to {len(self.dims)}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))


class RepeatVector(Layer):
    """(batch, features) to (batch, n, features)."""

    config_fields = ("n",)

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"[{self.name}] n is {n!r}, expected an int of at least 1")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        batch, features = inputs.shape
        return ops.copy(ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features)))

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.n, input_shape[1]


def _edges(layer: str, argument: str, value) -> tuple:
    """An int, a pair, or a pair of pairs as ((top, bottom), (left, right))."""
    if isinstance(value, int):
        return (value, value), (value, value)
    rows, columns = value
    edges = tuple((e, e) if isinstance(e, int) else tuple(e) for e in (rows, columns))
    if any(len(e) != 2 or min(e) < 0 for e in edges):
        raise ValueError(f"[{layer}] {argument} is {value!r}, expected an int, 2 ints or 2 pairs, at least 0")
    return edges


class _Edges2D(Layer):
    """Base of what adds or removes rows and columns at the edges of images."""

    def __init__(self, argument, value, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standard_data_format(data_format)
        self._edges = _edges(self.name, argument, value)
        self._first = 1 if self.data_format == "channels_last" else 2
        self.input_spec = InputSpec(ndim=4)

    def _resized(self, shape, sign):
        sizes = list(shape)
        for axis, edges in zip((self._first, self._first + 1), self._edges, strict=True):
            if sizes[axis] is not None:
                sizes[axis] += sign * sum(edges)
                if sizes[axis] < 0:
                    raise ValueError(
                        f"[{self.name}] cropping {self._edges} takes more than input shape {shape} has"
                    )
        return tuple(sizes)


class ZeroPadding2D(_Edges2D):
    """Zeros around images."""

    config_fields = ("padding", "data_format")

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__("padding", padding, data_format, **kwargs)
        self.padding = self._edges

    def call(self, inputs):
        widths = [(0, 0)] * 4
        widths[self._first : self._first + 2] = self._edges
        return ops.pad(inputs, widths)

    def compute_output_shape(self, input_shape):
        return self._resized(input_shape, 1)


class Cropping2D(_Edges2D):
    """Images without some rows and columns at their edges."""

    config_fields = ("cropping", "data_format")

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__("cropping", cropping, data_format, **kwargs)
        self.cropping = self._edges

    def call(self, inputs):
        sizes = self._resized(inputs.shape, -1)
        key = [slice(None)] * 4
        for axis, (low, _) in zip((self._first, self._first + 1), self._edges, strict=True):
            key[axis] = slice(low, low + sizes[axis])
        return inputs[tuple(key)]

    def compute_output_shape(self, input_shape):
        return self._resized(input_shape, -1)


class UpSampling2D(Layer):
    """Images enlarged by whole factors, by repeating pixels ("nearest") or between them ("bilinear")."""

    casts_integers = True
    config_fields = ("size", "data_format", "interpolation")

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f"[{self.name}] interpolation is {interpolation!r}, expected 'nearest' or 'bilinear'"
            )
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.data_format, self.interpolation = config.standard_data_format(data_format), interpolation
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs):
        first = self.data_format == "channels_first"
        x = ops.transpose(inputs, (0, 2, 3, 1)) if first else inputs
        y = ops.resize(x, (x.shape[1] * self.size[0], x.shape[2] * self.size[1]), method=self.interpolation)
        return ops.transpose(y, (0, 3, 1, 2)) if first else y

    def compute_output_shape(self, input_shape):
        at = 2 if self.data_format == "channels_first" else 1
        sizes = list(input_shape)
        for axis, factor in zip((at, at + 1), self.size, strict=True):
            sizes[axis] = None if sizes[axis] is None else sizes[axis] * factor
        return tuple(sizes)
