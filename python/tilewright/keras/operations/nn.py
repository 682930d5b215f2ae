# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, parts of layers: activations, softmax, normalizations, attention, cross-entropies."""

from __future__ import annotations

import math

import numpy as np

from tilewright import linalg, ops
from tilewright.keras import activations, defaults, losses
from tilewright.keras.operations.arguments import float_tensors, floats, is_float, tensors
from tilewright.keras.operations.declared import NN, called, node
from tilewright.nn import layers
from tilewright.ops._common import axis_index
from tilewright.tf.arguments import as_axis, tensor


def _activation(function):
    return lambda x: function(floats(x))


for _name, _function in {
    "hard_sigmoid": activations.hard_sigmoid, "hard_silu": activations.hard_silu,
    "hard_tanh": activations.hard_tanh, "log_sigmoid": activations.log_sigmoid, "selu": activations.selu,
    "sigmoid": ops.sigmoid, "silu": ops.silu, "softplus": ops.softplus, "softsign": activations.softsign,
    "sparse_plus": activations.sparse_plus, "sparse_sigmoid": activations.sparse_sigmoid,
    "tanh_shrink": activations.tanh_shrink,
}.items():  # fmt: skip
    node(NN)(called(_name, _activation(_function)))


@node(NN)
def relu(x):
    """max(x, 0)"""
    x = tensor(x)
    return ops.relu(x) if is_float(x) else ops.maximum(x, 0)


@node(NN)
def relu6(x):
    """min(max(x, 0), 6)"""
    x = tensor(x)
    return ops.relu6(x) if is_float(x) else ops.minimum(ops.maximum(x, 0), 6)


@node(NN)
def gelu(x, approximate=True):
    """x times the normal distribution up to x, by tanh where `approximate`."""
    return ops.gelu_tanh(floats(x)) if approximate else ops.gelu(floats(x))


@node(NN)
def celu(x, alpha=1.0):
    """x above 0, alpha (e^(x / alpha) - 1) below."""
    return activations.celu(floats(x), alpha)


@node(NN)
def elu(x, alpha=1.0):
    """x above 0, alpha (e^x - 1) below."""
    return activations.elu(floats(x), alpha)


@node(NN)
def leaky_relu(x, negative_slope=0.2):
    """x above 0, negative_slope * x below."""
    return activations.leaky_relu(floats(x), negative_slope)


@node(NN)
def glu(x, axis=-1):
    """The first half of an axis times the sigmoid of the second."""
    return activations.glu(floats(x), axis)


@node(NN)
def hard_shrink(x, threshold=0.5):
    """x where it is beyond the threshold on either side, else 0."""
    return activations.hard_shrink(floats(x), threshold)


@node(NN)
def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by the threshold, not beyond."""
    return activations.soft_shrink(floats(x), threshold)


@node(NN)
def threshold(x, threshold, default_value):
    """x above the threshold, else `default_value`."""
    return activations.threshold(floats(x), threshold, default_value)


@node(NN)
def squareplus(x, b=4):
    """(x + sqrt(x^2 + b)) / 2"""
    return activations.squareplus(floats(x), b)


@node(NN)
def sparsemax(x, axis=-1):
    """The nearest point of the simplex along an axis."""
    return activations.sparsemax(floats(x), axis)


def _over_axes(function):
    """A function along one axis as one over several together."""

    def over(x, axis=-1):
        x = floats(x)
        if not isinstance(axis, (tuple, list)):
            return function(x, axis=axis)
        axes = [axis_index(function.__name__, a, x.ndim) for a in axis]
        order = (*(i for i in range(x.ndim) if i not in axes), *axes)
        moved = ops.transpose(x, order)
        rows = ops.reshape(moved, (*moved.shape[: x.ndim - len(axes)], -1))
        back = [order.index(i) for i in range(x.ndim)]
        return ops.transpose(ops.reshape(function(rows, axis=-1), moved.shape), back)

    return over


node(NN)(called("softmax", _over_axes(ops.softmax)))
node(NN)(called("log_softmax", _over_axes(ops.log_softmax)))


# ---- normalizations


@node(NN)
def normalize(x, axis=-1, order=2, epsilon=None):
    """x over its norm along axes, which counts as at least epsilon (for order 2: its square)."""
    x, axis = floats(x), as_axis(axis)
    epsilon = defaults.epsilon() if epsilon is None else epsilon
    if order == 2:
        return linalg.l2_normalize(x, axis, epsilon)
    return ops.divide(x, ops.maximum(linalg.norm(x, order, axis=axis, keepdims=True), epsilon))


@node(NN)
def moments(x, axes, keepdims=False, synchronized=False):
    """Mean and variance over axes. `synchronized` changes nothing: there is one device."""
    return tuple(ops.moments(floats(x), axis=as_axis(axes), keepdims=keepdims))


@node(NN, "x mean variance offset scale", class_name="BatchNorm")
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, vectors along `axis`."""
    x = floats(x)
    along = [-1 if i == axis_index("batch_normalization", axis, x.ndim) else 1 for i in range(x.ndim)]
    mean, variance, offset, scale = (
        None if v is None else ops.reshape(tensor(v, x.dtype), along) for v in (mean, variance, offset, scale)
    )
    return layers.batch_normalization(x, mean, variance, offset, scale, epsilon)


def _normalized_axes(name: str, x, axis):
    """x in float32 at least, and its axes to be normalised together, in order."""
    x = floats(x)
    axes = sorted(axis_index(name, a, x.ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    return (ops.cast(x, "float32") if x.dtype.itemsize == 2 else x), tuple(axes)


def _weights(vector, x, axes):
    """A scale or shift in the dtype and with the sizes of the normalised axes."""
    if vector is None:
        return None
    return ops.reshape(tensor(vector, x.dtype), tuple(x.shape[a] for a in axes))


def _layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, rms_scaling=False):
    if rms_scaling:
        raise ValueError("[layer_normalization] rms_scaling is True, expected rms_normalization instead")
    wide, axes = _normalized_axes("layer_normalization", x, axis)
    gamma, beta = (_weights(v, wide, axes) for v in (gamma, beta))
    epsilon = defaults.epsilon() if epsilon is None else epsilon
    return ops.cast(ops.layer_norm(wide, gamma, beta, axis=axes, epsilon=epsilon), floats(x).dtype)


@node(NN, "x gamma beta", class_name="LayerNorm", call=_layer_normalization)
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """x normalised to mean 0 and variance 1 over axes, times gamma plus beta."""
    return _layer_normalization(x, gamma, beta, axis, epsilon, **kwargs)


@node(NN, "x scale", class_name="RMSNorm")
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """x over its root mean square over axes, times `scale`. Zhang & Sennrich, arXiv:1910.07467."""
    wide, axes = _normalized_axes("rms_normalization", x, axis)
    epsilon = defaults.epsilon() if epsilon is None else epsilon
    y = ops.rms_norm(wide, _weights(scale, wide, axes), axis=axes, epsilon=epsilon)
    return ops.cast(y, floats(x).dtype)


# ---- attention, losses


@node(NN, "query key value bias mask scale")
def dot_product_attention(
    query, key, value, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None,
    attn_logits_soft_cap=None,
):  # fmt: skip
    """softmax(scale * query key^T + bias) value, without holding the scores.

    Parameters
        query : (batch, length, heads, size);  key, value : the same, heads a divisor of the query's
        bias : added to the scores;  mask : bool, true where a query may look; both broadcast to
            (batch, heads, query length, key length). A query that sees no key gives 0
        scale : 1 / sqrt(size) where None;  is_causal : query i sees the keys up to i
        flash_attention : changes nothing: there is one way;  attn_logits_soft_cap : must be None
    """
    query, key, value = float_tensors(query, key, value)
    if attn_logits_soft_cap is not None:
        raise ValueError(
            f"[dot_product_attention] attn_logits_soft_cap is {attn_logits_soft_cap}, expected None"
        )
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim != 4:
            raise ValueError(f"[dot_product_attention] {name} has shape {x.shape}, expected 4 dimensions")
    queries, keys = query.shape[1], key.shape[1]
    if is_causal and queries != keys:  # the kernel counts from the last query, Keras from the first
        seen = np.arange(keys) <= np.arange(queries)[:, None]
        mask = tensor(seen) if mask is None else ops.logical_and(tensor(mask, bool), seen)
        is_causal = False
    return layers.dot_product_attention(query, key, value, bias, mask, scale, is_causal)


@node(NN, 2)
def binary_crossentropy(target, output, from_logits=False):
    """Element by element."""
    target, output = tensor(target), floats(output)
    if from_logits:
        return ops.sigmoid_cross_entropy(output, target)
    return ops.binary_cross_entropy(output, target, epsilon=defaults.epsilon())


@node(NN, 2)
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """One loss a row."""
    return losses.categorical_crossentropy(tensor(target), tensor(output), from_logits=from_logits, axis=axis)


@node(NN, 2)
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """One loss a row, from class numbers."""
    return losses.sparse_categorical_crossentropy(
        tensor(target), tensor(output), from_logits=from_logits, axis=axis
    )


@node(NN, 2, class_name="PSNR")
def psnr(x1, x2, max_val):
    """The peak signal-to-noise ratio of two arrays, in decibels."""
    x1, x2 = tensors(x1, x2)
    if x1.shape != x2.shape:
        raise ValueError(f"[psnr] x1 has shape {x1.shape} and x2 {x2.shape}, expected equal ones")
    error = ops.mean(ops.square(ops.subtract(floats(x1), floats(x2))))
    return ops.subtract(20.0 * math.log10(max_val), ops.multiply(ops.log(error), 10.0 / math.log(10.0)))
