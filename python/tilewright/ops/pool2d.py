# SPDX-License-Identifier: Apache-2.0
"""Pooling: the maximum or mean of windows of an image."""

from __future__ import annotations

import numpy as np

from tilewright import autograd, backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise
from tilewright.ops._common import destination, float_dtype, gates, given_back
from tilewright.ops._windows import (
    dense_rows,
    images,
    is_channels_first,
    padding_of,
    pair,
    to_first,
    to_last,
    window_count,
)

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_gather",
]


def max_pool2d(
    x, pool_size, *, stride=None, padding="valid", return_indices=False, data_format="channels_last", out=None
):
    """Largest value of each window.

        y[n, p, q, c] = max over the window at (p * stride - top, q * stride - left) of x[n, :, :, c]

    Parameters
        x : (N, H, W, C) images, float32 or float64; (N, C, H, W) with data_format="channels_first"
        pool_size : int or (rows, columns)
        stride : int or (rows, columns); pool_size if not given
        padding : "valid", "same" (ceil(H / stride) windows, an odd pixel at the end, as in Keras), an int, or
            ((top, bottom), (left, right)), less than pool_size (PyTorch allows half). Padding counts as -inf
        return_indices : the positions of the maxima are returned too
        out : like the result, optional
    Returns   y : (N, P, Q, C) in x's layout and dtype; with return_indices the tuple (y, indices), indices
              int32: row * W + column of the first maximum, as PyTorch counts them
    Raises    ValueError: wrong number of axes, windows larger than the padded image, padding not below
              pool_size, an unknown padding or layout, out of another shape.  TypeError: other dtypes.
    Numerics  exact; NaN counts as largest
    Backends  cpu
    Examples
        >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
        array([[ 5.,  7.],
               [13., 15.]])
    """
    name = "max_pool2d"
    if is_channels_first(name, data_format):
        y = max_pool2d(to_last(x), pool_size, stride=stride, padding=padding, return_indices=return_indices)
        return (to_first(y[0], out), to_first(y[1])) if return_indices else to_first(y, out)
    xa = images(name, "x", raw(name, "x", x))
    windows, y_shape = _windows(name, xa, pool_size, stride, padding)
    keep = return_indices or (autograd.recording() and autograd.tracked(x))
    indices = backend.empty(y_shape, np.int32, xa) if keep else None

    def pool(module, y, x):
        module.max_pool2d_forward(y, indices, x, *windows)

    y = _run(name, pool, y_shape, out, xa)
    options, x_shape, source = _options(windows), xa.shape, getattr(x, "node", None)

    def gradient(dy, y, needs):
        dy, y = (dy[0], y[0]) if return_indices else (dy, y)
        if dy is None:
            return (None,)
        cut = gates(source)
        if cut:  # the rectifier's cut commutes with the choice of the maximum, and costs less before it
            dy = elementwise.unary_backward(dy, y, "relu", y=y)
            source.let_outputs_go()
        dx = max_pool2d_backward(dy, indices, x_shape, **options)
        dx.gated = cut
        return (dx,)

    return result((y, indices) if return_indices else y, (x,), gradient)


def max_pool2d_backward(dy, indices, x_shape, pool_size, *, stride=None, padding="valid", out=None):
    """Gradient of `max_pool2d`: every dy goes to where its maximum was.

        dx[n, h, w, c] = sum of dy[n, p, q, c] over the windows whose maximum is (h, w)

    Parameters
        dy : (N, P, Q, C), float32 or float64
        indices : (N, P, Q, C) int32, from `max_pool2d`
        x_shape : the images' shape (N, H, W, C)
        pool_size, stride, padding : as in `max_pool2d`
        out : of shape x_shape, optional
    Returns   dx : of shape x_shape
    Raises    as `max_pool2d`; ValueError: dy or indices are not what max_pool2d gives for x_shape
    Numerics  sums in the dtype of dy, windows in order
    Backends  cpu
    Examples
        >>> last = np.full((1, 1, 1, 1), 3, np.int32)
        >>> max_pool2d_backward(np.ones((1, 1, 1, 1)), last, (1, 2, 2, 1), 2).ravel()
        array([0., 0., 0., 1.])
    """
    name = "max_pool2d_backward"
    dya = images(name, "dy", raw(name, "dy", dy), "(N, P, Q, C)")
    ia = dense_rows(images(name, "indices", raw(name, "indices", indices), "(N, P, Q, C)"))
    windows = _geometry(name, x_shape, pool_size, stride, padding)

    def scatter(module, dx, dy):
        module.max_pool2d_backward(dx, dy, ia, *windows)

    dx = _run(name, scatter, tuple(x_shape), out, dya)
    return result(dx, (dy,), lambda g, y, needs: (max_pool2d_gather(g, indices, **_options(windows)),))


def max_pool2d_gather(x, indices, pool_size, *, stride=None, padding="valid", out=None):
    """The values at the positions `max_pool2d` found: the gradient of `max_pool2d_backward`.

        y[n, p, q, c] = x[n, indices[n, p, q, c], c]

    Parameters
        x : (N, H, W, C), float32 or float64
        indices : (N, P, Q, C) int32, each row * W + column
        pool_size, stride, padding : of the pooling that gave the indices
        out : like indices but of x's dtype, optional
    Returns   y : (N, P, Q, C)
    Raises    as `max_pool2d`; ValueError: a position outside the image
    Numerics  exact
    Backends  cpu
    Examples
        >>> last = np.full((1, 1, 1, 1), 3, np.int32)
        >>> max_pool2d_gather(np.arange(4.0).reshape(1, 2, 2, 1), last, 2).ravel()
        array([3.])
    """
    name = "max_pool2d_gather"
    xa = images(name, "x", raw(name, "x", x))
    ia = dense_rows(images(name, "indices", raw(name, "indices", indices), "(N, P, Q, C)"))

    def gather(module, y, x):
        module.max_pool2d_gather(y, x, ia)

    y = _run(name, gather, ia.shape, out, xa)
    return result(
        y,
        (x,),
        lambda dy, y, needs: (
            max_pool2d_backward(dy, indices, xa.shape, pool_size, stride=stride, padding=padding),
        ),
    )


def avg_pool2d(
    x, pool_size, *, stride=None, padding="valid", count_padding=False, data_format="channels_last", out=None
):
    """Mean of each window.

        y[n, p, q, c] = sum over the window at (p * stride - top, q * stride - left) of x[n, :, :, c] / count

    Parameters
        x : (N, H, W, C) images, float32 or float64; (N, C, H, W) with data_format="channels_first"
        pool_size, stride, padding, data_format : as in `max_pool2d`
        count_padding : False: count is the number of pixels inside the image (Keras, and PyTorch's
            count_include_pad=False); True: padding is counted (PyTorch's default)
        out : like the result, optional
    Returns   y : (N, P, Q, C) in x's layout and dtype
    Raises    as `max_pool2d`
    Numerics  sums in the dtype of x, row by row of the window
    Backends  cpu
    Examples
        >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
        array([[ 2.5,  4.5],
               [10.5, 12.5]])
    """
    name = "avg_pool2d"
    if is_channels_first(name, data_format):
        y = avg_pool2d(to_last(x), pool_size, stride=stride, padding=padding, count_padding=count_padding)
        return to_first(y, out)
    xa = images(name, "x", raw(name, "x", x))
    windows, y_shape = _windows(name, xa, pool_size, stride, padding)

    def pool(module, y, x):
        module.avg_pool2d_forward(y, x, *windows, bool(count_padding))

    y = _run(name, pool, y_shape, out, xa)
    options = {**_options(windows), "count_padding": count_padding}
    return result(y, (x,), lambda dy, y, needs: (avg_pool2d_backward(dy, xa.shape, **options),))


def avg_pool2d_backward(
    dy, x_shape, pool_size, *, stride=None, padding="valid", count_padding=False, out=None
):
    """Gradient of `avg_pool2d`: every dy spread over its window.

        dx[n, h, w, c] = sum of dy[n, p, q, c] / count over the windows that hold (h, w)

    Parameters
        dy : (N, P, Q, C), float32 or float64
        x_shape : the images' shape (N, H, W, C)
        pool_size, stride, padding, count_padding : as in `avg_pool2d`
        out : of shape x_shape, optional
    Returns   dx : of shape x_shape
    Raises    as `max_pool2d`; ValueError: dy is not what avg_pool2d gives for x_shape
    Numerics  sums in the dtype of dy, windows in order
    Backends  cpu
    Examples
        >>> avg_pool2d_backward(np.ones((1, 1, 1, 1)), (1, 2, 2, 1), 2).ravel()
        array([0.25, 0.25, 0.25, 0.25])
    """
    name = "avg_pool2d_backward"
    dya = images(name, "dy", raw(name, "dy", dy), "(N, P, Q, C)")
    windows = _geometry(name, x_shape, pool_size, stride, padding)

    def spread(module, dx, dy):
        module.avg_pool2d_backward(dx, dy, *windows, bool(count_padding))

    dx = _run(name, spread, tuple(x_shape), out, dya)
    options = {**_options(windows), "count_padding": count_padding}
    return result(dx, (dy,), lambda g, y, needs: (avg_pool2d(g, **options),))


# ---- shared by the above


def _geometry(name, x_shape, pool_size, stride, padding):
    """(pool_size, stride, padding) as the table's calls take them."""
    if not isinstance(x_shape, (tuple, list)) or len(x_shape) != 4:
        raise ValueError(f"[{name}] x_shape is {x_shape!r}, expected 4 sizes (N, H, W, C)")
    window = pair(name, "pool_size", pool_size)
    step = window if stride is None else pair(name, "stride", stride)
    pads = padding_of(name, padding, x_shape[1:3], window, step)
    if max(pads[:2]) >= window[0] or max(pads[2:]) >= window[1]:
        raise ValueError(f"[{name}] padding is {padding!r}, expected less than pool_size {window}")
    return window, step, pads


def _windows(name, xa, pool_size, stride, padding):
    """`_geometry` and the result's shape."""
    window, step, pads = _geometry(name, xa.shape, pool_size, stride, padding)
    if 0 in xa.shape[1:3]:
        raise ValueError(f"[{name}] x has shape {xa.shape}, expected images with at least one pixel")
    n, h, w, c = xa.shape
    top, bottom, left, right = pads
    p = window_count(name, "pool_size", h, window[0], step[0], 1, top + bottom)
    q = window_count(name, "pool_size", w, window[1], step[1], 1, left + right)
    return (window, step, pads), (n, p, q, c)


def _options(windows) -> dict:
    window, step, (top, bottom, left, right) = windows
    return {"pool_size": window, "stride": step, "padding": ((top, bottom), (left, right))}


def _run(name, call, shape_, out, x):
    """Calls `call(module, y, x)` on arrays whose channels have no gaps; y is `out`, filled, or fresh."""
    float_dtype(name, "x", x)
    y = destination(name, out, shape_, x.dtype, x)
    dense = y if dense_rows(y) is y else backend.empty(y.shape, y.dtype, y)
    module = backend.module_of(x)
    call(module, dense, dense_rows(x))
    if dense is not y:
        module.copy(y, dense)
    return given_back(out, y)
