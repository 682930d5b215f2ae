# SPDX-License-Identifier: Apache-2.0
"""Convolution as the formulas read: one matrix product per tap of the filter. Runs on NumPy and on CuPy."""

import math

from tilewright.reference._namespace import namespace_of


def _pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def pads_of(padding, size, window, stride, dilation=(1, 1)):
    """((top, bottom), (left, right))"""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            for n, k, s, d in zip(size, window, stride, dilation, strict=True)
        ]
        return tuple((t // 2, t - t // 2) for t in totals)
    return tuple(_pair(p) for p in _pair(padding))


def activate(z, activation, slope=None):
    """activation(z)"""
    xp = namespace_of(z)
    if activation in (None, "linear"):
        return z
    sigmoid = 1 / (1 + xp.exp(-z))
    if activation == "gelu":
        return 0.5 * z * (1 + xp.vectorize(math.erf)(z / math.sqrt(2)))
    return {
        "relu": lambda: xp.maximum(z, 0),
        "relu6": lambda: xp.minimum(xp.maximum(z, 0), 6),
        "leaky_relu": lambda: xp.where(z > 0, z, (0.2 if slope is None else slope) * z),
        "elu": lambda: xp.where(z > 0, z, (1.0 if slope is None else slope) * xp.expm1(xp.minimum(z, 0))),
        "sigmoid": lambda: sigmoid,
        "tanh": lambda: xp.tanh(z),
        "gelu_tanh": lambda: 0.5 * z * (1 + xp.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))),
        "silu": lambda: z * sigmoid,
        "swish": lambda: z * sigmoid,
        "softplus": lambda: xp.logaddexp(z, 0),
    }[activation]()


def _taps(x, w_shape, stride, padding, dilation):
    """Yields (r, s, the pixels of padded x that tap (r, s) reads), and the padded x first."""
    xp = namespace_of(x)
    (sh, sw), (dh, dw) = _pair(stride), _pair(dilation)
    pads = pads_of(padding, x.shape[1:3], w_shape[:2], (sh, sw), (dh, dw))
    padded = xp.pad(x, ((0, 0), *pads, (0, 0)))
    p = (padded.shape[1] - (w_shape[0] - 1) * dh - 1) // sh + 1
    q = (padded.shape[2] - (w_shape[1] - 1) * dw - 1) // sw + 1
    yield padded, pads, (p, q)
    for r in range(w_shape[0]):
        for s in range(w_shape[1]):
            yield (
                r,
                s,
                padded[:, r * dh : r * dh + (p - 1) * sh + 1 : sh, s * dw : s * dw + (q - 1) * sw + 1 : sw],
            )


def _grouped(a, groups):
    """(..., channels) as (..., groups, channels / groups)"""
    return a.reshape(*a.shape[:-1], groups, a.shape[-1] // groups)


def conv2d(
    x,
    w,
    *,
    bias=None,
    stride=1,
    padding="valid",
    dilation=1,
    groups=1,
    activation=None,
    slope=None,
    residual=None,
    data_format="channels_last",
):
    """sum over taps of x[pixels of the tap] @ w[tap]"""
    if data_format == "channels_first":
        y = conv2d(
            x.transpose(0, 2, 3, 1),
            w,
            bias=bias,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            activation=activation,
            slope=slope,
            residual=None if residual is None else residual.transpose(0, 2, 3, 1),
        )
        return y.transpose(0, 3, 1, 2)
    xp = namespace_of(x)
    taps = _taps(x, w.shape, stride, padding, dilation)
    _, _, (p, q) = next(taps)
    z = xp.zeros((x.shape[0], p, q, w.shape[3]), x.dtype)
    for r, s, pixels in taps:
        product = xp.einsum("npqgc,cgk->npqgk", _grouped(pixels, groups), _grouped(w[r, s], groups))
        z += product.reshape(z.shape)
    for term in (bias, residual):
        if term is not None:
            z = z + term
    return activate(z, activation, slope)


def conv2d_backward_data(
    dy, w, x_shape, *, stride=1, padding="valid", dilation=1, groups=1, data_format="channels_last"
):
    """for each tap, dx[pixels of the tap] += dy @ w[tap].T"""
    if data_format == "channels_first":
        n, c, h, width = x_shape
        dx = conv2d_backward_data(
            dy.transpose(0, 2, 3, 1),
            w,
            (n, h, width, c),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        return dx.transpose(0, 3, 1, 2)
    xp = namespace_of(dy)
    taps = _taps(xp.zeros(x_shape, dy.dtype), w.shape, stride, padding, dilation)
    padded, ((top, _), (left, _)), _ = next(taps)
    for r, s, pixels in taps:
        pixels += xp.einsum("npqgk,cgk->npqgc", _grouped(dy, groups), _grouped(w[r, s], groups)).reshape(
            pixels.shape
        )
    return padded[:, top : top + x_shape[1], left : left + x_shape[2]]


def conv2d_backward_weight(
    dy,
    x,
    w_shape,
    *,
    stride=1,
    padding="valid",
    dilation=1,
    groups=1,
    bias_gradient=False,
    data_format="channels_last",
):
    """dw[tap] = x[pixels of the tap].T @ dy"""
    if data_format == "channels_first":
        dy, x = dy.transpose(0, 2, 3, 1), x.transpose(0, 2, 3, 1)
    xp = namespace_of(dy)
    dw = xp.zeros(w_shape, dy.dtype)
    taps = _taps(x, w_shape, stride, padding, dilation)
    next(taps)
    for r, s, pixels in taps:
        dw[r, s] = xp.einsum("npqgc,npqgk->cgk", _grouped(pixels, groups), _grouped(dy, groups)).reshape(
            w_shape[2:]
        )
    return (dw, dy.sum(axis=(0, 1, 2))) if bias_gradient else dw


def conv2d_transpose(
    x,
    w,
    *,
    bias=None,
    stride=1,
    padding="valid",
    output_padding=None,
    dilation=1,
    groups=1,
    activation=None,
    slope=None,
    data_format="channels_last",
):
    """Every pixel of x adds a patch as large as the filter, x @ w.T, to the result; padding cuts borders."""
    if data_format == "channels_first":
        y = conv2d_transpose(
            x.transpose(0, 2, 3, 1),
            w,
            bias=bias,
            stride=stride,
            padding=padding,
            groups=groups,
            output_padding=output_padding,
            dilation=dilation,
            activation=activation,
            slope=slope,
        )
        return y.transpose(0, 3, 1, 2)
    xp = namespace_of(x)
    stride, dilation = _pair(stride), _pair(dilation)
    extra = (None, None) if output_padding is None else _pair(output_padding)
    size, cut = [], []
    for i in range(2):
        n, s, k = x.shape[1 + i], stride[i], (w.shape[i] - 1) * dilation[i] + 1
        full = (n - 1) * s + k
        if padding == "same":
            size.append(n * s if extra[i] is None else full - 2 * (k // 2) + extra[i])
            cut.append(max(full - size[i], 0) // 2)
        else:
            (before, after) = ((0, 0), (0, 0))[i] if padding == "valid" else _pair(_pair(padding)[i])
            rest = max(s - k, 0) if extra[i] is None and padding == "valid" else extra[i] or 0
            size.append(full - before - after + rest)
            cut.append(before)
    y = xp.zeros(
        (
            x.shape[0],
            cut[0] + size[0] + w.shape[0] * dilation[0],
            cut[1] + size[1] + w.shape[1] * dilation[1],
            w.shape[2] * groups,
        ),
        x.dtype,
    )
    for r in range(w.shape[0]):
        for s in range(w.shape[1]):
            patch = xp.einsum("npqgk,cgk->npqgc", _grouped(x, groups), _grouped(w[r, s], groups))
            patch = patch.reshape(*x.shape[:3], -1)
            for p in range(x.shape[1]):
                for q in range(x.shape[2]):
                    row, col = p * stride[0] + r * dilation[0], q * stride[1] + s * dilation[1]
                    if row < y.shape[1] and col < y.shape[2]:
                        y[:, row, col] += patch[:, p, q]
    y = y[:, cut[0] : cut[0] + size[0], cut[1] : cut[1] + size[1]]
    return activate(y if bias is None else y + bias, activation, slope)


def depthwise_conv2d(
    x,
    w,
    *,
    bias=None,
    stride=1,
    padding="valid",
    dilation=1,
    activation=None,
    slope=None,
    data_format="channels_last",
):
    """conv2d with as many groups as channels"""
    rows, cols, channels, multiplier = w.shape
    return conv2d(
        x,
        w.reshape(rows, cols, 1, channels * multiplier),
        bias=bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=channels,
        activation=activation,
        slope=slope,
        data_format=data_format,
    )


def conv1d(
    x,
    w,
    *,
    bias=None,
    stride=1,
    padding="valid",
    dilation=1,
    groups=1,
    activation=None,
    slope=None,
    data_format="channels_last",
):
    """conv2d of images with one row"""
    if data_format == "channels_first":
        x = x.transpose(0, 2, 1)
    if padding == "causal":
        padding = ((w.shape[0] - 1) * dilation, 0)
    if padding not in ("valid", "same"):
        padding = ((0, 0), padding)
    y = conv2d(
        x[:, None],
        w[None],
        bias=bias,
        stride=(1, stride),
        padding=padding,
        dilation=(1, dilation),
        groups=groups,
        activation=activation,
        slope=slope,
    )[:, 0]
    return y.transpose(0, 2, 1) if data_format == "channels_first" else y
