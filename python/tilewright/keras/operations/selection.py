# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, elements by position or order: take, slice, sort, top_k, search, one-hot rows, unique."""

from __future__ import annotations

import builtins
import math
import operator

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import defaults
from tilewright.keras.operations.arguments import flat, slices, tensors
from tilewright.keras.operations.declared import CORE, MATH, NN, NUMPY, node, plain
from tilewright.nn import layers
from tilewright.ops._common import axis_index
from tilewright.tf import selection
from tilewright.tf.arguments import as_shape, tensor


@node(NUMPY, 2)
def get_item(x, key):
    """x[key]"""
    return tensor(x)[tuple(key) if isinstance(key, list) else key]


@node(NUMPY, 2)
def take(x, indices, axis=None):
    """Slices of x along an axis by their number; of the flattened x where axis is None."""
    return ops.take(tensor(x), tensor(indices), axis=axis)


@node(NUMPY, 2)
def take_along_axis(x, indices, axis=None):
    """Elements of x along an axis by their position, each line with indices of its own."""
    x, indices = tensor(x), tensor(indices)
    return ops.take_along_axis(flat(x) if axis is None else x, indices, axis=axis or 0)


# ---- parts of an array


def _starts(name: str, start_indices, ndim: int) -> list:
    """One start an axis: whole numbers, or Tensors whose values nobody has to read."""
    if isinstance(start_indices, Tensor):
        if tuple(start_indices.shape) != (ndim,):
            raise ValueError(f"[{name}] start_indices has shape {start_indices.shape}, expected ({ndim},)")
        return [start_indices[i] for i in builtins.range(ndim)]
    starts = list(start_indices)
    if len(starts) != ndim:
        raise ValueError(f"[{name}] start_indices has {len(starts)} entries, expected {ndim}")
    return [s if isinstance(s, Tensor) else operator.index(s) for s in starts]


def _check_part(name: str, starts, sizes, shape) -> None:
    """Raises ValueError for a part outside an array; starts that are Tensors will be moved inside."""
    for start, size, n in zip(starts, sizes, shape, strict=True):
        low = 0 if isinstance(start, Tensor) else start
        if min(low, size) < 0 or low + size > n:
            raise ValueError(
                f"[{name}] the part from {tuple(s for s in starts if not isinstance(s, Tensor))} of shape "
                f"{tuple(sizes)} lies outside x of shape {tuple(shape)}, expected it inside"
            )


def _start(start, size: int, n: int):
    """A start as it is; that in a Tensor moved so that the part fits, by operations."""
    if not isinstance(start, Tensor):
        return start
    return ops.cast(ops.clip(ops.cast(start, "float64"), 0.0, float(n - size)), "int64")


@node(CORE, 2)
def slice_(inputs, start_indices, shape):
    """The part of `shape` from a start on; a start that is a Tensor is moved so that the part fits."""
    x, sizes = tensor(inputs), as_shape(shape)
    starts = _starts("slice", start_indices, x.ndim)
    _check_part("slice", starts, sizes, x.shape)
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if isinstance(start, Tensor):
            places = ops.add(_start(start, size, x.shape[axis]), np.arange(size))
            x = ops.take(x, places, axis=axis)
        else:
            x = x[slices(x.ndim, axis, builtins.slice(start, start + size))]
    return x


@node(CORE, 3)
def slice_update(inputs, start_indices, updates):
    """`inputs` with `updates` in place of the part from a start on, moved as `slice` does."""
    x = tensor(inputs)
    updates = ops.cast(tensor(updates), x.dtype)
    starts = _starts("slice_update", start_indices, x.ndim)
    _check_part("slice_update", starts, updates.shape, x.shape)
    if 0 in updates.shape:
        return x
    inside = None
    for axis, n in enumerate(x.shape):
        size = updates.shape[axis]
        place = ops.subtract(tensor(np.arange(n)), _start(starts[axis], size, n))
        hit = ops.logical_and(ops.greater_equal(place, 0), ops.less(place, size))
        hit = ops.reshape(hit, [n if i == axis else 1 for i in builtins.range(x.ndim)])
        inside = hit if inside is None else ops.logical_and(inside, hit)
        updates = ops.take(updates, ops.minimum(ops.maximum(place, 0), size - 1), axis=axis)
    return updates if inside is None else ops.where(inside, updates, x)


# ---- order


@node(NUMPY)
def sort(x, axis=-1):
    """The values along an axis, or of the flattened x where it is None, in rising order; NaN comes last."""
    x = tensor(x)
    return selection.sort(flat(x), axis=0) if axis is None else selection.sort(x, axis=axis)


@node(NUMPY)
def argsort(x, axis=-1):
    """The positions, int32, that put the values along an axis in rising order; equal values keep theirs."""
    x = tensor(x)
    return selection.argsort(flat(x), axis=0) if axis is None else selection.argsort(x, axis=axis)


@node(NUMPY)
def argpartition(x, kth, axis=-1):
    """Positions, int32, in whose order no value before the kth is larger and none behind is smaller."""
    x = tensor(x)
    count = x.size if axis is None else x.shape[axis]
    if not -count <= kth < count:
        raise ValueError(f"[argpartition] kth is {kth}, expected {-count} to {count - 1}")
    return argsort(x, axis)


@node(MATH)
def top_k(x, k, sorted=True):
    """The k largest of the last axis, falling, and their positions, int32."""
    values, indices = ops.top_k(tensor(x), k)
    return values, ops.cast(indices, "int32")


@node(MATH, 2)
def in_top_k(targets, predictions, k):
    """Whether each target's prediction is among the k largest of its row; of equal ones all are."""
    return layers.in_top_k(targets, predictions, k)


@node(NUMPY, 2, class_name="SearchSorted")
def searchsorted(sorted_sequence, values, side="left"):
    """Where values would stand in a rising vector, int32: before ("left") or behind ("right") equal ones."""
    if side not in ("left", "right"):
        raise ValueError(f"[searchsorted] side is {side!r}, expected 'left' or 'right'")
    row, values = tensors(sorted_sequence, values)
    if row.ndim != 1:
        raise ValueError(f"[searchsorted] sorted_sequence has shape {row.shape}, expected 1 dimension")
    before = ops.less if side == "left" else ops.less_equal
    found = ops.zeros_like(values, "int32")
    if row.size == 0:
        return found
    reach = 1 << (row.size.bit_length() - 1)
    while reach:  # as far as `reach` further on, if all up to there come before the value
        further = ops.add(found, reach)
        there = ops.take(row, ops.minimum(ops.subtract(further, 1), row.size - 1))
        fits = ops.logical_and(ops.less_equal(further, row.size), before(there, values))
        found = ops.where(fits, further, found)
        reach //= 2
    return found


@node(NUMPY, 2)
def digitize(x, bins):
    """The number of the bin that each value lies in, int32: of the edges `bins`, so many are not above it."""
    return searchsorted(bins, x, "right")


@node(NUMPY, 2, class_name="IsIn")
def isin(x1, x2, assume_unique=False, invert=False):
    """Whether each element of x1 is one of x2's. `assume_unique` changes nothing."""
    x1, x2 = tensors(x1, x2)
    if x1.dtype.kind == "b" or x1.dtype.itemsize < 4:
        wide = "int32" if x1.dtype.kind in "biu" else "float32"
        x1, x2 = ops.cast(x1, wide), ops.cast(x2, wide)
    row = selection.sort(flat(x2))
    if row.size == 0:
        found = ops.zeros_like(x1, bool)
    else:
        at = ops.minimum(searchsorted(row, x1), row.size - 1)
        found = ops.equal(ops.take(row, at), x1)
    return ops.logical_not(found) if invert else found


# ---- by number


@node(NN)
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """Rows of zeros with a 1 at their number, along a new axis."""
    if sparse:
        raise ValueError("[one_hot] sparse is True, expected False: there are no sparse arrays")
    return ops.one_hot(tensor(x), num_classes, axis=axis, dtype=dtype or defaults.floatx())


def _multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False):
    rows = one_hot(inputs, num_classes, axis, dtype, sparse)
    return ops.max(rows, axis=1 if rows.ndim > 2 else 0)


@node(NN, call=_multi_hot)
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Rows of zeros with a 1 at each number that their sample holds. `num_tokens` is `num_classes` of old."""
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if kwargs:
        raise TypeError(f"[multi_hot] got {next(iter(kwargs))!r}, expected num_classes")
    if num_classes is None:
        raise ValueError("[multi_hot] num_classes is None, expected the number of classes")
    return _multi_hot(inputs, num_classes, axis, dtype, sparse)


@node(NUMPY)
def unravel_index(indices, shape):
    """The position along each axis of an array of `shape`, for positions in it flattened."""
    rest, sizes = tensor(indices), as_shape(shape)
    rest = ops.where(ops.less(rest, 0), ops.add(rest, math.prod(sizes)), rest)
    found = []
    for n in reversed(sizes):
        found.append(ops.remainder(rest, n))
        rest = ops.floor_divide(rest, n)
    return tuple(reversed(found))


@node(NUMPY, 3)
def select(condlist, choicelist, default=0):
    """Element by element the choice of the first condition that holds, else `default`."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"[select] condlist has {len(condlist)} entries and choicelist {len(choicelist)}, expected as "
            "many, and one at least"
        )
    *choices, chosen = tensors(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        chosen = ops.where(ops.cast(tensor(condition), bool), choice, chosen)
    return chosen


# ---- on the host: their values decide the shape


@plain
def nonzero(x):
    """The positions of what is not 0, int32, an array an axis. Found on the host, which ends a recording."""
    return tuple(tensor(places, "int32") for places in np.nonzero(tensor(x).numpy()))


@plain
def unique(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None, size=None,
    fill_value=None,
):  # fmt: skip
    """The different values, or slices along an axis, rising; found on the host, which ends a recording.

    Parameters
        sorted : they are in any case;  return_index : where each stands first;  return_inverse : which one
            each element is;  return_counts : how often each appears (int32)
        size : so many are given, the first ones or `fill_value` (the smallest where None) behind them
    """
    asked = return_index, return_inverse, return_counts
    values, *more = np.unique(tensor(x).numpy(), True, True, True, axis=axis)
    along = 0 if axis is None else axis_index("unique", axis, values.ndim)
    lacking = 0 if size is None else size - values.shape[along]
    found = [tensor(values), *(tensor(part, "int32") for part in more)]
    if size is not None:
        cut = slices(values.ndim, along, builtins.slice(size))
        found = [found[0][cut], found[1][:size], found[2], found[3][:size]]
    if lacking > 0:
        fill = found[0][slices(values.ndim, along, builtins.slice(1))]
        fill = ops.repeat(fill, lacking, axis=along)
        fill = fill if fill_value is None else ops.full_like(fill, fill_value)
        found[0] = ops.concat([found[0], fill], axis=along)
        found[1], found[3] = (ops.pad(part, [(0, lacking)]) for part in (found[1], found[3]))
    chosen = [found[0], *(part for part, wanted in zip(found[1:], asked, strict=True) if wanted)]
    return tuple(chosen) if len(chosen) > 1 else chosen[0]
