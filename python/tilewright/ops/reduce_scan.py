# SPDX-License-Identifier: Apache-2.0
"""Positions of extremes, running sums, the k largest."""

from __future__ import annotations

import functools
import operator

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import _promotion, elementwise, shape_index, shape_view
from tilewright.ops._common import axis_index, contiguous, destination, given_back, plain_destination
from tilewright.ops.reduce_fold import FLOATS, in_table

ndarray = np.ndarray
_INT64 = np.dtype(np.int64)


def argmax(x, *, axis: int | None = None, keepdims: bool = False, out=None):
    """Position of the largest element along an axis; of equal ones the first, of NaN the first NaN.

        y = min {i : x[.., i, ..] = max x}

    Parameters
        x : array of any shape and strides; float32, float64, int32, int64, bool, int8, uint8 (and half
            floats)
        axis : int, or None for the position in the flattened array
        keepdims : the axis stays with size 1 (with axis None, all axes)
        out : int64 array of the result's shape, optional
    Returns   y : int64
    Raises    ValueError: axis out of range, nothing to choose from, out of another shape.  TypeError: x is no
              array, other dtypes.
    Numerics  exact; no gradient
    Backends  cpu
    Examples
        >>> argmax(np.array([[1.0, 5.0, 5.0], [7.0, 2.0, 0.0]], np.float32), axis=1)
        array([1, 0])
    """
    return _extreme("argmax", x, axis, keepdims, out)


def argmin(x, *, axis: int | None = None, keepdims: bool = False, out=None):
    """Position of the smallest element along an axis; of equal ones the first, of NaN the first NaN.

        y = min {i : x[.., i, ..] = min x}

    Parameters
        x, axis, keepdims, out : as in `argmax`
    Returns   y : int64
    Raises    as `argmax`
    Numerics  exact; no gradient
    Backends  cpu
    Examples
        >>> argmin(np.array([3, 1, 2], np.int32))
        array(1)
    """
    return _extreme("argmin", x, axis, keepdims, out)


@functools.lru_cache(4096)
def _kept_plan(name: str, shape: tuple[int, ...], axis: int, keepdims: bool):
    """The axis from the front, the shape with 1 there, and the result's shape."""
    at = axis_index(name, axis, len(shape))
    kept = (*shape[:at], 1, *shape[at + 1 :])
    return at, kept, kept if keepdims else shape[:at] + shape[at + 1 :]


def _extreme(name: str, x, axis, keepdims: bool, out):
    if type(x) is ndarray and type(axis) is int and x.dtype in FLOATS:
        at, kept, wanted = _kept_plan(name, x.shape, axis, bool(keepdims))
        y = plain_destination(out, wanted, _INT64)
        if y is not None:
            backend.module_of(x).argmax(y if keepdims else y.reshape(kept), x, at, name == "argmin")
            return y
    a = raw(name, "x", x)
    source = in_table(name, a, False)
    if axis is None:
        lines, at = contiguous(source).reshape(-1), 0
        wanted = (1,) * a.ndim if keepdims else ()
        kept = (1,)
    else:
        lines, at = source, axis_index(name, axis, a.ndim)
        kept = (*a.shape[:at], 1, *a.shape[at + 1 :])
        wanted = kept if keepdims else a.shape[:at] + a.shape[at + 1 :]
    y = destination(name, out, wanted, np.dtype(np.int64), a)
    backend.module_of(a).argmax(y.reshape(kept), lines, at, name == "argmin")
    return result(given_back(out, y), (x,), None)


def cumsum(x, *, axis: int | None = None, exclusive: bool = False, reverse: bool = False, out=None):
    """Running sum along an axis.

        y[i] = x[0] + ... + x[i];   exclusive: x[0] + ... + x[i - 1];   reverse: from the other end

    Parameters
        x : array of any shape and strides; float32, float64, int32, int64, bool, int8, uint8
        axis : int, or None to run through the flattened array (a 1-D result)
        exclusive : leave each element out of its own sum: the first is 0 (TensorFlow)
        reverse : run from the last element to the first (TensorFlow)
        out : array of the result's shape and dtype, optional; may be x itself
    Returns   y : shape of x; dtype of x, int64 for bool and integers
    Raises    ValueError: axis out of range, out of another shape or partly overlapping x.  TypeError: x is no
              array, other dtypes.
    Numerics  the running total is float64: the error does not grow along the axis
    Backends  cpu
    Examples
        >>> cumsum(np.array([1.0, 2.0, 3.0], np.float32), reverse=True)
        array([6., 5., 3.], dtype=float32)
    """
    name = "cumsum"
    a = raw(name, "x", x)
    if axis is None:
        if a.ndim != 1:
            return cumsum(shape_view.reshape(x, (-1,)), axis=0, exclusive=exclusive, reverse=reverse, out=out)
        axis = 0
    at = axis_index(name, axis, a.ndim)
    source = in_table(name, a, False)
    if source.dtype == np.int32:
        source = elementwise.cast(source, np.int64)
    given = _promotion.of_sum(x, a.dtype) if a.dtype.kind in "biu" else a.dtype
    y = destination(name, out, a.shape, given, a)
    target = y if given == source.dtype else backend.empty(a.shape, source.dtype, a)
    backend.module_of(a).cumsum(target, source, at, bool(exclusive), bool(reverse))
    if target is not y:
        backend.module_of(a).copy(y, target)

    def gradient(dy, y, needs):
        return (cumsum(dy, axis=at, exclusive=exclusive, reverse=not reverse),)

    return result(given_back(out, y), (x,), gradient)


def top_k(x, k: int, *, axis: int = -1, out=None):
    """The k largest elements along an axis, descending, and their positions.

        values[j] = the (j + 1)-th largest x[.., i, ..],  indices[j] = its i

    Parameters
        x : array of any shape and strides; float32, float64, int32 or int64
        k : how many, 0 to the size of the axis
        axis : the axis to choose along
        out : (values, indices), arrays of the results' shapes and dtypes, optional
    Returns   (values, indices) : k along the axis; dtype of x, and int64. Equal values stand in the order of
              their positions; NaN counts as larger than every number, as in PyTorch and in NumPy's sort
    Raises    ValueError: axis or k out of range, out of another shape.  TypeError: x is no array, other
              dtypes.
    Numerics  exact; the gradient goes to the elements chosen
    Backends  cpu
    Examples
        >>> values, indices = top_k(np.array([1.0, 9.0, 3.0], np.float32), 2)
        >>> values, indices
        (array([9., 3.], dtype=float32), array([1, 2]))
    """
    name = "top_k"
    a = raw(name, "x", x)
    at = axis_index(name, axis, a.ndim)
    try:
        k = operator.index(k)
    except TypeError:
        raise TypeError(f"[{name}] k is a {type(k).__name__}, expected an int") from None
    if not 0 <= k <= a.shape[at]:
        raise ValueError(f"[{name}] k is {k}, expected 0 to {a.shape[at]}, the size of axis {at} of x")
    wanted = (*a.shape[:at], k, *a.shape[at + 1 :])
    if out is not None and not (isinstance(out, (tuple, list)) and len(out) == 2):
        raise TypeError(f"[{name}] out is a {type(out).__name__}, expected (values, indices)")
    given = tuple(
        destination(name, None if out is None else out[i], wanted, dtype, a)
        for i, dtype in enumerate((a.dtype, np.dtype(np.int64)))
    )
    moved = contiguous(a.swapaxes(at, -1))
    rows = tuple(backend.empty((*moved.shape[:-1], k), y.dtype, a) for y in given)
    flat = backend.size_of(moved.shape[:-1])
    module = backend.module_of(a)
    module.top_k(*(y.reshape(flat, k) for y in rows), moved.reshape(flat, moved.shape[-1]))
    if out is None and at == a.ndim - 1:
        given = rows
    else:
        for y, row in zip(given, rows, strict=True):
            module.copy(y, row.swapaxes(at, -1))

    def gradient(dys, ys, needs):
        if dys[0] is None:
            return (None,)
        return (shape_index.scatter_add(elementwise.zeros_like(x), ys[1], dys[0], axis=at),)

    return result(given, (x,), gradient)
