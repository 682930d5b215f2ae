# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, products and sums of two arrays: matmul, dot, einsum, outer, cross, distances, correlation."""

from __future__ import annotations

from tilewright import linalg, ops
from tilewright.keras.operations.arguments import flat, float_tensors, is_float, tensors
from tilewright.keras.operations.declared import MATH, NUMPY, node
from tilewright.tf import products
from tilewright.tf.arguments import tensor


def _multiplied(function, *arrays):
    """function(*arrays) in their common dtype; whole numbers go through float64, exact below 2^53."""
    arrays = tensors(*arrays)
    dtype = arrays[0].dtype
    if is_float(arrays[0]):
        return function(*arrays)
    y = function(*(ops.cast(x, "float64") for x in arrays))
    return ops.cast(y, dtype if dtype.itemsize > 4 or dtype.kind == "b" else "int32")


@node(NUMPY, 2)
def matmul(x1, x2):
    """The product of matrices in the last two axes; of vectors as NumPy has it."""
    return _multiplied(ops.matmul, x1, x2)


@node(NUMPY, 2)
def dot(x1, x2):
    """The product summed over the last axis of x1 and the second last of x2."""
    x1, x2 = tensors(x1, x2)
    return (
        tensordot(x1, x2, [[x1.ndim - 1], [max(x2.ndim - 2, 0)]])
        if x1.ndim and x2.ndim
        else ops.multiply(x1, x2)
    )


@node(NUMPY, 2)
def inner(x1, x2):
    """The product summed over the last axes of both."""
    x1, x2 = tensors(x1, x2)
    return tensordot(x1, x2, [[x1.ndim - 1], [x2.ndim - 1]]) if x1.ndim and x2.ndim else ops.multiply(x1, x2)


@node(NUMPY, 2)
def vdot(x1, x2):
    """The sum of the products of all elements."""
    return matmul(*(flat(x) for x in tensors(x1, x2)))


@node(NUMPY, 2)
def outer(x1, x2):
    """The product of each element of x1 with each one of x2."""
    x1, x2 = tensors(x1, x2)
    return ops.multiply(ops.reshape(x1, (-1, 1)), ops.reshape(x2, (1, -1)))


@node(NUMPY, 2)
def tensordot(x1, x2, axes=2):
    """The product summed over axes of both."""
    return _multiplied(lambda a, b: products.tensordot(a, b, axes), x1, x2)


def _einsum(*operands, subscripts):
    return _multiplied(lambda *arrays: products.einsum(subscripts, *arrays), *operands)


@node(NUMPY, "operands", call=_einsum)
def einsum(subscripts, *operands, **kwargs):
    """Products and sums by the letters of axes. Keyword arguments choose an order of computing: no effect."""
    return _einsum(*operands, subscripts=subscripts)


@node(NUMPY, 2)
def kron(x1, x2):
    """The Kronecker product: x2 times each element of x1, in its place."""
    x1, x2 = tensors(x1, x2)
    rank = max(x1.ndim, x2.ndim)
    first, second = ((1,) * (rank - x.ndim) + tuple(x.shape) for x in (x1, x2))
    x1 = ops.reshape(x1, [n for size in first for n in (size, 1)])
    x2 = ops.reshape(x2, [n for size in second for n in (1, size)])
    return ops.reshape(ops.multiply(x1, x2), [m * n for m, n in zip(first, second, strict=True)])


@node(NUMPY, 2)
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product of vectors of 3, or of 2 whose third entry is 0: of two such only the third entry."""
    x1, x2 = tensors(x1, x2)
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = ops.moveaxis(x1, axisa, -1), ops.moveaxis(x2, axisb, -1)
    sizes = x1.shape[-1], x2.shape[-1]
    if not set(sizes) <= {2, 3}:
        raise ValueError(f"[cross] the vectors have {sizes[0]} and {sizes[1]} entries, expected 2 or 3")
    if sizes == (2, 2):
        return ops.subtract(ops.multiply(x1[..., 0], x2[..., 1]), ops.multiply(x1[..., 1], x2[..., 0]))
    x1, x2 = (ops.pad(x, (*((0, 0),) * (x.ndim - 1), (0, 3 - x.shape[-1]))) for x in (x1, x2))
    return ops.moveaxis(linalg.cross(x1, x2), -1, axisc)


@node(MATH, 2, class_name="CDist")
def cdist(x, y):
    """The Euclidean distance of each row of x to each row of y, in the last two axes; 0 has gradient 0."""
    x, y = float_tensors(x, y)
    apart = ops.subtract(ops.expand_dims(x, -2), ops.expand_dims(y, -3))
    return ops.l2_norm(apart, axis=-1)


@node(NUMPY, 2)
def correlate(x1, x2, mode="valid"):
    """The sum of products of two vectors, one moved along the other.

    Parameters
        mode : "valid" where the shorter lies inside the longer, "same" as long as the longer, "full" wherever
            they overlap
    """
    x1, x2 = float_tensors(x1, x2)
    if x1.ndim != 1 or x2.ndim != 1 or mode not in ("valid", "same", "full"):
        raise ValueError(
            f"[correlate] got shapes {x1.shape} and {x2.shape}, mode {mode!r}, expected vectors and 'valid', "
            "'same' or 'full'"
        )
    if x1.size < x2.size:  # exchanged, the result runs backwards
        return ops.flip(correlate(x2, x1, mode), 0)
    n = x2.size
    around = {"valid": (0, 0), "same": (n // 2, (n - 1) // 2), "full": (n - 1, n - 1)}[mode]
    steps = ops.reshape(ops.pad(x1, [around]), (1, -1, 1))
    return flat(ops.conv1d(steps, ops.reshape(x2, (n, 1, 1))))


@node(NUMPY)
def vander(x, N=None, increasing=False):
    """The powers of a vector as columns, from the highest to 1, or from 1 on where `increasing`."""
    x = tensor(x)
    if x.ndim != 1:
        raise ValueError(f"[vander] x has shape {x.shape}, expected 1 dimension")
    columns = [ops.ones_like(x)]
    for _ in range(1, x.size if N is None else N):
        columns.append(ops.multiply(columns[-1], x))
    columns = columns[: x.size if N is None else N]
    return ops.stack(columns if increasing else columns[::-1], axis=1)
