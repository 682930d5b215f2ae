# SPDX-License-Identifier: Apache-2.0
"""Reductions over any axes: sum, mean, max, min, prod, any, all, logsumexp, norms, and sum_to, which undoes
broadcasting. Names are NumPy's, so inside this module the built-ins of the same name are reached as `builtins`."""

from __future__ import annotations

import builtins

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import shape
from tilewright.ops._common import axes_tuple, copied, destination, given_back

__all__ = ["max", "mean", "min", "sum", "sum_to"]

_DIRECT = ("float32", "float64", "int32", "int64")


def _in_table(name: str, a, floating: bool):
    """`a` in a dtype that the kernels reduce: half floats as float32, small integers and bool as int64, and
    integers as float64 where the result is a fraction."""
    kind = a.dtype.kind
    if floating and kind in "biu":
        return copied(a, np.float64)
    if a.dtype.name in _DIRECT:
        return a
    if a.dtype.name in ("float16", "bfloat16"):
        return copied(a, np.float32)
    if a.dtype.name in ("bool", "uint8", "int8"):
        return copied(a, np.int64)
    raise TypeError(f"[{name}] x has dtype {a.dtype}, expected bool, int8, uint8, int32, int64 or a float dtype")


def kept_shape(shape_, axes) -> tuple[int, ...]:
    """`shape_` with 1 where an axis is reduced."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape_))


def _reduce(name: str, f: str, x, axis, keepdims: bool, out, dtype=None):
    """Calls the table; returns what the public function gives back, the axes, and the shape with ones."""
    a = raw(name, "x", x)
    axes = axes_tuple(name, axis, a.ndim)
    kept = kept_shape(a.shape, axes)
    wanted = kept if keepdims else tuple(n for i, n in enumerate(a.shape) if i not in axes)
    source = a if f in ("any", "all") else _in_table(name, a, f in ("mean", "logsumexp"))
    if dtype is None:
        half = a.dtype.kind in "fV" and source is not a
        widened = source.dtype.kind == "i" and f in ("sum", "prod", "sum_squares")
        chosen = f in ("max", "min")
        dtype = np.dtype(np.int64) if widened else a.dtype if half or chosen else source.dtype
    y = destination(name, out, wanted, dtype, a)
    computed = np.dtype(np.int64) if source.dtype == np.int32 and f in ("sum", "prod", "sum_squares") else source.dtype
    direct = f in ("any", "all") or y.dtype == computed
    target = y if direct else backend.empty(wanted, computed, a)
    backend.module_of(a).reduce(target.reshape(kept), source, f)
    if target is not y:
        backend.module_of(a).copy(y, target)
    return given_back(out, y), axes, kept


def _spread(dy, kept, like_shape):
    """A reduced gradient over the shape it was reduced from: a view, nothing is copied."""
    return shape.broadcast_to(shape.reshape(dy, kept), like_shape)


def sum(x, *, axis=None, keepdims: bool = False, out=None):
    """Sum of the elements along axes.

        y = sum_i x[.., i, ..]

    Parameters
        x : array of any shape and strides; float32, float64, int32, int64, bool, int8, uint8 (and half floats)
        axis : int, tuple of ints, or None for all axes
        keepdims : reduced axes stay with size 1
        out : array of the result's shape and dtype, optional
    Returns   y : dtype of x; int64 for bool and integers; 0 for nothing
    Raises    ValueError: axis out of range or repeated, out of another shape or overlapping x.  TypeError: x is
              no array, other dtypes.
    Numerics  float32 in short trees whose sums are added in float64: the error does not grow with the length
    Backends  cpu
    Notes     Higham, "The Accuracy of Floating Point Summation", SIAM J. Sci. Comput. 14(4), 1993.
    Examples
        >>> sum(np.ones((2, 3), np.float32), axis=1)
        array([3., 3.], dtype=float32)
    """
    y, _, kept = _reduce("sum", "sum", x, axis, keepdims, out)
    return result(y, (x,), lambda dy, y, needs: (_spread(dy, kept, x.shape),))


def mean(x, *, axis=None, keepdims: bool = False, out=None):
    """Arithmetic mean along axes.

        y = sum_i x[.., i, ..] / n

    Parameters
        x, axis, keepdims, out : as in `sum`
    Returns   y : dtype of x; float64 for bool and integers; NaN for nothing
    Raises    as `sum`
    Numerics  as `sum`; the division is done in float64
    Backends  cpu
    Examples
        >>> mean(np.array([1.0, 2.0, 6.0], np.float32))
        array(3., dtype=float32)
    """
    y, axes, kept = _reduce("mean", "mean", x, axis, keepdims, out)

    def gradient(dy, y, needs):
        from tilewright.ops import elementwise

        count = backend.size_of(tuple(x.shape[i] for i in axes))
        return (_spread(elementwise.divide(dy, count), kept, x.shape),)

    return result(y, (x,), gradient)


def max(x, *, axis=None, keepdims: bool = False, out=None):
    """Largest element along axes; NaN if any element is NaN. The gradient is shared evenly among equal maxima.

        y = max_i x[.., i, ..]

    Parameters
        x, axis, keepdims, out : as in `sum`
    Returns   y : dtype of x
    Raises    as `sum`; ValueError: nothing to choose from along the reduced axes
    Numerics  exact
    Backends  cpu
    Notes     Equal shares are TensorFlow's reduce_max and PyTorch's amax.
    Examples
        >>> max(np.array([[1.0, 5.0], [7.0, 2.0]], np.float32), axis=0)
        array([7., 5.], dtype=float32)
    """
    y, axes, kept = _reduce("max", "max", x, axis, keepdims, out)
    return result(y, (x,), lambda dy, y, needs: (_extreme_gradient(dy, x, y, axes, kept),))


def min(x, *, axis=None, keepdims: bool = False, out=None):
    """Smallest element along axes; NaN if any element is NaN. The gradient is shared evenly among equal minima.

        y = min_i x[.., i, ..]

    Parameters
        x, axis, keepdims, out : as in `sum`
    Returns   y : dtype of x
    Raises    as `sum`; ValueError: nothing to choose from along the reduced axes
    Numerics  exact
    Backends  cpu
    Examples
        >>> min(np.array([3, 1, 2], np.int32))
        array(1, dtype=int32)
    """
    y, axes, kept = _reduce("min", "min", x, axis, keepdims, out)
    return result(y, (x,), lambda dy, y, needs: (_extreme_gradient(dy, x, y, axes, kept),))


def _extreme_gradient(dy, x, y, axes, kept):
    from tilewright.ops import elementwise

    chosen = elementwise.cast(elementwise.equal(x, shape.reshape(y, kept)), x.dtype)
    share = elementwise.divide(shape.reshape(dy, kept), sum(chosen, axis=axes, keepdims=True))
    return elementwise.multiply(chosen, share)


def sum_to(x, target_shape):
    """Sums `x` down to `target_shape`, which broadcasts to x's shape: the gradient of broadcasting.

        y[j] = sum of x over every index that broadcasting made from j

    Parameters
        x : array
        target_shape : tuple of int
    Returns   y : of target_shape; x itself when that is its shape
    Raises    ValueError: target_shape does not broadcast to the shape of x
    Numerics  as `sum`
    Backends  cpu
    Examples
        >>> sum_to(np.ones((4, 3), np.float32), (1, 3))
        array([[4., 4., 4.]], dtype=float32)
    """
    a, target = raw("sum_to", "x", x), tuple(target_shape)
    if a.shape == target:
        return x
    lead = a.ndim - len(target)
    if lead < 0 or builtins.any(t not in (1, n) for t, n in zip(target, a.shape[lead:], strict=True)):
        raise ValueError(f"[sum_to] x has shape {a.shape}, expected one that {target} broadcasts to")
    stretched = tuple(i + lead for i, t in enumerate(target) if t != a.shape[i + lead])
    y = sum(x, axis=tuple(range(lead)) + stretched, keepdims=True)
    return shape.reshape(y, target)
