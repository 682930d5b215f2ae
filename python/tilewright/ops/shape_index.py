# SPDX-License-Identifier: Apache-2.0
"""Elements by position: slices, indices along an axis, one-hot rows. Gradients go where values came from."""

from __future__ import annotations

import operator

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, result
from tilewright.ops import elementwise, shape_view
from tilewright.ops._common import axis_index, contiguous, copied, destination, given_back


def getitem(x, key):
    """x[key] as in NumPy: a view for integers, slices, None and Ellipsis; a copy with one array of indices.

    Parameters
        x : array of any dtype
        key : int, slice, None, Ellipsis, or a tuple of them; one entry may be an int array or list of
            indices, or a 1-D bool mask as long as its axis; or one bool mask of the shape of the first axes
    Returns   y : a view of x, or a copy where an array chooses
    Raises    IndexError: an integer out of range, too many indices.  ValueError: an index in an array out of
              range, a mask of another length, more than one array, an int and an array apart.  TypeError:
              other kinds of key.
    Numerics  exact; the gradient is zero where nothing was taken
    Backends  cpu; simt without arrays of indices
    Examples
        >>> getitem(np.arange(6, dtype=np.int32), slice(None, None, -2))
        array([5, 3, 1], dtype=int32)
        >>> getitem(np.arange(6, dtype=np.int32), np.array([4, -1]))
        array([4, 5], dtype=int32)
    """
    a = raw("getitem", "x", x)
    parts, indices, at = _split_key(key)
    if indices is not None and indices.dtype.kind == "b" and indices.ndim > 1 and len(parts) == 2 and at == 0:
        return _masked(x, a, indices)
    try:
        y = a[parts]
    except IndexError as error:
        raise IndexError(f"[getitem] key is {key!r} for x of shape {a.shape}: {error}") from None
    shape = a.shape
    y = result(y, (x,), lambda dy, y, needs: (place(dy, shape, parts),))
    if indices is None:
        return y
    axis = _axis_of_part(parts, at, a.ndim)
    return take(y, backend.beside(_positions(indices, y.shape[axis]), a), axis=axis)


def _masked(x, a, mask):
    """The entries where a mask over the first axes is true."""
    if a.shape[: mask.ndim] != mask.shape:
        raise ValueError(f"[getitem] mask has shape {mask.shape}, expected the first axes of {a.shape}")
    flat = shape_view.reshape(x, (mask.size, *a.shape[mask.ndim :]))
    return take(flat, backend.flatnonzero(mask), axis=0)


def _split_key(key):
    """The key with a full slice for its array of indices, that array, and where it stood."""
    if isinstance(key, list):
        key = np.asarray(key)
    parts, indices, at = [], None, 0
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, (list, backend.ndarray, Tensor)) or (
            hasattr(part, "__dlpack__") and hasattr(part, "shape")
        ):
            part = np.asarray(part) if isinstance(part, list) else raw("getitem", "key", part)
            if part.ndim == 0 and part.dtype.kind in "iu" and type(part) is backend.ndarray:
                parts.append(int(part))
                continue
            if indices is not None:
                raise ValueError(
                    "[getitem] key holds several arrays, expected at most one; index twice instead"
                )
            if part.dtype.kind not in "iub":
                raise TypeError(
                    f"[getitem] key holds an array of dtype {part.dtype}, expected integers or bool"
                )
            indices, at = part, len(parts)
            parts.append(slice(None))
        elif part is None or part is Ellipsis or isinstance(part, slice):
            parts.append(part)
        elif hasattr(part, "__index__") and not isinstance(part, (bool, np.bool_)):
            parts.append(operator.index(part))
        else:
            raise TypeError(
                f"[getitem] key holds a {type(part).__name__}, expected int, slice, None, Ellipsis or one "
                "array"
            )
    chosen = [i for i, part in enumerate(parts) if isinstance(part, int) or (indices is not None and i == at)]
    if indices is not None and chosen[-1] - chosen[0] >= len(chosen):
        raise ValueError(
            "[getitem] key has a slice between an int and an array, expected them side by side; index twice"
        )
    # With an Ellipsis NumPy gives a view even where every axis has an integer.
    return (tuple(parts) if Ellipsis in parts else (*parts, Ellipsis)), indices, at


def _axis_of_part(parts, at: int, ndim: int) -> int:
    """The axis of x[parts] that the slice at position `at` became."""
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    widths = [
        ndim - taken if part is Ellipsis else int(part is None or isinstance(part, slice))
        for part in parts[:at]
    ]
    return sum(widths)


def _positions(indices, size: int):
    """An array of indices as it is; a mask as the positions where it is true. How many those are decides the
    shape of the result, which is why they are found here and not in a kernel."""
    if indices.dtype.kind != "b":
        return indices
    if indices.shape != (size,):
        raise ValueError(
            f"[getitem] mask has shape {indices.shape}, expected ({size},), one value per entry of its axis"
        )
    return backend.flatnonzero(indices)


def place(dy, shape, key):
    """Zeros of `shape` with `dy` at [key]: the gradient of `getitem` by slices.

    Parameters
        dy : array of the shape that [key] selects, float32, float64 or integers
        shape : tuple of int
        key : int, slice, None, Ellipsis, or a tuple of them
    Returns   y : of `shape`, dtype of dy
    Raises    as `getitem`; ValueError: dy has another shape than the selection, an array in the key
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> place(np.ones(2, np.float32), (4,), slice(1, 3))
        array([0., 1., 1., 0.], dtype=float32)
    """
    a = raw("place", "dy", dy)
    parts, indices, _ = _split_key(key)
    if indices is not None:
        raise ValueError("[place] key holds an array, expected int, slice, None or Ellipsis")
    y = backend.empty(shape_view.shape_of("place", shape), a.dtype, a)
    try:
        selection = y[parts]
    except IndexError as error:
        raise IndexError(f"[place] key is {key!r} for shape {y.shape}: {error}") from None
    if selection.shape != a.shape:
        raise ValueError(f"[place] dy has shape {a.shape}, expected {selection.shape} as the key selects")
    module = backend.module_of(a)
    module.fill(y, 0.0)
    module.copy(selection, a)
    return result(y, (dy,), lambda ddy, y, needs: (getitem(ddy, parts),))


def index_array(operation: str, argument: str, indices, like=None):
    """`indices` as an int32 or int64 array; a number or a list of numbers goes beside `like`."""
    if isinstance(indices, (int, list, tuple, np.integer)) and not isinstance(indices, bool):
        indices = np.asarray(indices, dtype=np.int64 if np.size(indices) == 0 else None)
        indices = backend.on_device(indices) if like is None else backend.beside(indices, like)
    ids = raw(operation, argument, indices)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"[{operation}] {argument} has dtype {ids.dtype}, expected int32 or int64")
    return ids if ids.dtype.kind == "i" and ids.itemsize >= 4 else copied(ids, np.int64)


def take(x, indices, *, axis: int | None = None, out=None):
    """Whole slices by their number along an axis.

        y[.., i, ..] = x[.., indices[i], ..]

    Parameters
        x : array of any dtype
        indices : int32 or int64 array of any shape, a number or a list; -n to n - 1, negative ones count from
            the end
        axis : int, or None to take from the flattened array
        out : array of the result's shape and dtype, optional
    Returns   y : shape of x with the axis replaced by the shape of indices
    Raises    ValueError: an index out of range, with its position; axis out of range.  TypeError: indices of
              a float dtype.
    Numerics  exact; the gradient adds in the order of the indices
    Backends  cpu
    Examples
        >>> take(np.array([[1, 2, 3], [4, 5, 6]], np.int32), [2, 0], axis=1)
        array([[3, 1],
               [6, 4]], dtype=int32)
    """
    name = "take"
    if axis is None:
        x, axis = shape_view.reshape(x, (-1,)), 0
    a = raw(name, "x", x)
    ids = index_array(name, "indices", indices, a)
    at = axis_index(name, axis, a.ndim)
    wanted = (*a.shape[:at], *ids.shape, *a.shape[at + 1 :])
    y = destination(name, out, wanted, a.dtype, a)
    outer, inner = backend.size_of(a.shape[:at]), backend.size_of(a.shape[at + 1 :])
    ids = contiguous(ids).reshape(-1)
    target = y if y.flags.c_contiguous else backend.empty(wanted, a.dtype, a)
    source = contiguous(a).reshape(outer, a.shape[at], inner)
    backend.module_of(a).take(target.reshape(outer, ids.size, inner), source, ids)
    shape = a.shape

    def gradient(dy, y, needs):
        flat = shape_view.reshape(dy, (*shape[:at], ids.size, *shape[at + 1 :]))
        return (take_backward(flat, ids, shape, axis=at),)

    if target is not y:
        backend.module_of(a).copy(y, target)
    return result(given_back(out, y), (x,), gradient)


def take_backward(dy, indices, shape, *, axis: int, out=None):
    """Gradient of `take` by x: slices added where they were taken from.

        dx[.., indices[i], ..] += dy[.., i, ..]

    Parameters
        dy : array of `shape`, but as long as indices along the axis; float32 or float64
        indices : 1-D int32 or int64 array
        shape : tuple of int, the shape of x
        axis : the axis of the forward call
        out : array of `shape` and the dtype of dy, optional; overwritten
    Returns   dx : of `shape`, dtype of dy
    Raises    as `take`; ValueError: dy of another shape
    Numerics  adds in the dtype of dy, in the order of the indices, whatever the number of threads
    Backends  cpu
    Examples
        >>> take_backward(np.ones(3, np.float32), np.array([1, 1, 0]), (3,), axis=0)
        array([1., 2., 0.], dtype=float32)
    """
    name = "take_backward"
    a = raw(name, "dy", dy)
    ids = index_array(name, "indices", indices, a)
    whole = shape_view.shape_of(name, shape)
    at = axis_index(name, axis, len(whole))
    if ids.ndim != 1:
        raise ValueError(f"[{name}] indices has shape {ids.shape}, expected 1 dimension")
    expected = (*whole[:at], ids.size, *whole[at + 1 :])
    if a.shape != expected:
        raise ValueError(f"[{name}] dy has shape {a.shape}, expected {expected}")
    dx = destination(name, out, whole, a.dtype, a)
    target = dx if dx.flags.c_contiguous else backend.empty(whole, a.dtype, a)
    outer, inner = backend.size_of(whole[:at]), backend.size_of(whole[at + 1 :])
    module = backend.module_of(a)
    module.fill(target, 0.0)
    module.take_backward(
        target.reshape(outer, whole[at], inner),
        contiguous(a).reshape(outer, ids.size, inner),
        contiguous(ids),
    )
    if target is not dx:
        module.copy(dx, target)
    return result(given_back(out, dx), (dy,), lambda ddx, dx, needs: (take(ddx, ids, axis=at),))


def take_along_axis(x, indices, *, axis: int = -1, out=None):
    """Elements by their position along an axis, each line with indices of its own.

        y[.., i, ..] = x[.., indices[.., i, ..], ..]

    Parameters
        x : array of any dtype and strides
        indices : int32 or int64 array of x's rank; its other axes and x's broadcast; negative ones count from
            the end
        axis : int
        out : array of the result's shape and dtype, optional
    Returns   y : shape of indices, dtype of x
    Raises    ValueError: an index out of range, with its position; shapes that do not fit.  TypeError:
              indices of a float dtype.
    Numerics  exact; the gradient adds in the order of the indices
    Backends  cpu
    Examples
        >>> take_along_axis(np.array([[10, 30, 20]], np.int32), np.array([[1, 0]]), axis=1)
        array([[30, 10]], dtype=int32)
    """
    name = "take_along_axis"
    a = raw(name, "x", x)
    ids = index_array(name, "indices", indices, a)
    at = axis_index(name, axis, a.ndim)
    if ids.ndim != a.ndim:
        raise ValueError(f"[{name}] indices has shape {ids.shape}, expected {a.ndim} dimensions like x")
    common = tuple(n if n == m or m == 1 else m for n, m in zip(a.shape, ids.shape, strict=True))
    if any(
        m not in (1, c) or n not in (1, c)
        for i, (n, m, c) in enumerate(zip(a.shape, ids.shape, common, strict=True))
        if i != at
    ):
        raise ValueError(
            f"[{name}] indices has shape {ids.shape}, expected one that fits {a.shape} but for axis {at}"
        )
    x = shape_view.broadcast_to(x, (*common[:at], a.shape[at], *common[at + 1 :]))
    ids = raw(name, "indices", shape_view.broadcast_to(ids, (*common[:at], ids.shape[at], *common[at + 1 :])))
    a = raw(name, "x", x)
    y = destination(name, out, ids.shape, a.dtype, a)
    backend.module_of(a).gather(y, a, ids, at)
    shape, dtype = a.shape, a.dtype
    return result(
        given_back(out, y),
        (x,),
        lambda dy, y, needs: (scatter_add(elementwise.full(shape, 0.0, dtype, like=ids), ids, dy, axis=at),),
    )


def scatter_add(x, indices, updates, *, axis: int = -1, out=None):
    """`x` with values added at positions along an axis, each line with indices of its own.

        y = x;  y[.., indices[.., i, ..], ..] += updates[.., i, ..]

    Parameters
        x : array; float32, float64, int32 or int64
        indices : int32 or int64 array of x's shape but for the axis; negative ones count from the end
        updates : array of indices' shape and x's dtype
        axis : int
        out : array like x, optional; may be x itself
    Returns   y : like x
    Raises    ValueError: an index out of range, with its position, before anything is added; shapes that do
              not fit. TypeError: other dtypes.
    Numerics  adds in the dtype of x, in the order of the indices, whatever the number of threads
    Backends  cpu
    Examples
        >>> scatter_add(np.zeros(3, np.float32), np.array([2, 2]), np.array([1.0, 4.0], np.float32))
        array([0., 0., 5.], dtype=float32)
    """
    name = "scatter_add"
    a, added = raw(name, "x", x), raw(name, "updates", updates)
    ids = index_array(name, "indices", indices, a)
    at = axis_index(name, axis, a.ndim)
    if added.shape != ids.shape:
        raise ValueError(f"[{name}] updates has shape {added.shape}, expected {ids.shape} like indices")
    if added.dtype != a.dtype:
        raise TypeError(f"[{name}] updates has dtype {added.dtype}, expected {a.dtype} like x")
    y = destination(name, out, a.shape, a.dtype, a)
    if y is not a:
        backend.module_of(a).copy(y, a)
    backend.module_of(a).scatter_add(y, added, ids, at)
    return result(
        given_back(out, y),
        (x, updates),
        lambda dy, y, needs: (dy, take_along_axis(dy, ids, axis=at) if needs[1] else None),
    )


def one_hot(
    ids, depth: int, *, on: float = 1.0, off: float = 0.0, axis: int = -1, dtype=np.float32, out=None
):
    """Rows that are `on` at their id and `off` elsewhere.

        y[.., c] = on if c == ids[..] else off

    Parameters
        ids : integer array of any shape, or a list
        depth : number of columns
        on, off : the two values
        axis : where the new axis stands in the result
        dtype : float32, float64, int32, int64 or bool
        out : array of the result's shape and dtype, optional
    Returns   y : shape of ids with an axis of `depth`; a row whose id lies outside 0 to depth - 1 is all off
    Raises    ValueError: depth is negative, axis out of range.  TypeError: ids of a float dtype, another
              dtype.
    Numerics  exact; no gradient
    Backends  cpu
    Examples
        >>> one_hot(np.array([1, 0]), 3)
        array([[0., 1., 0.],
               [1., 0., 0.]], dtype=float32)
    """
    name = "one_hot"
    i = index_array(name, "ids", ids)
    try:
        depth = operator.index(depth)
    except TypeError:
        raise TypeError(f"[{name}] depth is a {type(depth).__name__}, expected an int") from None
    if depth < 0:
        raise ValueError(f"[{name}] depth is {depth}, expected at least 0")
    at = axis_index(name, axis, i.ndim + 1)
    wanted = (*i.shape[:at], depth, *i.shape[at:])
    y = destination(name, out, wanted, np.dtype(dtype), i)
    last = at == i.ndim and y.flags.c_contiguous
    rows = y if last else backend.empty((*i.shape, depth), y.dtype, i)
    module = backend.module_of(i)
    module.one_hot(rows.reshape(i.size, depth), contiguous(i).reshape(-1), float(on), float(off))
    if rows is not y:
        module.copy(y, raw(name, "out", shape_view.moveaxis(rows, -1, at)))
    return result(given_back(out, y), (ids,), None)
