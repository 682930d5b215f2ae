# SPDX-License-Identifier: Apache-2.0
"""Other shapes of the same elements: reshape, transpose, concat, stack, split, tile, pad, slice, ..."""

from __future__ import annotations

import builtins
import operator

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import as_axis, as_list, as_shape
from tilewright.tf.arguments import tensor as _tensor
from tilewright.tf.sizes import Size, Sizes, joined, known_row

__all__ = [
    "broadcast_dynamic_shape", "broadcast_static_shape", "broadcast_to", "concat", "expand_dims", "pad",
    "repeat", "reshape", "reverse", "roll", "slice", "split", "squeeze", "stack", "strided_slice", "tile",
    "transpose", "unstack",
]  # fmt: skip


def reshape(tensor, shape, name=None) -> Tensor:
    """The same elements in another shape; one size may be -1.

    Examples
        >>> reshape([[1, 2], [3, 4]], [-1]).numpy()
        array([1, 2, 3, 4], dtype=int32)
    """
    return ops.reshape(_tensor(tensor), as_shape(shape))


def transpose(a, perm=None, conjugate=False, name=None) -> Tensor:
    """The axes in the order `perm`; reversed where None."""
    return ops.transpose(_tensor(a), None if perm is None else as_shape(perm))


def expand_dims(input, axis, name=None) -> Tensor:
    """A new axis of size 1 at `axis` of the result."""
    if isinstance(input, Size):
        return Sizes((int(input),))
    return ops.expand_dims(_tensor(input), as_axis(axis))


def squeeze(input, axis=None, name=None) -> Tensor:
    """Without the axes of size 1, or those named."""
    return ops.squeeze(_tensor(input), as_axis(axis))


def broadcast_to(input, shape, name=None) -> Tensor:
    """Repeated along axes of size 1 and new ones."""
    return ops.broadcast_to(_tensor(input), as_shape(shape))


def broadcast_static_shape(shape_x, shape_y):
    """The shape two shapes broadcast to."""
    return np.broadcast_shapes(tuple(shape_x), tuple(shape_y))


def broadcast_dynamic_shape(shape_x, shape_y) -> Tensor:
    """The shape two shapes, given as Tensors, broadcast to."""
    return _tensor(np.broadcast_shapes(as_shape(shape_x), as_shape(shape_y)))


def concat(values, axis, name=None) -> Tensor:
    """Tensors one after another along an axis."""
    values, axis = as_list(values, "values"), as_axis(axis)
    known = joined(values) if axis in (0, -1) else None
    if known is not None:
        return known
    return ops.concat([_tensor(v, argument="values") for v in values], axis=axis)


def stack(values, axis=0, name="stack") -> Tensor:
    """Tensors of one shape along a new axis."""
    values, axis = as_list(values, "values"), as_axis(axis)
    if axis in (0, -1) and any(isinstance(v, Size) for v in values):
        known = known_row(values)
        if known is not None:
            return Sizes(known.sizes)
    return ops.stack([_tensor(v, argument="values") for v in values], axis=axis)


def unstack(value, num=None, axis=0, name="unstack") -> list[Tensor]:
    """The slices along an axis, without it."""
    value = _tensor(value)
    axis = as_axis(axis)
    if not -value.ndim <= axis < value.ndim:
        raise ValueError(f"[unstack] axis is {axis}, expected {-value.ndim} to {value.ndim - 1}")
    count = value.shape[axis]
    if num not in (None, count):
        raise ValueError(f"[unstack] num is {num}, expected {count}, the size of axis {axis}")
    key = (builtins.slice(None),) * (axis % value.ndim)
    return [value[(*key, i)] for i in range(count)]


def split(value, num_or_size_splits, axis=0, num=None, name="split") -> list[Tensor]:
    """Parts along an axis: so many equal ones, or one of each size listed (one may be -1)."""
    value, axis = _tensor(value), as_axis(axis)
    if isinstance(num_or_size_splits, (list, tuple, np.ndarray)) or getattr(num_or_size_splits, "ndim", 0):
        sizes, whole = list(as_shape(num_or_size_splits)), value.shape[axis]
        if sizes.count(-1) == 1:
            sizes[sizes.index(-1)] = whole - (sum(sizes) + 1)
        if any(n < 0 for n in sizes) or sum(sizes) != whole:
            raise ValueError(
                f"[split] num_or_size_splits is {num_or_size_splits}, expected sizes that add up to "
                f"{whole}, the size of axis {axis}"
            )
        return ops.split(value, [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)], axis=axis)
    return ops.split(value, operator.index(num_or_size_splits), axis=axis)


def tile(input, multiples, name=None) -> Tensor:
    """The whole array several times along each axis."""
    return ops.tile(_tensor(input), as_shape(multiples))


def repeat(input, repeats, axis=None, name=None) -> Tensor:
    """Each entry along an axis several times in a row: the same number, or one number an entry."""
    x = _tensor(input)
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    counts = np.asarray(repeats)
    if counts.ndim == 0:
        return ops.repeat(x, int(counts), axis=axis)
    return ops.take(x, np.repeat(np.arange(x.shape[axis]), counts), axis=axis)


def reverse(tensor, axis, name=None) -> Tensor:
    """The entries along axes in reverse order."""
    return ops.flip(_tensor(tensor), as_axis(axis))


def roll(input, shift, axis, name=None) -> Tensor:
    """Entries moved along axes, those beyond the end coming in at the start."""
    x = _tensor(input)
    shifts, axes = as_shape(shift), as_shape(axis)
    if len(shifts) != len(axes):
        raise ValueError(f"[roll] shift has {len(shifts)} entries, expected {len(axes)} as axis has")
    for moved, along in zip(shifts, axes, strict=True):
        x = ops.roll(x, moved, axis=along)
    return x


def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None) -> Tensor:
    """More entries before and after each axis.

    Parameters
        paddings : (before, after) for each axis
        mode : "CONSTANT", "REFLECT" (mirrored without the edge) or "SYMMETRIC" (with it)
    """
    x = _tensor(tensor)
    pairs = [as_shape(pair) for pair in (paddings.numpy() if isinstance(paddings, Tensor) else paddings)]
    if len(pairs) != x.ndim or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"[pad] paddings is {paddings}, expected (before, after) for each of {x.ndim} axes")
    return ops.pad(x, pairs, mode=mode.lower(), value=float(constant_values))


def slice(input_, begin, size, name=None) -> Tensor:
    """`size` entries from `begin` on along each axis; -1 is all that are left."""
    x, starts, sizes = _tensor(input_), as_shape(begin), as_shape(size)
    if not len(starts) == len(sizes) == x.ndim:
        raise ValueError(
            f"[slice] begin and size have {len(starts)} and {len(sizes)} entries, expected {x.ndim}"
        )
    ends = [
        n if length == -1 else start + length for start, length, n in zip(starts, sizes, x.shape, strict=True)
    ]
    if any(not 0 <= s <= e <= n for s, e, n in zip(starts, ends, x.shape, strict=True)):
        raise ValueError(f"[slice] begin is {starts} and size {sizes}, expected a part of shape {x.shape}")
    return x[tuple(builtins.slice(s, e) for s, e in zip(starts, ends, strict=True))]


def strided_slice(input_, begin, end, strides=None, name=None) -> Tensor:
    """x[begin:end:strides] along the first axes."""
    starts, ends = as_shape(begin), as_shape(end)
    steps = as_shape(strides) if strides is not None else (1,) * len(starts)
    return _tensor(input_)[tuple(map(builtins.slice, starts, ends, steps))]
