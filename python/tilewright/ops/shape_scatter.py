# SPDX-License-Identifier: Apache-2.0
"""Writing at positions along several axes at once, composed of the operations along one."""

from __future__ import annotations

import math

import numpy as np

from tilewright import backend
from tilewright.autograd import raw
from tilewright.ops import elementwise, reduce
from tilewright.ops.shape_index import scatter_add
from tilewright.ops.shape_view import broadcast_to, reshape


def positions_nd(operation: str, indices, shape):
    """Positions in an array flattened over the axes that the last axis of `indices` counts; how many axes."""
    ids = elementwise.cast(indices, np.int64)
    depth = ids.shape[-1] if ids.ndim else 0
    if not ids.ndim or depth > len(shape):
        raise ValueError(
            f"[{operation}] indices has shape {ids.shape}, expected at least 1 dimension, whose last "
            f"has at most {len(shape)}"
        )
    steps = np.array([math.prod(shape[i + 1 : depth]) for i in range(depth)], np.int64)
    return reduce.sum(
        elementwise.multiply(ids, backend.beside(steps, raw(operation, "indices", ids))), axis=-1
    ), depth


def scatter_nd_add(x, indices, updates):
    """`x` with `updates` added at positions along its first axes.

    Parameters
        x : array; float32, float64, int32 or int64
        indices : integers (.., depth): a position along the first `depth` axes of x each
        updates : array of x's dtype and of shape indices.shape[:-1] + x.shape[depth:]
    Returns   y : like x
    Raises    ValueError: shapes that do not fit, a position out of range
    Examples
        >>> scatter_nd_add(np.zeros((2, 2), np.float32), np.array([[1, 0]]), np.array([5.0], np.float32))
        array([[0., 0.],
               [5., 0.]], dtype=float32)
    """
    places, depth = positions_nd("scatter_nd_add", indices, x.shape)
    rest = tuple(x.shape[depth:])
    if tuple(updates.shape) != (*places.shape, *rest):
        raise ValueError(
            f"[scatter_nd_add] updates has shape {tuple(updates.shape)}, expected {(*places.shape, *rest)}"
        )
    rows, inner, count = math.prod(x.shape[:depth]), math.prod(rest), math.prod(places.shape)
    ids = elementwise.copy(broadcast_to(reshape(places, (count, 1)), (count, inner)))
    flat = scatter_add(reshape(x, (rows, inner)), ids, reshape(updates, (count, inner)), axis=0)
    return reshape(flat, tuple(x.shape))


def scatter_nd_update(x, indices, updates):
    """`x` with `updates` in place of what stood at positions along its first axes; as `scatter_nd_add`."""
    like = raw("scatter_nd_update", "updates", updates)
    ones = elementwise.ones_like(elementwise.cast(like, np.int32))
    zeros = elementwise.zeros_like(elementwise.cast(raw("scatter_nd_update", "x", x), np.int32))
    hit = elementwise.greater(scatter_nd_add(zeros, indices, ones), 0)
    return scatter_nd_add(elementwise.where(hit, elementwise.zeros_like(x), x), indices, updates)
