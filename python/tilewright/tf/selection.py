# SPDX-License-Identifier: Apache-2.0
"""Elements by position, condition or order: gather, scatter, where, boolean_mask, sort, unique."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.tf.arguments import as_shape, operands, tensor

__all__ = [
    "IndexedSlices", "argsort", "boolean_mask", "gather", "gather_nd", "scatter_nd", "sort",
    "tensor_scatter_nd_add", "tensor_scatter_nd_sub", "tensor_scatter_nd_update", "unique",
    "unique_with_counts", "where",
]  # fmt: skip

_tensor = tensor


def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None) -> Tensor:
    """Slices of `params` along an axis by their number.

    Parameters
        indices : integers of any shape;  axis : `batch_dims` where None
        batch_dims : so many leading axes of params and indices go together, each with indices of its own
    Raises    ValueError: an index out of range, axes that do not fit
    Examples
        >>> gather([10, 20, 30], [2, 0]).numpy()
        array([30, 10], dtype=int32)
        >>> gather([[1, 2], [3, 4]], [[1], [0]], batch_dims=1).numpy()
        array([[2],
               [3]], dtype=int32)
    """
    x, ids = tensor(params, argument="params"), tensor(indices, argument="indices")
    batch = batch_dims + ids.ndim if batch_dims < 0 else batch_dims
    axis = batch if axis is None else axis % x.ndim if -x.ndim <= axis < x.ndim else axis
    if batch == 0:
        return ops.take(x, ids, axis=axis)
    if not batch <= ids.ndim or axis < batch or x.shape[:batch] != ids.shape[:batch]:
        raise ValueError(
            f"[gather] params has shape {x.shape} and indices {ids.shape}, expected equal sizes of the first "
            f"{batch_dims} axes and an axis behind them"
        )
    lead, inner = tuple(x.shape[:batch]), tuple(ids.shape[batch:])
    between, rest = tuple(x.shape[batch:axis]), tuple(x.shape[axis + 1 :])
    x = ops.moveaxis(x, axis, batch)
    lines = ops.reshape(x, (math.prod(lead), x.shape[batch], math.prod(between + rest)))
    taken = ops.take_along_axis(lines, ops.reshape(ids, (math.prod(lead), math.prod(inner), 1)), axis=1)
    # The new axes stand where the axis gathered from stood.
    first, count = batch + len(inner), len(between)
    order = (*range(batch), *range(first, first + count), *range(batch, first))
    taken = ops.reshape(taken, lead + inner + between + rest)
    return ops.transpose(taken, (*order, *range(first + count, taken.ndim)))


def gather_nd(params, indices, batch_dims=0, name=None) -> Tensor:
    """Slices of `params` by positions along its first axes: one position each along the last of `indices`.

    Examples
        >>> gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).numpy()
        array([2, 3], dtype=int32)
    """
    x, ids = tensor(params, argument="params"), tensor(indices, argument="indices")
    for axis in reversed(range(batch_dims)):
        count = np.arange(ids.shape[axis]).reshape([-1 if i == axis else 1 for i in range(ids.ndim)])
        column = ops.broadcast_to(tensor(count.astype(ids.dtype)), (*ids.shape[:-1], 1))
        ids = ops.concat([column, ids], axis=-1)
    places, depth = ops.positions_nd("gather_nd", ids, x.shape)
    return ops.take(ops.reshape(x, (math.prod(x.shape[:depth]), *x.shape[depth:])), places, axis=0)


def scatter_nd(indices, updates, shape, name=None) -> Tensor:
    """Zeros of `shape` with `updates` added at positions along the first axes."""
    updates = tensor(updates, argument="updates")
    return tensor_scatter_nd_add(Tensor(ops.zeros(as_shape(shape), updates.dtype)), indices, updates)


def tensor_scatter_nd_add(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with `updates` added at positions along its first axes."""
    return ops.scatter_nd_add(*_scattered(tensor, indices, updates))


def tensor_scatter_nd_sub(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with `updates` subtracted at positions along its first axes."""
    return tensor_scatter_nd_add(tensor, indices, ops.negative(_tensor(updates, argument="updates")))


class IndexedSlices:
    """Rows of an array, and where they stand along its first axis: for `Variable.scatter_update`."""

    def __init__(self, values, indices, dense_shape=None):
        self.values, self.indices = tensor(values, argument="values"), tensor(indices, argument="indices")
        self.dense_shape = dense_shape


def tensor_scatter_nd_update(tensor, indices, updates, name=None) -> Tensor:
    """`tensor` with `updates` in place of what stood at positions along its first axes."""
    return ops.scatter_nd_update(*_scattered(tensor, indices, updates))


def _scattered(x, indices, updates) -> tuple:
    """The arguments as Tensors; updates in the dtype of x."""
    x = tensor(x)
    return x, tensor(indices, argument="indices"), tensor(updates, x.dtype, "updates")


def boolean_mask(tensor, mask, axis=None, name="boolean_mask") -> Tensor:
    """The entries where `mask` is true; a mask of several axes selects along as many from `axis` on.

    Examples
        >>> boolean_mask([1, 2, 3], [True, False, True]).numpy()
        array([1, 3], dtype=int32)
    """
    x, chosen, axis = _tensor(tensor), _tensor(mask, argument="mask"), axis or 0
    if chosen.ndim == 0 or tuple(x.shape[axis : axis + chosen.ndim]) != tuple(chosen.shape):
        raise ValueError(
            f"[boolean_mask] mask has shape {chosen.shape}, expected that of axes of tensor from {axis} on: "
            f"{x.shape}"
        )
    flat = ops.reshape(x, (*x.shape[:axis], chosen.size, *x.shape[axis + chosen.ndim :]))
    return ops.take(flat, np.flatnonzero(chosen.numpy()), axis=axis)


def where(condition, x=None, y=None, name=None) -> Tensor:
    """Element by element x where `condition` holds, else y; with neither the positions where it holds.

    Examples
        >>> where([True, False], 1.0, [5.0, 6.0]).numpy()
        array([1., 6.], dtype=float32)
        >>> where([False, True]).numpy()
        array([[1]])
    """
    condition = tensor(condition, argument="condition")
    if (x is None) != (y is None):
        raise ValueError("[where] one of x and y is None, expected both or neither")
    if x is None:
        return Tensor(np.argwhere(condition.numpy()))
    return ops.where(condition, *operands(x, y))


def _directed(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"[sort] direction is {direction!r}, expected 'ASCENDING' or 'DESCENDING'")
    return direction == "ASCENDING"


def sort(values, axis=-1, direction="ASCENDING", name=None) -> Tensor:
    """The values along an axis in order. NaN counts as larger than every number."""
    x = tensor(values, argument="values")
    ascending = _directed(direction)
    ordered = ops.top_k(x, x.shape[axis], axis=axis)[0]
    return ops.flip(ordered, axis) if ascending else ordered


def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None) -> Tensor:
    """The positions, int32, that put the values along an axis in order; equal values keep theirs."""
    x = tensor(values, argument="values")
    if _directed(direction):
        # Of equal values the largest-first order keeps positions, and so must its mirror image: the sign is
        # turned.
        # -1 - x, not -x, so that the lowest integer has a mirror image too.
        x = ops.negative(x) if x.dtype.kind == "f" else ops.subtract(-1, x)
        if x.dtype.kind == "f":
            x = ops.where(ops.isnan(x), -np.inf, x)
    return ops.cast(ops.top_k(x, x.shape[axis], axis=axis)[1], np.int32)


class Unique(NamedTuple):
    """What `unique` gives: the values in the order they first appear, and for each entry which one it is."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """What `unique_with_counts` gives: as `Unique`, and how often each value appears."""

    y: Tensor
    idx: Tensor
    count: Tensor


def unique(x, out_idx="int32", name=None) -> Unique:
    """The different values of a vector in order of appearance. The host counts them, for the shape."""
    return Unique(*unique_with_counts(x, out_idx)[:2])


def unique_with_counts(x, out_idx="int32", name=None) -> UniqueWithCounts:
    """`unique`, and how often each value appears."""
    values, first, idx, count = np.unique(
        tensor(x).numpy(), return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    dtype = dtype_of(out_idx)
    return UniqueWithCounts(
        Tensor(values[order]), Tensor(place[idx].astype(dtype)), Tensor(count[order].astype(dtype))
    )
