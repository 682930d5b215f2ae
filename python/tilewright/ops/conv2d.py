# SPDX-License-Identifier: Apache-2.0
"""Convolution in two dimensions and one, its gradients, and transposed convolution."""

from __future__ import annotations

from tilewright import autograd, backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise, reduce, shape
from tilewright.ops._common import destination, float_dtype, given_back
from tilewright.ops._windows import (
    dense_rows,
    explicit_padding,
    images,
    integer,
    is_channels_first,
    padding_of,
    pair,
    same_padding,
    to_first,
    to_last,
    window_count,
)

__all__ = [
    "conv1d", "conv2d", "conv2d_backward_data", "conv2d_backward_weight", "conv2d_transpose", "depthwise_conv2d",
]

_FILTERS = "(rows, cols, in / groups, out)"
# Their gradient is a function of the result alone.
_NEED_RESULT = ("relu", "relu6")


def conv2d(
    x, w, *, bias=None, stride=1, padding="valid", dilation=1, groups=1, activation=None, slope=None, residual=None,
    data_format="channels_last", out=None,
):  # fmt: skip
    """Convolution (cross-correlation) of images with a bank of filters.

        y[n, p, q, k] = activation(sum_{r,s,c} x[n, p * stride + r * dilation - top, ..., c] * w[r, s, c, k]
                                   + bias[k] + residual[n, p, q, k])

    Parameters
        x : (N, H, W, C) images, float32 or float64; (N, C, H, W) with data_format="channels_first"
        w : (rows, cols, C / groups, K) filters in either layout (PyTorch keeps them as (K, C / groups, rows, cols))
        bias : (K), optional
        stride, dilation : int or (rows, columns)
        padding : "valid" (none), "same" (ceil(H / stride) outputs; an odd pixel goes to the end, as in Keras; PyTorch
            pads numbers symmetrically), an int, or ((top, bottom), (left, right)), in pixels of zeros
        groups : channels are cut into this many groups, each convolved on its own; C is depthwise
        activation : None, "relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu",
            "softplus", applied in the same pass
        slope : leaky_relu's slope (0.2 if not given), elu's alpha (1)
        residual : like the result, optional; added before the activation
        out : like the result, optional
    Returns   y : (N, P, Q, K) in x's layout and dtype, P = (H + top + bottom - (rows - 1) * dilation - 1) // stride + 1
    Raises    ValueError: wrong number of axes, channels that do not match, filters larger than the padded image,
              an unknown padding, activation or layout, out of another shape.  TypeError: other or mixed dtypes.
    Numerics  sums in the dtype of x in an order fixed by the shape; same bits for any number of threads
    Backends  cpu
    Notes     direct convolution over packed rows, no im2col: docs/kernels/conv2d.md
    Examples
        >>> conv2d(np.ones((1, 3, 3, 1), np.float32), np.ones((2, 2, 1, 1), np.float32))[0, :, :, 0]
        array([[4., 4.],
               [4., 4.]], dtype=float32)
    """
    name = "conv2d"
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if is_channels_first(name, data_format):
        y = conv2d(to_last(x), w, bias=bias, activation=activation, slope=slope, residual=to_last(residual), **options)
        return to_first(y, out)
    xa = images(name, "x", raw(name, "x", x))
    wa = images(name, "w", raw(name, "w", w), _FILTERS)
    float_dtype(name, "x", xa)
    geometry, sizes = _geometry(name, xa.shape, wa.shape, stride, padding, dilation, groups)
    y = destination(name, out, (xa.shape[0], *sizes, wa.shape[3]), xa.dtype, xa)
    dense = y if dense_rows(y) is y else backend.empty(y.shape, y.dtype, y)
    keep = _keeps_argument(activation, x, w, bias, residual)
    z = backend.empty(y.shape, y.dtype, y) if keep else None
    backend.module_of(xa).conv2d_forward(
        dense, dense_rows(xa), wa, *geometry, _vector(name, "bias", bias), activation, slope,
        None if residual is None else dense_rows(raw(name, "residual", residual)), z,
    )  # fmt: skip
    y = given_back(out, _filled(y, dense))

    def linear_gradient(dz, needs):
        dx = conv2d_backward_data(dz, w, xa.shape, **options) if needs[0] else None
        dw = db = None
        if needs[1]:
            dw = conv2d_backward_weight(dz, x, wa.shape, bias_gradient=needs[2], **options)
            if needs[2]:
                dw, db = dw
        elif needs[2]:
            db = reduce.sum(dz, axis=(0, 1, 2))
        return dx, dw, db, dz if needs[3] else None

    return _with_activation(y, z, (x, w, bias, residual), activation, slope, linear_gradient)


def conv2d_backward_data(
    dy, w, x_shape, *, stride=1, padding="valid", dilation=1, groups=1, data_format="channels_last", out=None
):
    """Gradient of `conv2d` by its images.

        dx[n, h, w, c] = sum over the outputs that read x[n, h, w, c] of dy[n, p, q, k] * w[r, s, c, k]

    Parameters
        dy : (N, P, Q, K) gradient of the result, float32 or float64
        w : (rows, cols, C / groups, K) filters
        x_shape : the images' shape, in the layout of data_format
        stride, padding, dilation, groups, data_format : as in `conv2d`
        out : of shape x_shape, optional
    Returns   dx : of shape x_shape
    Raises    as `conv2d`; ValueError: dy is not what conv2d gives for x_shape
    Numerics  as `conv2d`
    Backends  cpu
    Examples
        >>> conv2d_backward_data(np.ones((1, 1, 1, 1)), np.ones((2, 2, 1, 1)), (1, 2, 2, 1))[0, :, :, 0]
        array([[1., 1.],
               [1., 1.]])
    """
    name = "conv2d_backward_data"
    x_shape = _shape(name, "x_shape", x_shape)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if is_channels_first(name, data_format):
        n, c, h, width = x_shape
        return to_first(conv2d_backward_data(to_last(dy), w, (n, h, width, c), **options), out)
    dya = images(name, "dy", raw(name, "dy", dy), "(N, P, Q, K)")
    wa = images(name, "w", raw(name, "w", w), _FILTERS)
    float_dtype(name, "dy", dya)
    geometry, _ = _geometry(name, x_shape, wa.shape, stride, padding, dilation, groups)
    y = _backward_data(name, dya, wa, x_shape, geometry, out)

    def gradient(g, y, needs):
        return (
            conv2d(g, w, **options) if needs[0] else None,
            conv2d_backward_weight(dy, g, wa.shape, **options) if needs[1] else None,
        )

    return result(y, (dy, w), gradient)


def conv2d_backward_weight(
    dy, x, w_shape, *, stride=1, padding="valid", dilation=1, groups=1, bias_gradient=False,
    data_format="channels_last", out=None,
):  # fmt: skip
    """Gradient of `conv2d` by its filters, and by its bias.

        dw[r, s, c, k] = sum_{n,p,q} x[n, p * stride + r * dilation - top, ..., c] * dy[n, p, q, k]
        db[k] = sum_{n,p,q} dy[n, p, q, k]

    Parameters
        dy : (N, P, Q, K) gradient of the result, float32 or float64
        x : (N, H, W, C) images
        w_shape : (rows, cols, C / groups, K)
        bias_gradient : db is returned too
        stride, padding, dilation, groups, data_format : as in `conv2d`
        out : of shape w_shape, optional
    Returns   dw : of shape w_shape; with bias_gradient the tuple (dw, db), db (K)
    Raises    as `conv2d`; ValueError: dy is not what conv2d gives for x and w_shape
    Numerics  as `conv2d`
    Backends  cpu
    Examples
        >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
        >>> dw, db = conv2d_backward_weight(np.ones((1, 2, 2, 1)), x, (1, 1, 1, 1), bias_gradient=True)
        >>> float(dw.item()), db
        (6.0, array([4.]))
    """
    name = "conv2d_backward_weight"
    w_shape = _shape(name, "w_shape", w_shape)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if is_channels_first(name, data_format):
        return conv2d_backward_weight(
            to_last(dy), to_last(x), w_shape, bias_gradient=bias_gradient, out=out, **options
        )
    dya = images(name, "dy", raw(name, "dy", dy), "(N, P, Q, K)")
    xa = images(name, "x", raw(name, "x", x))
    float_dtype(name, "x", xa)
    geometry, _ = _geometry(name, xa.shape, w_shape, stride, padding, dilation, groups)
    y = destination(name, out, w_shape, xa.dtype, xa)
    dense = y if y.flags.c_contiguous else backend.empty(y.shape, y.dtype, y)
    db = backend.empty(w_shape[3:], xa.dtype, xa) if bias_gradient else None
    backend.module_of(xa).conv2d_backward_weight(dense, db, dense_rows(dya), dense_rows(xa), *geometry)
    y = given_back(out, _filled(y, dense))

    def gradient(gs, ys, needs):
        g, gb = gs if bias_gradient else (gs, None)
        if g is None:
            g = elementwise.zeros_like(ys[0])
        return (
            conv2d(x, g, bias=gb, **options) if needs[0] else None,
            conv2d_backward_data(dy, g, xa.shape, **options) if needs[1] else None,
        )

    return result((y, db) if bias_gradient else y, (dy, x), gradient)


def conv2d_transpose(
    x, w, *, bias=None, stride=1, padding="valid", output_padding=None, dilation=1, groups=1, activation=None,
    slope=None, data_format="channels_last", out=None,
):  # fmt: skip
    """Transposed convolution: the data gradient of `conv2d` as a layer, which makes images larger.

        y = activation(conv2d_backward_data(x, w) + bias)

    Parameters
        x : (N, H, W, C) images, float32 or float64
        w : (rows, cols, K / groups, C), Keras's layout; PyTorch's weight (C, K / groups, rows, cols) is
            weight.transpose(2, 3, 1, 0)
        bias : (K), optional
        stride, dilation : int or (rows, columns)
        padding : what is cut off the result. "valid": nothing, H * stride + max((rows - 1) * dilation + 1 - stride, 0)
            rows; "same": H * stride rows; an int or ((top, bottom), (left, right)) as PyTorch counts it
        output_padding : int or (rows, columns) below stride, or None: rows and columns added at the end. With a number
            the size is (H - 1) * stride + (rows - 1) * dilation + 1 - padding + output_padding, as in PyTorch; with
            "same", padding counts as twice half the filter, as in Keras
        groups, activation, slope, data_format : as in `conv2d`
        out : like the result, optional
    Returns   y : (N, P, Q, K) in x's layout and dtype
    Raises    as `conv2d`; ValueError: output_padding not below stride
    Numerics  as `conv2d`
    Backends  cpu
    Notes     Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4
    Examples
        >>> conv2d_transpose(np.ones((1, 1, 1, 1)), np.ones((2, 2, 1, 1)), stride=2)[0, :, :, 0]
        array([[1., 1.],
               [1., 1.]])
    """
    name = "conv2d_transpose"
    if is_channels_first(name, data_format):
        y = conv2d_transpose(
            to_last(x), w, bias=bias, stride=stride, padding=padding, output_padding=output_padding,
            dilation=dilation, groups=groups, activation=activation, slope=slope,
        )  # fmt: skip
        return to_first(y, out)
    xa = images(name, "x", raw(name, "x", x))
    wa = images(name, "w", raw(name, "w", w), "(rows, cols, out / groups, in)")
    float_dtype(name, "x", xa)
    if xa.shape[3] != wa.shape[3]:
        raise ValueError(f"[{name}] x has {xa.shape[3]} channels, expected {wa.shape[3]} as w with shape {wa.shape}")
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    sizes, pads = _transposed_sizes(name, xa.shape, wa.shape, stride, padding, output_padding, dilation)
    y_shape = (xa.shape[0], *sizes, wa.shape[2] * integer(name, "groups", groups))
    options = {"stride": stride, "padding": pads, "dilation": dilation, "groups": groups}
    if activation not in (None, "linear", *_NEED_RESULT) and _tracked(x, w, bias):
        # The pass has no second output for the activation's argument: two nodes instead of one.
        z = conv2d_transpose(x, w, bias=bias, output_padding=_extra(sizes, xa.shape, wa.shape, **options), **options)
        return _activated(z, activation, slope, out)
    geometry, _ = _geometry(name, y_shape, wa.shape, **options)
    y = _backward_data(name, xa, wa, y_shape, geometry, out, _vector(name, "bias", bias), activation, slope)

    def linear_gradient(dz, needs):
        return (
            conv2d(dz, w, **options) if needs[0] else None,
            conv2d_backward_weight(x, dz, wa.shape, **options) if needs[1] else None,
            reduce.sum(dz, axis=(0, 1, 2)) if needs[2] else None,
        )

    return _with_activation(y, None, (x, w, bias), activation, slope, linear_gradient)


def depthwise_conv2d(
    x, w, *, bias=None, stride=1, padding="valid", dilation=1, activation=None, slope=None,
    data_format="channels_last", out=None,
):  # fmt: skip
    """Each channel convolved with filters of its own.

        y[n, p, q, c * M + m] = activation(sum_{r,s} x[n, p * stride + r * dilation - top, ..., c] * w[r, s, c, m] + bias)

    Parameters
        x : (N, H, W, C) images, float32 or float64
        w : (rows, cols, C, M) filters, M results per channel (Keras's layout)
        bias : (C * M), optional
        stride, padding, dilation, activation, slope, data_format, out : as in `conv2d`
    Returns   y : (N, P, Q, C * M)
    Raises    as `conv2d`
    Numerics  as `conv2d`
    Backends  cpu
    Examples
        >>> depthwise_conv2d(np.ones((1, 2, 2, 2)), np.ones((2, 2, 2, 1))).ravel()
        array([4., 4.])
    """
    name = "depthwise_conv2d"
    rows, cols, channels, multiplier = images(name, "w", raw(name, "w", w), "(rows, cols, in, multiplier)").shape
    if channels < 1:
        raise ValueError(f"[{name}] w has shape {(rows, cols, channels, multiplier)}, expected at least one channel")
    return conv2d(
        x, shape.reshape(w, (rows, cols, 1, channels * multiplier)), bias=bias, stride=stride, padding=padding,
        dilation=dilation, groups=channels, activation=activation, slope=slope, data_format=data_format, out=out,
    )  # fmt: skip


def conv1d(
    x, w, *, bias=None, stride=1, padding="valid", dilation=1, groups=1, activation=None, slope=None,
    data_format="channels_last", out=None,
):  # fmt: skip
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
    Backends  cpu
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
        shape.expand_dims(x, 1), shape.expand_dims(w, 0), bias=bias, stride=(1, stride), dilation=(1, dilation),
        padding=((0, 0), (left, right)), groups=groups, activation=activation, slope=slope,
        out=None if out is None or first else shape.expand_dims(raw(name, "out", out), 1),
    )  # fmt: skip
    y = shape.squeeze(y, 1)
    if first:
        return elementwise.copy(shape.transpose(y, (0, 2, 1)), out=out)
    return y if out is None or not isinstance(y, backend.ndarray) else out


# ---- shared by the above


def _geometry(name, x_shape, w_shape, stride, padding, dilation, groups):
    """What the table's calls take after the arrays, and the sizes (P, Q) of the forward result."""
    stride, dilation = pair(name, "stride", stride), pair(name, "dilation", dilation)
    pads = padding_of(name, padding, x_shape[1:3], w_shape[:2], stride, dilation)
    groups = integer(name, "groups", groups)
    if groups < 1 or w_shape[3] % groups or w_shape[2] * groups != x_shape[3]:
        raise ValueError(
            f"[{name}] w has shape {w_shape}, expected {_FILTERS} with in = {x_shape[3]} channels and out a multiple "
            f"of groups = {groups}"
        )
    sizes = tuple(
        window_count(name, "w", x_shape[1 + i], w_shape[i], stride[i], dilation[i], pads[2 * i] + pads[2 * i + 1])
        for i in range(2)
    )
    return (stride, pads, dilation, groups), sizes


def _transposed_sizes(name, x_shape, w_shape, stride, padding, output_padding, dilation):
    """Rows and columns of a transposed convolution's result, and the padding of the convolution it undoes."""
    extra = (None, None) if output_padding is None else pair(name, "output_padding", output_padding, least=0)
    explicit = None if padding in ("valid", "same") else explicit_padding(name, padding)
    sizes, pads = [], []
    for i in range(2):
        inner, step, reach = x_shape[1 + i], stride[i], (w_shape[i] - 1) * dilation[i] + 1
        if extra[i] is not None and extra[i] >= step:
            raise ValueError(f"[{name}] output_padding is {output_padding!r}, expected less than stride {stride}")
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
            raise ValueError(f"[{name}] padding is {padding!r}, which leaves no pixel of x with shape {x_shape}")
        sizes.append(size)
        pads.append((before, after))
    return tuple(sizes), tuple(pads)


def _extra(sizes, x_shape, w_shape, stride, padding, dilation, groups):
    """output_padding that gives `sizes` with explicit padding."""
    return tuple(
        sizes[i] - (x_shape[1 + i] - 1) * stride[i] - (w_shape[i] - 1) * dilation[i] - 1 + sum(padding[i])
        for i in range(2)
    )


def _backward_data(name, dya, wa, x_shape, geometry, out, bias=None, activation=None, slope=None):
    dx = destination(name, out, x_shape, dya.dtype, dya)
    dense = dx if dense_rows(dx) is dx else backend.empty(dx.shape, dx.dtype, dx)
    backend.module_of(dya).conv2d_backward_data(dense, dense_rows(dya), wa, *geometry, bias, activation, slope)
    return given_back(out, _filled(dx, dense))


def _filled(y, dense):
    """y, with what was computed beside it because its rows have gaps."""
    if dense is not y:
        backend.module_of(y).copy(y, dense)
    return y


def _shape(name, argument, value) -> tuple[int, int, int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 4:
        raise ValueError(f"[{name}] {argument} is {value!r}, expected 4 sizes")
    sizes = tuple(integer(name, argument, v) for v in value)
    if min(sizes) < 0:
        raise ValueError(f"[{name}] {argument} is {value!r}, expected sizes of at least 0")
    return sizes


def _vector(name, argument, x):
    return None if x is None else dense_rows(raw(name, argument, x))


def _tracked(*inputs) -> bool:
    return autograd.recording() and any(autograd.tracked(x) for x in inputs)


def _keeps_argument(activation, *inputs) -> bool:
    """Whether the activation's argument is to be written for the gradient."""
    return activation not in (None, "linear", *_NEED_RESULT) and _tracked(*inputs)


def _constants(activation, slope) -> dict:
    """The activation's constant as the functions of one argument take it."""
    if activation not in ("leaky_relu", "elu"):
        return {}
    return {"p": slope if slope is not None else 0.2 if activation == "leaky_relu" else 1.0}


def _function(activation) -> str:
    return "silu" if activation == "swish" else activation


def _activated(z, activation, slope, out):
    function = getattr(elementwise, _function(activation))
    constants = _constants(activation, slope)
    return function(z, *constants.values(), out=out) if constants else function(z, out=out)


def _with_activation(y, z, inputs, activation, slope, linear_gradient):
    """The result of a linear operation with its activation as one node; z, where given, is a second output, so that
    the gradient differentiates again through it."""
    if activation in (None, "linear"):
        return result(y, inputs, lambda dy, y, needs: linear_gradient(dy, needs))
    function, constants = _function(activation), _constants(activation, slope)

    def through(dy, argument, value):
        return elementwise.unary_backward(dy, argument, function, y=value, **constants)

    if z is None:
        return result(y, inputs, lambda dy, y, needs: linear_gradient(through(dy, y, y), needs))

    def gradient(dys, ys, needs):
        dz = dys[1]
        if dys[0] is not None:
            through_y = through(dys[0], ys[1], ys[0])
            dz = through_y if dz is None else elementwise.add(dz, through_y)
        return linear_gradient(dz, needs)

    return result((y, z), inputs, gradient)[0]
