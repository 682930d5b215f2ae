# SPDX-License-Identifier: Apache-2.0
"""The same elements in another shape or order: views of the input where NumPy gives views, else a `copy`."""

from __future__ import annotations

import operator

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import reduce_fold, shape_index
from tilewright.ops._common import axes_tuple, axis_index, copied


def shape_of(operation: str, shape) -> tuple[int, ...]:
    """`shape` as a tuple of ints; an int stands for one axis."""
    try:
        if hasattr(shape, "__index__"):
            return (operator.index(shape),)
        return tuple(map(operator.index, shape))
    except TypeError:
        raise TypeError(f"[{operation}] shape is {shape!r}, expected a tuple of int") from None


def _completed(a, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """`wanted` with what is left of a's elements in place of -1. Raises ValueError where that cannot be."""
    known = backend.size_of(tuple(n for n in wanted if n != -1))
    whole = tuple(a.size // known if known else 0 for n in wanted if n == -1)
    if len(whole) > 1 or any(n < -1 for n in wanted) or known * backend.size_of(whole) != a.size:
        raise ValueError(
            f"[reshape] shape is {wanted}, expected one of {a.size} elements as x has with {a.shape}"
        )
    return tuple(whole[0] if n == -1 else n for n in wanted)


def reshape(x, shape):
    """The same elements in C order in another shape; a view of contiguous memory, else a copy.

    Parameters
        x : array of any dtype
        shape : tuple of int; one entry may be -1, which takes what is left
    Returns   y : of `shape`, dtype of x
    Raises    ValueError: the number of elements differs, or more than one -1.  TypeError: shape is no tuple
              of int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> reshape(np.arange(6, dtype=np.float32), (2, -1))
        array([[0., 1., 2.],
               [3., 4., 5.]], dtype=float32)
    """
    a, wanted = raw("reshape", "x", x), shape_of("reshape", shape)
    if backend.size_of(wanted) != a.size or min(wanted, default=0) < 0:
        wanted = _completed(a, wanted)
    if a.shape == wanted:
        y = a
    elif a.flags.c_contiguous or tuple(n for n in a.shape if n != 1) == tuple(n for n in wanted if n != 1):
        y = a.reshape(wanted)
    else:
        y = copied(a).reshape(wanted)
    before = a.shape
    return result(y, (x,), lambda dy, y, needs: (reshape(dy, before),))


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
    a, wanted = raw("broadcast_to", "x", x), shape_of("broadcast_to", shape)
    if a.shape == wanted:
        return x
    lead = len(wanted) - a.ndim
    if lead < 0 or any(n not in (1, m) for n, m in zip(a.shape, wanted[lead:], strict=True)):
        raise ValueError(f"[broadcast_to] x has shape {a.shape}, expected one that broadcasts to {wanted}")
    y, before = backend.namespace(a).broadcast_to(a, wanted), a.shape
    return result(y, (x,), lambda dy, y, needs: (reduce_fold.sum_to(dy, before),))


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
    axes = (
        tuple(i for i, n in enumerate(a.shape) if n == 1)
        if axis is None
        else axes_tuple("squeeze", axis, a.ndim)
    )
    for i in axes:
        if a.shape[i] != 1:
            raise ValueError(
                f"[squeeze] axis {i} of x has size {a.shape[i]}, expected 1; x has shape {a.shape}"
            )
    return reshape(x, tuple(n for i, n in enumerate(a.shape) if i not in axes))


def swapaxes(x, axis1: int, axis2: int):
    """Two axes exchanged, as a view.

    Parameters
        x : array of any dtype
        axis1, axis2 : int
    Returns   y : a view of x
    Raises    ValueError: an axis out of range.  TypeError: an axis is no int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> swapaxes(np.zeros((2, 3, 4), np.float32), 0, -1).shape
        (4, 3, 2)
    """
    ndim = raw("swapaxes", "x", x).ndim
    i, j = axis_index("swapaxes", axis1, ndim), axis_index("swapaxes", axis2, ndim)
    order = list(range(ndim))
    order[i], order[j] = j, i
    return transpose(x, order)


def moveaxis(x, source: int, destination: int):
    """One axis moved to another position, the others in their order, as a view.

    Parameters
        x : array of any dtype
        source, destination : int
    Returns   y : a view of x
    Raises    ValueError: an axis out of range.  TypeError: an axis is no int.
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> moveaxis(np.zeros((2, 3, 4), np.float32), 0, -1).shape
        (3, 4, 2)
    """
    ndim = raw("moveaxis", "x", x).ndim
    i, j = axis_index("moveaxis", source, ndim), axis_index("moveaxis", destination, ndim)
    order = [axis for axis in range(ndim) if axis != i]
    order.insert(j, i)
    return transpose(x, order)


def flip(x, axis=None):
    """The elements in reverse order along axes, as a view with negative strides.

        y[i] = x[n - 1 - i]

    Parameters
        x : array of any dtype
        axis : int, tuple of int, or None for all axes
    Returns   y : a view of x
    Raises    ValueError: axis out of range or repeated
    Numerics  exact
    Backends  cpu, simt
    Examples
        >>> flip(np.arange(3, dtype=np.int32))
        array([2, 1, 0], dtype=int32)
    """
    ndim = raw("flip", "x", x).ndim
    axes = axes_tuple("flip", axis, ndim)
    return shape_index.getitem(
        x, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(ndim))
    )
