# SPDX-License-Identifier: Apache-2.0
"""Convolution and its gradients; what is built on them is in conv2d_layers."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise, reduce
from tilewright.ops._common import destination, float_dtype, given_back
from tilewright.ops._convolutions import (
    FILTERS,
    filled,
    geometry_of,
    keeps_argument,
    run_backward_data,
    shape_of,
    vector,
    with_activation,
)
from tilewright.ops._windows import dense_rows, images, is_channels_first, to_first, to_last

__all__ = ["conv2d", "conv2d_backward_data", "conv2d_backward_weight"]


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
    out=None,
):
    """Convolution (cross-correlation) of images with a bank of filters.

        y[n, p, q, k] = activation(sum_{r,s,c} x[n, p * stride + r * dilation - top, ..., c] * w[r, s, c, k]
                                   + bias[k] + residual[n, p, q, k])

    Parameters
        x : (N, H, W, C) images, float32 or float64; (N, C, H, W) with data_format="channels_first"
        w : (rows, cols, C / groups, K) filters in either layout; PyTorch's are (K, C / groups, rows, cols)
        bias : (K), optional
        stride, dilation : int or (rows, columns)
        padding : "valid" (none), "same" (ceil(H / stride) outputs; an odd pixel goes at the end: Keras),
            an int (both sides, as in PyTorch), or ((top, bottom), (left, right)), in pixels of zeros
        groups : channels are cut into this many groups, each convolved on its own; C is depthwise
        activation : None, "relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "gelu", "gelu_tanh",
            "silu", "softplus", applied in the same pass
        slope : leaky_relu's slope (0.2 if not given), elu's alpha (1)
        residual : like the result, optional; added before the activation
        out : like the result, optional
    Returns   y : (N, P, Q, K) in x's layout and dtype,
              P = (H + top + bottom - (rows - 1) * dilation - 1) // stride + 1
    Raises    ValueError: wrong number of axes, channels that do not match, filters larger than the padded
              image, an unknown padding, activation or layout, out of another shape.
              TypeError: other or mixed dtypes.
    Numerics  sums in the dtype of x in an order fixed by the shape; same bits for any number of threads
    Backends  cpu, simt
    Notes     direct convolution over packed rows, no im2col: docs/kernels/conv2d.md; tw.set_conv2d_method
              chooses Winograd's method for 3 x 3 filters
    Examples
        >>> conv2d(np.ones((1, 3, 3, 1), np.float32), np.ones((2, 2, 1, 1), np.float32))[0, :, :, 0]
        array([[4., 4.],
               [4., 4.]], dtype=float32)
    """
    name = "conv2d"
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if is_channels_first(name, data_format):
        y = conv2d(
            to_last(x),
            w,
            bias=bias,
            activation=activation,
            slope=slope,
            residual=to_last(residual),
            **options,
        )
        return to_first(y, out)
    xa = images(name, "x", raw(name, "x", x))
    wa = images(name, "w", raw(name, "w", w), FILTERS)
    float_dtype(name, "x", xa)
    geometry, sizes = geometry_of(name, xa.shape, wa.shape, stride, padding, dilation, groups)
    y = destination(name, out, (xa.shape[0], *sizes, wa.shape[3]), xa.dtype, xa)
    dense = y if dense_rows(y) is y else backend.empty(y.shape, y.dtype, y)
    keep = keeps_argument(activation, x, w, bias, residual)
    z = backend.empty(y.shape, y.dtype, y) if keep else None
    backend.module_of(xa).conv2d_forward(
        dense,
        dense_rows(xa),
        wa,
        *geometry,
        vector(name, "bias", bias),
        activation,
        slope,
        None if residual is None else dense_rows(raw(name, "residual", residual)),
        z,
    )
    y = given_back(out, filled(y, dense))

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

    return with_activation(y, z, (x, w, bias, residual), activation, slope, linear_gradient)


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
    Backends  cpu, simt
    Examples
        >>> conv2d_backward_data(np.ones((1, 1, 1, 1)), np.ones((2, 2, 1, 1)), (1, 2, 2, 1))[0, :, :, 0]
        array([[1., 1.],
               [1., 1.]])
    """
    name = "conv2d_backward_data"
    x_shape = shape_of(name, "x_shape", x_shape)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if is_channels_first(name, data_format):
        n, c, h, width = x_shape
        return to_first(conv2d_backward_data(to_last(dy), w, (n, h, width, c), **options), out)
    dya = images(name, "dy", raw(name, "dy", dy), "(N, P, Q, K)")
    wa = images(name, "w", raw(name, "w", w), FILTERS)
    float_dtype(name, "dy", dya)
    geometry, _ = geometry_of(name, x_shape, wa.shape, stride, padding, dilation, groups)
    y = run_backward_data(name, dya, wa, x_shape, geometry, out)

    def gradient(g, y, needs):
        return (
            conv2d(g, w, **options) if needs[0] else None,
            conv2d_backward_weight(dy, g, wa.shape, **options) if needs[1] else None,
        )

    return result(y, (dy, w), gradient)


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
    out=None,
):
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
    Backends  cpu, simt
    Examples
        >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
        >>> dw, db = conv2d_backward_weight(np.ones((1, 2, 2, 1)), x, (1, 1, 1, 1), bias_gradient=True)
        >>> float(dw.item()), db
        (6.0, array([4.]))
    """
    name = "conv2d_backward_weight"
    w_shape = shape_of(name, "w_shape", w_shape)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if is_channels_first(name, data_format):
        return conv2d_backward_weight(
            to_last(dy), to_last(x), w_shape, bias_gradient=bias_gradient, out=out, **options
        )
    dya = images(name, "dy", raw(name, "dy", dy), "(N, P, Q, K)")
    xa = images(name, "x", raw(name, "x", x))
    float_dtype(name, "x", xa)
    geometry, _ = geometry_of(name, xa.shape, w_shape, stride, padding, dilation, groups)
    y = destination(name, out, w_shape, xa.dtype, xa)
    dense = y if y.flags.c_contiguous else backend.empty(y.shape, y.dtype, y)
    db = backend.empty(w_shape[3:], xa.dtype, xa) if bias_gradient else None
    backend.module_of(xa).conv2d_backward_weight(dense, db, dense_rows(dya), dense_rows(xa), *geometry)
    y = given_back(out, filled(y, dense))

    def gradient(gs, ys, needs):
        g, gb = gs if bias_gradient else (gs, None)
        if g is None:
            g = elementwise.zeros_like(ys[0])
        return (
            conv2d(x, g, bias=gb, **options) if needs[0] else None,
            conv2d_backward_data(dy, g, xa.shape, **options) if needs[1] else None,
        )

    return result((y, db) if bias_gradient else y, (dy, x), gradient)
