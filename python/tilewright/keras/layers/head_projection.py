# SPDX-License-Identifier: Apache-2.0
"""HeadProjection: a Dense layer between features and heads."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras import activations, initializers
from tilewright.keras.layers.layer import Layer


class HeadProjection(Layer):
    """A Dense layer between features and heads.

    Parameters
        output_shape : the axes that take the place of the last `inputs` axes;  inputs : how many axes are
            summed over
        activation .. activity_regularizer : as Dense's
    """

    def __init__(
        self,
        output_shape,
        inputs=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        activity_regularizer=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._shape, self._inputs, self.use_bias = tuple(output_shape), inputs, use_bias
        self.activation = activations.get(activation)
        rank = inputs + len(self._shape)
        kernel_initializer = initializers.over_axes(
            initializers.get(kernel_initializer), range(inputs), range(inputs, rank)
        )
        self._kernel = dict(
            initializer=kernel_initializer, regularizer=kernel_regularizer, constraint=kernel_constraint
        )
        self._bias = dict(
            initializer=bias_initializer, regularizer=bias_regularizer, constraint=bias_constraint
        )

    def build(self, input_shape):
        self._summed = tuple(input_shape[-self._inputs :])
        self.kernel = self.add_weight((*self._summed, *self._shape), name="kernel", **self._kernel)
        self.bias = self.add_weight(self._shape, name="bias", **self._bias) if self.use_bias else None

    def call(self, inputs):
        lead = inputs.shape[: inputs.ndim - self._inputs]
        x = inputs if self._inputs == 1 else ops.reshape(inputs, (*lead, math.prod(self._summed)))
        kernel = ops.reshape(self.kernel, (math.prod(self._summed), math.prod(self._shape)))
        bias = None if self.bias is None else ops.reshape(self.bias, (math.prod(self._shape),))
        return self.activation(ops.reshape(ops.matmul(x, kernel, bias=bias), (*lead, *self._shape)))
