# SPDX-License-Identifier: Apache-2.0
"""Convolutions and pooling of `tf.nn`: strides and padding as TensorFlow writes them."""

from __future__ import annotations

import operator

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import as_shape, operands, tensor

__all__ = [
    "avg_pool", "avg_pool1d", "avg_pool2d", "conv1d", "conv2d", "conv2d_transpose", "convolution",
    "depthwise_conv2d", "max_pool", "max_pool1d", "max_pool2d", "separable_conv2d",
]  # fmt: skip

_LAYOUTS = {
    "NHWC": "channels_last",
    "NCHW": "channels_first",
    "NWC": "channels_last",
    "NCW": "channels_first",
}


def _layout(name: str, data_format, default: str) -> str:
    data_format = data_format or default
    if data_format not in _LAYOUTS or len(data_format) != len(default):
        raise ValueError(
            f"[{name}] data_format is {data_format!r}, expected {default!r} or its channels-first form"
        )
    return _LAYOUTS[data_format]


def _window(name: str, argument: str, value, layout: str) -> tuple[int, int]:
    """(rows, columns) from a number, two, or four in the order of the layout."""
    if value is None:
        return 1, 1
    if not isinstance(value, (list, tuple)):
        return (operator.index(value),) * 2
    sizes = [operator.index(v) for v in value]
    if len(sizes) == 1:
        return sizes[0], sizes[0]
    if len(sizes) == 4:
        rest, sizes = (sizes[::3], sizes[1:3]) if layout == "channels_last" else (sizes[:2], sizes[2:])
        if rest != [1, 1]:
            raise ValueError(f"[{name}] {argument} is {value!r}, expected 1 for the batch and the channels")
    if len(sizes) != 2:
        raise ValueError(f"[{name}] {argument} is {value!r}, expected a number, two or four")
    return sizes[0], sizes[1]


def _padding(name: str, padding, layout: str):
    """ "valid", "same" or ((top, bottom), (left, right)) from TensorFlow's spelling."""
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise ValueError(f"[{name}] padding is {padding!r}, expected 'SAME', 'VALID' or pairs of numbers")
        return padding.lower()
    pairs = [as_shape(pair) for pair in padding]
    if len(pairs) != 4:
        raise ValueError(f"[{name}] padding is {padding!r}, expected (before, after) for each of 4 axes")
    return tuple(pairs[1:3] if layout == "channels_last" else pairs[2:])


def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None, name=None) -> Tensor:
    """Convolution of images with filters of (rows, columns, in, out).

    Parameters
        strides, dilations : a number, (rows, columns), or four in the order of data_format
        padding : "SAME", "VALID", or (before, after) for each of the four axes
    """
    layout = _layout("conv2d", data_format, "NHWC")
    x, w = (tensor(v) for v in operands(input, filters))
    return ops.conv2d(
        x,
        w,
        stride=_window("conv2d", "strides", strides, layout),
        padding=_padding("conv2d", padding, layout),
        dilation=_window("conv2d", "dilations", dilations, layout),
        groups=max(x.shape[-1 if layout == "channels_last" else 1] // max(w.shape[2], 1), 1)
        if x.ndim == 4
        else 1,
        data_format=layout,
    )


def convolution(input, filters, strides=None, padding="VALID", data_format=None, dilations=None, name=None):
    """`conv1d` or `conv2d`, by the number of axes of the filters."""
    if tensor(filters).ndim == 3:
        return conv1d(
            input, filters, 1 if strides is None else strides, padding, data_format or "NWC", dilations
        )
    return conv2d(
        input, filters, 1 if strides is None else strides, padding, data_format or "NHWC", dilations
    )


def conv1d(input, filters, stride, padding, data_format="NWC", dilations=None, name=None) -> Tensor:
    """Convolution of sequences with filters of (width, in, out)."""
    layout = _layout("conv1d", data_format, "NWC")
    x, w = (tensor(v) for v in operands(input, filters))
    step, reach = (max(as_shape(1 if v is None else v)) for v in (stride, dilations))
    if not isinstance(padding, str):
        padding = as_shape(padding[1] if layout == "channels_last" else padding[2])
    else:
        padding = _padding("conv1d", padding, layout)
    return ops.conv1d(x, w, stride=step, padding=padding, dilation=reach, data_format=layout)


def depthwise_conv2d(input, filter, strides, padding, data_format=None, dilations=None, name=None):
    """Each channel convolved with filters of its own, of (rows, columns, in, multiplier)."""
    name = "depthwise_conv2d"
    layout = _layout(name, data_format, "NHWC")
    x, w = (tensor(v) for v in operands(input, filter))
    return ops.depthwise_conv2d(
        x,
        w,
        stride=_window(name, "strides", strides, layout),
        padding=_padding(name, padding, layout),
        dilation=_window(name, "dilations", dilations, layout),
        data_format=layout,
    )


def separable_conv2d(
    input, depthwise_filter, pointwise_filter, strides, padding, data_format=None, dilations=None, name=None
) -> Tensor:
    """`depthwise_conv2d`, then `conv2d` with filters of 1 x 1."""
    y = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return conv2d(y, pointwise_filter, 1, "VALID", data_format or "NHWC")


def conv2d_transpose(
    input, filters, output_shape, strides, padding="SAME", data_format="NHWC", dilations=None, name=None
) -> Tensor:
    """The gradient of `conv2d` by its images, as a function: images of `output_shape` from smaller ones.

    Parameters
        filters : (rows, columns, out, in);  output_shape : of the result, all four sizes
    """
    name = "conv2d_transpose"
    layout = _layout(name, data_format, "NHWC")
    x, w = (tensor(v) for v in operands(input, filters))
    shape = as_shape(output_shape)
    if len(shape) != 4:
        raise ValueError(f"[{name}] output_shape is {shape}, expected 4 sizes")
    first = layout == "channels_first"
    y = ops.conv2d_backward_data(
        ops.transpose(x, (0, 2, 3, 1)) if first else x,
        w,
        (shape[0], shape[2], shape[3], shape[1]) if first else shape,
        stride=_window(name, "strides", strides, layout),
        padding=_padding(name, padding, layout),
        dilation=_window(name, "dilations", dilations, layout),
    )
    return ops.copy(ops.transpose(y, (0, 3, 1, 2))) if first else y


def _pool(name: str, pool, x, ksize, strides, padding, data_format) -> Tensor:
    layout = _layout(name, data_format, "NHWC")
    return pool(
        tensor(x),
        _window(name, "ksize", ksize, layout),
        stride=_window(name, "strides", strides, layout),
        padding=_padding(name, padding, layout),
        data_format=layout,
    )


def max_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None) -> Tensor:
    """The largest value of each window."""
    return _pool("max_pool2d", ops.max_pool2d, input, ksize, strides, padding, data_format)


def avg_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None) -> Tensor:
    """The mean of each window, without padding."""
    return _pool("avg_pool2d", ops.avg_pool2d, input, ksize, strides, padding, data_format)


def _pool1d(name: str, pool, x, ksize, strides, padding, data_format) -> Tensor:
    layout = _layout(name, data_format, "NWC")
    size, step = (max(as_shape(v)) for v in (ksize, strides))
    return pool(tensor(x), size, stride=step, padding=_padding(name, padding, layout), data_format=layout)


def max_pool1d(input, ksize, strides, padding, data_format="NWC", name=None) -> Tensor:
    """The largest value of each window of sequences."""
    return _pool1d("max_pool1d", ops.max_pool1d, input, ksize, strides, padding, data_format)


def avg_pool1d(input, ksize, strides, padding, data_format="NWC", name=None) -> Tensor:
    """The mean of each window of sequences."""
    return _pool1d("avg_pool1d", ops.avg_pool1d, input, ksize, strides, padding, data_format)


def max_pool(input, ksize, strides, padding, data_format=None, name=None) -> Tensor:
    """`max_pool2d` of images, `max_pool1d` of sequences."""
    if tensor(input).ndim == 3:
        return max_pool1d(input, ksize, strides, padding, data_format)
    return max_pool2d(input, ksize, strides, padding, data_format)


def avg_pool(input, ksize, strides, padding, data_format=None, name=None) -> Tensor:
    """`avg_pool2d` of images, `avg_pool1d` of sequences."""
    if tensor(input).ndim == 3:
        return avg_pool1d(input, ksize, strides, padding, data_format)
    return avg_pool2d(input, ksize, strides, padding, data_format)
