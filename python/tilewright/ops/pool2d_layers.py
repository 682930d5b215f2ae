# SPDX-License-Identifier: Apache-2.0
"""What else layers pool: whole images, and windows of sequences as of images with one row."""

from __future__ import annotations

from tilewright.autograd import raw
from tilewright.ops import shape
from tilewright.ops._common import written
from tilewright.ops._windows import images, integer, is_channels_first, pair, same_padding
from tilewright.ops.pool2d import avg_pool2d, max_pool2d

__all__ = [
    "avg_pool1d",
    "global_avg_pool1d",
    "global_avg_pool2d",
    "global_max_pool1d",
    "global_max_pool2d",
    "max_pool1d",
]


def global_max_pool2d(x, *, keepdims=False, data_format="channels_last", out=None):
    """Largest value of each whole image.

        y[n, c] = max of x[n, :, :, c]

    Parameters
        x : (N, H, W, C) images, float32 or float64; (N, C, H, W) with data_format="channels_first"
        keepdims : H and W stay as axes of size 1
        out : like the result, optional
    Returns   y : (N, C), or (N, 1, 1, C), (N, C, 1, 1) with keepdims
    Raises    as `max_pool2d`; ValueError: images without pixels
    Numerics  exact; NaN counts as largest
    Backends  cpu
    Examples
        >>> global_max_pool2d(np.arange(4.0).reshape(1, 2, 2, 1))
        array([[3.]])
    """
    return written(
        "global_max_pool2d", out, _whole("global_max_pool2d", max_pool2d, x, keepdims, data_format)
    )


def global_avg_pool2d(x, *, keepdims=False, data_format="channels_last", out=None):
    """Mean of each whole image.

        y[n, c] = sum of x[n, :, :, c] / (H * W)

    Parameters
        x : (N, H, W, C) images, float32 or float64; (N, C, H, W) with data_format="channels_first"
        keepdims : H and W stay as axes of size 1
        out : like the result, optional
    Returns   y : (N, C), or (N, 1, 1, C), (N, C, 1, 1) with keepdims
    Raises    as `max_pool2d`; ValueError: images without pixels
    Numerics  sums in the dtype of x, row by row
    Backends  cpu
    Examples
        >>> global_avg_pool2d(np.arange(4.0).reshape(1, 2, 2, 1))
        array([[1.5]])
    """
    return written(
        "global_avg_pool2d", out, _whole("global_avg_pool2d", avg_pool2d, x, keepdims, data_format)
    )


def max_pool1d(x, pool_size, *, stride=None, padding="valid", data_format="channels_last", out=None):
    """`max_pool2d` along one axis.

        y[n, q, c] = max over the window at q * stride - left of x[n, :, c]

    Parameters
        x : (N, W, C), float32 or float64; (N, C, W) with data_format="channels_first"
        pool_size, stride : int;  padding : "valid", "same", an int or (left, right)
        out : like the result, optional
    Returns   y : (N, Q, C) in x's layout and dtype
    Raises    as `max_pool2d`
    Numerics  exact; NaN counts as largest
    Backends  cpu
    Examples
        >>> max_pool1d(np.arange(4.0).reshape(1, 4, 1), 2).ravel()
        array([1., 3.])
    """
    y = _along_one("max_pool1d", max_pool2d, x, pool_size, stride, padding, data_format)
    return written("max_pool1d", out, y)


def avg_pool1d(
    x, pool_size, *, stride=None, padding="valid", count_padding=False, data_format="channels_last", out=None
):
    """`avg_pool2d` along one axis.

        y[n, q, c] = sum over the window at q * stride - left of x[n, :, c] / count

    Parameters
        x : (N, W, C), float32 or float64; (N, C, W) with data_format="channels_first"
        pool_size, stride : int;  padding : "valid", "same", an int or (left, right)
        count_padding : as in `avg_pool2d`
        out : like the result, optional
    Returns   y : (N, Q, C) in x's layout and dtype
    Raises    as `max_pool2d`
    Numerics  sums in the dtype of x
    Backends  cpu
    Examples
        >>> avg_pool1d(np.arange(4.0).reshape(1, 4, 1), 2).ravel()
        array([0.5, 2.5])
    """
    y = _along_one(
        "avg_pool1d", avg_pool2d, x, pool_size, stride, padding, data_format, count_padding=count_padding
    )
    return written("avg_pool1d", out, y)


def global_max_pool1d(x, *, keepdims=False, data_format="channels_last", out=None):
    """Largest value of each sequence: `global_max_pool2d` of images with one row.

    Parameters
        x : (N, W, C), float32 or float64; (N, C, W) with data_format="channels_first"
        keepdims : W stays as an axis of size 1
        out : like the result, optional
    Returns   y : (N, C), or (N, 1, C), (N, C, 1) with keepdims
    Raises    as `global_max_pool2d`
    Examples
        >>> global_max_pool1d(np.arange(4.0).reshape(1, 2, 2))
        array([[2., 3.]])
    """
    return written(
        "global_max_pool1d", out, _whole_sequence("global_max_pool1d", max_pool2d, x, keepdims, data_format)
    )


def global_avg_pool1d(x, *, keepdims=False, data_format="channels_last", out=None):
    """Mean of each sequence: `global_avg_pool2d` of images with one row.

    Parameters
        x : (N, W, C), float32 or float64; (N, C, W) with data_format="channels_first"
        keepdims : W stays as an axis of size 1
        out : like the result, optional
    Returns   y : (N, C), or (N, 1, C), (N, C, 1) with keepdims
    Raises    as `global_avg_pool2d`
    Examples
        >>> global_avg_pool1d(np.arange(4.0).reshape(1, 2, 2))
        array([[1., 2.]])
    """
    return written(
        "global_avg_pool1d", out, _whole_sequence("global_avg_pool1d", avg_pool2d, x, keepdims, data_format)
    )


# ---- shared by the above


def _whole(name, pool, x, keepdims, data_format):
    first = is_channels_first(name, data_format)
    xa = images(name, "x", raw(name, "x", x))
    size = xa.shape[2:] if first else xa.shape[1:3]
    if 0 in size:
        raise ValueError(f"[{name}] x has shape {xa.shape}, expected images with at least one pixel")
    y = pool(x, size, data_format=data_format)
    return y if keepdims else shape.squeeze(y, (2, 3) if first else (1, 2))


def _sequences(name, x, data_format):
    """(N, W, C) or (N, C, W) as images with one row, and whether channels come first."""
    first = is_channels_first(name, data_format)
    a = raw(name, "x", x)
    if a.ndim != 3:
        raise ValueError(f"[{name}] x has shape {a.shape}, expected 3 dimensions (N, W, C)")
    return shape.expand_dims(x, 2 if first else 1), first


def _along_one(name, pool, x, pool_size, stride, padding, data_format, **options):
    image, first = _sequences(name, x, data_format)
    window = integer(name, "pool_size", pool_size)
    step = window if stride is None else integer(name, "stride", stride)
    if padding == "same":
        padding = same_padding(image.shape[3 if first else 2], window, max(step, 1))
    if padding != "valid":
        padding = ((0, 0), pair(name, "padding", padding, least=0))
    y = pool(image, (1, window), stride=(1, step), padding=padding, data_format=data_format, **options)
    return shape.squeeze(y, 2 if first else 1)


def _whole_sequence(name, pool, x, keepdims, data_format):
    image, first = _sequences(name, x, data_format)
    y = _whole(name, pool, image, True, data_format)
    y = shape.squeeze(y, 2 if first else 1)
    return y if keepdims else shape.squeeze(y, -1 if first else 1)
