# SPDX-License-Identifier: Apache-2.0
"""Shapes and views: reshape, transpose, broadcasting, indexing. Views wherever NumPy gives views; what must move
goes through `copy`. Results that are views share memory with their input."""

from __future__ import annotations

import operator

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, result
from tilewright.ops import reduce
from tilewright.ops._common import axes_tuple, axis_index, copied

__all__ = ["broadcast_to", "expand_dims", "getitem", "reshape", "squeeze", "transpose"]


def _shape_of(operation: str, shape) -> tuple[int, ...]:
    """`shape` as a tuple of ints; an int stands for one axis."""
    try:
        if hasattr(shape, "__index__"):
            return (operator.index(shape),)
        return tuple(operator.index(n) for n in shape)
    except TypeError:
        raise TypeError(f"[{operation}] shape is {shape!r}, expected a tuple of int") from None


def reshape(x, shape):
    """The same elements in C order in another shape; a view of contiguous memory, else a copy.

    Parameters
        x : array of any dtype
        shape : tuple of int; one entry may be -1, which takes what is left
    Returns   y : of `shape`, dtype of x
    Raises    ValueError: the number of elements differs, or more than one -1.  TypeError: shape is no tuple of int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> reshape(np.arange(6, dtype=np.float32), (2, -1))
        array([[0., 1., 2.],
               [3., 4., 5.]], dtype=float32)
    """
    a, wanted = raw("reshape", "x", x), _shape_of("reshape", shape)
    known = backend.size_of(tuple(n for n in wanted if n != -1))
    whole = tuple(a.size // known if known else 0 for n in wanted if n == -1)
    if len(whole) > 1 or any(n < -1 for n in wanted) or known * backend.size_of(whole) != a.size:
        raise ValueError(f"[reshape] shape is {wanted}, expected one of {a.size} elements as x has with {a.shape}")
    if whole:
        wanted = tuple(whole[0] if n == -1 else n for n in wanted)
    if a.shape == wanted:
        y = a
    elif a.flags.c_contiguous or tuple(n for n in a.shape if n != 1) == tuple(n for n in wanted if n != 1):
        y = a.reshape(wanted)
    else:
        y = copied(a).reshape(wanted)
    return result(y, (x,), lambda dy, y, needs: (reshape(dy, a.shape),))


def transpose(x, axes=None):
    """The axes in another order, as a view.

    Parameters
        x : array of any dtype
        axes : permutation of the axes; None reverses them
    Returns   y : a view of x
    Raises    ValueError: axes is no permutation.  TypeError: axes is no sequence of int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> transpose(np.zeros((2, 3, 4), np.float32), (0, 2, 1)).shape
        (2, 4, 3)
    """
    a = raw("transpose", "x", x)
    if axes is None:
        order = tuple(reversed(range(a.ndim)))
    else:
        order = tuple(axis_index("transpose", i, a.ndim) for i in axes)
        if sorted(order) != list(range(a.ndim)):
            raise ValueError(f"[transpose] axes is {tuple(axes)}, expected a permutation of {a.ndim} axes")
    inverse = tuple(order.index(i) for i in range(a.ndim))
    return result(a.transpose(order), (x,), lambda dy, y, needs: (transpose(dy, inverse),))


def broadcast_to(x, shape):
    """`x` repeated along new and size-1 axes, as a read-only view with strides of 0.

    Parameters
        x : array of any dtype
        shape : tuple of int that the shape of x broadcasts to
    Returns   y : a read-only view of x
    Raises    ValueError: x does not broadcast to shape
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> broadcast_to(np.array([1, 2], np.int32), (2, 2))
        array([[1, 2],
               [1, 2]], dtype=int32)
    """
    a, wanted = raw("broadcast_to", "x", x), _shape_of("broadcast_to", shape)
    if a.shape == wanted:
        return x
    lead = len(wanted) - a.ndim
    if lead < 0 or any(n not in (1, m) for n, m in zip(a.shape, wanted[lead:], strict=True)):
        raise ValueError(f"[broadcast_to] x has shape {a.shape}, expected one that broadcasts to {wanted}")
    y = backend.namespace(a).broadcast_to(a, wanted)
    return result(y, (x,), lambda dy, y, needs: (reduce.sum_to(dy, a.shape),))


def expand_dims(x, axis):
    """New axes of size 1 at the positions `axis` of the result, as a view.

    Parameters
        x : array of any dtype
        axis : int or tuple of int, positions in the result
    Returns   y : a view of x
    Raises    ValueError: axis out of range or repeated
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> expand_dims(np.zeros(3, np.float32), 0).shape
        (1, 3)
    """
    a = raw("expand_dims", "x", x)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    axes = axes_tuple("expand_dims", axis, a.ndim + count)
    sizes = iter(a.shape)
    return reshape(x, tuple(1 if i in axes else next(sizes) for i in range(a.ndim + count)))


def squeeze(x, axis=None):
    """Without axes of size 1, as a view.

    Parameters
        x : array of any dtype
        axis : int or tuple of int, each of size 1; None takes all of size 1
    Returns   y : a view of x
    Raises    ValueError: axis out of range, repeated, or of another size than 1
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> squeeze(np.zeros((1, 3, 1), np.float32), 0).shape
        (3, 1)
    """
    a = raw("squeeze", "x", x)
    axes = tuple(i for i, n in enumerate(a.shape) if n == 1) if axis is None else axes_tuple("squeeze", axis, a.ndim)
    for i in axes:
        if a.shape[i] != 1:
            raise ValueError(f"[squeeze] axis {i} of x has size {a.shape[i]}, expected 1; x has shape {a.shape}")
    return reshape(x, tuple(n for i, n in enumerate(a.shape) if i not in axes))


def getitem(x, key):
    """x[key] with integers, slices, None and Ellipsis: a view, as in NumPy.

    Parameters
        x : array of any dtype
        key : int, slice, None, Ellipsis, or a tuple of them
    Returns   y : a view of x
    Raises    IndexError: an integer out of range, too many indices.  TypeError: other kinds of key.
    Numerics  exact; the gradient is zero outside the slice
    Backends  cpu, simt
    Examples
        >>> getitem(np.arange(6, dtype=np.int32), slice(None, None, -2))
        array([5, 3, 1], dtype=int32)
    """
    a = raw("getitem", "x", x)
    parts = _basic_key(key)
    try:
        y = a[parts]
    except IndexError as error:
        raise IndexError(f"[getitem] key is {key!r} for x of shape {a.shape}: {error}") from None
    return result(y, (x,), lambda dy, y, needs: (place(dy, a.shape, parts),))


def _basic_key(key) -> tuple:
    parts = []
    for part in key if isinstance(key, tuple) else (key,):
        if part is None or part is Ellipsis or isinstance(part, slice):
            parts.append(part)
        elif hasattr(part, "__index__") and not isinstance(part, (bool, np.bool_)):
            parts.append(operator.index(part))
        else:
            raise TypeError(f"[getitem] key holds a {type(part).__name__}, expected int, slice, None or Ellipsis")
    # With an Ellipsis NumPy gives a view even where every axis has an integer.
    return tuple(parts) if Ellipsis in parts else (*parts, Ellipsis)


def place(dy, shape, key):
    """Zeros of `shape` with `dy` at [key]: the gradient of `getitem`.

    Parameters
        dy : array of the shape that [key] selects
        shape : tuple of int
        key : as in `getitem`
    Returns   y : of `shape`, dtype of dy
    Raises    as `getitem`; ValueError: dy has another shape than the selection
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> place(np.ones(2, np.float32), (4,), slice(1, 3))
        array([0., 1., 1., 0.], dtype=float32)
    """
    a, parts = raw("place", "dy", dy), _basic_key(key)
    y = backend.empty(_shape_of("place", shape), a.dtype, a)
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


Tensor.__getitem__ = getitem
