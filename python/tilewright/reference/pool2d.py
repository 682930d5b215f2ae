# SPDX-License-Identifier: Apache-2.0
"""Pooling as the formulas read, window by window. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of
from tilewright.reference.conv2d import _pair, pads_of


def _windows(x_shape, pool_size, stride, padding):
    """The result's (P, Q); p, q, rows and columns of the image of each window; a whole window's size."""
    window = _pair(pool_size)
    stride = window if stride is None else _pair(stride)
    pads = pads_of(padding, x_shape[1:3], window, stride)
    out = [(x_shape[1 + i] + sum(pads[i]) - window[i]) // stride[i] + 1 for i in range(2)]

    def cut(i, o):
        begin = o * stride[i] - pads[i][0]
        return slice(max(begin, 0), min(begin + window[i], x_shape[1 + i]))

    return (
        out,
        [(p, q, cut(0, p), cut(1, q)) for p in range(out[0]) for q in range(out[1])],
        window[0] * window[1],
    )


def _first(x, data_format):
    return x.transpose(0, 2, 3, 1) if data_format == "channels_first" else x


def _back(y, data_format):
    return y.transpose(0, 3, 1, 2) if data_format == "channels_first" else y


def max_pool2d(
    x, pool_size, *, stride=None, padding="valid", return_indices=False, data_format="channels_last"
):
    """largest value of each window; its row * W + column"""
    x = _first(x, data_format)
    xp = namespace_of(x)
    out, windows, _ = _windows(x.shape, pool_size, stride, padding)
    y = xp.empty((x.shape[0], *out, x.shape[3]), x.dtype)
    indices = xp.empty(y.shape, xp.int32)
    for p, q, rows, cols in windows:
        part = x[:, rows, cols]
        flat = part.reshape(x.shape[0], part.shape[1] * part.shape[2], x.shape[3])
        at = flat.argmax(axis=1)
        y[:, p, q] = flat.max(axis=1)
        indices[:, p, q] = (rows.start + at // part.shape[2]) * x.shape[2] + cols.start + at % part.shape[2]
    if return_indices:
        return _back(y, data_format), _back(indices, data_format)
    return _back(y, data_format)


def max_pool2d_backward(dy, indices, x_shape, pool_size, *, stride=None, padding="valid"):
    """dx[indices] += dy"""
    xp = namespace_of(dy)
    dx = xp.zeros((x_shape[0], x_shape[1] * x_shape[2], x_shape[3]), dy.dtype)
    n, c = xp.arange(x_shape[0])[:, None, None, None], xp.arange(x_shape[3])
    xp.add.at(dx, (n, indices, c), dy)
    return dx.reshape(x_shape)


def max_pool2d_gather(x, indices, pool_size, *, stride=None, padding="valid"):
    """x[indices]"""
    xp = namespace_of(x)
    n, c = xp.arange(x.shape[0])[:, None, None, None], xp.arange(x.shape[3])
    return x.reshape(x.shape[0], x.shape[1] * x.shape[2], x.shape[3])[n, indices, c]


def _count(part, rows, cols, whole, count_padding):
    return whole if count_padding else (rows.stop - rows.start) * (cols.stop - cols.start)


def avg_pool2d(
    x, pool_size, *, stride=None, padding="valid", count_padding=False, data_format="channels_last"
):
    """mean of each window"""
    x = _first(x, data_format)
    xp = namespace_of(x)
    out, windows, whole = _windows(x.shape, pool_size, stride, padding)
    y = xp.empty((x.shape[0], *out, x.shape[3]), x.dtype)
    for p, q, rows, cols in windows:
        y[:, p, q] = x[:, rows, cols].sum(axis=(1, 2)) / _count(x, rows, cols, whole, count_padding)
    return _back(y, data_format)


def avg_pool2d_backward(dy, x_shape, pool_size, *, stride=None, padding="valid", count_padding=False):
    """dx[window] += dy / count"""
    xp = namespace_of(dy)
    dx = xp.zeros(x_shape, dy.dtype)
    _, windows, whole = _windows(x_shape, pool_size, stride, padding)
    for p, q, rows, cols in windows:
        dx[:, rows, cols] += dy[:, p, q][:, None, None] / _count(dx, rows, cols, whole, count_padding)
    return dx


def global_max_pool2d(x, *, keepdims=False, data_format="channels_last"):
    """largest value of each image"""
    return x.max(axis=(2, 3) if data_format == "channels_first" else (1, 2), keepdims=keepdims)


def global_avg_pool2d(x, *, keepdims=False, data_format="channels_last"):
    """mean of each image"""
    return x.mean(axis=(2, 3) if data_format == "channels_first" else (1, 2), keepdims=keepdims)
