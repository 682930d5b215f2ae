# SPDX-License-Identifier: Apache-2.0
"""Folds over any axes: sum, mean, max, min, prod, any, all, logsumexp, norms, and sum_to, which undoes
broadcasting. Names are NumPy's, so inside this module the built-ins of the same name are reached as
`builtins`."""

from __future__ import annotations

import builtins

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import _promotion, elementwise, shape_join, shape_view
from tilewright.ops._common import (
    axes_tuple,
    copied,
    destination,
    float_dtype,
    given_back,
    kept_by_axis,
    plain_destination,
)

ndarray = np.ndarray
_DIRECT = ("float32", "float64", "int32", "int64")
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_TRUTH = ("any", "all")


def in_table(name: str, a, floating: bool):
    """`a` in a dtype that the kernels reduce: half floats as float32, small integers and bool as int64, and
    integers as float64 where the result is a fraction."""
    if a.dtype in FLOATS:
        return a
    kind = a.dtype.kind
    if floating and kind in "biu":
        return copied(a, np.float64)
    if a.dtype.name in _DIRECT:
        return a
    if a.dtype.name in ("float16", "bfloat16"):
        return copied(a, np.float32)
    if a.dtype.name in ("bool", "uint8", "int8"):
        return copied(a, np.int64)
    raise TypeError(
        f"[{name}] x has dtype {a.dtype}, expected bool, int8, uint8, int32, int64 or a float dtype"
    )


def kept_shape(shape_, axes) -> tuple[int, ...]:
    """`shape_` with 1 where an axis is reduced."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape_))


@kept_by_axis
def plan(name: str, shape_: tuple[int, ...], axis, keepdims: bool):
    """The axes, the shape with 1 where an axis is reduced, and the result's shape."""
    axes = axes_tuple(name, axis, len(shape_))
    kept = kept_shape(shape_, axes)
    return axes, kept, kept if keepdims else tuple(n for i, n in enumerate(shape_) if i not in axes)


def _reduce(name: str, x, axis, keepdims: bool, out):
    """Calls the table; returns what the public function gives back, the axes, and the shape with ones."""
    a = x if type(x) is ndarray else raw(name, "x", x)
    axes, kept, wanted = plan(name, a.shape, axis, bool(keepdims))
    truth = name in _TRUTH
    if not truth and a.dtype in FLOATS and type(a) is ndarray:
        y = plain_destination(out, wanted, a.dtype)
        if y is not None:
            backend.module_of(y).reduce(y if keepdims else y.reshape(kept), a, name)
            return y, axes, kept
    source = a if truth else in_table(name, a, name in ("mean", "logsumexp"))
    computed = given = np.dtype(np.bool_) if truth else source.dtype
    if truth:
        pass
    elif source.dtype.kind == "i" and name in ("sum", "prod", "sum_squares"):
        computed, given = np.dtype(np.int64), _promotion.of_sum(x, a.dtype)
    elif name in ("max", "min") or a.dtype.kind not in "biu":
        given = a.dtype
    elif computed.kind == "f":
        given = _promotion.of_fraction(x)
    y = destination(name, out, wanted, given, a)
    target = y if given == computed else backend.empty(wanted, computed, a)
    backend.module_of(a).reduce(target.reshape(kept), source, name)
    if target is not y:
        backend.module_of(a).copy(y, target)
    return given_back(out, y), axes, kept


def _spread(dy, kept, like_shape):
    """A reduced gradient over the shape it was reduced from: a view, nothing is copied."""
    return shape_view.broadcast_to(shape_view.reshape(dy, kept), like_shape)


def sum(x, *, axis=None, keepdims: bool = False, out=None):
    """Sum of the elements along axes.

        y = sum_i x[.., i, ..]

    Parameters
        x : array of any shape and strides; float32, float64, int32, int64, bool, int8, uint8 (and half
            floats)
        axis : int, tuple of ints, or None for all axes
        keepdims : reduced axes stay with size 1
        out : array of the result's shape and dtype, optional
    Returns   y : dtype of x; int64 for bool and integers; 0 for nothing
    Raises    ValueError: axis out of range or repeated, out of another shape or overlapping x.  TypeError: x
              is no array, other dtypes.
    Numerics  float32 in short trees whose sums are added in float64: the error does not grow with the length
    Backends  cpu
    Notes     Higham, "The Accuracy of Floating Point Summation", SIAM J. Sci. Comput. 14(4), 1993.
    Examples
        >>> sum(np.ones((2, 3), np.float32), axis=1)
        array([3., 3.], dtype=float32)
    """
    y, _, kept = _reduce("sum", x, axis, keepdims, out)
    if type(x) is ndarray:
        return y
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
    y, axes, kept = _reduce("mean", x, axis, keepdims, out)
    if type(x) is ndarray:
        return y

    def gradient(dy, y, needs):
        count = backend.size_of(tuple(x.shape[i] for i in axes))
        return (_spread(elementwise.divide(dy, count), kept, x.shape),)

    return result(y, (x,), gradient)


def max(x, *, axis=None, keepdims: bool = False, out=None):
    """Largest element along axes; NaN if any is NaN. The gradient is shared evenly among equal maxima.

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
    y, axes, kept = _reduce("max", x, axis, keepdims, out)
    if type(x) is ndarray:
        return y
    return result(y, (x,), lambda dy, y, needs: (_extreme_gradient(dy, x, y, axes, kept),))


def min(x, *, axis=None, keepdims: bool = False, out=None):
    """Smallest element along axes; NaN if any is NaN. The gradient is shared evenly among equal minima.

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
    y, axes, kept = _reduce("min", x, axis, keepdims, out)
    if type(x) is ndarray:
        return y
    return result(y, (x,), lambda dy, y, needs: (_extreme_gradient(dy, x, y, axes, kept),))


def _extreme_gradient(dy, x, y, axes, kept):
    chosen = elementwise.cast(elementwise.equal(x, shape_view.reshape(y, kept)), x.dtype)
    share = elementwise.divide(shape_view.reshape(dy, kept), sum(chosen, axis=axes, keepdims=True))
    return elementwise.multiply(chosen, share)


def prod(x, *, axis=None, keepdims: bool = False, out=None):
    """Product of the elements along axes. The gradient is right where elements are zero.

        y = prod_i x[.., i, ..]

    Parameters
        x, axis, keepdims, out : as in `sum`
    Returns   y : dtype of x; int64 for bool and integers; 1 for nothing
    Raises    as `sum`
    Numerics  multiplies in float64, so that partial products of float32 have room; in a tree, not from left
              to right
    Backends  cpu
    Examples
        >>> prod(np.array([2.0, 3.0, 4.0], np.float32))
        array(24., dtype=float32)
    """
    y, axes, kept = _reduce("prod", x, axis, keepdims, out)
    return result(y, (x,), lambda dy, y, needs: (_prod_gradient(dy, x, axes),))


def _prod_gradient(dy, x, axes):
    """dy times the product of all other elements, without division: a tree of products upwards, then each
    node passes its gradient times the other child's product downwards. Exact at zeros, and made of
    multiplications."""
    others = tuple(i for i in range(x.ndim) if i not in axes)
    n = backend.size_of(tuple(x.shape[i] for i in axes))
    outer = backend.size_of(tuple(x.shape[i] for i in others))
    moved = shape_view.transpose(x, others + axes)
    if moved.size == 0:
        return elementwise.zeros_like(x)
    product, levels = shape_view.reshape(moved, (outer, n)), []
    while product.shape[1] > 1:
        if product.shape[1] % 2:
            product = shape_join.concat([product, elementwise.full((outer, 1), 1.0, x.dtype, like=x)], axis=1)
        levels.append(product)
        product = elementwise.multiply(product[:, ::2], product[:, 1::2])
    gradient = shape_view.reshape(dy, (outer, 1))
    for level in reversed(levels):
        gradient = gradient[:, : level.shape[1] // 2]
        left = elementwise.multiply(gradient, level[:, 1::2])
        right = elementwise.multiply(gradient, level[:, ::2])
        gradient = shape_view.reshape(shape_join.stack([left, right], axis=2), (outer, level.shape[1]))
    order = others + axes
    gradient = shape_view.reshape(gradient[:, :n], moved.shape)
    return shape_view.transpose(gradient, tuple(order.index(i) for i in range(x.ndim)))


def any(x, *, axis=None, keepdims: bool = False, out=None):
    """Whether any element along axes is true: not zero. NaN is true.

        y = or_i (x[.., i, ..] != 0)

    Parameters
        x : bool, int8, uint8, int32, int64, float32 or float64 array
        axis, keepdims, out : as in `sum`
    Returns   y : bool; False for nothing
    Raises    as `sum`
    Numerics  exact; no gradient
    Backends  cpu
    Examples
        >>> any(np.array([[False, True], [False, False]]), axis=1)
        array([ True, False])
    """
    return result(_reduce("any", x, axis, keepdims, out)[0], (x,), None)


def all(x, *, axis=None, keepdims: bool = False, out=None):
    """Whether every element along axes is true: not zero. NaN is true.

        y = and_i (x[.., i, ..] != 0)

    Parameters
        x, axis, keepdims, out : as in `any`
    Returns   y : bool; True for nothing
    Raises    as `sum`
    Numerics  exact; no gradient
    Backends  cpu
    Examples
        >>> all(np.array([1, 2, 0], np.int32))
        array(False)
    """
    return result(_reduce("all", x, axis, keepdims, out)[0], (x,), None)


def logsumexp(x, *, axis=None, keepdims: bool = False, out=None):
    """Logarithm of the sum of exponentials along axes, without overflow.

        y = m + log(sum_i exp(x[.., i, ..] - m)),  m = max_i x[.., i, ..]

    Parameters
        x, axis, keepdims, out : as in `sum`
    Returns   y : dtype of x; float64 for bool and integers; -inf for nothing
    Raises    as `sum`
    Numerics  exp in the dtype of x, sum and logarithm in float64; two passes over x
    Backends  cpu
    Examples
        >>> logsumexp(np.array([1000.0, 1000.0], np.float32))
        array(1000.6932, dtype=float32)
    """
    y, _, kept = _reduce("logsumexp", x, axis, keepdims, out)

    def gradient(dy, y, needs):
        share = elementwise.exp(elementwise.subtract(x, shape_view.reshape(y, kept)))
        return (elementwise.multiply(share, shape_view.reshape(dy, kept)),)

    return result(y, (x,), gradient)


def sum_squares(x, *, axis=None, keepdims: bool = False, out=None):
    """Sum of the squares of the elements along axes.

        y = sum_i x[.., i, ..]^2

    Parameters
        x, axis, keepdims, out : as in `sum`
    Returns   y : dtype of x; int64 for bool and integers; 0 for nothing
    Raises    as `sum`
    Numerics  squares and adds in float64: a float32 result overflows only if its value does
    Backends  cpu
    Examples
        >>> sum_squares(np.array([3.0, 4.0], np.float32))
        array(25., dtype=float32)
    """
    y, _, kept = _reduce("sum_squares", x, axis, keepdims, out)

    def gradient(dy, y, needs):
        return (elementwise.multiply(x, shape_view.reshape(elementwise.multiply(dy, 2.0), kept)),)

    return result(y, (x,), gradient)


def l2_norm(x, *, axis=None, keepdims: bool = False, out=None):
    """Euclidean length along axes: the root of the sum of squares. A zero vector's gradient is zero.

        y = sqrt(sum_i x[.., i, ..]^2)

    Parameters
        x, axis, keepdims, out : as in `sum`; x float32 or float64
    Returns   y : dtype of x
    Raises    as `sum`; TypeError: x is not of a float dtype
    Numerics  squares, sum and square root in float64
    Backends  cpu
    Examples
        >>> l2_norm(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32), axis=1)
        array([5., 0.], dtype=float32)
    """
    float_dtype("l2_norm", "x", raw("l2_norm", "x", x))
    y, _, kept = _reduce("l2_norm", x, axis, keepdims, out)

    def gradient(dy, y, needs):
        length = shape_view.reshape(y, kept)
        divisor = elementwise.where(elementwise.equal(length, 0.0), elementwise.ones_like(length), length)
        return (elementwise.multiply(elementwise.divide(x, divisor), shape_view.reshape(dy, kept)),)

    return result(y, (x,), gradient)


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
    return shape_view.reshape(y, target)
