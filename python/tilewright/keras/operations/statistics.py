# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, statistics: averages with weights, quantiles, counts by value and by bin, correlations."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras.operations.arguments import flat, floats
from tilewright.keras.operations.declared import NUMPY, called, node, plain
from tilewright.keras.operations.selection import searchsorted
from tilewright.ops._common import axis_index
from tilewright.tf import reductions, selection
from tilewright.tf.arguments import as_axis, tensor


@node(NUMPY, "x weights")
def average(x, axis=None, weights=None):
    """The mean along axes; with `weights`, of x's shape or of the axis's length, of weighted elements."""
    x, axis = floats(x), as_axis(axis)
    if weights is None:
        return ops.mean(x, axis=axis)
    weights = ops.cast(tensor(weights), x.dtype)
    if weights.shape != x.shape:
        if not isinstance(axis, int) or tuple(weights.shape) != (x.shape[axis],):
            raise ValueError(
                f"[average] weights has shape {weights.shape}, expected {x.shape} or, with an int for axis, "
                "that axis's length"
            )
        at = axis_index("average", axis, x.ndim)
        weights = ops.reshape(weights, [-1 if i == at else 1 for i in range(x.ndim)])
        weights = ops.broadcast_to(weights, x.shape)
    return ops.divide(ops.sum(ops.multiply(x, weights), axis=axis), ops.sum(weights, axis=axis))


# ---- quantiles


def _between(rows, low, high, position, method: str):
    """The quantiles of sorted rows from their neighbours, by the method's name."""
    if method in ("lower", "higher", "nearest"):
        chosen = {"lower": low, "higher": high, "nearest": ops.round(position)}[method]
        return ops.take_along_axis(rows, ops.cast(chosen, "int64"), axis=-1)
    below, above = (ops.take_along_axis(rows, ops.cast(at, "int64"), axis=-1) for at in (low, high))
    if method == "midpoint":
        return ops.multiply(ops.add(below, above), 0.5)
    return ops.add(below, ops.multiply(ops.subtract(above, below), ops.subtract(position, low)))


_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles(name, x, q, axis, method, keepdims, without_nan):
    if method not in _METHODS:
        raise ValueError(f"[{name}] method is {method!r}, expected one of {', '.join(_METHODS)}")
    x = floats(x)
    if x.dtype.itemsize == 2:  # too few digits to count positions
        wide = ops.cast(x, "float32")
        return ops.cast(_quantiles(name, wide, q, axis, method, keepdims, without_nan), x.dtype)
    q, axes = ops.cast(tensor(q), x.dtype), as_axis(axis)
    axes = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    axes = [axis_index(name, a, x.ndim) for a in axes]
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    rows = ops.transpose(x, (*(i for i in range(x.ndim) if i not in axes), *axes))
    rows = selection.sort(ops.reshape(rows, (*kept, math.prod(x.shape[a] for a in axes))))  # NaN comes last
    if rows.shape[-1] == 0:
        raise ValueError(f"[{name}] x has shape {x.shape}, expected elements along axis {axis}")
    missing = ops.isnan(rows)
    if without_nan:
        last = ops.subtract(ops.sum(ops.cast(ops.logical_not(missing), x.dtype), axis=-1, keepdims=True), 1.0)
        empty = ops.less(last, 0.0)
        last = ops.maximum(last, 0.0)
    else:
        last = ops.full_like(rows[..., :1], float(rows.shape[-1] - 1))
        empty = missing[..., -1:]
    position = ops.multiply(last, flat(q))
    y = _between(rows, ops.floor(position), ops.ceil(position), position, method)
    y = ops.reshape(ops.moveaxis(ops.where(empty, math.nan, y), -1, 0), (*q.shape, *kept))
    if keepdims:
        y = ops.reshape(y, (*q.shape, *(1 if i in axes else n for i, n in enumerate(x.shape))))
    return y


def _quantile(name: str, whole: float, without_nan: bool):
    def quantile(x, q, axis=None, method="linear", keepdims=False):
        return _quantiles(name, x, ops.divide(floats(q), whole), axis, method, keepdims, without_nan)

    return called(
        name, quantile, f"`{name}`: what q of {whole:g} parts of the elements along axes lie below."
    )


def _median(name: str, without_nan: bool):
    def median(x, axis=None, keepdims=False):
        return _quantiles(name, x, 0.5, axis, "linear", keepdims, without_nan)

    return called(name, median, f"`{name}`: the middle value along axes, the mean of the two middle ones.")


for _prefix in ("", "nan"):
    node(NUMPY, 2)(_quantile(f"{_prefix}quantile", 1.0, bool(_prefix)))
    node(NUMPY, 2)(_quantile(f"{_prefix}percentile", 100.0, bool(_prefix)))
    node(NUMPY)(_median(f"{_prefix}median", bool(_prefix)))


# ---- counts


@plain
def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each number from 0 on appears in x, or in each row of x; with `weights` their sums.

    Parameters
        x : whole numbers, 1 or 2 axes;  weights : like x;  minlength : of the result, at least
    Raises    ValueError: sparse, another number of axes
    Notes     The largest number decides the shape, so it is read on the host.
    """
    if sparse:
        raise ValueError("[bincount] sparse is True, expected False: there are no sparse arrays")
    x = tensor(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"[bincount] x has shape {x.shape}, expected 1 or 2 dimensions")
    weights = None if weights is None else flat(tensor(weights))
    if x.ndim == 1:
        return reductions.bincount(x, weights, minlength)
    count = max(int(ops.max(x)) + 1 if x.size else 0, minlength)
    rows = x.shape[0]
    places = ops.add(
        ops.cast(x, "int64"), ops.multiply(ops.expand_dims(tensor(range(rows), "int64"), 1), count)
    )
    values = ops.ones((x.size,), "int32") if weights is None else weights
    return ops.reshape(reductions.unsorted_segment_sum(values, flat(places), rows * count), (rows, count))


@node(NUMPY)
def histogram(x, bins=10, range=None):
    """How many elements lie in each of `bins` equal parts of `range`, in floats, and the edges of the parts.

    Where range is None or its ends are equal, it is that of x. The last part holds its upper edge.
    """
    values = flat(floats(x))
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"[histogram] bins is {bins!r}, expected a number of at least 1")
    if range is None or range[0] == range[1]:
        low, high = (f(values) if values.size else tensor(0.0, values.dtype) for f in (ops.min, ops.max))
    else:
        low, high = (tensor(float(end), values.dtype) for end in range)
    flat_range = ops.equal(low, high)
    low, high = (
        ops.where(flat_range, ops.subtract(low, 0.5), low),
        ops.where(flat_range, ops.add(high, 0.5), high),
    )
    steps = tensor([i / bins for i in _count(bins + 1)], values.dtype)
    edges = ops.add(ops.multiply(ops.subtract(1.0, steps), low), ops.multiply(steps, high))
    place = ops.subtract(searchsorted(edges, values, "right"), 1)
    place = ops.where(ops.equal(values, edges[-1]), ops.full_like(place, bins - 1), place)
    inside = ops.logical_and(ops.greater_equal(place, 0), ops.less(place, bins))
    counts = tensor(ops.zeros((bins,), values.dtype))
    held = ops.where(inside, place, ops.zeros_like(place))
    return ops.scatter_add(counts, held, ops.cast(inside, values.dtype), axis=0), edges


_count = range


@node(NUMPY)
def corrcoef(x):
    """The correlation of each row of x with each other one."""
    x = floats(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"[corrcoef] x has shape {x.shape}, expected 1 or 2 dimensions")
    rows = ops.reshape(x, (1, -1)) if x.ndim == 1 else x
    rows = ops.subtract(rows, ops.mean(rows, axis=1, keepdims=True))
    rows = ops.divide(rows, ops.l2_norm(rows, axis=1, keepdims=True))
    y = ops.clip(ops.matmul(rows, rows, transpose_b=True), -1.0, 1.0)
    return y if x.ndim == 2 else ops.reshape(y, ())
