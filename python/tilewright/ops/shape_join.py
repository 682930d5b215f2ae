# SPDX-License-Identifier: Apache-2.0
"""Arrays joined, cut, padded and repeated. All of it is copies into views; what is cut is a view."""

from __future__ import annotations

import functools
import operator

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, result
from tilewright.ops import _promotion, elementwise, shape_index, shape_view
from tilewright.ops._common import axis_index, destination, given_back, written


def _part(ndim: int, axis: int, start: int, stop: int) -> tuple:
    """The key of entries start .. stop - 1 along an axis."""
    return tuple(slice(start, stop) if i == axis else slice(None) for i in range(ndim))


def concat(arrays, *, axis: int = 0, out=None):
    """Arrays one after another along an axis.

    Parameters
        arrays : list or tuple of at least one array; equal shapes but for the axis; differing dtypes are
            promoted
        axis : int
        out : array of the result's shape and dtype, optional
    Returns   y : a new array
    Raises    ValueError: no arrays, shapes that do not fit, axis out of range.  TypeError: arrays is no list.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> concat([np.zeros(2, np.float32), np.ones(1, np.float32)])
        array([0., 0., 1.], dtype=float32)
    """
    return _joined("concat", arrays, axis, out)


def _joined(name: str, arrays, axis, out):
    parts = _list_of(name, arrays)
    first = parts[0]
    at = axis_index(name, axis, first.ndim)
    for i, part in enumerate(parts):
        same = (
            part.ndim == first.ndim
            and part.shape[:at] + part.shape[at + 1 :] == first.shape[:at] + first.shape[at + 1 :]
        )
        if not same:
            raise ValueError(
                f"[{name}] arrays[{i}] has shape {part.shape}, expected that of arrays[0] {first.shape} but "
                f"for axis {at}"
            )
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + part.shape[at])
    tensors = any(isinstance(array, Tensor) for array in arrays)
    dtype = functools.reduce(
        lambda x, y: _promotion.of_pair(name, x, y, tensors), (part.dtype for part in parts)
    )
    y = destination(name, out, (*first.shape[:at], ends[-1], *first.shape[at + 1 :]), dtype, first)
    keys = [_part(first.ndim, at, start, stop) for start, stop in zip(ends, ends[1:], strict=False)]
    for key, part in zip(keys, parts, strict=True):
        backend.module_of(first).copy(y[key], part)
    dtypes = [part.dtype for part in parts]

    def gradient(dy, y, needs):
        pieces = (
            shape_index.getitem(dy, key) if need else None for key, need in zip(keys, needs, strict=True)
        )
        return tuple(
            piece if piece is None or piece.dtype == dtype else elementwise.cast(piece, dtype)
            for piece, dtype in zip(pieces, dtypes, strict=True)
        )

    return result(given_back(out, y), tuple(arrays), gradient)


def _list_of(name: str, arrays) -> list:
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"[{name}] arrays is a {type(arrays).__name__}, expected a list of arrays")
    if not arrays:
        raise ValueError(f"[{name}] arrays has no entries, expected at least one array")
    return [raw(name, f"arrays[{i}]", x) for i, x in enumerate(arrays)]


def stack(arrays, *, axis: int = 0, out=None):
    """Arrays of one shape along a new axis.

    Parameters
        arrays : list or tuple of at least one array, all of one shape; differing dtypes are promoted
        axis : position of the new axis in the result
        out : array of the result's shape and dtype, optional
    Returns   y : a new array
    Raises    ValueError: no arrays, differing shapes, axis out of range.  TypeError: arrays is no list.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> stack([np.zeros(2, np.float32), np.ones(2, np.float32)], axis=1)
        array([[0., 1.],
               [0., 1.]], dtype=float32)
    """
    parts = _list_of("stack", arrays)
    for i, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise ValueError(
                f"[stack] arrays[{i}] has shape {part.shape}, expected {parts[0].shape} like arrays[0]"
            )
    at = axis_index("stack", axis, parts[0].ndim + 1)
    return _joined("stack", [shape_view.expand_dims(x, at) for x in arrays], at, out)


def split(x, sections, *, axis: int = 0) -> list:
    """Parts along an axis, as views.

    Parameters
        x : array of any dtype
        sections : an int, the number of equal parts; or the positions to cut at, ascending
        axis : int
    Returns   a list of views of x
    Raises    ValueError: the axis does not divide into so many parts, positions out of range or not
              ascending. TypeError: sections is neither.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> [part.shape for part in split(np.zeros((2, 6), np.float32), [1, 4], axis=1)]
        [(2, 1), (2, 3), (2, 2)]
    """
    name = "split"
    shape = raw(name, "x", x).shape
    at = axis_index(name, axis, len(shape))
    size = shape[at]
    if isinstance(sections, (list, tuple)):
        cuts = [0, *(operator.index(s) for s in sections), size]
        if cuts != sorted(cuts):
            raise ValueError(
                f"[{name}] sections is {list(sections)}, expected ascending positions from 0 to {size}"
            )
    else:
        try:
            count = operator.index(sections)
        except TypeError:
            raise TypeError(
                f"[{name}] sections is a {type(sections).__name__}, expected an int or a list of int"
            ) from None
        if count < 1 or size % count:
            raise ValueError(
                f"[{name}] sections is {count}, expected a divisor of {size}, the size of axis {at}"
            )
        cuts = [size // count * i for i in range(count + 1)]
    keys = [_part(len(shape), at, start, stop) for start, stop in zip(cuts, cuts[1:], strict=False)]
    if len(keys) == 1:
        return [shape_index.getitem(x, keys[0])]
    array = raw(name, "x", x)

    def gradient(dys, ys, needs):
        # One concatenation for all parts: a part by itself would need an array as large as x.
        parts = [elementwise.zeros_like(y) if dy is None else dy for dy, y in zip(dys, ys, strict=True)]
        return (concat(parts, axis=at),)

    return list(result(tuple(array[key] for key in keys), (x,), gradient))


def pad(x, pad_width, *, mode: str = "constant", value: float = 0.0, out=None):
    """More entries before and after every axis.

    Parameters
        x : array of any dtype
        pad_width : a number, (before, after) for every axis, or ((before, after), ...) one pair per axis
        mode : "constant" fills with `value`, "edge" repeats the last entry, "reflect" mirrors without
            repeating it, "symmetric" mirrors with it
        value : number
        out : array of the result's shape and dtype, optional
    Returns   y : dtype of x
    Raises    ValueError: negative or misshapen pad_width, another mode, reflecting more than there is.
    Numerics  exact
    Backends  cpu; simt "constant"
    Examples
        >>> pad(np.array([1, 2, 3], np.int32), 2, mode="reflect")
        array([3, 2, 1, 2, 3, 2, 1], dtype=int32)
    """
    name = "pad"
    a = raw(name, "x", x)
    widths = _pad_widths(name, pad_width, a.ndim)
    if mode != "constant":
        return _pad_from_inside(name, x, widths, mode, out)
    y = destination(
        name, out, tuple(n + b + e for n, (b, e) in zip(a.shape, widths, strict=True)), a.dtype, a
    )
    key = tuple(slice(b, b + n) for n, (b, _) in zip(a.shape, widths, strict=True))
    module = backend.module_of(a)
    module.fill(y, float(value))
    module.copy(y[(*key, Ellipsis)], a)
    return result(given_back(out, y), (x,), lambda dy, y, needs: (shape_index.getitem(dy, key),))


def _pad_widths(name: str, pad_width, ndim: int) -> list[tuple[int, int]]:
    try:
        widths = np.asarray(pad_width)
        if widths.dtype.kind not in "iu" and widths.size:
            raise TypeError
        pairs = np.broadcast_to(widths, (ndim, 2)).tolist()
    except (TypeError, ValueError):
        raise ValueError(
            f"[{name}] pad_width is {pad_width!r}, expected a number, (before, after), or such a pair per "
            f"axis ({ndim})"
        ) from None
    if any(n < 0 for pair in pairs for n in pair):
        raise ValueError(f"[{name}] pad_width is {pad_width!r}, expected no negative number")
    return [tuple(pair) for pair in pairs]


def _pad_from_inside(name: str, x, widths, mode: str, out):
    """Padding from the array itself: along each axis, entries are taken by their mirrored positions."""
    if mode not in ("edge", "reflect", "symmetric"):
        raise ValueError(f"[{name}] mode is {mode!r}, expected 'constant', 'edge', 'reflect' or 'symmetric'")
    for axis, (before, after) in enumerate(widths):
        n = raw(name, "x", x).shape[axis]
        if before == after == 0:
            continue
        most = {"edge": before + after if n else 0, "reflect": n - 1, "symmetric": n}[mode]
        if max(before, after) > most:
            raise ValueError(
                f"[{name}] pad_width is ({before}, {after}) on axis {axis} of size {n}, expected at most "
                f"{max(most, 0)} with mode {mode!r}"
            )
        x = shape_index.take(x, [_mirrored(i, n, mode) for i in range(-before, n + after)], axis=axis)
    return x if out is None else elementwise.copy(x, out=out)


def _mirrored(i: int, n: int, mode: str) -> int:
    if 0 <= i < n:
        return i
    if mode == "edge":
        return 0 if i < 0 else n - 1
    once = 1 if mode == "symmetric" else 0
    return -i - once if i < 0 else 2 * n - 2 - i + once


def repeat(x, repeats: int, *, axis: int, out=None):
    """Every entry along an axis several times in a row.

        y[.., i, ..] = x[.., i // repeats, ..]

    Parameters
        x : array of any dtype
        repeats : int, at least 0
        axis : int
        out : like the result, optional
    Returns   y : the axis is `repeats` times as long
    Raises    ValueError: repeats is negative, axis out of range.  TypeError: repeats is no int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> repeat(np.array([1, 2], np.int32), 2, axis=0)
        array([1, 1, 2, 2], dtype=int32)
    """
    shape = raw("repeat", "x", x).shape
    at = axis_index("repeat", axis, len(shape))
    count = _count("repeat", "repeats", repeats)
    wide = shape_view.broadcast_to(
        shape_view.expand_dims(x, at + 1), (*shape[: at + 1], count, *shape[at + 1 :])
    )
    return written(
        "repeat", out, shape_view.reshape(wide, (*shape[:at], shape[at] * count, *shape[at + 1 :]))
    )


def tile(x, reps, *, out=None):
    """The whole array several times along each axis.

        y[.., i, ..] = x[.., i mod n, ..]

    Parameters
        x : array of any dtype
        reps : int or tuple of int, for the last axes; a longer tuple makes new axes in front
        out : like the result, optional
    Returns   y : axis sizes times reps
    Raises    ValueError: a negative number.  TypeError: reps is no tuple of int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> tile(np.array([1, 2], np.int32), 2)
        array([1, 2, 1, 2], dtype=int32)
    """
    shape = raw("tile", "x", x).shape
    counts = tuple(_count("tile", "reps", r) for r in (reps if isinstance(reps, (tuple, list)) else (reps,)))
    ndim = max(len(shape), len(counts))
    counts, shape = (1,) * (ndim - len(counts)) + counts, (1,) * (ndim - len(shape)) + shape
    ones = tuple(n for size in shape for n in (1, size))
    wide = tuple(n for count, size in zip(counts, shape, strict=True) for n in (count, size))
    if 2 * ndim <= 8:
        spread = shape_view.broadcast_to(shape_view.reshape(x, ones), wide)
        y = shape_view.reshape(spread, tuple(c * n for c, n in zip(counts, shape, strict=True)))
        return written("tile", out, y)
    y = shape_view.reshape(x, shape)  # too many axes for one view: one axis after another
    for axis, count in enumerate(counts):
        y = concat([y] * count, axis=axis) if count else shape_index.getitem(y, _part(ndim, axis, 0, 0))
    return written("tile", out, y)


def _count(name: str, argument: str, value) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"[{name}] {argument} is a {type(value).__name__}, expected an int") from None
    if count < 0:
        raise ValueError(f"[{name}] {argument} is {count}, expected at least 0")
    return count


def roll(x, shift: int, *, axis: int, out=None):
    """Entries moved along an axis, those beyond the end coming in at the start.

        y[.., (i + shift) mod n, ..] = x[.., i, ..]

    Parameters
        x : array of any dtype
        shift : int, negative ones move to the front
        axis : int
        out : like the result, optional
    Returns   y : shape and dtype of x
    Raises    ValueError: axis out of range.  TypeError: shift is no int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> roll(np.arange(4, dtype=np.int32), 1, axis=0)
        array([3, 0, 1, 2], dtype=int32)
    """
    shape = raw("roll", "x", x).shape
    at = axis_index("roll", axis, len(shape))
    try:
        moved = operator.index(shift) % shape[at] if shape[at] else 0
    except TypeError:
        raise TypeError(f"[roll] shift is a {type(shift).__name__}, expected an int") from None
    head, tail = split(x, [shape[at] - moved], axis=at)
    return concat([tail, head], axis=at, out=out)


def tril(x, k: int = 0, *, out=None):
    """The lower triangle of the last two axes; zero above diagonal k.

        y[.., i, j] = x[.., i, j] if j <= i + k else 0

    Parameters
        x : array of at least 2 dimensions, float32 or float64 or integers
        k : int, the last diagonal kept; 0 is the main one
        out : like x, optional
    Returns   y : shape and dtype of x
    Raises    ValueError: x has fewer than 2 dimensions.  TypeError: k is no int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> tril(np.ones((2, 3), np.float32))
        array([[1., 0., 0.],
               [1., 1., 0.]], dtype=float32)
    """
    return elementwise.where(_below("tril", x, k), x, _zero(x), out=out)


def triu(x, k: int = 0, *, out=None):
    """The upper triangle of the last two axes; zero below diagonal k.

        y[.., i, j] = x[.., i, j] if j >= i + k else 0

    Parameters
        x, k, out : as in `tril`
    Returns   y : shape and dtype of x
    Raises    as `tril`
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> triu(np.ones((2, 3), np.float32))
        array([[1., 1., 1.],
               [0., 1., 1.]], dtype=float32)
    """
    return elementwise.where(_below("triu", x, operator.index(k) - 1), _zero(x), x, out=out)


def _zero(x):
    a = raw("tril", "x", x)
    return backend.number(0, a.dtype, a)


def _below(name: str, x, k):
    """Mask (rows, cols): on or below diagonal k."""
    a = raw(name, "x", x)
    shape = a.shape
    if len(shape) < 2:
        raise ValueError(f"[{name}] x has shape {shape}, expected at least 2 dimensions")
    try:
        k = operator.index(k)
    except TypeError:
        raise TypeError(f"[{name}] k is a {type(k).__name__}, expected an int") from None
    rows, cols = np.arange(k, shape[-2] + k)[:, None], np.arange(shape[-1])
    return elementwise.less_equal(backend.beside(cols, a), backend.beside(rows, a))
