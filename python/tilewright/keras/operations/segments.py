# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, values gathered by number: segment_sum and its kin, scatter, scatter_update."""

from __future__ import annotations

import math
import operator

import numpy as np

from tilewright import ops
from tilewright.keras.operations.declared import CORE, MATH, called, node
from tilewright.tf import selection
from tilewright.tf.arguments import as_shape, tensor


def _rows_of(data):
    """Slices along the first axis as rows."""
    return ops.reshape(data, (data.shape[0], math.prod(data.shape[1:])))


def _scattered(rows, places, count: int):
    """Zeros of `count` rows with `rows` added at places; those at the place `count` go nowhere."""
    wide = ops.copy(ops.broadcast_to(ops.expand_dims(places, 1), rows.shape))
    return ops.scatter_add(tensor(ops.zeros((count + 1, rows.shape[1]), rows.dtype)), wide, rows, axis=0)[
        :count
    ]


def _within(ids, count: int):
    """Numbers that are none of 0 to count - 1 become `count`."""
    inside = ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, count))
    return ops.where(inside, ids, ops.full_like(ids, count))


def _last_of_each(places):
    """Of sorted numbers the last one of each run."""
    ends = ops.not_equal(places[1:], places[:-1])
    return ops.concat([ends, tensor(np.ones(1, bool))], axis=0)


def _combined(combine, rows, places, count: int):
    """For each number the combination of its rows, and whether there are any: (count, n) and (count, 1).

    Rows are sorted by number; then each takes up, in steps of doubling reach, those before it of the same
    number (a segmented scan: Blelloch, "Prefix sums and their applications", 1990), and the last one has all.
    """
    order = selection.argsort(places)
    places, rows = ops.take(places, order), ops.take(rows, order, axis=0)
    reach = 1
    while reach < rows.shape[0]:
        same = ops.expand_dims(ops.equal(places[reach:], places[:-reach]), 1)
        joined = ops.where(same, combine(rows[reach:], rows[:-reach]), rows[reach:])
        rows = ops.concat([rows[:reach], joined], axis=0)
        reach *= 2
    last = ops.expand_dims(_last_of_each(places), 1)
    there = _scattered(ops.cast(last, "int32"), places, count)
    return _scattered(ops.where(last, rows, ops.zeros_like(rows)), places, count), ops.greater(there, 0)


def _extremes(dtype) -> tuple:
    """What a dtype holds at its ends: infinities for floats."""
    if dtype.kind in "fV":
        return -math.inf, math.inf
    return (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) if dtype.kind in "iu" else (False, True)


# By name: the combination of two rows, and what a segment without rows gives by the dtype.
_COMBINATIONS = {
    "segment_sum": (ops.add, lambda dtype: 0),
    "segment_max": (ops.maximum, lambda dtype: _extremes(dtype)[0]),
    "segment_min": (ops.minimum, lambda dtype: _extremes(dtype)[1]),
    "segment_prod": (ops.multiply, lambda dtype: 1),
}


def _segment(name: str):
    combine, neutral = _COMBINATIONS[name]

    def segment(data, segment_ids, num_segments=None, sorted=False):
        data, ids = tensor(data), tensor(segment_ids)
        if ids.ndim != 1 or data.ndim < 1 or data.shape[0] != ids.size:
            raise ValueError(
                f"[{name}] segment_ids has shape {ids.shape}, expected one number for each slice of data, of "
                f"shape {data.shape}"
            )
        if num_segments is None:
            num_segments = int(ops.max(ids)) + 1 if ids.size else 0
        count, rows = operator.index(num_segments), _rows_of(data)
        empty = ops.full((count, rows.shape[1]), neutral(data.dtype), data.dtype)
        if not rows.size:
            return tensor(ops.reshape(empty, (count, *data.shape[1:])))
        places = _within(ids, count)
        if name == "segment_sum":
            y = _scattered(rows, places, count)
        else:
            found, there = _combined(combine, rows, places, count)
            y = ops.where(there, found, empty)
        return ops.reshape(y, (count, *data.shape[1:]))

    return called(
        name,
        segment,
        f"""`{name}` of slices along the first axis by their number; numbers out of range are left out.

    Parameters
        num_segments : of the result; where None it is read on the host, the largest number and 1
        sorted : whether the numbers rise; changes nothing
    """,
    )


for _name in _COMBINATIONS:
    node(MATH, 2)(_segment(_name))


@node(CORE, 2)
def scatter(indices, values, shape):
    """Zeros of `shape` with `values` added at positions along its first axes, the last axis of `indices`."""
    return selection.scatter_nd(indices, values, as_shape(shape))


_REDUCTIONS = {"add": "segment_sum", "max": "segment_max", "min": "segment_min", "mul": "segment_prod"}


@node(CORE, 3)
def scatter_update(inputs, indices, updates, reduction=None):
    """`inputs` with `updates` at positions along its first axes, the last axis of `indices`.

    Parameters
        reduction : None puts them in place of what was there, the last one where a position appears twice;
            "add", "max", "min" and "mul" combine them with it
    """
    x, ids = tensor(inputs), tensor(indices)
    updates = ops.cast(tensor(updates), x.dtype)
    if reduction is not None and reduction.lower() not in _REDUCTIONS:
        raise ValueError(f"[scatter_update] reduction is {reduction!r}, expected None, add, max, min or mul")
    depth = ids.shape[-1] if ids.ndim else 0
    if tuple(updates.shape) != (*ids.shape[:-1], *x.shape[depth:]) or not ids.ndim:
        raise ValueError(
            f"[scatter_update] updates has shape {updates.shape}, expected {ids.shape[:-1]} as indices has, "
            f"then {x.shape[depth:]} as inputs has behind the axes that they count"
        )
    if reduction is not None and reduction.lower() == "add":
        return selection.tensor_scatter_nd_add(x, ids, updates)
    if not ids.size or not updates.size:
        return x
    sizes = np.array(x.shape[:depth], np.int64)
    ids = ops.cast(ids, "int64")
    ids = ops.where(ops.less(ids, 0), ops.add(ids, sizes), ids)
    places = ops.reshape(ops.positions_nd("scatter_update", ids, x.shape)[0], (-1,))
    count, width = math.prod(x.shape[:depth]), math.prod(x.shape[depth:])
    combine = _COMBINATIONS[_REDUCTIONS[reduction.lower()]][0] if reduction else lambda later, earlier: later
    found, there = _combined(combine, ops.reshape(updates, (places.size, width)), places, count)
    rows = ops.reshape(x, (count, width))
    joined = combine(found, rows)
    return ops.reshape(ops.where(there, joined, rows), x.shape)
