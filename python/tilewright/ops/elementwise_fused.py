# SPDX-License-Identifier: Apache-2.0
"""Bias, residual and activation in one sweep, with its backward, and dropout."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw, recording, result, tracked
from tilewright.ops import elementwise_unary as unary
from tilewright.ops import reduce
from tilewright.ops._common import contiguous, destination, given_back
from tilewright.ops._operands import keep_inputs
from tilewright.ops.elementwise_activation import activation_name
from tilewright.ops.elementwise_binary import add, multiply, subtract

# Their derivative is no function of y, so z is kept for it.
_NEEDS_Z = frozenset(("gelu", "gelu_tanh", "silu"))


def _like(name: str, argument: str, x, model, shape=None):
    """x as a raw array in C order, checked against the model's dtype and the shape."""
    if x is None:
        return None
    array, shape = raw(name, argument, x), model.shape if shape is None else shape
    if array.shape != shape:
        raise ValueError(f"[{name}] {argument} has shape {array.shape}, expected {shape}")
    if array.dtype != model.dtype:
        raise TypeError(f"[{name}] {argument} has dtype {array.dtype}, expected {model.dtype} like x")
    return contiguous(array)


def _ordered(name: str, out, array):
    """`out` where the kernel can write into it, else a C-ordered array to copy from."""
    y = destination(name, out, array.shape, array.dtype, array)
    return y if y.flags.c_contiguous else backend.empty(array.shape, array.dtype, array)


def _channels(name: str, array) -> tuple[int, ...]:
    if array.ndim == 0:
        raise ValueError(f"[{name}] x has shape (), expected at least 1 dimension for a bias")
    return array.shape[-1:]


def bias_activation(x, *, bias=None, activation=None, residual=None, slope=None, out=None):
    """Bias and residual added and an activation applied, in one pass over the memory.

        y = activation(x + bias + residual)

    Parameters
        x : (..., C) array, float32 or float64
        bias : (C,) array, optional;  residual : like x, optional
        activation, slope : as `activation`; slope and alpha must not be negative
        out : like x, optional; may be x or residual
    Returns   y : like x
    Raises    ValueError: shapes that do not fit, an unknown activation, a negative slope.
              TypeError: other dtypes.
    Backends  cpu
    Examples
        >>> bias_activation(np.array([[1.0, -5.0]]), bias=np.array([1.0, 1.0]), activation="relu")
        array([[2., 0.]])
    """
    name = "bias_activation"
    f, p = activation_name(name, activation, slope)
    _refuse_negative(name, f, p)
    array = contiguous(raw(name, "x", x))
    added = _like(name, "bias", bias, array, None if bias is None else _channels(name, array))
    rest = _like(name, "residual", residual, array)
    if out is not None:
        keep_inputs(name, out, x, residual)
    y = _ordered(name, out, array)
    keeps_z = f in _NEEDS_Z and recording() and any(tracked(v) for v in (x, bias, residual))
    z = backend.empty(array.shape, array.dtype, array) if keeps_z else None
    backend.module_of(array).bias_activation_forward(y, z, array, added, rest, f, p)
    given = y if out is None else given_back(out, y)

    def gradient(dy, saved, needs):
        dz, db = _gradient(dy, saved, f, p, needs[1])
        return dz if needs[0] else None, db, dz if needs[2] else None

    if z is None:
        return result(given, (x, bias, residual), gradient)
    return result((given, z), (x, bias, residual), gradient)[0]


def _refuse_negative(name: str, activation: str, slope: float):
    if slope < 0:
        raise ValueError(f"[{name}] slope is {slope}, expected at least 0 for {activation}")


def _gradient(dy, y, activation: str, slope: float, bias_gradient: bool):
    """(dz, db or None) at a node whose result is y, or (y, z): a second differentiation may flow into z."""
    from_z = None
    if isinstance(y, tuple):
        (dy, from_z), y = dy, y[1]
    dz = db = None
    if dy is not None and bias_gradient and from_z is None:
        return bias_activation_backward(dy, y, activation, slope=slope, bias_gradient=True)
    if dy is not None:
        dz = bias_activation_backward(dy, y, activation, slope=slope)
    if from_z is not None:
        dz = from_z if dz is None else add(dz, from_z)
    if bias_gradient:
        db = reduce.sum_to(dz, dz.shape[-1:])
    return dz, db


def bias_activation_backward(dy, saved, activation, *, slope=None, bias_gradient: bool = False, out=None):
    """Gradients of `bias_activation` and of every operation with such an ending.

        dz = dy * activation'(z),   db = sum of dz over all axes but the last

    Parameters
        dy : (..., C) array, float32 or float64
        saved : like dy: the result y; for "gelu", "gelu_tanh" and "silu" the pre-activation z
        activation, slope : as in the forward call
        bias_gradient : db is wanted too
        out : like dy, optional; may be dy or saved
    Returns   dz, like dy; with bias_gradient the pair of dz and db, a (C,) array
    Raises    ValueError: shapes that differ, an unknown activation, a negative slope.
              TypeError: other dtypes.
    Numerics  db is summed over blocks of rows that the shape alone decides, then pairwise
    Backends  cpu
    Examples
        >>> bias_activation_backward(np.array([[1.0, 1.0]]), np.array([[2.0, 0.0]]), "relu")
        array([[1., 0.]])
    """
    name = "bias_activation_backward"
    f, p = activation_name(name, activation, slope)
    _refuse_negative(name, f, p)
    array = contiguous(raw(name, "dy", dy))
    if f == "linear" and out is None:
        return (dy, reduce.sum_to(dy, _channels(name, array))) if bias_gradient else dy
    kept = _like(name, "saved", saved, array)
    if out is not None:
        keep_inputs(name, out, dy, saved)
    dz = _ordered(name, out, array)
    db = backend.empty(_channels(name, array), array.dtype, array) if bias_gradient else None
    backend.module_of(array).bias_activation_backward(dz, db, array, kept, f, p)
    dz = dz if out is None else given_back(out, dz)

    def gradient(ddz, _, needs):
        if bias_gradient:
            ddz, ddb = ddz
            ddz = ddz if ddb is None else _spread(ddb, array) if ddz is None else add(ddz, ddb)
        by_dy = bias_activation_backward(ddz, saved, f, slope=p) if needs[0] else None
        return by_dy, _by_saved(multiply(ddz, dy), saved, f, p) if needs[1] else None

    if db is None:
        return result(dz, (dy, saved), gradient)
    return result((dz, db), (dy, saved), gradient)


def _spread(db, model):
    from tilewright.ops import shape

    return shape.broadcast_to(db, model.shape)


def _by_saved(weight, saved, f: str, p: float):
    """weight * d activation' / d saved."""
    if f in _NEEDS_Z:
        return unary.unary_backward2(weight, saved, f)
    if f == "sigmoid":  # (y - y^2)'
        return multiply(weight, subtract(1.0, multiply(saved, 2.0)))
    if f == "tanh":  # (1 - y^2)'
        return multiply(weight, multiply(saved, -2.0))
    if f == "softplus":  # (1 - exp(-y))'
        return multiply(weight, unary.exp(unary.negative(saved)))
    if f == "elu":  # (y + alpha)' below zero
        from tilewright.ops.elementwise_binary import less
        from tilewright.ops.elementwise_copy import where

        return where(raw("elu", "saved", less(saved, 0.0)), weight, 0.0)
    return None


def dropout(x, rate: float, *, key, out=None):
    """Sets elements to zero with probability `rate` and scales the rest up.

        y = x / (1 - rate) where the element is kept, else 0

    Parameters
        x : float32 or float64 array
        rate : the probability of zero, 0 to 1
        key : (2,) int64 array from `random_key`: seed and offset. The call uses ceil(x.size / 4) blocks from
            the offset on; the next call's offset should lie behind them
        out : like x, optional; may be x
    Returns   y : like x
    Raises    ValueError: rate outside 0 to 1, key of another shape.  TypeError: other dtypes, rate no number.
    Numerics  the same elements for any number of threads and any device; backward draws them again
    Backends  cpu
    Notes     Srivastava et al., "Dropout", JMLR 15, 2014; Philox4x32-10: Salmon et al., SC 2011.
    Examples
        >>> dropout(np.ones(8, np.float32), 0.5, key=np.array([1, 0])).max()
        np.float32(2.0)
    """
    name = "dropout"
    if not isinstance(rate, (int, float, np.number)):
        raise TypeError(f"[{name}] rate is a {type(rate).__name__}, expected a number")
    array = contiguous(raw(name, "x", x))
    y = _ordered(name, out, array)
    backend.module_of(array).dropout(y, array, raw(name, "key", key), float(rate))
    return result(
        y if out is None else given_back(out, y), (x,), lambda dy, _, needs: (dropout(dy, rate, key=key),)
    )
