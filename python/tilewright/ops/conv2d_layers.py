# SPDX-License-Identifier: Apache-2.0
"""Built on conv2d and its gradients: transposed, depthwise and one-dimensional convolution."""

from __future__ import annotations

from tilewright.autograd import Tensor, raw
from tilewright.ops import elementwise, reduce, shape
from tilewright.ops._common import float_dtype
from tilewright.ops._convolutions import (
    NEED_RESULT,
    constants_of,
    function_of,
    geometry_of,
    run_backward_data,
    tracked,
    vector,
    with_activation,
)
from tilewright.ops._windows import (
    explicit_padding,
    images,
    integer,
    is_channels_first,
    pair,
    same_padding,
    to_first,
    to_last,
)
from tilewright.ops.conv2d import conv2d, conv2d_backward_weight

__all__ = ["conv1d", "conv2d_transpose", "depthwise_conv2d"]


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
    out=None,
):
    """Transposed convolution: the data gradient of `conv2d` as a layer, which makes images larger.

        y = activation(conv2d_backward_data(x, w) + bias)

    Parameters
        x : (N, H, W, C) images, float32 or float64
        w : (rows, cols, K / groups, C), Keras's layout; PyTorch's weight (C, K / groups, rows, cols) is
            weight.transpose(2, 3, 1, 0)
        bias : (K), optional
        stride, dilation : int or (rows, columns)
        padding : what is cut off the result. "valid": nothing, which leaves
            H * stride + max((rows - 1) * dilation + 1 - stride, 0) rows; "same": H * stride rows; an int or
            ((top, bottom), (left, right)) as PyTorch counts it
        output_padding : int or (rows, columns) below stride, or None: rows and columns added at the end. With
            a number the size is (H - 1) * stride + (rows - 1) * dilation + 1 - padding + output_padding, as
            in PyTorch; with "same", padding counts as twice half the filter, as in Keras
        groups, activation, slope, data_format : as in `conv2d`
        out : like the result, optional
    Returns   y : (N, P, Q, K) in x's layout and dtype
    Raises    as `conv2d`; ValueError: output_padding not below stride
    Numerics  as `conv2d`
    Backends  cpu, simt
    Notes     Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285
    Examples
        >>> conv2d_transpose(np.ones((1, 1, 1, 1)), np.ones((2, 2, 1, 1)), stride=2)[0, :, :, 0]
        array([[1., 1.],
               [1., 1.]])
    """
    name = "conv2d_transpose"
    if is_channels_first(name, data_format):
        y = conv2d_transpose(
            to_last(x),
            w,
            bias=bias,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            dilation=dilation,
            groups=groups,
            activation=activation,
            slope=slope,
        )
        return to_first(y, out)
    xa = images(name, "x", raw(name, "x", x))
    wa = images(name, "w", raw(name, "w", w), "(rows, cols, out / groups, in)")
    float_dtype(name, "x", xa)
    if xa.shape[3] != wa.shape[3]:
        raise ValueError(
            f"[{name}] x has {xa.shape[3]} channels, expected {wa.shape[3]} as w with shape {wa.shape}"
        )
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    sizes, pads = _transposed_sizes(name, xa.shape, wa.shape, stride, padding, output_padding, dilation)
    y_shape = (xa.shape[0], *sizes, wa.shape[2] * integer(name, "groups", groups))
    options = {"stride": stride, "padding": pads, "dilation": dilation, "groups": groups}
    if activation not in (None, "linear", *NEED_RESULT) and tracked(x, w, bias):
        # The pass has no second output for the activation's argument: two nodes instead of one.
        z = conv2d_transpose(
            x, w, bias=bias, output_padding=_extra(sizes, xa.shape, wa.shape, **options), **options
        )
        return _activated(z, activation, slope, out)
    geometry, _ = geometry_of(name, y_shape, wa.shape, **options)
    y = run_backward_data(name, xa, wa, y_shape, geometry, out, vector(name, "bias", bias), activation, slope)

    def linear_gradient(dz, needs):
        return (
            conv2d(dz, w, **options) if needs[0] else None,
            conv2d_backward_weight(x, dz, wa.shape, **options) if needs[1] else None,
            reduce.sum(dz, axis=(0, 1, 2)) if needs[2] else None,
        )

    return with_activation(y, None, (x, w, bias), activation, slope, linear_gradient)


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
    out=None,
):
    """Each channel convolved with filters of its own.

        y[n, p, q, c * M + m] = activation(bias[c * M + m]
            + sum_{r,s} x[n, p * stride + r * dilation - top, ..., c] * w[r, s, c, m])

    Parameters
        x : (N, H, W, C) images, float32 or float64
        w : (rows, cols, C, M) filters, M results per channel (Keras's layout)
        bias : (C * M), optional
        stride, padding, dilation, activation, slope, data_format, out : as in `conv2d`
    Returns   y : (N, P, Q, C * M)
    Raises    as `conv2d`
    Numerics  as `conv2d`
    Backends  cpu, simt
    Examples
        >>> depthwise_conv2d(np.ones((1, 2, 2, 2)), np.ones((2, 2, 2, 1))).ravel()
        array([4., 4.])
    """
    name = "depthwise_conv2d"
    rows, cols, channels, multiplier = images(
        name, "w", raw(name, "w", w), "(rows, cols, in, multiplier)"
    ).shape
    if channels < 1:
        raise ValueError(
            f"[{name}] w has shape {(rows, cols, channels, multiplier)}, expected at least one channel"
        )
    return conv2d(
        x,
        shape.reshape(w, (rows, cols, 1, channels * multiplier)),
        bias=bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=channels,
        activation=activation,
        slope=slope,
        data_format=data_format,
        out=out,
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
    out=None,
):
    """Convolution along one axis: `conv2d` of images with one row.

        y[n, q, k] = activation(sum_{s,c} x[n, q * stride + s * dilation - left, c] * w[s, c, k] + bias[k])

    Parameters
        x : (N, W, C) sequences, float32 or float64; (N, C, W) with data_format="channels_first"
        w : (width, C / groups, K) filters
        padding : "valid", "same", "causal" (all of it at the start), an int or (left, right)
        stride, dilation : int
        bias, groups, activation, slope, out : as in `conv2d`
    Returns   y : (N, Q, K) in x's layout and dtype
    Raises    as `conv2d`
    Numerics  as `conv2d`
    Backends  cpu, simt
    Examples
        >>> conv1d(np.ones((1, 4, 1)), np.ones((2, 1, 1)), padding="causal").ravel()
        array([1., 2., 2., 2.])
    """
    name = "conv1d"
    first = is_channels_first(name, data_format)
    xa, wa = raw(name, "x", x), raw(name, "w", w)
    for argument, a, layout in (("x", xa, "(N, W, C)"), ("w", wa, "(width, in / groups, out)")):
        if a.ndim != 3:
            raise ValueError(f"[{name}] {argument} has shape {a.shape}, expected 3 dimensions {layout}")
    stride, dilation = integer(name, "stride", stride), integer(name, "dilation", dilation)
    if padding == "causal":
        left, right = (wa.shape[0] - 1) * dilation, 0
    elif padding == "same":
        left, right = same_padding(xa.shape[2 if first else 1], wa.shape[0], max(stride, 1), dilation)
    elif padding == "valid":
        left = right = 0
    else:
        left, right = pair(name, "padding", padding, least=0)
    if first:
        x = shape.transpose(x, (0, 2, 1))
    y = conv2d(
        shape.expand_dims(x, 1),
        shape.expand_dims(w, 0),
        bias=bias,
        stride=(1, stride),
        dilation=(1, dilation),
        padding=((0, 0), (left, right)),
        groups=groups,
        activation=activation,
        slope=slope,
        out=None if out is None or first else shape.expand_dims(raw(name, "out", out), 1),
    )
    y = shape.squeeze(y, 1)
    if first:
        return elementwise.copy(shape.transpose(y, (0, 2, 1)), out=out)
    return y if out is None or isinstance(y, Tensor) else out


def _transposed_sizes(name, x_shape, w_shape, stride, padding, output_padding, dilation):
    """Rows and columns of a transposed convolution's result, and the padding of the convolution it undoes."""
    extra = (None, None) if output_padding is None else pair(name, "output_padding", output_padding, least=0)
    explicit = None if padding in ("valid", "same") else explicit_padding(name, padding)
    sizes, pads = [], []
    for i in range(2):
        inner, step, reach = x_shape[1 + i], stride[i], (w_shape[i] - 1) * dilation[i] + 1
        if extra[i] is not None and extra[i] >= step:
            raise ValueError(
                f"[{name}] output_padding is {output_padding!r}, expected less than stride {stride}"
            )
        before, after = explicit[2 * i : 2 * i + 2] if explicit else (0, 0)
        if explicit or extra[i] is not None:
            cut = 2 * (reach // 2) if padding == "same" else before + after
            size = (inner - 1) * step + reach - cut + (extra[i] or 0)
        else:
            size = inner * step + (max(reach - step, 0) if padding == "valid" else 0)
        if padding == "same":
            total = max((inner - 1) * step + reach - size, 0)
            before, after = total // 2, total - total // 2
        if size < 0 or reach < 1:
            raise ValueError(
                f"[{name}] padding is {padding!r}, which leaves no pixel of x with shape {x_shape}"
            )
        sizes.append(size)
        pads.append((before, after))
    return tuple(sizes), tuple(pads)


def _extra(sizes, x_shape, w_shape, stride, padding, dilation, groups):
    """output_padding that gives `sizes` with explicit padding."""
    return tuple(
        sizes[i] - (x_shape[1 + i] - 1) * stride[i] - (w_shape[i] - 1) * dilation[i] - 1 + sum(padding[i])
        for i in range(2)
    )


def _activated(z, activation, slope, out):
    function = getattr(elementwise, function_of(activation))
    constants = constants_of(activation, slope)
    return function(z, *constants.values(), out=out) if constants else function(z, out=out)
