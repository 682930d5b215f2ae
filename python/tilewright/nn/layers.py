# SPDX-License-Identifier: Apache-2.0
"""What layers are made of in `tf.nn`: bias, dropout, normalization, embeddings, attention, the best k."""

from __future__ import annotations

import operator
from typing import NamedTuple

import numpy as np

from tilewright import ops, random
from tilewright.autograd import Tensor
from tilewright.tf.arguments import as_axis, as_shape, operands, tensor
from tilewright.tf.selection import gather

__all__ = [
    "TopK", "batch_normalization", "bias_add", "depth_to_space", "dot_product_attention", "dropout",
    "embedding_lookup", "in_top_k", "local_response_normalization", "lrn", "moments", "space_to_depth",
    "top_k",
]  # fmt: skip


def bias_add(value, bias, data_format=None, name=None) -> Tensor:
    """`value` with a bias a channel added; the channels are the last axis, the second with "NC..."."""
    x, b = (tensor(v) for v in operands(value, bias))
    if data_format is not None and data_format.startswith("NC") and x.ndim > 2:
        b = ops.reshape(b, (b.shape[0], *(1,) * (x.ndim - 2)))
    if b.shape[0] != x.shape[1 if b.ndim > 1 else -1]:
        raise ValueError(f"[bias_add] bias has {b.shape[0]} entries, expected one a channel of {x.shape}")
    return ops.add(x, b)


def dropout(x, rate, noise_shape=None, seed=None, name=None) -> Tensor:
    """Entries set to zero with probability `rate`, the others divided by 1 - rate.

    Parameters
        noise_shape : a shape that broadcasts to x's: entries along its axes of size 1 fall together
        seed : int or SeedGenerator; the global generator where None
    """
    x = tensor(x)
    if not 0 <= rate < 1:
        raise ValueError(f"[dropout] rate is {rate}, expected 0 to below 1")
    if rate == 0:
        return x
    if noise_shape is None:
        return ops.dropout(x, float(rate), key=random.key_for(seed, x.size))
    shape = tuple(n if m is None else m for n, m in zip(x.shape, noise_shape, strict=True))
    kept = ops.dropout(ops.ones(shape, x.dtype), float(rate), key=random.key_for(seed, int(np.prod(shape))))
    return ops.multiply(x, kept)


class Moments(NamedTuple):
    """What `moments` gives."""

    mean: Tensor
    variance: Tensor


def moments(x, axes, shift=None, keepdims=False, name=None) -> Moments:
    """Mean and variance of a population along axes."""
    return Moments(*ops.moments(tensor(x), axis=as_axis(axes), keepdims=keepdims))


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset; scale and offset may be None."""
    x = tensor(x)
    factor = ops.rsqrt(ops.add(tensor(variance, x.dtype), float(variance_epsilon)))
    if scale is not None:
        factor = ops.multiply(factor, tensor(scale, x.dtype))
    y = ops.multiply(ops.subtract(x, tensor(mean, x.dtype)), factor)
    return y if offset is None else ops.add(y, tensor(offset, x.dtype))


def local_response_normalization(input, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, name=None) -> Tensor:
    """x / (bias + alpha * sum of squares of the channels within depth_radius)^beta."""
    x = tensor(input)
    squares = ops.square(x)
    wide = ops.pad(squares, (*((0, 0),) * (x.ndim - 1), (depth_radius, depth_radius)))
    total = None
    for shift in range(2 * depth_radius + 1):
        part = wide[..., shift : shift + x.shape[-1]]
        total = part if total is None else ops.add(total, part)
    return ops.multiply(x, ops.power(ops.add(ops.multiply(total, float(alpha)), float(bias)), -float(beta)))


lrn = local_response_normalization


def embedding_lookup(params, ids, max_norm=None, name=None) -> Tensor:
    """Rows of a table by their number; with `max_norm` rows that are longer are scaled down to it."""
    table, ids = tensor(params, argument="params"), tensor(ids, argument="ids")
    if table.ndim != 2:
        return gather(table, ids, axis=0)
    rows = ops.embedding(table, ids)
    if max_norm is None:
        return rows
    size = ops.l2_norm(rows, axis=-1, keepdims=True)
    return ops.multiply(rows, ops.divide(float(max_norm), ops.maximum(size, float(max_norm))))


class TopK(NamedTuple):
    """What `top_k` gives."""

    values: Tensor
    indices: Tensor


def top_k(input, k=1, sorted=True, index_type="int32", name=None) -> TopK:
    """The k largest entries of the last axis, descending, and their positions."""
    values, indices = ops.top_k(tensor(input), operator.index(k))
    return TopK(values, ops.cast(indices, index_type))


def in_top_k(targets, predictions, k, name=None) -> Tensor:
    """Whether each target's prediction is among the k largest of its row; of equal ones all are in."""
    scores, labels = tensor(predictions, argument="predictions"), tensor(targets, argument="targets")
    own = ops.take_along_axis(scores, ops.reshape(labels, (-1, 1)), axis=1)
    return ops.less(ops.sum(ops.greater(scores, own), axis=1), operator.index(k))


def dot_product_attention(
    query, key, value, bias=None, mask=None, scale=None, is_causal=False, name=None
) -> Tensor:
    """softmax(scale * query key^T + bias) value, without holding the scores.

    Parameters
        query : (batch, length, heads, size);  key, value : the same, heads a divisor of the query's
        bias : added to the scores;  mask : bool, true where a query may look; both broadcast to
            (batch, heads, query length, key length)
        scale : 1 / sqrt(size) where None;  is_causal : a query sees no later key
    """
    q, k, v = (tensor(x) for x in (query, key, value))
    extra = None if mask is None else tensor(mask, "bool", "mask")
    if bias is not None:
        extra = (
            tensor(bias, q.dtype, "bias")
            if extra is None
            else ops.where(extra, tensor(bias, q.dtype), -np.inf)
        )
    if extra is not None and extra.ndim > 4:
        raise ValueError(
            f"[dot_product_attention] mask or bias has shape {as_shape(extra.shape)}, expected 4 axes"
        )
    return ops.attention(q, k, v, causal=bool(is_causal), mask=extra, scale=scale)


def depth_to_space(input, block_size, data_format="NHWC", name=None) -> Tensor:
    """Groups of block_size^2 channels laid out as blocks of pixels: (n, h, w, c b b) to (n, h b, w b, c)."""
    x, b = _blocks("depth_to_space", input, block_size, data_format)
    n, h, w, c = x.shape
    if c % (b * b):
        raise ValueError(f"[depth_to_space] input has {c} channels, expected a multiple of {b * b}")
    blocks = ops.reshape(x, (n, h, w, b, b, c // (b * b)))
    return ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, c // (b * b)))


def space_to_depth(input, block_size, data_format="NHWC", name=None) -> Tensor:
    """Blocks of pixels laid out as channels: (n, h b, w b, c) to (n, h, w, b b c)."""
    x, b = _blocks("space_to_depth", input, block_size, data_format)
    n, h, w, c = x.shape
    if h % b or w % b:
        raise ValueError(f"[space_to_depth] input has shape {x.shape}, expected sides that {b} divides")
    blocks = ops.reshape(x, (n, h // b, b, w // b, b, c))
    return ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (n, h // b, w // b, b * b * c))


def _blocks(name: str, input, block_size, data_format) -> tuple:
    x = tensor(input, argument="input")
    if data_format != "NHWC":
        raise ValueError(f"[{name}] data_format is {data_format!r}, expected 'NHWC'")
    if x.ndim != 4:
        raise ValueError(f"[{name}] input has shape {x.shape}, expected 4 dimensions")
    return x, operator.index(block_size)
