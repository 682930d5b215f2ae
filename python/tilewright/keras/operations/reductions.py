# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, one number from many along axes: sums, extremes, positions; running ones; without NaN."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras.operations.arguments import flat, floats, is_float, slices
from tilewright.keras.operations.declared import MATH, NUMPY, called, node
from tilewright.ops._common import axis_index
from tilewright.tf import reductions
from tilewright.tf.arguments import as_axis, tensor


def _over(read, function):
    return lambda x, axis=None, keepdims=False: function(read(x), axis=as_axis(axis), keepdims=keepdims)


def _truth(x):
    return ops.cast(tensor(x), bool)


def _from_initial(function, combine):
    def reduce(x, axis=None, keepdims=False, initial=None):
        y = function(tensor(x), axis=as_axis(axis), keepdims=keepdims)
        return y if initial is None else combine(y, initial)

    return reduce


def _position(function):
    def reduce(x, axis=None, keepdims=False):
        return ops.cast(function(tensor(x), axis=axis, keepdims=keepdims), "int32")

    return reduce


_sum = _over(tensor, ops.sum)
for _name, _function in {
    "all": _over(_truth, ops.all), "amax": _over(tensor, ops.max), "amin": _over(tensor, ops.min),
    "any": _over(_truth, ops.any), "argmax": _position(ops.argmax), "argmin": _position(ops.argmin),
    "max": _from_initial(ops.max, ops.maximum), "mean": _over(floats, ops.mean),
    "min": _from_initial(ops.min, ops.minimum), "std": _over(floats, ops.std), "sum": _sum,
    "var": _over(floats, ops.var),
}.items():  # fmt: skip
    node(NUMPY)(called(_name, _function))
node(MATH)(called("logsumexp", _over(floats, ops.logsumexp)))


@node(NUMPY)
def prod(x, axis=None, keepdims=False, dtype=None):
    """The product along axes, computed in `dtype`."""
    x = tensor(x) if dtype is None else ops.cast(tensor(x), dtype)
    y = ops.prod(x, axis=as_axis(axis), keepdims=keepdims)
    return y if dtype is None else ops.cast(y, dtype)


@node(NUMPY)
def count_nonzero(x, axis=None):
    """How many elements are not 0, int32."""
    return ops.sum(ops.not_equal(tensor(x), 0), axis=as_axis(axis))


@node(NUMPY)
def ptp(x, axis=None, keepdims=False):
    """The largest less the smallest."""
    x, axis = tensor(x), as_axis(axis)
    return ops.subtract(ops.max(x, axis=axis, keepdims=keepdims), ops.min(x, axis=axis, keepdims=keepdims))


# ---- running results


def _running(function):
    def run(x, axis=None, dtype=None):
        x = tensor(x)
        if dtype is None:
            dtype = "int32" if x.dtype.kind == "b" else x.dtype
        x = ops.cast(x, dtype)
        if axis is None:
            x, axis = flat(x), 0
        return ops.cast(function(x, axis_index(function.__name__, axis, x.ndim)), dtype)

    return run


def _running_sum(x, axis):
    return ops.cumsum(x, axis=axis)


_cumprod, _cumsum = _running(reductions.cumprod), _running(_running_sum)
node(NUMPY)(called("cumprod", _cumprod))
node(NUMPY)(called("cumsum", _cumsum))


@node(NUMPY)
def diff(a, n=1, axis=-1):
    """Differences of neighbours along an axis, n times over."""
    a = tensor(a)
    if n < 0:
        raise ValueError(f"[diff] n is {n}, expected 0 or more")
    axis = axis_index("diff", axis, a.ndim)
    for _ in range(min(n, a.shape[axis])):
        after, before = a[slices(a.ndim, axis, slice(1, None))], a[slices(a.ndim, axis, slice(None, -1))]
        a = ops.not_equal(after, before) if a.dtype.kind == "b" else ops.subtract(after, before)
    return a


@node(NUMPY)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of y along an axis by trapezoids, `dx` wide or between the places `x`."""
    y = floats(y)
    axis = axis_index("trapezoid", axis, y.ndim)
    width = dx
    if x is not None:
        places = floats(x)
        width = diff(places, axis=-1 if places.ndim == 1 else axis)
        if places.ndim == 1:
            width = ops.reshape(width, [-1 if i == axis else 1 for i in range(y.ndim)])
    height = ops.add(y[slices(y.ndim, axis, slice(1, None))], y[slices(y.ndim, axis, slice(None, -1))])
    return ops.multiply(ops.sum(ops.multiply(height, width), axis=axis), 0.5)


# ---- without NaN


def _filled(x, value: float):
    """x with a number in place of NaN, and where NaN was."""
    x = tensor(x)
    if not is_float(x):
        return x, None
    missing = ops.isnan(x)
    return ops.where(missing, value, x), missing


def _emptied(y, missing, axis, keepdims):
    """y with NaN where all that led to it was NaN."""
    return y if missing is None else ops.where(ops.all(missing, axis=axis, keepdims=keepdims), math.nan, y)


def _filling(value: float, function):
    return lambda x, axis=None, keepdims=False: function(_filled(x, value)[0], axis, keepdims)


def _filling_running(value: float, function):
    return lambda x, axis=None, dtype=None: function(_filled(x, value)[0], axis, dtype)


def _extreme_of_numbers(function, lowest: float):
    def reduce(x, axis=None, keepdims=False):
        (x, missing), axis = _filled(x, lowest), as_axis(axis)
        return _emptied(function(x, axis=axis, keepdims=keepdims), missing, axis, keepdims)

    return reduce


def _position_of_numbers(function, lowest: float):
    def reduce(x, axis=None, keepdims=False):
        x, missing = _filled(x, lowest)
        y = ops.cast(function(x, axis=axis, keepdims=keepdims), "int32")
        if missing is None:
            return y
        return ops.where(ops.all(missing, axis=axis, keepdims=keepdims), ops.full((), -1, y.dtype), y)

    return reduce


for _name, _function in {
    "nanargmax": _position_of_numbers(ops.argmax, -math.inf),
    "nanargmin": _position_of_numbers(ops.argmin, math.inf),
    "nancumprod": _filling_running(1.0, _cumprod), "nancumsum": _filling_running(0.0, _cumsum),
    "nanmax": _extreme_of_numbers(ops.max, -math.inf), "nanmin": _extreme_of_numbers(ops.min, math.inf),
    "nanprod": _filling(1.0, prod), "nansum": _filling(0.0, _sum),
}.items():  # fmt: skip
    node(NUMPY)(called(_name, _function))


@node(NUMPY)
def nanmean(x, axis=None, keepdims=False):
    """The mean of what is not NaN; NaN where nothing is left."""
    (x, missing), axis = _filled(floats(x), 0.0), as_axis(axis)
    count = ops.sum(ops.cast(ops.logical_not(missing), x.dtype), axis=axis, keepdims=keepdims)
    return ops.divide(ops.sum(x, axis=axis, keepdims=keepdims), count)


@node(NUMPY)
def nanvar(x, axis=None, keepdims=False):
    """The variance of what is not NaN; NaN where nothing is left."""
    x = floats(x)
    missing, mean = ops.isnan(x), nanmean(x, axis, keepdims=True)
    apart = ops.where(missing, 0.0, ops.subtract(ops.where(missing, 0.0, x), mean))
    count = ops.sum(ops.cast(ops.logical_not(missing), x.dtype), axis=as_axis(axis), keepdims=keepdims)
    return ops.divide(ops.sum(ops.square(apart), axis=as_axis(axis), keepdims=keepdims), count)


@node(NUMPY)
def nanstd(x, axis=None, keepdims=False):
    """The standard deviation of what is not NaN; NaN where nothing is left."""
    return ops.sqrt(nanvar(x, axis, keepdims))
