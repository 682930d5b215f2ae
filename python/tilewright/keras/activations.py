# SPDX-License-Identifier: Apache-2.0
"""Activations by name, and which of them the matmul and convolution kernels apply themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import serialization
from tilewright.keras.annotated import Annotated
from tilewright.keras.graph import KerasTensor
from tilewright.suggestion import missing


def linear(x):
    """y = x"""
    return x


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """x above `threshold`, `negative_slope * (x - threshold)` below, at most `max_value`."""
    if threshold == 0:
        if negative_slope == 0:
            if max_value is None:
                return ops.relu(x)
            return ops.relu6(x) if max_value == 6 else ops.clip(x, 0.0, float(max_value))
        if max_value is None:
            return leaky_relu(x, negative_slope)
    above = ops.where(ops.greater(x, threshold), x, 0.0)
    if max_value is not None:
        above = ops.clip(above, 0.0, float(max_value))
    if negative_slope == 0:
        return above
    below = ops.relu(ops.subtract(threshold, x))
    return ops.subtract(above, ops.multiply(below, negative_slope))


def relu6(x):
    """min(max(x, 0), 6)"""
    return ops.relu6(x)


def leaky_relu(x, negative_slope=0.2):
    """x above 0, negative_slope * x below"""
    return ops.leaky_relu(x, negative_slope)


def elu(x, alpha=1.0):
    """x above 0, alpha * (exp(x) - 1) below"""
    return ops.elu(x, alpha)


def selu(x):
    """1.0507 * elu(x, 1.67326): keeps mean 0 and variance 1. Klambauer et al., arXiv:1706.02515."""
    return ops.multiply(ops.elu(x, 1.6732632423543772), 1.0507009873554805)


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`"""
    y = ops.softmax(x, axis=axis)
    last = axis in (-1, len(x.shape) - 1)
    return Annotated(y, logits=x, logits_of="softmax") if last and isinstance(y, Tensor) else y


def log_softmax(x, axis=-1):
    """x - log(sum(exp(x))) along `axis`"""
    return ops.log_softmax(x, axis=axis)


def softplus(x):
    """log(1 + exp(x))"""
    return ops.softplus(x)


def softsign(x):
    """x / (1 + abs(x))"""
    return ops.divide(x, ops.add(ops.abs(x), 1.0))


def silu(x):
    """x * sigmoid(x)"""
    return ops.silu(x)


def gelu(x, approximate=False):
    """x times the normal distribution's integral up to x; by tanh if `approximate`. arXiv:1606.08415."""
    return ops.gelu(x, approximate=approximate)


def tanh(x):
    """Hyperbolic tangent"""
    return ops.tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x))"""
    y = ops.sigmoid(x)
    return Annotated(y, logits=x, logits_of="sigmoid") if isinstance(y, Tensor) else y


def hard_sigmoid(x):
    """relu6(x + 3) / 6"""
    return ops.divide(ops.relu6(ops.add(x, 3.0)), 6.0)


def hard_silu(x):
    """x * hard_sigmoid(x)"""
    return ops.multiply(x, hard_sigmoid(x))


def exponential(x):
    """exp(x)"""
    return ops.exp(x)


def mish(x):
    """x * tanh(softplus(x)). arXiv:1908.08681."""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


def log_sigmoid(x):
    """-softplus(-x)"""
    return ops.negative(ops.softplus(ops.negative(x)))


def celu(x, alpha=1.0):
    """x above 0, alpha * (exp(x / alpha) - 1) below. arXiv:1704.07483."""
    below = ops.multiply(ops.expm1(ops.divide(ops.minimum(x, 0.0), alpha)), alpha)
    return ops.where(ops.greater(x, 0.0), x, below)


def glu(x, axis=-1):
    """One half along `axis` times the sigmoid of the other. arXiv:1612.08083."""
    if x.shape[axis] % 2:
        raise ValueError(f"[glu] x has shape {tuple(x.shape)}, expected an even size along axis {axis}")
    value, gate = ops.split(x, 2, axis=axis)
    return ops.multiply(value, ops.sigmoid(gate))


def hard_tanh(x):
    """x, at least -1 and at most 1"""
    return ops.clip(x, -1.0, 1.0)


def hard_shrink(x, threshold=0.5):
    """x where abs(x) is above `threshold`, else 0"""
    return ops.where(ops.greater(ops.abs(x), threshold), x, 0.0)


def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by `threshold`, not beyond"""
    return ops.subtract(x, ops.clip(x, -threshold, threshold))


def tanh_shrink(x):
    """x - tanh(x)"""
    return ops.subtract(x, ops.tanh(x))


def threshold(x, threshold, default_value):
    """x above `threshold`, else `default_value`"""
    return ops.where(ops.greater(x, threshold), x, float(default_value))


def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2. arXiv:2112.11687."""
    return ops.multiply(ops.add(x, ops.sqrt(ops.add(ops.square(x), float(b)))), 0.5)


def sparse_plus(x):
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x"""
    bent = ops.multiply(ops.square(ops.add(x, 1.0)), 0.25)
    return ops.where(ops.greater_equal(x, 1.0), x, ops.where(ops.greater(x, -1.0), bent, 0.0))


def sparse_sigmoid(x):
    """(x + 1) / 2, at least 0 and at most 1"""
    return ops.clip(ops.multiply(ops.add(x, 1.0), 0.5), 0.0, 1.0)


def sparsemax(x, axis=-1):
    """The probabilities nearest to x along `axis`. Martins & Astudillo, arXiv:1602.02068."""
    if axis not in (-1, len(x.shape) - 1):
        return ops.moveaxis(sparsemax(ops.moveaxis(x, axis, -1)), -1, axis)
    n = x.shape[-1]
    falling, _ = ops.top_k(x, n)
    sums = ops.cumsum(falling, axis=-1)
    rank = ops.cumsum(ops.ones_like(falling), axis=-1)
    inside = ops.greater(ops.multiply(falling, rank), ops.subtract(sums, 1.0))
    count = ops.sum(ops.cast(inside, x.dtype), axis=-1, keepdims=True)
    total = ops.sum(ops.where(inside, falling, 0.0), axis=-1, keepdims=True)
    return ops.relu(ops.subtract(x, ops.divide(ops.subtract(total, 1.0), count)))


# Set by the layers, which are built on this module: the layer that a function and its options stand for.
_layer_for: Callable | None = None


def describe_by(layer_for: Callable) -> None:
    """`layer_for(function, *args, **options)` gives the layer for a call on a KerasTensor."""
    global _layer_for
    _layer_for = layer_for


def _described(function):
    """The function; of a KerasTensor a layer of the model that is being described."""

    @functools.wraps(function)
    def activation(x, *args, **options):
        if type(x) is KerasTensor:
            return _layer_for(activation, *args, **options)(x)
        return function(x, *args, **options)

    return activation


_FUNCTIONS = tuple(
    _described(function)
    for function in (
        celu,
        elu,
        exponential,
        gelu,
        glu,
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        soft_shrink,
        softmax,
        softplus,
        softsign,
        sparse_plus,
        sparse_sigmoid,
        sparsemax,
        squareplus,
        tanh,
        tanh_shrink,
        threshold,
    )
)
globals().update({f.__name__: f for f in _FUNCTIONS})
swish, hard_swish = silu, hard_silu  # Keras's second names
_TABLE = {**{f.__name__: f for f in _FUNCTIONS}, "swish": silu, "hard_swish": hard_silu}
serialization.exported("keras.activations", _FUNCTIONS)

# The kernels' names of what they can apply to a product or a convolution while it is in registers.
_EPILOGUES = {
    elu: "elu",
    gelu: "gelu",
    relu: "relu",
    relu6: "relu6",
    silu: "silu",
    softplus: "softplus",
    tanh: "tanh",
}


def get(identifier):
    """The function a name, configuration or callable stands for; `linear` for None."""
    return linear if identifier is None else serialization.get("activation", identifier, _TABLE)


def split_epilogue(activation) -> tuple[str | None, object]:
    """An activation as (what the kernel applies or None, what is left to call or None)."""
    if activation is None or activation is linear:
        return None, None
    name = _EPILOGUES.get(activation) if callable(activation) and hasattr(activation, "__hash__") else None
    return (name, None) if name else (None, activation)


serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__all__ = [
    *_TABLE,
    "deserialize",
    "get",
    "serialize",
    "split_epilogue",
]
__getattr__ = missing(__name__, __all__)
