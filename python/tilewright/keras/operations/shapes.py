# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, other shapes of the same elements: reshape, join, split, flip, repeat, pad, diagonals."""

from __future__ import annotations

import operator

import numpy as np

from tilewright import linalg, ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras.operations.arguments import flat, tensors
from tilewright.keras.operations.declared import CORE, MATH, NN, NUMPY, called, node, plain
from tilewright.ops._common import axis_index
from tilewright.tf import creation, shapes
from tilewright.tf.arguments import as_axis, as_shape, tensor


def _reading(function):
    """A function of a Tensor as one of anything that becomes a Tensor."""
    return lambda x: function(tensor(x))


for _name, _function in {
    "ravel": flat, "fliplr": lambda x: ops.flip(x, 1), "flipud": lambda x: ops.flip(x, 0),
}.items():  # fmt: skip
    node(NUMPY)(called(_name, _reading(_function)))


@node(NUMPY)
def reshape(x, newshape):
    """The same elements in another shape; one size may be -1."""
    return ops.reshape(tensor(x), as_shape(newshape))


@node(NUMPY)
def transpose(x, axes=None):
    """The axes in another order, reversed where None."""
    return ops.transpose(tensor(x), axes)


@node(NUMPY)
def expand_dims(x, axis):
    """New axes of size 1 at places of the result."""
    return ops.expand_dims(tensor(x), as_axis(axis))


@node(NUMPY)
def squeeze(x, axis=None):
    """Without the axes of size 1, or those named."""
    return ops.squeeze(tensor(x), as_axis(axis))


@node(NUMPY)
def moveaxis(x, source, destination):
    """Axes moved to other places, an int or several."""
    x = tensor(x)
    before, after = (
        [axis_index("moveaxis", a, x.ndim) for a in (axes if isinstance(axes, (tuple, list)) else (axes,))]
        for axes in (source, destination)
    )
    if len(before) != len(after) or len(set(before)) < len(before) or len(set(after)) < len(after):
        raise ValueError(
            f"[moveaxis] source is {source} and destination {destination}, expected as many different axes"
        )
    order = [i for i in range(x.ndim) if i not in before]
    for place, axis in sorted(zip(after, before, strict=True)):
        order.insert(place, axis)
    return ops.transpose(x, order)


@node(NUMPY)
def swapaxes(x, axis1, axis2):
    """Two axes exchanged."""
    return ops.swapaxes(tensor(x), axis1, axis2)


@node(NUMPY)
def broadcast_to(x, shape):
    """Repeated along axes of size 1 and new ones."""
    return ops.broadcast_to(tensor(x), as_shape(shape))


@plain
def view(x, dtype=None):
    """The same bytes read as another dtype; the last axis grows or shrinks as sizes differ. No gradient."""
    x = tensor(x)
    return x if dtype is None else Tensor(ops.copy(x).array.view(dtype_of(dtype)))


# ---- joined and taken apart


@node(NUMPY)
def concatenate(xs, axis=0):
    """Arrays one after another along an axis; flattened where it is None."""
    xs = tensors(*xs)
    return ops.concat([flat(x) for x in xs] if axis is None else xs, axis=axis or 0)


@node(NUMPY)
def stack(x, axis=0):
    """Arrays of one shape along a new axis."""
    return ops.stack(tensors(*x), axis=axis)


@node(NUMPY, 2)
def append(x1, x2, axis=None):
    """x2 behind x1 along an axis; both flattened where it is None."""
    return concatenate([x1, x2], axis)


@node(NUMPY)
def hstack(xs):
    """Arrays side by side: along the second axis, vectors one after another."""
    xs = tensors(*xs)
    xs = [flat(x) if x.ndim == 0 else x for x in xs]
    return ops.concat(xs, axis=0 if xs[0].ndim == 1 else 1)


@node(NUMPY)
def vstack(xs):
    """Arrays below each other; vectors as rows."""
    return ops.concat([ops.reshape(x, (1, -1)) if x.ndim < 2 else x for x in tensors(*xs)], axis=0)


@node(NUMPY)
def dstack(xs):
    """Arrays behind each other along the third axis; a vector becomes (1, n, 1), a matrix (m, n, 1)."""
    xs = [ops.reshape(x, (1, -1)) if x.ndim < 2 else x for x in tensors(*xs)]
    return ops.concat([ops.expand_dims(x, 2) if x.ndim == 2 else x for x in xs], axis=2)


@node(NUMPY)
def split(x, indices_or_sections, axis=0):
    """Parts along an axis: so many equal ones, or cut before positions."""
    return ops.split(tensor(x), _sections(indices_or_sections), axis=axis)


def _sections(indices_or_sections):
    """A number of parts, or a list of positions."""
    if hasattr(indices_or_sections, "__index__") and not np.ndim(indices_or_sections):
        return operator.index(indices_or_sections)
    return list(as_shape(indices_or_sections))


@node(NUMPY)
def array_split(x, indices_or_sections, axis=0):
    """`split` where the first parts may have one entry more than the last."""
    x, sections = tensor(x), _sections(indices_or_sections)
    if isinstance(sections, int):
        if sections < 1:
            raise ValueError(f"[array_split] indices_or_sections is {sections}, expected at least 1")
        size, longer = divmod(x.shape[axis], sections)
        sections = [size * i + min(i, longer) for i in range(1, sections)]
    return ops.split(x, sections, axis=axis)


def _split_along(axis: int):
    def split_parts(x, indices_or_sections):
        x = tensor(x)
        return split(x, indices_or_sections, axis if axis != 1 or x.ndim > 1 else 0)

    return split_parts


for _name, _axis in (("vsplit", 0), ("hsplit", 1), ("dsplit", 2)):
    node(NUMPY)(called(_name, _split_along(_axis)))


@node(CORE)
def unstack(x, num=None, axis=0):
    """The slices along an axis, without it."""
    return shapes.unstack(x, num, axis)


@plain
def meshgrid(*x, indexing="xy"):
    """The coordinates of a grid, an array an axis."""
    return creation.meshgrid(*x, indexing=indexing)


# ---- turned and repeated


@node(NUMPY)
def flip(x, axis=None):
    """In reverse order along axes, along all where None."""
    return ops.flip(tensor(x), as_axis(axis))


@node(NUMPY)
def rot90(array, k=1, axes=(0, 1)):
    """Turned k times by 90 degrees in the plane of two axes, from the first to the second."""
    x = tensor(array)
    first, second = (axis_index("rot90", a, x.ndim) for a in axes)
    if first == second:
        raise ValueError(f"[rot90] axes is {tuple(axes)}, expected two different ones")
    if k % 4 == 2:
        return ops.flip(x, (first, second))
    if k % 4 == 1:
        return ops.swapaxes(ops.flip(x, second), first, second)
    return ops.flip(ops.swapaxes(x, first, second), second) if k % 4 else x


@node(NUMPY)
def roll(x, shift, axis=None):
    """Entries moved along axes, those beyond the end coming in at the start; flattened where None."""
    x = tensor(x)
    return (
        ops.reshape(ops.roll(flat(x), shift, axis=0), x.shape)
        if axis is None
        else shapes.roll(x, shift, axis)
    )


@node(NUMPY)
def repeat(x, repeats, axis=None):
    """Each entry along an axis several times in a row: the same number, or one number an entry."""
    return shapes.repeat(x, repeats, axis)


@node(NUMPY)
def tile(x, repeats):
    """The whole array several times along each axis; the numbers are those of the last axes."""
    x, repeats = tensor(x), as_shape(repeats)
    shape = (1,) * (len(repeats) - x.ndim) + tuple(x.shape)
    return ops.tile(ops.reshape(x, shape), (1,) * (len(shape) - len(repeats)) + repeats)


@node(NUMPY, "x constant_values")
def pad(x, pad_width, mode="constant", constant_values=None):
    """More entries before and after each axis.

    Parameters
        pad_width : a number, (before, after), or a pair an axis
        mode : "constant", "reflect" (mirrored without the edge) or "symmetric" (with it)
        constant_values : the number to fill up with, 0 where None; only for "constant"
    """
    x = tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(f"[pad] constant_values is given for mode {mode!r}, expected it for 'constant'")
    if isinstance(pad_width, int):
        pad_width = (pad_width, pad_width)
    if isinstance(pad_width[0], int):
        pad_width = (tuple(pad_width),) * x.ndim
    pairs = [tuple(p) if len(p) == 2 else (p[0], p[0]) for p in pad_width]
    return ops.pad(x, pairs * (x.ndim if len(pairs) == 1 else 1), mode=mode, value=constant_values or 0.0)


# ---- diagonals


@node(NUMPY)
def tril(x, k=0):
    """Zeros above the k-th diagonal."""
    return ops.tril(tensor(x), k)


@node(NUMPY)
def triu(x, k=0):
    """Zeros below the k-th diagonal."""
    return ops.triu(tensor(x), k)


@node(NUMPY)
def diagonal(x, offset=0, axis1=0, axis2=1):
    """A diagonal of the matrices in two axes, as the last axis."""
    x = tensor(x)
    return linalg.diag_part(moveaxis(x, (axis1, axis2), (-2, -1)), k=offset)


@node(NUMPY)
def diag(x, k=0):
    """The matrix with a vector on its k-th diagonal, or the k-th diagonal of a matrix."""
    x = tensor(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"[diag] x has shape {x.shape}, expected 1 or 2 dimensions")
    return linalg.diag(x, k=k) if x.ndim == 1 else diagonal(x, k)


@node(NUMPY)
def diagflat(x, k=0):
    """The matrix with all elements on its k-th diagonal."""
    return linalg.diag(flat(tensor(x)), k=k)


@node(NUMPY)
def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of a diagonal of the matrices in two axes."""
    return ops.sum(diagonal(x, offset, axis1, axis2), axis=-1)


# ---- blocks and pieces


def _image_sizes(name: str, x, block_size: int, data_format: str):
    """(N, rows, columns, channels) of images, and whether the channels come first."""
    if x.ndim != 4 or block_size < 1:
        raise ValueError(f"[{name}] got x of shape {x.shape} and blocks of {block_size}, expected images")
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"[{name}] data_format is {data_format!r}, expected 'channels_last' or 'channels_first'"
        )
    first = data_format == "channels_first"
    n, a, b, c = x.shape
    return ((n, b, c, a) if first else (n, a, b, c)), first


@node(NN)
def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels spread over blocks of pixels: images `block_size` times as high and wide.

    Of the channels (rows, columns, rest) are taken apart; with channels first it is (rest, rows, columns), as
    Keras has it on PyTorch and JAX (on TensorFlow they are in the same order as with channels last).
    """
    x, size = tensor(x), block_size
    (n, rows, columns, depth), first = _image_sizes("depth_to_space", x, size, data_format)
    if depth % size**2:
        raise ValueError(f"[depth_to_space] x has {depth} channels, expected a multiple of {size**2}")
    rest = depth // size**2
    if first:
        x = ops.transpose(ops.reshape(x, (n, rest, size, size, rows, columns)), (0, 1, 4, 2, 5, 3))
        return ops.reshape(x, (n, rest, rows * size, columns * size))
    x = ops.transpose(ops.reshape(x, (n, rows, columns, size, size, rest)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (n, rows * size, columns * size, rest))


@node(NN)
def space_to_depth(x, block_size, data_format="channels_last"):
    """The pixels of each block as channels: the inverse of `depth_to_space`."""
    x, size = tensor(x), block_size
    (n, rows, columns, depth), first = _image_sizes("space_to_depth", x, size, data_format)
    if rows % size or columns % size:
        raise ValueError(f"[space_to_depth] x is {rows} x {columns}, expected multiples of {size}")
    rows, columns = rows // size, columns // size
    if first:
        x = ops.transpose(ops.reshape(x, (n, depth, rows, size, columns, size)), (0, 1, 3, 5, 2, 4))
        return ops.reshape(x, (n, depth * size**2, rows, columns))
    x = ops.transpose(ops.reshape(x, (n, rows, size, columns, size, depth)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (n, rows, columns, size**2 * depth))


@node(MATH)
def extract_sequences(x, sequence_length, sequence_stride):
    """Pieces of the last axis, `sequence_length` long, each `sequence_stride` behind the one before."""
    x = tensor(x)
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    starts = [i * sequence_stride for i in range(max(count, 0))]
    places = np.array([[s + i for i in range(sequence_length)] for s in starts], np.int64)
    return ops.take(x, tensor(places.reshape(len(starts), sequence_length)), axis=-1)
