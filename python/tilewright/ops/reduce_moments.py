# SPDX-License-Identifier: Apache-2.0
"""Mean and variance together, standard deviation, and the norm of a whole list of arrays."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import _promotion, elementwise, shape_view
from tilewright.ops._common import destination, given_back
from tilewright.ops.reduce_fold import in_table, plan

ndarray = np.ndarray


def moments(x, *, axis=None, keepdims: bool = False, ddof: float = 0):
    """Mean and variance along axes, in two passes over x.

        mean = sum_i x[i] / n,  variance = sum_i (x[i] - mean)^2 / (n - ddof)

    Parameters
        x : array of any shape and strides, float32 or float64; integers and bool as float64
        axis : int, tuple of ints, or None for all axes
        keepdims : reduced axes stay with size 1
        ddof : what is taken off n: 0 for a population (NumPy, Keras), 1 for an unbiased estimate (PyTorch)
    Returns   (mean, variance) : dtype of x; NaN where n - ddof is not positive and there is no spread
    Raises    ValueError: axis out of range or repeated.  TypeError: x is no array, other dtypes.
    Numerics  sums and differences in float64
    Backends  cpu
    Notes     Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", Am. Stat. 37(3), 1983.
    Examples
        >>> mean, variance = moments(np.array([1.0, 3.0], np.float32))
        >>> float(mean), float(variance)
        (2.0, 1.0)
    """
    a = raw("moments", "x", x)
    axes, kept, wanted = plan("moments", a.shape, axis, bool(keepdims))
    source = in_table("moments", a, True)
    given = a.dtype if a.dtype.kind not in "biu" else _promotion.of_fraction(x)
    pair = tuple(backend.empty(wanted, source.dtype, a) for _ in range(2))
    backend.module_of(a).moments(*(y.reshape(kept) for y in pair), source, float(ddof))
    if given != source.dtype:
        pair = tuple(elementwise.cast(y, given) for y in pair)
    if type(x) is ndarray:
        return pair
    count = backend.size_of(tuple(a.shape[i] for i in axes))

    def gradient(dys, ys, needs):
        dmean, dvariance = dys
        dx = None
        if dvariance is not None:
            slope = shape_view.reshape(
                elementwise.multiply(dvariance, 2.0 / (count - ddof) if count != ddof else 0.0), kept
            )
            dx = elementwise.multiply(elementwise.subtract(x, shape_view.reshape(ys[0], kept)), slope)
        if dmean is not None:
            share = shape_view.broadcast_to(
                shape_view.reshape(elementwise.divide(dmean, count), kept), x.shape
            )
            dx = share if dx is None else elementwise.add(dx, share)
        return (dx,)

    return result(pair, (x,), gradient)


def var(x, *, axis=None, keepdims: bool = False, ddof: float = 0, out=None):
    """Variance along axes.

        y = sum_i (x[i] - mean)^2 / (n - ddof)

    Parameters
        x, axis, keepdims, ddof : as in `moments`
        out : array of the result's shape and dtype, optional
    Returns   y : dtype of x; float64 for bool and integers
    Raises    as `moments`; ValueError: out of another shape
    Numerics  as `moments`
    Backends  cpu
    Examples
        >>> var(np.array([1.0, 2.0, 3.0], np.float32), ddof=1)
        array(1., dtype=float32)
    """
    y = moments(x, axis=axis, keepdims=keepdims, ddof=ddof)[1]
    return y if out is None else elementwise.copy(y, out=out)


def std(x, *, axis=None, keepdims: bool = False, ddof: float = 0, out=None):
    """Standard deviation along axes: the square root of `var`.

        y = sqrt(sum_i (x[i] - mean)^2 / (n - ddof))

    Parameters
        x, axis, keepdims, ddof, out : as in `var`
    Returns   y : dtype of x; float64 for bool and integers
    Raises    as `var`
    Numerics  as `moments`; the gradient is not finite where all elements are equal
    Backends  cpu
    Examples
        >>> std(np.array([1.0, 3.0], np.float32))
        array(1., dtype=float32)
    """
    return elementwise.sqrt(var(x, axis=axis, keepdims=keepdims, ddof=ddof), out=out)


def global_norm(arrays, *, out=None):
    """Euclidean length of all elements of a list of arrays together, in one call.

        y = sqrt(sum over arrays and elements of x^2)

    Parameters
        arrays : list or tuple of arrays, float32 or float64, any shapes and strides
        out : array of shape () and the dtype of the first array, optional
    Returns   y : shape (), dtype of the first array; 0 for an empty list
    Raises    TypeError: arrays is no list, an entry is no array or of another dtype.  ValueError: out of
              another shape.
    Numerics  squares and adds in float64
    Backends  cpu
    Notes     Pascanu et al., "On the difficulty of training recurrent neural networks", arXiv:1211.5063,
              section 3.2.
    Examples
        >>> global_norm([np.array([3.0], np.float32), np.array([[4.0]], np.float32)])
        array(5., dtype=float32)
    """
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"[global_norm] arrays is a {type(arrays).__name__}, expected a list of arrays")
    sources = [raw("global_norm", f"arrays[{i}]", x) for i, x in enumerate(arrays)]
    first = sources[0] if sources else None
    y = destination("global_norm", out, (), "float32" if first is None else first.dtype, first)
    backend.module_of(y).global_norm(y, sources)

    def gradient(dy, y, needs):
        safe = elementwise.where(elementwise.equal(y, 0.0), elementwise.ones_like(y), y)
        scale = elementwise.divide(dy, safe)
        return tuple(
            elementwise.multiply(x, elementwise.cast(scale, x.dtype)) if need else None
            for x, need in zip(arrays, needs, strict=True)
        )

    return result(given_back(out, y), tuple(arrays), gradient)
