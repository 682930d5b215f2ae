# SPDX-License-Identifier: Apache-2.0
"""Initializers: how the first values of weights are drawn. Names, scales and fan rules are Keras's."""

from __future__ import annotations

import copy
import math

import numpy as np

from tilewright import ops, random
from tilewright.autograd import Tensor, raw
from tilewright.dtype_names import dtype_of
from tilewright.keras import config, serialization
from tilewright.suggestion import NamedArguments, missing


class Initializer(NamedArguments):
    """Base: called with a shape (and dtype), gives a Tensor."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"[{type(self).__name__}] __call__(shape, dtype) is not defined")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, values: dict):
        return cls(**values)


class Constant(Initializer):
    """Every element `value`, or the elements of an array, which is broadcast."""

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        value = self.value
        if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0):
            value = raw("Constant", "value", np.asarray(value) if isinstance(value, (list, tuple)) else value)
            return Tensor(ops.copy(ops.broadcast_to(ops.cast(value, _dtype(dtype)), tuple(shape))))
        return Tensor(ops.full(shape, value, _dtype(dtype)))

    def get_config(self):
        return {"value": serialization.serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, values: dict):
        value = values["value"]
        return cls(serialization.deserialize_keras_object(value) if isinstance(value, dict) else value)


class Zeros(Initializer):
    """Every element 0."""

    def __call__(self, shape, dtype=None):
        return Tensor(ops.zeros(shape, _dtype(dtype)))


class Ones(Initializer):
    """Every element 1."""

    def __call__(self, shape, dtype=None):
        return Tensor(ops.ones(shape, _dtype(dtype)))


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"[Identity] shape is {tuple(shape)}, expected 2 dimensions")
        y = ops.zeros(shape, _dtype(dtype))
        ops.fill(_diagonal(y), float(self.gain))
        return Tensor(y)

    def get_config(self):
        return {"gain": self.gain}


def _diagonal(matrix):
    """The diagonal of a C-ordered matrix as a writable strided view."""
    n = min(matrix.shape)
    return matrix.reshape(-1)[:: matrix.shape[1] + 1][:n]


class RandomInitializer(Initializer):
    """Base of what draws: one seed gives the same values at every call; None draws one."""

    def __init__(self, seed=None):
        self._given_seed = seed
        if isinstance(seed, dict):
            seed = serialization.deserialize_keras_object(seed)
        if seed is not None and not isinstance(seed, (int, random.SeedGenerator)):
            raise TypeError(
                f"[{type(self).__name__}] seed is a {type(seed).__name__}, expected an int or SeedGenerator"
            )
        self.seed = random.make_seed() if seed is None else seed

    def get_config(self):
        return {"seed": serialization.serialize_keras_object(self._given_seed)}


class RandomNormal(RandomInitializer):
    """Normal distribution."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape, dtype=None):
        return random.normal(shape, self.mean, self.stddev, _dtype(dtype), self.seed)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal distribution, drawn again beyond two standard deviations."""

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(shape, self.mean, self.stddev, _dtype(dtype), self.seed)


class RandomUniform(RandomInitializer):
    """Uniform distribution on [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape, dtype=None):
        return random.uniform(shape, self.minval, self.maxval, _dtype(dtype), self.seed)

    def get_config(self):
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class VarianceScaling(RandomInitializer):
    """Variance scale / fan, so that signals keep their size from layer to layer.

    Parameters
        scale : positive;  mode : "fan_in", "fan_out" or "fan_avg"
        distribution : "truncated_normal" (also "normal"), "untruncated_normal" or "uniform"
        input_axes, output_axes : axes whose sizes make the fans, instead of the rule of `compute_fans`
    Notes   Glorot & Bengio, AISTATS 2010; He et al., arXiv:1502.01852; LeCun et al., "Efficient BackProp",
    1998.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        super().__init__(seed)
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        for name, value, known in (
            ("mode", mode, ("fan_in", "fan_out", "fan_avg")),
            ("distribution", distribution, ("truncated_normal", "untruncated_normal", "uniform")),
        ):
            if value not in known:
                raise ValueError(f"[VarianceScaling] {name} is {value!r}, expected one of {', '.join(known)}")
        if scale <= 0:
            raise ValueError(f"[VarianceScaling] scale is {scale}, expected more than 0")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, _dtype(dtype), self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), _dtype(dtype), self.seed)
        # Cutting at two standard deviations narrows a normal distribution by this factor.
        return random.truncated_normal(
            shape, 0.0, math.sqrt(variance) / 0.87962566103423978, _dtype(dtype), self.seed
        )

    def get_config(self):
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Scaled(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution its class fixes."""

    fixed: tuple[float, str, str]

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        scale, mode, distribution = self.fixed
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self):
        return {
            **RandomInitializer.get_config(self),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class GlorotUniform(_Scaled):
    """Uniform, limit sqrt(6 / (fan_in + fan_out)): the default of most layers."""

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal, standard deviation sqrt(2 / (fan_in + fan_out))."""

    fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform, limit sqrt(6 / fan_in): for relu."""

    fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal, standard deviation sqrt(2 / fan_in): for relu."""

    fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform, limit sqrt(3 / fan_in)."""

    fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal, standard deviation sqrt(1 / fan_in): for selu."""

    fixed = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """Orthonormal columns (rows, where there are fewer rows) times `gain`. Saxe et al., arXiv:1312.6120."""

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(f"[Orthogonal] shape is {tuple(shape)}, expected at least 2 dimensions")
        columns = shape[-1]
        matrix = random.orthogonal(math.prod(shape[:-1]), columns, _dtype(dtype), self.seed)
        return ops.multiply(ops.reshape(matrix, tuple(shape)), float(self.gain))

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


def over_axes(initializer, input_axes, output_axes):
    """The initializer with these axes for its fans, where it has fans and no axes of its own: what enters a
    sum decides the scale, wherever its axes stand.
    """
    if not isinstance(initializer, VarianceScaling) or initializer.input_axes is not None:
        return initializer
    placed = copy.copy(initializer)
    placed.input_axes, placed.output_axes = tuple(input_axes), tuple(output_axes)
    return placed


def compute_fans(shape, input_axes=None, output_axes=None) -> tuple[int, int]:
    """Inputs and outputs of one unit of a weight (..., in, out); the first axes are the receptive field."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _dtype(dtype):
    return dtype_of(dtype or config.floatx())


_CLASSES = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
_TABLE = {
    **{cls.__name__: cls for cls in _CLASSES},
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "one": Ones,
    "ones": Ones,
    "OrthogonalInitializer": Orthogonal,
    "IdentityInitializer": Identity,
    "orthogonal": Orthogonal,
    "normal": RandomNormal,
    "random_normal": RandomNormal,
    "uniform": RandomUniform,
    "random_uniform": RandomUniform,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zero": Zeros,
    "zeros": Zeros,
}
serialization.exported("keras.initializers", _CLASSES)
# The short names stand for the classes, as in Keras: initializers.he_normal(seed=1).
globals().update({name: cls for name, cls in _TABLE.items() if name.islower()})


def get(identifier):
    """The initializer a name, configuration, class, callable or array stands for."""
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype"):
        return _from_array(identifier)
    return serialization.get("initializer", identifier, _TABLE)


def _from_array(values):
    array = raw("initializer", "values", values)

    def initialize(shape, dtype=None):
        if array.shape != tuple(shape):
            raise ValueError(f"[initializer] values have shape {array.shape}, expected {tuple(shape)}")
        return Tensor(ops.cast(array, _dtype(dtype)))

    return initialize


serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__getattr__ = missing(__name__)
