# SPDX-License-Identifier: Apache-2.0
"""softmax and log_softmax along any axis, with their gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise, reduce
from tilewright.ops._common import axis_index, contiguous, destination, given_back

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


def softmax(x, *, axis: int = -1, out=None):
    """Softmax along one axis.

        y = exp(x - max(x)) / sum(exp(x - max(x)))

    Parameters
        x : (..., n, ...) array, float32 or float64
        axis : the axis that sums to one
        out : like x, optional; may be x itself
    Returns   y : same shape and dtype as x
    Raises    ValueError: axis out of range, out of another shape.  TypeError: x is no array, other dtypes.
    Numerics  accumulates in the dtype of x, in a fixed order; a row of -inf gives NaN, as in NumPy and
              PyTorch
    Backends  cpu, simt
    Notes     Milakov & Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867.
    Examples
        >>> softmax(np.zeros((1, 2), np.float32))
        array([[0.5, 0.5]], dtype=float32)
    """
    y = _on_rows("softmax", "softmax_forward", axis, out, raw("softmax", "x", x))
    return result(y, (x,), lambda dy, y, needs: (softmax_backward(dy, y, axis=axis),))


def softmax_backward(dy, y, *, axis: int = -1, out=None):
    """Gradient of `softmax` by its input, from its result: dx = y * (dy - sum(dy * y)).

    Parameters
        dy, y : arrays of one shape and dtype, float32 or float64
        axis : the axis of the forward call
        out : like y, optional; may be dy
    Returns   dx : like y
    Raises    as `softmax`; ValueError: dy and y differ in shape
    Numerics  as `softmax`
    Backends  cpu, simt
    """
    name = "softmax_backward"
    dx = _on_rows(name, name, axis, out, raw(name, "dy", dy), raw(name, "y", y))

    def gradient(ddx, _, needs):
        by_dy = softmax_backward(ddx, y, axis=axis) if needs[0] else None
        by_y = None
        if needs[1]:  # d/dy of sum(ddx * y * (dy - s)), s = sum(dy * y)
            s = reduce.sum(dy * y, axis=axis, keepdims=True)
            by_y = ddx * (dy - s) - dy * reduce.sum(ddx * y, axis=axis, keepdims=True)
        return by_dy, by_y

    return result(dx, (dy, y), gradient)


def log_softmax(x, *, axis: int = -1, out=None):
    """Logarithm of `softmax` along one axis, without its underflow.

        y = x - max(x) - log(sum(exp(x - max(x))))

    Parameters
        x : (..., n, ...) array, float32 or float64
        axis : the axis whose exponentials sum to one
        out : like x, optional; may be x itself
    Returns   y : same shape and dtype as x
    Raises    as `softmax`
    Numerics  as `softmax`
    Backends  cpu, simt
    Examples
        >>> log_softmax(np.zeros((1, 2)))
        array([[-0.69314718, -0.69314718]])
    """
    y = _on_rows("log_softmax", "log_softmax_forward", axis, out, raw("log_softmax", "x", x))
    return result(y, (x,), lambda dy, y, needs: (log_softmax_backward(dy, y, axis=axis),))


def log_softmax_backward(dy, y, *, axis: int = -1, out=None):
    """Gradient of `log_softmax` by its input, from its result: dx = dy - exp(y) * sum(dy).

    Parameters
        dy, y : arrays of one shape and dtype, float32 or float64
        axis : the axis of the forward call
        out : like y, optional; may be dy
    Returns   dx : like y
    Raises    as `softmax`; ValueError: dy and y differ in shape
    Numerics  as `softmax`
    Backends  cpu, simt
    """
    name = "log_softmax_backward"
    dx = _on_rows(name, name, axis, out, raw(name, "dy", dy), raw(name, "y", y))

    def gradient(ddx, _, needs):
        p = elementwise.exp(y)
        weighted = ddx * p
        by_dy = ddx - reduce.sum(weighted, axis=axis, keepdims=True) if needs[0] else None
        by_y = -weighted * reduce.sum(dy, axis=axis, keepdims=True) if needs[1] else None
        return by_dy, by_y

    return result(dx, (dy, y), gradient)


def _on_rows(name: str, function: str, axis: int, out, *inputs):
    """Calls the table's `function` with every array seen as rows along `axis`."""
    like = inputs[-1]
    if like.ndim == 0:
        raise ValueError(f"[{name}] x has shape (), expected at least 1 dimension")
    axis = axis_index(name, axis, like.ndim)
    for other in inputs[:-1]:
        if other.shape != like.shape:
            raise ValueError(f"[{name}] dy has shape {other.shape}, expected {like.shape} like y")
    y = destination(name, out, like.shape, like.dtype, like)
    last = axis == like.ndim - 1
    direct = last and y.flags.c_contiguous
    if direct and like.ndim == 2:
        if like.size:
            getattr(backend.module_of(like), function)(y, *(contiguous(a) for a in inputs))
        return given_back(out, y)
    moved = [contiguous(a if last else a.swapaxes(axis, -1)) for a in inputs]
    rows = y if direct else backend.empty(moved[-1].shape, like.dtype, like)
    if like.size:
        shape = (-1, moved[-1].shape[-1])
        getattr(backend.module_of(like), function)(rows.reshape(shape), *(a.reshape(shape) for a in moved))
    if not direct:
        backend.module_of(like).copy(y, rows if last else rows.swapaxes(axis, -1))
    return given_back(out, y)
