# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization, LayerNormalization, GroupNormalization, UnitNormalization, RMSNormalization."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras import constraints, initializers, regularizers
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


class _Scaling(Layer):
    """Base: gamma and beta, with their initializers, regularizers and constraints."""

    computes_wide = True

    casts_integers = True
    supports_masking = True

    def __init__(
        self,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = (
            initializers.get(beta_initializer),
            initializers.get(gamma_initializer),
        )
        self.beta_regularizer, self.gamma_regularizer = (
            regularizers.get(beta_regularizer),
            regularizers.get(gamma_regularizer),
        )
        self.beta_constraint, self.gamma_constraint = (
            constraints.get(beta_constraint),
            constraints.get(gamma_constraint),
        )
        self.gamma = self.beta = None

    def _add_scaling(self, shape) -> None:
        if self.scale:
            self.gamma = self.add_ruled_weight("gamma", shape)
        if self.center:
            self.beta = self.add_ruled_weight("beta", shape)

    def compute_output_shape(self, input_shape):
        return input_shape


_SCALING_FIELDS = (
    "center",
    "scale",
    "beta_initializer",
    "gamma_initializer",
    "beta_regularizer",
    "gamma_regularizer",
    "beta_constraint",
    "gamma_constraint",
)


class BatchNormalization(_Scaling):
    """Each channel scaled to mean 0 and variance 1 over the batch; in inference by moving averages.

    Parameters
        axis : of the channels;  momentum : of the moving averages;  epsilon : added to the variance
        synchronized : accepted, there is one device;  renorm : must be False, its options are not read
    Notes   Ioffe & Szegedy, arXiv:1502.03167. The moving variance takes the batch's own (biased) variance,
    as Keras.
            A frozen layer (trainable = False) normalizes by its moving averages in training, too.
    """

    config_fields = (
        "axis",
        "momentum",
        "epsilon",
        *_SCALING_FIELDS,
        "moving_mean_initializer",
        "moving_variance_initializer",
    )

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if renorm:
            raise ValueError(f"[{type(self).__name__}] renorm is {renorm}, expected False: there is none")
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape):
        channels = input_shape[_checked_axis(self.name, self.axis, len(input_shape))]
        self._add_scaling((channels,))
        self.moving_mean = self.add_weight(
            (channels,), self.moving_mean_initializer, name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            (channels,), self.moving_variance_initializer, name="moving_variance", trainable=False
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs, training=None, mask=None):
        learning = bool(training) and self.trainable
        if learning and mask is not None:
            return ops.moveaxis(self._masked(ops.moveaxis(inputs, self.axis, -1), mask), -1, self.axis)
        return ops.batch_norm(
            inputs,
            self.gamma,
            self.beta,
            self.moving_mean.array,
            self.moving_variance.array,
            training=learning,
            momentum=self.momentum,
            epsilon=self.epsilon,
            axis=self.axis,
        )

    def _masked(self, x, mask):
        """Training with statistics over the steps that the mask counts."""
        weight = ops.expand_dims(ops.cast(mask, x.dtype), -1)
        axes = tuple(range(x.ndim - 1))
        weight = ops.broadcast_to(weight, (*x.shape[:-1], 1))
        count = ops.add(ops.sum(weight), 1e-7)
        mean = ops.divide(ops.sum(ops.multiply(x, weight), axis=axes), count)
        difference = ops.subtract(x, mean)
        variance = ops.divide(ops.sum(ops.multiply(ops.square(difference), weight), axis=axes), count)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            kept = ops.multiply(moving.array, self.momentum)
            moving.assign(ops.add(kept, ops.multiply(batch.array, 1.0 - self.momentum)))
        y = ops.multiply(difference, ops.rsqrt(ops.add(variance, self.epsilon)))
        y = y if self.gamma is None else ops.multiply(y, self.gamma)
        return y if self.beta is None else ops.add(y, self.beta)


class LayerNormalization(_Scaling):
    """Each sample scaled to mean 0 and variance 1 over `axis` (one or several). arXiv:1607.06450."""

    config_fields = ("axis", "epsilon", *_SCALING_FIELDS)

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                f"[{self.name}] axis is a {type(axis).__name__}, expected an int or a list of ints"
            )
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon

    def build(self, input_shape):
        self._axes = _sorted_axes(self.name, self.axis, len(input_shape))
        self._add_scaling(tuple(input_shape[a] for a in self._axes))

    def call(self, inputs):
        return ops.layer_norm(inputs, self.gamma, self.beta, epsilon=self.epsilon, axis=self._axes)


def _sorted_axes(layer: str, axis, rank: int) -> tuple[int, ...]:
    """An axis or several, counted from the front, in order."""
    axes = [axis] if isinstance(axis, int) else axis
    return tuple(sorted(_checked_axis(layer, a, rank) % rank for a in axes))


def _checked_axis(layer: str, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"[{layer}] axis is {axis}, expected {-rank} to {rank - 1} for {rank} dimensions")
    return axis


class GroupNormalization(_Scaling):
    """Each sample scaled to mean 0 and variance 1 over groups of channels and all positions.

    Parameters
        groups : into how many the channels are divided; -1 for each by itself (instance normalization)
        axis : of the channels;  epsilon : added to the variance
    Notes   Wu & He, arXiv:1803.08494
    """

    config_fields = ("groups", "axis", "epsilon", *_SCALING_FIELDS)

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if not isinstance(groups, int) or groups < -1 or groups == 0:
            raise ValueError(f"[{self.name}] groups is {groups!r}, expected an int of at least 1, or -1")
        self.groups, self.axis, self.epsilon = groups, axis, epsilon

    def build(self, input_shape):
        channels = input_shape[_checked_axis(self.name, self.axis, len(input_shape))]
        if channels is None:
            raise ValueError(
                f"[{self.name}] input has shape {tuple(input_shape)}, expected a known size along axis "
                f"{self.axis}"
            )
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"[{self.name}] input has {channels} channels, expected a multiple of groups = {self.groups}"
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_scaling((channels,))

    def call(self, inputs):
        x = ops.moveaxis(inputs, self.axis, -1)
        places, channels = math.prod(x.shape[1:-1]), x.shape[-1]
        grouped = ops.reshape(x, (x.shape[0], places, self.groups, channels // self.groups))
        rows = ops.transpose(grouped, (0, 2, 1, 3))
        y = ops.layer_norm(rows, None, None, epsilon=self.epsilon, axis=(2, 3))
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3)), x.shape)
        y = y if self.gamma is None else ops.multiply(y, self.gamma)
        y = y if self.beta is None else ops.add(y, self.beta)
        return ops.moveaxis(y, -1, self.axis)


class UnitNormalization(Layer):
    """Each sample divided by its length over `axis` (one axis, or several)."""

    computes_wide = True

    casts_integers = True
    supports_masking = True
    config_fields = ("axis",)

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                f"[{self.name}] axis is a {type(axis).__name__}, expected an int or a list of ints"
            )
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.built = True

    def call(self, inputs):
        axes = _sorted_axes(self.name, self.axis, inputs.ndim)
        squares = ops.sum(ops.square(inputs), axis=axes, keepdims=True)
        return ops.multiply(inputs, ops.rsqrt(ops.maximum(squares, 1e-24)))

    def compute_output_shape(self, input_shape):
        return input_shape


class RMSNormalization(Layer):
    """Each sample divided by its root mean square over `axis`, times a learned scale. arXiv:1910.07467."""

    computes_wide = True

    casts_integers = True
    config_fields = ("axis", "epsilon")

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape):
        self._axes = _sorted_axes(self.name, self.axis, len(input_shape))
        self.scale = self.add_weight(tuple(input_shape[a] for a in self._axes), "ones", name="scale")

    def call(self, inputs):
        return ops.rms_norm(inputs, self.scale, epsilon=self.epsilon, axis=self._axes)

    def compute_output_shape(self, input_shape):
        return input_shape
