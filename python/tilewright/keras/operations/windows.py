# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, windows over steps and images: convolutions, pooling, patches and their sum."""

from __future__ import annotations

import math

import numpy as np

from tilewright import ops
from tilewright.keras.defaults import standard_data_format
from tilewright.keras.operations.arguments import float_tensors, floats, slices
from tilewright.keras.operations.declared import NN, node
from tilewright.tf.arguments import tensor


def _sizes(name: str, argument: str, value, rank: int) -> tuple[int, ...]:
    """One number an axis."""
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) == 1:
        sizes *= rank
    if len(sizes) != rank or any(not isinstance(n, (int, np.integer)) for n in sizes):
        raise ValueError(f"[{name}] {argument} is {value!r}, expected a number or {rank} of them")
    return sizes


class _Images:
    """Steps or images as images: steps are images of one row, and go back to steps."""

    def __init__(self, name: str, x, data_format, kernel=None):
        self.name, self.data_format = name, standard_data_format(data_format)
        self.rank = x.ndim - 2
        if self.rank not in (1, 2) or (kernel is not None and kernel.ndim != x.ndim):
            beside = "" if kernel is None else f" and kernel {kernel.shape}"
            raise ValueError(
                f"[{name}] inputs has shape {x.shape}{beside}, expected steps (3 dimensions) or images (4)"
            )
        self.row = 1 if self.data_format == "channels_last" else 2
        self.x = ops.expand_dims(x, self.row) if self.rank == 1 else x
        self.channels = x.shape[-1 if self.data_format == "channels_last" else 1]

    def sizes(self, argument: str, value, of_row: int = 1) -> tuple[int, int]:
        """(rows, columns) of a window; `of_row` for the row of steps."""
        sizes = _sizes(self.name, argument, value, self.rank)
        return (of_row, *sizes) if self.rank == 1 else sizes

    def kernel(self, w):
        return ops.expand_dims(w, 0) if self.rank == 1 else w

    def back(self, y):
        return ops.squeeze(y, self.row) if self.rank == 1 else y


# ---- convolutions


@node(NN, 2)
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of steps or images; in groups where the kernel has fewer input channels."""
    x, w = float_tensors(inputs, kernel)
    images = _Images("conv", x, data_format, w)
    y = ops.conv2d(
        images.x, images.kernel(w), stride=images.sizes("strides", strides), padding=padding,
        dilation=images.sizes("dilation_rate", dilation_rate),
        groups=max(images.channels // max(w.shape[-2], 1), 1), data_format=images.data_format,
    )  # fmt: skip
    return images.back(y)


@node(NN, 2)
def conv_transpose(
    inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1
):
    """Transposed convolution of steps or images; the kernel is (sizes, out, in)."""
    x, w = float_tensors(inputs, kernel)
    images = _Images("conv_transpose", x, data_format, w)
    extra = None if output_padding is None else images.sizes("output_padding", output_padding, of_row=0)
    y = ops.conv2d_transpose(
        images.x, images.kernel(w), stride=images.sizes("strides", strides), padding=padding,
        output_padding=extra, dilation=images.sizes("dilation_rate", dilation_rate),
        data_format=images.data_format,
    )  # fmt: skip
    return images.back(y)


@node(NN, 2)
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Each channel convolved with filters of its own; the kernel is (sizes, in, multiplier)."""
    x, w = float_tensors(inputs, kernel)
    images = _Images("depthwise_conv", x, data_format, w)
    y = ops.depthwise_conv2d(
        images.x, images.kernel(w), stride=images.sizes("strides", strides), padding=padding,
        dilation=images.sizes("dilation_rate", dilation_rate), data_format=images.data_format,
    )  # fmt: skip
    return images.back(y)


@node(NN, 3)
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """`depthwise_conv`, then a convolution of single pixels."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, data_format=data_format)


# ---- pooling


def _pooled(name: str, pool, inputs, pool_size, strides, padding, data_format, **options):
    images = _Images(name, floats(inputs), data_format)
    y = pool(
        images.x, images.sizes("pool_size", pool_size), padding=padding, data_format=images.data_format,
        stride=images.sizes("strides", pool_size if strides is None else strides), **options,
    )  # fmt: skip
    return images.back(y)


@node(NN)
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The largest value of each window of steps or images."""
    return _pooled("max_pool", ops.max_pool2d, inputs, pool_size, strides, padding, data_format)


@node(NN)
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window of steps or images; padding does not count."""
    return _pooled(
        "average_pool", ops.avg_pool2d, inputs, pool_size, strides, padding, data_format, count_padding=False
    )


def _adaptive_windows(n: int, count: int) -> list[range]:
    """The positions of `count` windows that cover n, of nearly equal size."""
    return [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]


def _adaptive(name: str, inputs, output_size, data_format, reduce):
    """`reduce(x, axis, windows)` along each axis between batch and channels."""
    x = floats(inputs)
    first = 1 if standard_data_format(data_format) == "channels_last" else 2
    sizes = _sizes(name, "output_size", output_size, x.ndim - 2)
    if x.ndim < 3 or min(sizes) < 1:
        raise ValueError(
            f"[{name}] inputs has shape {x.shape} and output_size {sizes}, expected 3 dimensions"
        )
    for axis, count in enumerate(sizes, first):
        x = reduce(x, axis, _adaptive_windows(x.shape[axis], count))
    return x


def _mean_of_windows(x, axis, windows):
    """By a matrix with a row of shares a window."""
    n = x.shape[axis]
    shares = [[1.0 / len(w) if i in w else 0.0 for i in range(n)] for w in windows]
    y = ops.matmul(ops.moveaxis(x, axis, -1), tensor(shares, x.dtype), transpose_b=True)
    return ops.moveaxis(y, -1, axis)


def _largest_of_windows(x, axis, windows):
    """By the largest of as many positions for each, the last one of shorter windows again and again."""
    most = max(len(w) for w in windows)
    places = [[w[min(i, len(w) - 1)] for i in range(most)] for w in windows]
    return ops.max(ops.take(x, tensor(places), axis=axis), axis=axis + 1)


@node(NN)
def adaptive_average_pool(inputs, output_size, data_format=None):
    """The means of as many windows along each axis as `output_size` says."""
    return _adaptive("adaptive_average_pool", inputs, output_size, data_format, _mean_of_windows)


@node(NN)
def adaptive_max_pool(inputs, output_size, data_format=None):
    """The largest values of as many windows along each axis as `output_size` says."""
    return _adaptive("adaptive_max_pool", inputs, output_size, data_format, _largest_of_windows)


# ---- patches


class _Patches:
    """Where the patches of images (N, C, rows, columns) lie: one key an offset inside a patch."""

    def __init__(self, name: str, sizes, kernel_size, dilation, padding, stride):
        pairs = (kernel_size, dilation, padding, stride)
        names = ("kernel_size", "dilation", "padding", "stride")
        kernel, apart, self.around, step = (_sizes(name, a, v, 2) for a, v in zip(names, pairs, strict=True))
        self.padded = tuple(n + 2 * p for n, p in zip(sizes, self.around, strict=True))
        self.counts = tuple(
            (n - (k - 1) * d - 1) // s + 1
            for n, k, d, s in zip(self.padded, kernel, apart, step, strict=True)
        )
        if min(self.counts) < 1:
            raise ValueError(
                f"[{name}] patches of {kernel} do not fit images of {tuple(sizes)}, expected smaller"
            )
        self.offsets = math.prod(kernel)
        self.keys = []
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                starts = i * apart[0], j * apart[1]
                ends = (o + (c - 1) * s + 1 for o, c, s in zip(starts, self.counts, step, strict=True))
                self.keys.append((slice(None), slice(None), *map(slice, starts, ends, step)))


@node(NN)
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The patches of images (N, C, H, W) as columns: (N, C * rows * columns, number of patches)."""
    x = tensor(x)
    if x.ndim != 4:
        raise ValueError(f"[unfold] x has shape {x.shape}, expected 4 dimensions (N, C, H, W)")
    patches = _Patches("unfold", x.shape[2:], kernel_size, dilation, padding, stride)
    x = ops.pad(x, ((0, 0), (0, 0), *((p, p) for p in patches.around)))
    columns = ops.stack([x[key] for key in patches.keys], axis=2)
    return ops.reshape(columns, (*x.shape[:1], x.shape[1] * patches.offsets, math.prod(patches.counts)))


@node(NN)
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images (N, C, H, W) from the columns that `unfold` gives; where patches overlap they are added."""
    x = tensor(x)
    patches = _Patches(
        "fold", _sizes("fold", "output_size", output_size, 2), kernel_size, dilation, padding, stride
    )
    if x.ndim != 3 or x.shape[1] % patches.offsets or x.shape[2] != math.prod(patches.counts):
        raise ValueError(
            f"[fold] x has shape {x.shape}, expected (N, C * {patches.offsets}, {math.prod(patches.counts)})"
        )
    n, channels = x.shape[0], x.shape[1] // patches.offsets
    columns = ops.reshape(x, (n, channels, patches.offsets, *patches.counts))
    total = None
    for i, key in enumerate(patches.keys):
        placed = ops.place(columns[slices(5, 2, i)], (n, channels, *patches.padded), key)
        total = placed if total is None else ops.add(total, placed)
    inner = (slice(p, n - p) for p, n in zip(patches.around, patches.padded, strict=True))
    return total[(slice(None), slice(None), *inner)]
