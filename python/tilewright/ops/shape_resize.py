# SPDX-License-Identifier: Apache-2.0
"""Images resized: nearest neighbour and bilinear, with their gradients."""

from __future__ import annotations

import operator

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops._common import contiguous, destination, float_dtype, given_back

_FORMATS = ("channels_last", "channels_first")


def resize(
    x,
    size,
    *,
    method: str = "bilinear",
    align_corners: bool = False,
    data_format: str = "channels_last",
    out=None,
):
    """Images in another size.

        bilinear:  y[p, q] = weighted mean of the 4 pixels around (at(p), at(q));   nearest: y[p, q] =
        x[at(p), at(q)]
        at(p) = (p + 1/2) H / P - 1/2, clamped to the image;   align_corners: at(p) = p (H - 1) / (P - 1)

    Parameters
        x : (N, H, W, C) array, float32 or float64; (N, C, H, W) with channels_first
        size : (P, Q), the new rows and columns
        method : "bilinear"; "nearest" rounds at(p) (Keras, TensorFlow 2, PyTorch "nearest-exact");
            "nearest_floor" takes floor(p H / P) (PyTorch "nearest"); both are the same for whole factors
        align_corners : the corner pixels' centres stay in place (PyTorch's option of that name)
        data_format : "channels_last" or "channels_first"
        out : array of the result's shape and dtype, optional
    Returns   y : (N, P, Q, C), or (N, C, P, Q); dtype of x
    Raises    ValueError: x has not 4 dimensions or no pixels, size is no pair of numbers, another method or
    format.
              TypeError: other dtypes.
    Numerics  weights in float64, rounded to the dtype of x; no antialiasing when made smaller
    Backends  cpu
    Examples
        >>> resize(np.array([[[[1.0], [3.0]]]], np.float32), (1, 4))[0, 0, :, 0]
        array([1. , 1.5, 2.5, 3. ], dtype=float32)
    """
    name = "resize"
    a = raw(name, "x", x)
    rows_cols = image_size(name, "size", size)
    y = _on_images(name, a, "x", rows_cols, "resize_forward", method, align_corners, data_format, out)
    before = a.shape[1:3] if data_format == "channels_last" else a.shape[2:]
    options = {"method": method, "align_corners": align_corners, "data_format": data_format}
    return result(y, (x,), lambda dy, y, needs: (resize_backward(dy, before, **options),))


def resize_backward(
    dy,
    size,
    *,
    method: str = "bilinear",
    align_corners: bool = False,
    data_format: str = "channels_last",
    out=None,
):
    """Gradient of `resize` by x: each pixel of dy is spread over the pixels it was made from.

    Parameters
        dy : (N, P, Q, C) array, float32 or float64; (N, C, P, Q) with channels_first
        size : (H, W), the rows and columns of x
        method, align_corners, data_format : those of the forward call
        out : array of the result's shape and dtype, optional; overwritten
    Returns   dx : (N, H, W, C), or (N, C, H, W); dtype of dy
    Raises    as `resize`
    Numerics  adds in the dtype of dy, in a fixed order
    Backends  cpu
    Examples
        >>> resize_backward(np.ones((1, 1, 4, 1), np.float32), (1, 2))[0, 0, :, 0]
        array([2., 2.], dtype=float32)
    """
    name = "resize_backward"
    a = raw(name, "dy", dy)
    rows_cols = image_size(name, "size", size)
    dx = _on_images(name, a, "dy", rows_cols, name, method, align_corners, data_format, out)
    before = a.shape[1:3] if data_format == "channels_last" else a.shape[2:]
    options = {"method": method, "align_corners": align_corners, "data_format": data_format}
    return result(dx, (dy,), lambda ddx, dx, needs: (resize(ddx, before, **options),))


def image_size(name: str, argument: str, size) -> tuple[int, int]:
    """A pair of rows and columns, checked."""
    try:
        rows, cols = (operator.index(n) for n in size)
    except (TypeError, ValueError):
        raise ValueError(f"[{name}] {argument} is {size!r}, expected (rows, cols)") from None
    if rows < 0 or cols < 0:
        raise ValueError(f"[{name}] {argument} is {size!r}, expected no negative number")
    return rows, cols


def _on_images(name, a, argument, rows_cols, function, method, align_corners, data_format, out):
    """Calls the table's `function` on channels-last images; others are turned round by a copy."""
    float_dtype(name, argument, a)
    if data_format not in _FORMATS:
        raise ValueError(
            f"[{name}] data_format is {data_format!r}, expected 'channels_last' or 'channels_first'"
        )
    if a.ndim != 4:
        raise ValueError(
            f"[{name}] {argument} has shape {a.shape}, expected 4 dimensions (batch, rows, cols, channels)"
        )
    first = data_format == "channels_first"
    images = contiguous(a.transpose(0, 2, 3, 1) if first else a)
    n, channels = images.shape[0], images.shape[3]
    y = destination(name, out, (n, channels, *rows_cols) if first else (n, *rows_cols, channels), a.dtype, a)
    direct = not first and y.flags.c_contiguous
    target = y if direct else backend.empty((n, *rows_cols, channels), a.dtype, a)
    getattr(backend.module_of(a), function)(target, images, method, bool(align_corners))
    if not direct:
        backend.module_of(a).copy(y, target.transpose(0, 3, 1, 2) if first else target)
    return given_back(out, y)
