# SPDX-License-Identifier: Apache-2.0
"""Where a step stands: RotaryEmbedding and PositionEmbedding, as in KerasHub."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import initializers
from tilewright.keras.layers.attention_cache import current_cache
from tilewright.keras.layers.layer import Layer


def _start(start_index: int) -> int:
    """The first step's position: behind what a key-value cache holds."""
    cache = current_cache()
    return start_index + (0 if cache is None else cache.length)


def _counted(steps: int, start: float = 0.0):
    """start, start + 1, ... in float64, (steps,)"""
    return ops.add(ops.cumsum(ops.ones((steps,), "float64"), axis=0), start - 1.0)


class RotaryEmbedding(Layer):
    """Turns pairs of features by an angle that grows with the position, the faster the earlier the pair.

        y = x cos(p f) + (-x2, x1) sin(p f),   f_i = max_wavelength^(-2 i / features),   x = (x1, x2), halves

    Parameters
        max_wavelength : of the slowest pair, in steps;  scaling_factor : positions are divided by it
        sequence_axis, feature_axis : of the inputs, for example (batch, steps, heads, depth)
    Notes   Su et al., RoFormer, arXiv:2104.09864; halves instead of neighbours pair up, as in KerasHub and
            GPT-NeoX. Call it on queries and keys before attention. Inside a KeyValueCache positions count on.
    """

    supports_masking = True
    config_fields = ("max_wavelength", "scaling_factor", "sequence_axis", "feature_axis")

    def __init__(self, max_wavelength=10000, scaling_factor=1.0, sequence_axis=1, feature_axis=-1, **kwargs):
        super().__init__(**kwargs)
        for argument, value in (("max_wavelength", max_wavelength), ("scaling_factor", scaling_factor)):
            if not isinstance(value, (int, float)) or value <= 0:
                raise ValueError(f"[{self.name}] {argument} is {value!r}, expected a number above 0")
        self.max_wavelength, self.scaling_factor = max_wavelength, scaling_factor
        self.sequence_axis, self.feature_axis = sequence_axis, feature_axis
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, inputs, start_index=0, positions=None):
        """`positions` : (steps,) or (batch, steps), instead of start_index, start_index + 1, ..."""
        rank = inputs.ndim
        step_axis, feature_axis = self.sequence_axis % rank, self.feature_axis % rank
        features = inputs.shape[feature_axis]
        if features % 2 or step_axis == feature_axis:
            raise ValueError(
                f"[{self.name}] input has shape {inputs.shape}, expected an even number of features along "
                f"axis {self.feature_axis}"
            )
        if positions is None:
            positions = _counted(inputs.shape[step_axis], _start(start_index))
        positions = ops.divide(ops.cast(positions, "float64"), float(self.scaling_factor))
        slope = -2.0 * math.log(self.max_wavelength) / features
        frequencies = ops.exp(ops.multiply(_counted(features // 2), slope))
        angles = ops.multiply(ops.expand_dims(positions, -1), frequencies)  # (steps, pairs) or with a batch
        shape = [1] * rank
        shape[step_axis], shape[feature_axis] = angles.shape[-2:]
        if angles.ndim == 3:
            shape[0] = angles.shape[0]
        angles = angles if step_axis < feature_axis else ops.swapaxes(angles, -1, -2)
        cos, sin = (
            Tensor(ops.cast(ops.reshape(f(angles), tuple(shape)), inputs.dtype)) for f in (ops.cos, ops.sin)
        )
        first, second = ops.split(inputs, 2, axis=feature_axis)
        return ops.concat(
            [
                ops.subtract(ops.multiply(first, cos), ops.multiply(second, sin)),
                ops.add(ops.multiply(second, cos), ops.multiply(first, sin)),
            ],
            axis=feature_axis,
        )


class PositionEmbedding(Layer):
    """A learned vector for each position, in the shape of the inputs (batch, steps, features): add it.

    Parameters
        sequence_length : how many positions there are;  initializer : of the vectors
    """

    supports_masking = True
    config_fields = ("sequence_length", "initializer")

    def __init__(self, sequence_length, initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        if not isinstance(sequence_length, int) or sequence_length < 1:
            raise ValueError(
                f"[{self.name}] sequence_length is {sequence_length!r}, expected an int of at least 1"
            )
        self.sequence_length = sequence_length
        self.initializer = initializers.get(initializer)

    def build(self, input_shape):
        shape = (self.sequence_length, input_shape[-1])
        self.position_embeddings = self.add_weight(shape, self.initializer, name="embeddings")

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, inputs, start_index=0, positions=None):
        """`positions` : integers (steps,) or (batch, steps), instead of start_index, start_index + 1, ..."""
        if positions is not None:
            rows = ops.embedding(self.position_embeddings, positions)
        else:
            first = _start(start_index)
            end = first + inputs.shape[-2]
            if end > self.sequence_length:
                raise ValueError(
                    f"[{self.name}] input has {inputs.shape[-2]} steps from position {first}, expected at "
                    f"most sequence_length = {self.sequence_length} positions"
                )
            rows = self.position_embeddings[first:end]
        return ops.broadcast_to(rows, inputs.shape)
