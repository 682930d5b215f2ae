# SPDX-License-Identifier: Apache-2.0
"""Activations that are layers of their own: ReLU, LeakyReLU, PReLU, ELU, Softmax."""

from __future__ import annotations

import inspect

from tilewright import ops
from tilewright.keras import activations, constraints, initializers, regularizers
from tilewright.keras.layers.core import Activation
from tilewright.keras.layers.layer import Layer


class _Elementwise(Layer):
    """Base: output shape is input shape."""

    casts_integers = True
    supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape


class ReLU(_Elementwise):
    """max(x, 0), with a slope below `threshold` and a cap at `max_value` where given."""

    config_fields = ("max_value", "negative_slope", "threshold")

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        for name, value in (
            ("max_value", max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(f"[{self.name}] {name} is {value}, expected at least 0")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs):
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Elementwise):
    """x above 0, negative_slope * x below. `alpha` is Keras 2's name of the slope."""

    config_fields = ("negative_slope",)

    def __init__(self, negative_slope=0.3, **kwargs):
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"[{self.name}] negative_slope is {negative_slope}, expected at least 0")
        self.negative_slope = negative_slope

    def call(self, inputs):
        return ops.leaky_relu(inputs, self.negative_slope)


class PReLU(_Elementwise):
    """x above 0, alpha * x below, alpha learned, shared along `shared_axes`. arXiv:1502.01852."""

    config_fields = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = (
            None
            if shared_axes is None
            else list(shared_axes if isinstance(shared_axes, (list, tuple)) else [shared_axes])
        )

    def build(self, input_shape):
        shape = [1 if i + 1 in (self.shared_axes or ()) else n for i, n in enumerate(input_shape[1:])]
        self.alpha = self.add_ruled_weight("alpha", shape)

    def call(self, inputs):
        below = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), below)


class ELU(_Elementwise):
    """x above 0, alpha * (exp(x) - 1) below."""

    config_fields = ("alpha",)

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return ops.elu(inputs, self.alpha)


class Softmax(_Elementwise):
    """Softmax along an axis; positions where `mask` is False get nothing."""

    config_fields = ("axis",)

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is not None:
            mask = ops.cast(mask, "bool")
            inputs = ops.where(mask, inputs, -3e4 if inputs.dtype.itemsize == 2 else -1e9)
        axes = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        if len(axes) == 1:
            y = activations.softmax(inputs, axis=axes[0])
        else:
            y = ops.exp(ops.subtract(inputs, ops.logsumexp(inputs, axis=axes, keepdims=True)))
        return y if mask is None else ops.where(mask, y, 0.0)


_WITH_OPTIONS = {"elu": ELU, "leaky_relu": LeakyReLU, "relu": ReLU, "softmax": Softmax}


def _layer_for(function, *args, **options) -> Layer:
    """The layer that does what an activation function with these options does."""
    given = inspect.signature(function).bind(None, *args, **options)
    cls = _WITH_OPTIONS.get(function.__name__)
    if cls is not None:
        given.apply_defaults()
        return cls(**dict(list(given.arguments.items())[1:]))
    if args or options:
        raise TypeError(
            f"[{function.__name__}] x is a KerasTensor and options are given, expected none; a Lambda takes "
            "the function with them"
        )
    return Activation(function)


activations.describe_by(_layer_for)
