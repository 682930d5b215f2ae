# SPDX-License-Identifier: Apache-2.0
"""What convolution and pooling share: sizes, strides and padding as arguments give them; image layouts."""

from __future__ import annotations

import operator

from tilewright.ops import elementwise, shape
from tilewright.ops._common import copied

_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def integer(name: str, argument: str, value) -> int:
    """Raises TypeError for what is no whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"[{name}] {argument} is {value!r}, expected an int or two") from None


def pair(name: str, argument: str, value, least: int = 1) -> tuple[int, int]:
    """A number for both axes, or (rows, columns)."""
    if type(value) is int and value >= least:
        return value, value
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"[{name}] {argument} is {value!r}, expected an int or two")
        both = tuple(integer(name, argument, v) for v in value)
    else:
        both = (integer(name, argument, value),) * 2
    if min(both) < least:
        raise ValueError(f"[{name}] {argument} is {value!r}, expected at least {least}")
    return both


def same_padding(size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding that gives ceil(size / stride) outputs; an odd one has the extra at the end."""
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def explicit_padding(name: str, padding) -> tuple[int, int, int, int]:
    """A number, (rows, columns) or ((top, bottom), (left, right)) as (top, bottom, left, right)."""
    both = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    if isinstance(padding, str) or len(both) != 2:
        raise ValueError(
            f"[{name}] padding is {padding!r}, expected 'valid', 'same', an int or ((top, bottom), (left, "
            "right))"
        )
    top, bottom = pair(name, "padding", both[0], least=0)
    left, right = pair(name, "padding", both[1], least=0)
    return top, bottom, left, right


def padding_of(name: str, padding, size, window, stride, dilation=(1, 1)) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) for images of `size` and windows of `window`."""
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":
        return same_padding(size[0], window[0], stride[0], dilation[0]) + same_padding(
            size[1], window[1], stride[1], dilation[1]
        )
    return explicit_padding(name, padding)


def window_count(
    name: str, argument: str, size: int, window: int, stride: int, dilation: int, pads: int
) -> int:
    """How many windows fit. Raises ValueError when none does."""
    reach = (window - 1) * dilation + 1
    if window < 1 or size + pads < reach:
        raise ValueError(
            f"[{name}] {argument} spans {reach} pixels, expected 1 to {size + pads}, the padded input"
        )
    return (size + pads - reach) // stride + 1


def images(name: str, argument: str, a, layout: str = "(N, H, W, C)"):
    """Raises ValueError unless `a` has four axes."""
    if a.ndim != 4:
        raise ValueError(f"[{name}] {argument} has shape {a.shape}, expected 4 dimensions {layout}")
    return a


def dense_rows(a):
    """`a` itself where its last axis has no gaps, which is what kernels read, else a copy."""
    return a if a.ndim == 0 or a.shape[-1] <= 1 or a.strides[-1] == a.itemsize else copied(a)


def is_channels_first(name: str, data_format: str) -> bool:
    """Raises ValueError for an unknown layout."""
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"[{name}] data_format is {data_format!r}, expected 'channels_last' or 'channels_first'"
        )
    return data_format == "channels_first"


def to_last(x):
    """(N, C, H, W) seen as (N, H, W, C); None stays None."""
    return None if x is None else shape.transpose(x, _TO_LAST)


def to_first(y, out=None):
    """(N, H, W, C) as a contiguous (N, C, H, W)."""
    return elementwise.copy(shape.transpose(y, _TO_FIRST), out=out)
