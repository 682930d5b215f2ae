# SPDX-License-Identifier: Apache-2.0
"""Who may look where in attention: masks, causality and windows as one bool array; axes folded into the one
that attention goes over.
"""

from __future__ import annotations

import math

from tilewright import ops


class Axes:
    """How the axes of queries and keys (batch, ..., heads, depth) become (batch', steps, heads, depth).

    Parameters
        axes : those that attention goes over;  q_shape, k_shape : with heads and depth
    """

    def __init__(self, layer: str, axes: tuple[int, ...], q_shape: tuple, k_shape: tuple):
        rank = len(q_shape)
        self.axes = axes
        self.kept = tuple(i for i in range(1, rank - 2) if i not in axes)
        self.lead = (q_shape[0], *(q_shape[i] for i in self.kept))
        self.queries, self.keys = tuple(q_shape[i] for i in axes), tuple(k_shape[i] for i in axes)
        others = (k_shape[0], *(k_shape[i] for i in self.kept)) if len(k_shape) == rank else None
        if others != self.lead:
            raise ValueError(
                f"[{layer}] query has shape {q_shape[:-2]} and key {k_shape[:-2]} before the features, "
                f"expected them alike but for axes {axes}"
            )
        self.order = (0, *self.kept, *axes, rank - 2, rank - 1)
        self.plain = not self.kept and len(axes) == 1

    def fold(self, x):
        """(batch', steps, heads, depth)"""
        if self.plain:
            return x
        x = ops.transpose(x, self.order)
        return ops.reshape(x, (math.prod(self.lead), -1, *x.shape[-2:]))

    def unfold(self, y):
        """The axes of the queries as they were."""
        if self.plain:
            return y
        y = ops.reshape(y, (*self.lead, *self.queries, *y.shape[-2:]))
        back = [0] * len(self.order)
        for to, source in enumerate(self.order):
            back[source] = to
        return ops.transpose(y, back)

    def unfold_scores(self, scores):
        """(batch', heads, queries, keys) as (batch, ..., heads, query axes, key axes)."""
        if self.plain:
            return scores
        return ops.reshape(scores, (*self.lead, scores.shape[1], *self.queries, *self.keys))

    def fold_mask(self, mask):
        """A mask whose last axes are those of queries and keys, as (batch' or 1, heads or 1, queries, keys).

        As in Keras axes that it lacks stand before them: first the heads, then what is left.
        """
        count = len(self.axes)
        while mask.ndim < len(self.lead) + 1 + 2 * count:
            mask = ops.expand_dims(mask, max(mask.ndim - 2 * count, 0))
        if self.plain:
            return mask
        lead, heads = tuple(mask.shape[: len(self.lead)]), mask.shape[len(self.lead)]
        lead = self.lead if any(n != 1 for n in lead) else lead
        mask = ops.broadcast_to(mask, (*lead, heads, *self.queries, *self.keys))
        shape = (math.prod(lead), heads, math.prod(self.queries), math.prod(self.keys))
        return ops.reshape(ops.copy(mask), shape)


def causal(queries: int, keys: int, offset: int = 0):
    """(queries, keys) bool: query i sees the keys up to i + offset."""
    return ops.cast(ops.tril(ops.ones((queries, keys)), offset), "bool")


def window(queries: int, keys: int, size: int, offset: int = 0):
    """(queries, keys) bool: query i sees the keys less than `size` from i + offset."""
    band = ops.triu(ops.tril(ops.ones((queries, keys)), offset + size - 1), offset - size + 1)
    return ops.cast(band, "bool")


def all_of(masks: list):
    """Where all masks hold; None without one."""
    total = None
    for mask in masks:
        mask = mask if mask.dtype == bool else ops.cast(mask, "bool")
        total = mask if total is None else ops.logical_and(total, mask)
    return total


def lost_look_everywhere(context, mask, v):
    """The context (batch, queries, heads, depth), but the mean of all values for queries that see no key.

    Parameters   mask : (batch, heads, queries, keys) bool, or sizes of 1;  v : (batch, keys, heads, depth)
    """
    lost = ops.transpose(ops.logical_not(ops.any(mask, axis=-1, keepdims=True)), (0, 2, 1, 3))
    mean = ops.mean(v, axis=1, keepdims=True)
    group = context.shape[2] // mean.shape[2]
    mean = ops.repeat(mean, group, axis=2) if group > 1 else mean
    return ops.where(lost, mean, context)
