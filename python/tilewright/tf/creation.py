# SPDX-License-Identifier: Apache-2.0
"""Tensors from nothing or from other people's arrays: constant, zeros, range, one_hot, ..."""

from __future__ import annotations

import builtins
import operator

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.text_values import text_array
from tilewright.tf.arguments import as_shape, tensor
from tilewright.tf.sizes import Sizes, known_row
from tilewright.variable import Variable

__all__ = [
    "constant", "convert_to_tensor", "ensure_shape", "eye", "fill", "get_static_value", "identity",
    "is_tensor", "linspace", "meshgrid", "one_hot", "ones", "ones_like", "range", "rank", "sequence_mask",
    "shape", "shape_n", "size", "zeros", "zeros_like",
]  # fmt: skip


def constant(value, dtype=None, shape=None, name=None) -> Tensor:
    """A Tensor of its own memory from numbers, lists or an array.

    Parameters
        value : number, nested list, array or Tensor
        dtype : of the result; where None Python ints become int32 and floats float32, arrays keep theirs
        shape : of the result; one number fills it, other values are reshaped
    Raises    TypeError: what holds no numbers.  ValueError: rows of different lengths, a shape that does not
              fit
    Examples
        >>> constant([[1, 2], [3, 4]]).dtype, constant(0.5).dtype
        (dtype('int32'), dtype('float32'))
    """
    if _is_text(value):
        texts = text_array(value)
        return Tensor(
            texts
            if shape is None
            else np.broadcast_to(texts, shape)
            if texts.size == 1
            else texts.reshape(shape)
        )
    known = known_row(value, dtype) if shape is None else None
    if known is not None:
        return known
    made = tensor(value, dtype, "value")
    if isinstance(value, (np.ndarray, Tensor)):
        made = ops.copy(made)
    if shape is None:
        return made
    shape = as_shape(shape)
    return ops.copy(ops.broadcast_to(made, shape)) if made.size == 1 else ops.reshape(made, shape)


def convert_to_tensor(value, dtype=None, dtype_hint=None, name=None) -> Tensor:
    """`value` as a Tensor. An array is viewed; a Variable is read: its later changes do not show."""
    if isinstance(value, Variable):
        return ops.copy(tensor(value, dtype))
    if _is_text(value):
        return constant(value)
    if dtype is None and dtype_hint is not None and not hasattr(value, "dtype"):
        dtype = dtype_hint
    return tensor(value, dtype, "value")


def _is_text(value) -> bool:
    """Whether `value` is a text, or a list of them."""
    if isinstance(value, (list, tuple)) and value:
        return _is_text(value[0])
    if hasattr(value, "__array__") and not isinstance(value, (Tensor, np.ndarray, np.generic)):
        value = np.asarray(value)  # a column of a table
    if isinstance(value, Tensor):
        value = value.array
    if hasattr(value, "dtype") and value.dtype.kind in "USO":
        return value.dtype.kind != "O" or (value.size > 0 and isinstance(value.flat[0], (str, bytes)))
    return isinstance(value, (str, bytes))


def identity(input, name=None) -> Tensor:
    """A copy, with the gradient of its source."""
    return ops.copy(tensor(input, argument="input"))


def is_tensor(x) -> bool:
    """Whether `x` is a Tensor or a Variable."""
    return isinstance(x, Tensor)


def get_static_value(tensor, partial=False):
    """The values as a NumPy array."""
    return tensor.numpy() if isinstance(tensor, Tensor) else np.asarray(tensor)


def zeros(shape, dtype="float32", name=None) -> Tensor:
    """Zeros."""
    return Tensor(ops.zeros(as_shape(shape), dtype_of(dtype)))


def ones(shape, dtype="float32", name=None) -> Tensor:
    """Ones."""
    return Tensor(ops.ones(as_shape(shape), dtype_of(dtype)))


def fill(dims, value, name=None) -> Tensor:
    """`value` in every place of an array of shape `dims`; the dtype is the value's."""
    return ops.copy(ops.broadcast_to(tensor(value, argument="value"), as_shape(dims)))


def zeros_like(input, dtype=None, name=None) -> Tensor:
    """Zeros of the shape of `input`, in its dtype unless another is given."""
    return ops.zeros_like(tensor(input), None if dtype is None else dtype_of(dtype))


def ones_like(input, dtype=None, name=None) -> Tensor:
    """Ones of the shape of `input`, in its dtype unless another is given."""
    return ops.ones_like(tensor(input), None if dtype is None else dtype_of(dtype))


def eye(num_rows, num_columns=None, batch_shape=None, dtype="float32", name=None) -> Tensor:
    """Ones on the main diagonal, zeros elsewhere; repeated over `batch_shape`."""
    rows = operator.index(num_rows)
    columns = rows if num_columns is None else operator.index(num_columns)
    made = Tensor(ops.one_hot(np.arange(rows), columns, dtype=dtype_of(dtype)))
    return (
        made
        if batch_shape is None
        else ops.copy(ops.broadcast_to(made, (*as_shape(batch_shape), rows, columns)))
    )


def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None) -> Tensor:
    """Rows that are `on_value` (1) at their index and `off_value` (0) elsewhere; the new axis is the last.

    Examples
        >>> one_hot([2, 0], 3).numpy()
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    on = 1.0 if on_value is None else float(on_value)
    off = 0.0 if off_value is None else float(off_value)
    return ops.one_hot(
        tensor(indices, argument="indices"),
        operator.index(depth),
        on=on,
        off=off,
        axis=-1 if axis is None else axis,
        dtype=dtype_of("float32" if dtype is None else dtype),
    )


def range(start, limit=None, delta=1, dtype=None, name=None) -> Tensor:
    """Numbers from `start` to before `limit` in steps of `delta`; `range(n)` counts from 0.

    The dtype is int32 for whole numbers and float32 for others, or that of arguments that are arrays or
    Tensors.
    """
    given = [tensor(v) for v in (start, limit, delta) if v is not None]
    if dtype is None:
        dtype = max((t.dtype for t in given), key=lambda d: (d.kind == "f", d.itemsize))
    first, last = (0, start) if limit is None else (start, limit)
    if (delta.item() if isinstance(delta, Tensor) else delta) == 0:
        raise ValueError("[range] delta is 0, expected another number")
    ends = (v.item() if isinstance(v, (Tensor, np.generic, np.ndarray)) else v for v in (first, last, delta))
    return Tensor(np.arange(*ends).astype(dtype_of(dtype)))


def linspace(start, stop, num, name=None, axis=0) -> Tensor:
    """`num` numbers from `start` to `stop`, both included, evenly apart."""
    first, last = tensor(start), tensor(stop)
    dtype = first.dtype if first.dtype.kind == "f" else np.dtype(np.float32)
    return Tensor(np.linspace(first.numpy(), last.numpy(), operator.index(num), axis=axis).astype(dtype))


def meshgrid(*args, indexing="xy", name=None) -> list[Tensor]:
    """Coordinates of a grid from one vector an axis; "xy" exchanges the first two axes, "ij" does not."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"[meshgrid] indexing is {indexing!r}, expected 'xy' or 'ij'")
    vectors = [ops.reshape(tensor(a), (-1,)) for a in args]
    places = [*builtins.range(len(vectors))]
    if indexing == "xy" and len(vectors) > 1:
        places[:2] = 1, 0
    whole = [0] * len(vectors)
    for vector, place in zip(vectors, places, strict=True):
        whole[place] = vector.shape[0]
    return [
        ops.copy(
            ops.broadcast_to(ops.reshape(v, [-1 if i == p else 1 for i in builtins.range(len(whole))]), whole)
        )
        for v, p in zip(vectors, places, strict=True)
    ]


def rank(input, name=None) -> Tensor:
    """The number of axes, as an int32 Tensor."""
    return tensor(tensor(input).ndim)


def size(input, out_type="int32", name=None) -> Tensor:
    """The number of elements."""
    return tensor(tensor(input).size, out_type)


def shape(input, out_type="int32", name=None) -> Tensor:
    """The shape as an int32 Tensor. One size taken out of it, `shape(x)[0]`, is an int."""
    return Sizes(tuple(tensor(input).array.shape), out_type)


def sequence_mask(lengths, maxlen=None, dtype="bool", name=None) -> Tensor:
    """Which places of sequences are within their lengths: lengths of any shape, and `maxlen` as a last axis.

    Without `maxlen` it is the largest length, which is read on the host.

    Examples
        >>> sequence_mask([1, 3], dtype="int32").numpy()
        array([[1, 0, 0],
               [1, 1, 1]], dtype=int32)
    """
    lengths = tensor(lengths, argument="lengths")
    places = np.arange(int(ops.max(lengths)) if maxlen is None else int(maxlen)).astype(lengths.dtype)
    return ops.cast(ops.greater(ops.expand_dims(lengths, -1), places), dtype_of(dtype))


def shape_n(input, out_type="int32", name=None) -> list[Tensor]:
    """The shapes of several tensors."""
    return [shape(x, out_type) for x in input]


def ensure_shape(x, shape, name=None) -> Tensor:
    """`x` itself if its shape is `shape`, whose None stands for any size.

    Raises    ValueError: it is another
    """
    given = tensor(x)
    if not given.shape.is_compatible_with(shape):
        raise ValueError(f"[ensure_shape] x has shape {given.shape}, expected {tuple(shape)}")
    return given
