# SPDX-License-Identifier: Apache-2.0
"""One number from many along axes: reduce_sum and its kin, argmax, cumulative sums, sums by segment."""

from __future__ import annotations

import operator

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.tf.arguments import as_axis, tensor

__all__ = [
    "argmax", "argmin", "bincount", "confusion_matrix", "count_nonzero", "cumprod", "cumsum",
    "cumulative_logsumexp", "reduce_all", "reduce_any", "reduce_euclidean_norm", "reduce_logsumexp",
    "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_std", "reduce_sum", "reduce_variance",
    "segment_max", "segment_mean", "segment_sum", "unsorted_segment_max", "unsorted_segment_mean",
    "unsorted_segment_sum", "zero_fraction",
]  # fmt: skip


def _reduction(function, doc: str, keeps_dtype: bool = False):
    """A reduction by TensorFlow's arguments; with `keeps_dtype` integers stay what they are, as there."""

    def reduce(input_tensor, axis=None, keepdims=False, name=None) -> Tensor:
        x = tensor(input_tensor, argument="input_tensor")
        y = function(x, axis=as_axis(axis), keepdims=keepdims)
        return ops.cast(y, x.dtype) if keeps_dtype and x.dtype.kind in "iu" else y

    reduce.__name__ = reduce.__qualname__ = f"reduce_{function.__name__}"
    reduce.__doc__ = doc
    return reduce


reduce_sum = _reduction(ops.sum, "The sum along axes.", True)
reduce_mean = _reduction(
    ops.mean, "The mean along axes; of integers cut off to an integer, as in TensorFlow.", True
)
reduce_prod = _reduction(ops.prod, "The product along axes.", True)
reduce_max = _reduction(ops.max, "The largest along axes; equal ones share the gradient.")
reduce_min = _reduction(ops.min, "The smallest along axes; equal ones share the gradient.")
reduce_any = _reduction(ops.any, "Whether any is true along axes.")
reduce_all = _reduction(ops.all, "Whether all are true along axes.")
reduce_logsumexp = _reduction(ops.logsumexp, "log(sum(exp(x))) along axes, without overflow.")
reduce_std = _reduction(ops.std, "The standard deviation of a population along axes.")
reduce_variance = _reduction(ops.var, "The variance of a population along axes.")
reduce_euclidean_norm = _reduction(ops.l2_norm, "The square root of the sum of squares along axes.")
reduce_variance.__name__, reduce_euclidean_norm.__name__ = "reduce_variance", "reduce_euclidean_norm"


def count_nonzero(input, axis=None, keepdims=None, dtype="int64", name=None) -> Tensor:
    """How many entries along axes are not zero."""
    hits = ops.not_equal(tensor(input), 0)
    return ops.cast(ops.sum(hits, axis=as_axis(axis), keepdims=bool(keepdims)), dtype_of(dtype))


def zero_fraction(value, name=None) -> Tensor:
    """The share of entries that are zero."""
    return ops.mean(ops.cast(ops.equal(tensor(value), 0), "float32"))


def argmax(input, axis=None, output_type="int64", name=None) -> Tensor:
    """The position of the largest entry along an axis, the first one where None.

    Examples
        >>> argmax([[1, 9], [8, 2]], axis=1).numpy()
        array([1, 0])
    """
    return ops.cast(
        ops.argmax(tensor(input), axis=0 if axis is None else as_axis(axis)), dtype_of(output_type)
    )


def argmin(input, axis=None, output_type="int64", name=None) -> Tensor:
    """The position of the smallest entry along an axis, the first one where None."""
    return ops.cast(
        ops.argmin(tensor(input), axis=0 if axis is None else as_axis(axis)), dtype_of(output_type)
    )


def cumsum(x, axis=0, exclusive=False, reverse=False, name=None) -> Tensor:
    """Running sums along an axis."""
    x = tensor(x)
    return ops.cast(ops.cumsum(x, axis=as_axis(axis), exclusive=exclusive, reverse=reverse), x.dtype)


def _running(name: str, x, axis, exclusive, reverse, combine, neutral) -> Tensor:
    """Running results by doubling the reach in log2(n) elementwise operations. (Hillis & Steele, 1986)"""
    x = tensor(x)
    axis = as_axis(axis) % x.ndim
    if reverse:
        x = ops.flip(x, axis)

    def moved(y, by):
        count = y.shape[axis]
        kept = y[tuple(slice(None, max(count - by, 0)) if i == axis else slice(None) for i in range(y.ndim))]
        widths = [(min(by, count), 0) if i == axis else (0, 0) for i in range(y.ndim)]
        return ops.pad(kept, widths, value=neutral)

    y = moved(x, 1) if exclusive else x
    reach = 1
    while reach < x.shape[axis]:
        y = combine(y, moved(y, reach))
        reach *= 2
    return ops.flip(y, axis) if reverse else y


def cumprod(x, axis=0, exclusive=False, reverse=False, name=None) -> Tensor:
    """Running products along an axis."""
    return _running("cumprod", x, axis, exclusive, reverse, ops.multiply, 1.0)


def cumulative_logsumexp(x, axis=0, exclusive=False, reverse=False, name=None) -> Tensor:
    """Running log(sum(exp(x))) along an axis, without overflow."""

    def joined(a, b):
        return ops.logsumexp(ops.stack([a, b]), axis=0)

    lowest = float(np.finfo(tensor(x).dtype).min)
    return _running("cumulative_logsumexp", x, axis, exclusive, reverse, joined, lowest)


# ---- by segment


def unsorted_segment_sum(data, segment_ids, num_segments, name=None) -> Tensor:
    """Row i of `data` added to row segment_ids[i] of the result. Ids out of range are a ValueError."""
    data, ids = tensor(data, argument="data"), tensor(segment_ids, argument="segment_ids")
    rest = tuple(data.shape[ids.ndim :])
    if tuple(data.shape[: ids.ndim]) != tuple(ids.shape):
        raise ValueError(
            f"[segment_sum] segment_ids has shape {ids.shape}, expected the first axes of {data.shape}"
        )
    inner = ops.reshape(data, (ids.size, data.size // ids.size if ids.size else 0))
    wide = ops.copy(ops.broadcast_to(ops.reshape(ids, (ids.size, 1)), inner.shape))
    count = operator.index(num_segments)
    total = ops.scatter_add(ops.zeros((count, inner.shape[1]), data.dtype), wide, inner, axis=0)
    return ops.reshape(total, (count, *rest))


def _counts(ids, count: int, like) -> Tensor:
    ones = ops.ones((ids.size,), like.dtype)
    counts = ops.scatter_add(ops.zeros((count,), like.dtype), ops.reshape(ids, (-1,)), ones, axis=0)
    return ops.reshape(counts, (count, *(1,) * (like.ndim - ids.ndim)))


def unsorted_segment_mean(data, segment_ids, num_segments, name=None) -> Tensor:
    """The mean of the rows of each segment, 0 for a segment without rows."""
    data, ids = tensor(data, argument="data"), tensor(segment_ids, argument="segment_ids")
    count = operator.index(num_segments)
    total = unsorted_segment_sum(data, ids, count)
    return ops.divide(total, ops.maximum(_counts(ids, count, data), 1))


def unsorted_segment_max(data, segment_ids, num_segments, name=None) -> Tensor:
    """The largest of the rows of each segment, the dtype's lowest number for a segment without rows."""
    data, ids = tensor(data, argument="data"), tensor(segment_ids, argument="segment_ids")
    count, low = operator.index(num_segments), float(np.finfo(data.dtype).min)
    member = ops.equal(ops.reshape(ids, (1, -1)), np.arange(count)[:, None].astype(ids.dtype))
    rows = ops.reshape(data, (1, ids.size, -1))
    found = ops.max(ops.where(ops.reshape(member, (count, ids.size, 1)), rows, low), axis=1)
    return ops.reshape(found, (count, *data.shape[ids.ndim :]))


def _last_id(segment_ids) -> int:
    ids = tensor(segment_ids, argument="segment_ids")
    return int(ops.max(ids)) + 1 if ids.size else 0


def segment_sum(data, segment_ids, name=None) -> Tensor:
    """`unsorted_segment_sum` into as many rows as the largest id asks for."""
    return unsorted_segment_sum(data, segment_ids, _last_id(segment_ids))


def segment_mean(data, segment_ids, name=None) -> Tensor:
    """`unsorted_segment_mean` into as many rows as the largest id asks for."""
    return unsorted_segment_mean(data, segment_ids, _last_id(segment_ids))


def segment_max(data, segment_ids, name=None) -> Tensor:
    """`unsorted_segment_max` into as many rows as the largest id asks for."""
    return unsorted_segment_max(data, segment_ids, _last_id(segment_ids))


def bincount(arr, weights=None, minlength=None, maxlength=None, dtype="int32", name=None) -> Tensor:
    """How often each number from 0 on appears, or the sum of its weights."""
    ids = ops.reshape(tensor(arr, argument="arr"), (-1,))
    count = max(_last_id(ids), minlength or 0)
    if weights is None:
        found = unsorted_segment_sum(ops.ones((ids.size,), np.int32), ids, count)
    else:
        found = unsorted_segment_sum(ops.reshape(tensor(weights, argument="weights"), (-1,)), ids, count)
    found = found if maxlength is None else found[:maxlength]
    return found if weights is not None else ops.cast(found, dtype_of(dtype))


def confusion_matrix(labels, predictions, num_classes=None, weights=None, dtype="int32", name=None) -> Tensor:
    """How often each label (row) was predicted as each class (column).

    Examples
        >>> confusion_matrix([0, 1, 1], [0, 1, 0]).numpy()
        array([[1, 0],
               [1, 1]], dtype=int32)
    """
    rows = ops.reshape(ops.cast(tensor(labels, argument="labels"), np.int64), (-1,))
    columns = ops.reshape(ops.cast(tensor(predictions, argument="predictions"), np.int64), (-1,))
    if rows.shape != columns.shape:
        raise ValueError(
            f"[confusion_matrix] got {rows.size} labels and {columns.size} predictions, expected as many"
        )
    classes = max(_last_id(rows), _last_id(columns)) if num_classes is None else operator.index(num_classes)
    values = ops.ones((rows.size,), dtype_of(dtype)) if weights is None else tensor(weights, dtype)
    cells = ops.add(ops.multiply(rows, classes), columns)
    return ops.reshape(unsorted_segment_sum(values, cells, classes * classes), (classes, classes))
